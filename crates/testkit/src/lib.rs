//! A whole cloud in one process, for tests: fake drivers, a port and a database of its own. A test that leaves work
//! behind fails.

#![expect(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod lossy;
mod tenant;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use agent::fake;
use bus::{Bus, InProcess};
use ferrostack::client::{Answer, Client};
use ferrostack::cloud::{Cloud, Node, Settings};
use ferrostack::config::Config;
use ferrostack::state::State;
use http::{Method, StatusCode};
pub use lossy::Lossy;
use runtime::Runtime;
use serde_json::Value;
pub use tenant::Tenant;
use tokio::net::TcpListener;

/// A running cloud of the test's own.
pub struct TestCloud {
    /// Where it answers.
    pub url: String,
    /// Its only node.
    pub node: fake::Node,
    /// Its administrator, in the project `admin`.
    pub admin: Client,
    cloud: Cloud,
    dir: tempfile::TempDir,
}

impl TestCloud {
    /// A cloud on SQLite.
    pub async fn start() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let database = db::Options::Sqlite(dir.path().join("ferrostack.db"));
        Self::start_in(dir, database, |_| Arc::new(InProcess::default()), fake::Options::default()).await
    }

    /// A cloud on SQLite with a node like that.
    pub async fn start_on_node(node: fake::Options) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let database = db::Options::Sqlite(dir.path().join("ferrostack.db"));
        Self::start_in(dir, database, |_| Arc::new(InProcess::default()), node).await
    }

    /// A cloud on SQLite with what an operator has set: the text of its `ferrostack.toml`.
    pub async fn start_with(config: &str) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        std::fs::write(dir.path().join("ferrostack.toml"), config).expect("the configuration is written");
        let database = db::Options::Sqlite(dir.path().join("ferrostack.db"));
        Self::start_in(dir, database, |_| Arc::new(InProcess::default()), fake::Options::default()).await
    }

    /// A cloud on SQLite whose parts talk over the bus that is made of its runtime.
    pub async fn start_on_bus(bus: impl FnOnce(&Runtime) -> Arc<dyn Bus>) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let database = db::Options::Sqlite(dir.path().join("ferrostack.db"));
        Self::start_in(dir, database, bus, fake::Options::default()).await
    }

    /// A cloud on PostgreSQL.
    pub async fn start_on_postgres() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let address = db::testing::postgres_database().await;
        let bus = |_: &Runtime| Arc::new(InProcess::default()) as Arc<dyn Bus>;
        Self::start_in(dir, db::Options::Postgres(address), bus, fake::Options::default()).await
    }

    async fn start_in(
        dir: tempfile::TempDir,
        database: db::Options,
        bus: impl FnOnce(&Runtime) -> Arc<dyn Bus>,
        node: fake::Options,
    ) -> Self {
        let runtime = Runtime::default();
        let state = State::open(Some(dir.path())).expect("a state directory");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let node = fake::Node::new(fake::Options { console_dir: Some(dir.path().join("consoles")), ..node });
        let mut config = Config::load(&state).expect("a configuration");
        config.identity.password_hash_rounds = 4;
        let settings = Settings {
            state: state.clone(),
            url: url.clone(),
            database,
            bus: bus(&runtime),
            config,
            host: "node".to_owned(),
            fault: None,
            node: Node::Fake(node.clone()),
            more_nodes: Vec::new(),
        };
        let cloud = Cloud::start(runtime, settings, listener).await.expect("the cloud starts");
        let password = state.secret("admin-password").expect("a password");
        let admin = Client::log_in(&url, "admin", &password, "admin").await.expect("the administrator logs in");
        Self { url, node, admin, cloud, dir }
    }

    /// The directory that the cloud keeps everything in.
    pub fn dir(&self) -> &std::path::Path {
        self.dir.path()
    }

    /// Its database.
    pub fn db(&self) -> &db::Db {
        self.cloud.db()
    }

    /// How many statements the cloud has run outside transactions.
    pub fn reads(&self) -> u64 {
        self.cloud.db().reads()
    }

    /// The kinds of durable work that the cloud knows, each with the names of its steps.
    pub fn work_known(&self) -> BTreeMap<&'static str, Vec<&'static str>> {
        self.cloud.work().known()
    }

    /// Waits until no durable work is open.
    pub async fn settle(&self) {
        let settled = async {
            while self.cloud.work().open().await.expect("the database answers") > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), settled).await.expect("durable work comes to an end");
    }

    /// Stops the cloud, which must have no work left.
    pub async fn finish(self) {
        let open = self.cloud.work().open().await.expect("the database answers");
        assert_eq!(open, 0, "the test left durable work behind");
        self.cloud.stop().await;
    }
}

/// Sends a request and checks the answer's status; returns its JSON.
pub async fn expect(client: &Client, status: u16, method: Method, path: &str, body: Option<Value>) -> Value {
    let answer: Answer =
        client.request(method.clone(), path, body.as_ref()).await.unwrap_or_else(|error| panic!("{path}: {error:#}"));
    let wanted = StatusCode::from_u16(status).expect("a status");
    assert_eq!(answer.status, wanted, "{method} {path}: {}", String::from_utf8_lossy(&answer.body));
    answer.json()
}

/// Waits until `done` says so of the JSON at `path`.
pub async fn wait_for(client: &Client, path: &str, done: impl Fn(&Value) -> bool) -> Value {
    let started = std::time::Instant::now();
    loop {
        let value = client.get(path).await.unwrap_or(Value::Null);
        if done(&value) {
            return value;
        }
        assert!(started.elapsed() < Duration::from_secs(30), "{path} never came to be as wanted: {value}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
