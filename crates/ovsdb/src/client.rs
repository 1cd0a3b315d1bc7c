//! The handle of a connection: what callers see.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value as Json, json};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::connection::{Command, Connection, Status};
use crate::error::{Error, Result};
use crate::monitor::{Monitor, MonitorRequest};
use crate::remote::Remote;
use crate::transaction::{Condition, Results, Transaction};
use crate::value::Row;

/// How many calls may wait for the connection's task.
const CALLS_QUEUED: usize = 256;

/// How a client connects.
#[derive(Debug, Clone)]
pub struct Options {
    pub(crate) remotes: Vec<Remote>,
    /// The database of a cluster whose leader alone will do; a server that stands alone is accepted too.
    pub leader_of: Option<String>,
    /// How long a call may take, waiting for a connection included.
    pub call_timeout: Duration,
    /// How long the server may be silent before it is probed with an echo, and again before it is given up.
    pub probe_interval: Duration,
    /// The shortest and the longest pause after every remote has failed.
    pub backoff: (Duration, Duration),
    /// The longest message accepted, in bytes; the first content of a monitor is one message.
    pub message_limit: usize,
}

impl Options {
    /// The defaults for a list of remotes separated by commas, each `unix:PATH` or `tcp:HOST:PORT`.
    pub fn new(remotes: &str) -> Result<Options> {
        Ok(Options {
            remotes: Remote::list(remotes)?,
            leader_of: None,
            call_timeout: Duration::from_secs(30),
            probe_interval: Duration::from_secs(10),
            backoff: (Duration::from_millis(100), Duration::from_secs(8)),
            message_limit: 1 << 30,
        })
    }

    /// Starts the connection's task, which ends with the last handle. Calls may follow at once.
    #[must_use]
    pub fn connect(self) -> Client {
        let (commands, queue) = mpsc::channel(CALLS_QUEUED);
        let (status_sender, status) = watch::channel(Status::Disconnected("not connected yet".to_owned()));
        let call_timeout = self.call_timeout;
        let stop = CancellationToken::new();
        let guard = stop.clone().drop_guard();
        let connection = Connection::new(self, queue, status_sender);
        tokio::spawn(async move { stop.run_until_cancelled(connection.run()).await });
        Client { shared: Arc::new(Shared { commands, status, call_timeout, _guard: guard }) }
    }
}

/// A handle on one connection to a database server; clones share it.
#[derive(Debug, Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    commands: mpsc::Sender<Command>,
    status: watch::Receiver<Status>,
    call_timeout: Duration,
    _guard: DropGuard,
}

impl Client {
    /// Connects with the default options; an error only if the remotes are written wrongly.
    pub fn connect(remotes: &str) -> Result<Client> {
        Ok(Options::new(remotes)?.connect())
    }

    /// Whether the connection stands right now.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        matches!(*self.shared.status.borrow(), Status::Connected)
    }

    /// Asks for a sign of life (RFC 7047 §4.1.11).
    pub async fn echo(&self) -> Result<()> {
        self.call("echo", json!([])).await.map(drop)
    }

    /// The names of the server's databases (RFC 7047 §4.1.1).
    pub async fn list_dbs(&self) -> Result<Vec<String>> {
        let names = self.call("list_dbs", json!([])).await?;
        let names = names.as_array().ok_or_else(|| Error::protocol("list_dbs did not give an array"))?;
        let name = |name: &Json| name.as_str().map(str::to_owned);
        names.iter().map(|json| name(json).ok_or_else(|| Error::protocol("a database without a name"))).collect()
    }

    /// The schema of a database as the server writes it (RFC 7047 §4.1.2).
    pub async fn get_schema(&self, database: &str) -> Result<Json> {
        self.call("get_schema", json!([database])).await
    }

    /// Applies all operations or none (RFC 7047 §4.1.3). After [`Error::Lost`] and [`Error::Timeout`] it is
    /// unknown which.
    pub async fn transact(&self, database: &str, transaction: Transaction) -> Result<Results> {
        let operations = transaction.len();
        let results = self.call("transact", transaction.into_params(database)).await?;
        Results::from_json(&results, operations)
    }

    /// Reads the named columns of the rows that match; all columns if none is named (RFC 7047 §5.2.2).
    pub async fn select(
        &self,
        database: &str,
        table: &str,
        conditions: impl IntoIterator<Item = Condition>,
        columns: &[&str],
    ) -> Result<Vec<Row>> {
        let mut transaction = Transaction::new();
        let index = transaction.select(table, conditions, columns);
        let results = self.transact(database, transaction).await?;
        results.rows(index).map(<[Row]>::to_vec)
    }

    /// Starts a replica and waits for its first content.
    pub async fn monitor(&self, request: MonitorRequest) -> Result<Monitor> {
        let (asker, answer) = oneshot::channel();
        let feed = self.ask("monitor_cond", Command::Monitor { request, asker }, answer).await?;
        Ok(Monitor::new(feed, self.clone()))
    }

    async fn call(&self, method: &'static str, params: Json) -> Result<Json> {
        let (caller, answer) = oneshot::channel();
        self.ask(method, Command::Call { method, params, caller }, answer).await
    }

    /// Gives a command to the connection's task and waits for the answer.
    async fn ask<T>(&self, method: &'static str, command: Command, answer: oneshot::Receiver<Result<T>>) -> Result<T> {
        let asked = async {
            self.shared.commands.send(command).await.map_err(|_| Error::Closed)?;
            answer.await.map_err(|_| Error::Closed)?
        };
        let after = self.shared.call_timeout;
        match tokio::time::timeout(after, asked).await {
            Ok(result) => result,
            Err(_) => Err(match &*self.shared.status.borrow() {
                Status::Connected => Error::Timeout { method, after },
                Status::Disconnected(reason) => Error::Unavailable(reason.clone()),
            }),
        }
    }
}
