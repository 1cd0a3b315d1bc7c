//! The way of a console's bytes: from the browser's WebSocket to the socket on the node and back.

use std::time::Duration;

use axum::Router;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixListener};

use crate::fleet::Fleet;

/// Opens a WebSocket by hand; returns the stream and the head of the answer.
async fn upgrade(address: std::net::SocketAddr, path: &str, origin: &str) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nOrigin: {origin}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: binary\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(stream.read_u8().await.unwrap());
    }
    (stream, String::from_utf8(answer).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_pass_both_ways_for_the_holder_of_the_token() {
    let fleet = Fleet::new().await;
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("vnc.sock");
    *fleet.node.console.lock().unwrap() = socket.to_str().unwrap().to_owned();
    let node = UnixListener::bind(&socket).unwrap();
    let path = fleet.created(&fleet.member).await;
    let body = json!({"remote_console": {"protocol": "vnc", "type": "novnc"}});
    let made = fleet.ask(&fleet.member, &format!("POST {path}/remote-consoles"), body).await.expect(200);
    let url = made["remote_console"]["url"].as_str().unwrap();
    let token = url.split_once("token%3D").unwrap().1;

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new()
        .nest("/console", fleet.compute.console_router())
        .route("/", axum::routing::any_service(fleet.compute.console_router()));
    let serving = tokio::spawn(async move { axum::serve(listener, router).await });
    let own = format!("http://{address}");

    let (mut refused, head) = upgrade(address, "/console/websockify?token=guessed", &own).await;
    assert!(head.starts_with("HTTP/1.1 401"), "{head}");
    let mut rest = Vec::new();
    tokio::time::timeout(Duration::from_secs(5), refused.read_to_end(&mut rest)).await.unwrap().unwrap();
    assert!(rest.is_empty(), "the connection ends, and no body is taken for frames");
    let (_, head) = upgrade(address, &format!("/console/websockify?token={token}"), "http://evil").await;
    assert!(head.starts_with("HTTP/1.1 403"), "{head}");
    let (_, head) = upgrade(address, &format!("/?token={token}"), &own).await;
    assert!(head.starts_with("HTTP/1.1 101"), "as older pages of noVNC ask: {head}");
    drop(node.accept().await.unwrap());
    let (mut browser, head) = upgrade(address, &format!("/console/vnc_auto.html?token={token}"), &own).await;
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    assert!(head.to_lowercase().contains("sec-websocket-protocol: binary"), "{head}");

    let (mut screen, _) = node.accept().await.unwrap();
    screen.write_all(b"RFB 003.008\n").await.unwrap();
    let mut frame = [0; 14];
    tokio::time::timeout(Duration::from_secs(5), browser.read_exact(&mut frame)).await.unwrap().unwrap();
    assert_eq!(&frame[..2], [0x82, 12], "one binary frame of twelve bytes");
    assert_eq!(&frame[2..], b"RFB 003.008\n");
    // A masked binary frame, as browsers send them; the mask is all zeros.
    browser.write_all(&[0x82, 0x82, 0, 0, 0, 0, b'o', b'k']).await.unwrap();
    let mut bytes = [0; 2];
    tokio::time::timeout(Duration::from_secs(5), screen.read_exact(&mut bytes)).await.unwrap().unwrap();
    assert_eq!(&bytes, b"ok");

    fleet.ask(&fleet.member, &format!("DELETE {path}"), Value::Null).await.expect(204);
    fleet.settle().await;
    let (_, head) = upgrade(address, &format!("/console/websockify?token={token}"), &own).await;
    assert!(head.starts_with("HTTP/1.1 401"), "a token goes with its server: {head}");
    serving.abort();
}
