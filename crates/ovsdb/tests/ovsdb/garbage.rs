//! Servers that do not keep to the protocol, played by the test.

use std::path::Path;
use std::time::Duration;

use ovsdb::{Client, Decoder, Error, MonitorRequest, Options};
use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

/// One connection as the server sees it.
struct Peer {
    stream: UnixStream,
    decoder: Decoder,
}

impl Peer {
    async fn accept(listener: &UnixListener) -> Peer {
        let (stream, _) = listener.accept().await.unwrap();
        Peer { stream, decoder: Decoder::new(1 << 20) }
    }

    async fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.unwrap();
    }

    /// The next message; none once the client has closed the connection.
    async fn receive(&mut self) -> Option<Json> {
        loop {
            if let Some(message) = self.decoder.decode().unwrap() {
                return Some(message);
            }
            if self.stream.read_buf(self.decoder.buffer()).await.unwrap_or(0) == 0 {
                return None;
            }
        }
    }

    /// Answers one request of that method.
    async fn answer(&mut self, method: &str, result: Json) {
        let request = self.receive().await.unwrap();
        assert_eq!(request["method"], method);
        self.send(&json!({"id": request["id"], "result": result, "error": null}).to_string()).await;
    }
}

fn pair(directory: &Path) -> (UnixListener, Options) {
    let socket = directory.join("fake.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    (listener, Options::new(&format!("unix:{}", socket.display())).unwrap())
}

async fn expect_lost(client: &Client) {
    let failed = client.echo().await;
    assert!(matches!(failed, Err(Error::Lost { method: "echo", .. })), "{failed:?}");
}

#[tokio::test]
async fn garbage_ends_the_connection_and_the_next_one_works() {
    let directory = tempfile::tempdir().unwrap();
    let (listener, mut options) = pair(directory.path());
    options.message_limit = 1000;
    let client = options.connect();
    let long = format!("{{\"id\": \"{}", "x".repeat(2000));
    for garbage in
        ["HTTP/1.1 400 Bad Request\r\n", "{\"id\": nonsense}", "{\"method\": \"update2\", \"params\": 3}", &long]
    {
        let server = async {
            let mut peer = Peer::accept(&listener).await;
            peer.receive().await.unwrap();
            peer.send(garbage).await;
            while peer.receive().await.is_some() {}
        };
        tokio::join!(server, expect_lost(&client));
    }
    let server = async {
        let mut peer = Peer::accept(&listener).await;
        peer.send(
            "{\"id\": 99999, \"result\": 1, \"error\": null} {\"method\": \"locked\", \"params\": [], \"id\": null}",
        )
        .await;
        peer.send("{} {\"id\": null, \"error\": {}} ").await;
        peer.answer("echo", json!([])).await;
    };
    let (_, answer) = tokio::join!(server, client.echo());
    answer.unwrap();
}

#[tokio::test]
async fn the_servers_echo_is_answered() {
    let directory = tempfile::tempdir().unwrap();
    let (listener, options) = pair(directory.path());
    let _client = options.connect();
    let mut peer = Peer::accept(&listener).await;
    peer.send("{\"method\":\"echo\",\"params\":[\"x\"],\"id\":\"echo\"}{\"method\":\"what\",\"params\":[],\"id\":7}")
        .await;
    assert_eq!(peer.receive().await.unwrap(), json!({"id": "echo", "result": ["x"], "error": null}));
    assert_eq!(peer.receive().await.unwrap()["error"], "unknown method");
}

#[tokio::test]
async fn a_silent_server_is_probed_and_then_left() {
    let directory = tempfile::tempdir().unwrap();
    let (listener, mut options) = pair(directory.path());
    options.probe_interval = Duration::from_millis(50);
    let _client = options.connect();
    let mut peer = Peer::accept(&listener).await;
    peer.answer("echo", json!([])).await;
    assert_eq!(peer.receive().await.unwrap()["method"], "echo");
    assert_eq!(peer.receive().await, None, "the unanswered probe ends the connection");
    Peer::accept(&listener).await;
}

#[tokio::test]
async fn a_call_that_gets_no_answer_times_out() {
    let directory = tempfile::tempdir().unwrap();
    let (listener, mut options) = pair(directory.path());
    options.call_timeout = Duration::from_millis(200);
    let client = options.connect();
    let (_peer, failed) = tokio::join!(Peer::accept(&listener), client.echo());
    assert_eq!(failed, Err(Error::Timeout { method: "echo", after: Duration::from_millis(200) }));
}

#[tokio::test]
async fn an_impossible_update_brings_a_fresh_copy() {
    let directory = tempfile::tempdir().unwrap();
    let (listener, options) = pair(directory.path());
    let client = options.connect();
    let schema = json!({"tables": {"T": {"columns": {"name": {"type": "string"}}}}});
    let row = |name: &str| json!({"T": {"00000000-0000-0000-0000-000000000001": {"initial": {"name": name}}}});
    let server = async {
        let mut peer = Peer::accept(&listener).await;
        peer.answer("get_schema", schema.clone()).await;
        peer.answer("monitor_cond", row("old")).await;
        peer
    };
    let (mut peer, monitor) = tokio::join!(server, client.monitor(MonitorRequest::new("D").table("T", &["name"])));
    let mut monitor = monitor.unwrap();
    assert!(monitor.tables().find("T", "name", "old").is_some());

    let unknown = json!({"T": {"00000000-0000-0000-0000-000000000002": {"modify": {"name": "x"}}}});
    // The number of the first monitor of a connection is 1.
    peer.send(&json!({"method": "update2", "params": [1, unknown], "id": null}).to_string()).await;
    while peer.receive().await.is_some() {}

    let mut peer = Peer::accept(&listener).await;
    peer.answer("get_schema", schema).await;
    peer.answer("monitor_cond", row("new")).await;
    monitor.wait_for(|tables| tables.find("T", "name", "new").is_some()).await.unwrap();
}

#[tokio::test]
async fn the_last_handle_closes_the_connection() {
    let directory = tempfile::tempdir().unwrap();
    let (listener, options) = pair(directory.path());
    let client = options.connect();
    let mut peer = Peer::accept(&listener).await;
    let copy = client.clone();
    drop(client);
    let (_, answer) = tokio::join!(peer.answer("echo", json!([])), copy.echo());
    answer.unwrap();
    drop(copy);
    assert_eq!(peer.receive().await, None);
}

#[tokio::test]
async fn a_leader_that_steps_down_is_left() {
    let directory = tempfile::tempdir().unwrap();
    let (listener, mut options) = pair(directory.path());
    options.leader_of = Some("D".to_owned());
    let client = options.connect();
    let columns = json!({
        "name": {"type": "string"},
        "model": {"type": "string"},
        "connected": {"type": "boolean"},
        "leader": {"type": "boolean"},
    });
    let schema = json!({"tables": {"Database": {"columns": columns}}});
    let uuid = "00000000-0000-0000-0000-000000000001";
    let row = json!({"name": "D", "model": "clustered", "connected": true, "leader": true});
    let server = async {
        let mut peer = Peer::accept(&listener).await;
        peer.answer("get_schema", schema).await;
        peer.answer("monitor_cond", json!({"Database": {uuid: {"initial": row}}})).await;
        peer.answer("echo", json!([])).await;
        peer
    };
    let (mut peer, answer) = tokio::join!(server, client.echo());
    answer.unwrap();
    let update = json!({"Database": {uuid: {"modify": {"leader": false}}}});
    peer.send(&json!({"method": "update2", "params": [0, update], "id": null}).to_string()).await;
    assert_eq!(peer.receive().await, None);
    Peer::accept(&listener).await;
}

#[tokio::test]
async fn a_server_too_old_for_clusters_is_accepted() {
    let directory = tempfile::tempdir().unwrap();
    let (listener, mut options) = pair(directory.path());
    options.leader_of = Some("D".to_owned());
    let client = options.connect();
    let server = async {
        let mut peer = Peer::accept(&listener).await;
        for _ in 0..2 {
            let request = peer.receive().await.unwrap();
            let error = json!({"error": "unknown database", "details": "no _Server"});
            peer.send(&json!({"id": request["id"], "result": null, "error": error}).to_string()).await;
        }
        peer.answer("echo", json!([])).await;
    };
    let (_, answer) = tokio::join!(server, client.echo());
    answer.unwrap();
}
