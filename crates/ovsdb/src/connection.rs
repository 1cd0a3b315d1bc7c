//! The task that owns the socket.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::time::Duration;

use bytes::BytesMut;
use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::{debug, info, warn};

use crate::client::Options;
use crate::error::{Error, Result};
use crate::framing::Decoder;
use crate::monitor::{Feed, MonitorRequest, Replica};
use crate::remote::Remote;
use crate::transaction::Condition;

/// With that much waiting to be sent, no more calls are taken.
const OUTPUT_FULL: usize = 4 << 20;

/// The replica by which we see whether the server leads its cluster.
const LEADER: u64 = 0;

/// What a handle asks of the task.
#[derive(Debug)]
pub(crate) enum Command {
    /// Call a method and give its result.
    Call { method: &'static str, params: Json, caller: oneshot::Sender<Result<Json>> },
    /// Start a replica.
    Monitor { request: MonitorRequest, asker: oneshot::Sender<Result<Feed>> },
}

/// Whether the connection stands, or why not.
#[derive(Debug)]
pub(crate) enum Status {
    Connected,
    Disconnected(String),
}

/// Who is waiting for the response to a request.
enum Pending {
    Caller { method: &'static str, caller: oneshot::Sender<Result<Json>> },
    Schema(u64),
    Content(u64),
}

/// The state of the task.
pub(crate) struct Connection {
    options: Options,
    commands: mpsc::Receiver<Command>,
    status: watch::Sender<Status>,
    replicas: BTreeMap<u64, Replica>,
    pending: HashMap<u64, Pending>,
    last_id: u64,
    output: BytesMut,
    /// The server has been found good: calls may be sent.
    ready: bool,
}

impl Connection {
    pub(crate) fn new(options: Options, commands: mpsc::Receiver<Command>, status: watch::Sender<Status>) -> Self {
        Connection {
            options,
            commands,
            status,
            replicas: BTreeMap::new(),
            pending: HashMap::new(),
            last_id: LEADER,
            output: BytesMut::new(),
            ready: false,
        }
    }

    /// Connects to one remote after the other, for ever.
    pub(crate) async fn run(mut self) {
        let (shortest, longest) = self.options.backoff;
        let mut backoff = shortest;
        let mut failures = 0;
        for remote in self.options.remotes.clone().iter().cycle() {
            let started = Instant::now();
            let Err(error) = self.session(remote).await;
            let was_ready = self.disconnect(remote, &error);
            if was_ready && started.elapsed() > longest {
                (backoff, failures) = (shortest, 0);
            }
            failures += 1;
            if failures % self.options.remotes.len() == 0 {
                sleep(backoff).await;
                backoff = longest.min(backoff * 2);
            }
        }
    }

    /// Speaks with one server until something goes wrong.
    async fn session(&mut self, remote: &Remote) -> Result<Infallible> {
        let unavailable = |reason: String| Error::Unavailable(format!("{remote}: {reason}"));
        let connected = timeout(self.options.probe_interval, remote.connect()).await;
        let connected = connected.map_err(|_| unavailable("timed out".to_owned()))?;
        let (mut reader, mut writer) = connected.map_err(|error| unavailable(error.to_string()))?;
        let mut decoder = Decoder::new(self.options.message_limit);
        let mut heard = Instant::now();
        let mut probed = false;
        self.begin(remote);
        loop {
            let probe: Duration = self.options.probe_interval * if probed { 2 } else { 1 };
            tokio::select! {
                read = reader.read_buf(decoder.buffer()) => {
                    match read {
                        Ok(0) => return Err(unavailable("closed by the server".to_owned())),
                        Ok(_) => {}
                        Err(error) => return Err(unavailable(error.to_string())),
                    }
                    (heard, probed) = (Instant::now(), false);
                    while let Some(message) = decoder.decode()? {
                        self.message(remote, message)?;
                    }
                }
                written = writer.write_buf(&mut self.output), if !self.output.is_empty() => {
                    written.map_err(|error| unavailable(error.to_string()))?;
                }
                Some(command) = self.commands.recv(), if self.ready && self.output.len() < OUTPUT_FULL => {
                    self.command(command);
                }
                () = sleep_until(heard + probe) => {
                    if probed {
                        return Err(unavailable("no sign of life".to_owned()));
                    }
                    probed = true;
                    self.request("echo", &json!([]));
                }
            }
        }
    }

    /// The first requests of a connection: is it the leader, if that matters; else everything else.
    fn begin(&mut self, remote: &Remote) {
        match &self.options.leader_of {
            None => self.admit(remote),
            Some(database) => {
                let columns = ["name", "model", "connected", "leader"];
                let named = Condition::equal("name", database);
                let request = MonitorRequest::new("_Server").table_where("Database", &columns, [named]);
                self.replicas.insert(LEADER, Replica::new(request, None));
                self.replica_request(LEADER);
            }
        }
    }

    /// The server is good: put the replicas back in place and take calls.
    fn admit(&mut self, remote: &Remote) {
        info!(%remote, "connected to the database server");
        self.ready = true;
        self.status.send_replace(Status::Connected);
        self.replicas.retain(|id, replica| *id == LEADER || !replica.abandoned());
        let ids: Vec<u64> = self.replicas.keys().copied().filter(|id| *id != LEADER).collect();
        ids.into_iter().for_each(|id| self.replica_request(id));
    }

    /// Tells everybody who waits; whether the connection had been good.
    fn disconnect(&mut self, remote: &Remote, error: &Error) -> bool {
        let was_ready = std::mem::replace(&mut self.ready, false);
        if was_ready {
            warn!(%remote, %error, "lost the connection to the database server");
        } else {
            debug!(%remote, %error, "no connection to the database server");
        }
        let reason = match error {
            Error::Unavailable(reason) => reason.clone(),
            error => error.to_string(),
        };
        self.status.send_replace(Status::Disconnected(reason.clone()));
        self.output.clear();
        self.replicas.remove(&LEADER);
        for pending in std::mem::take(&mut self.pending).into_values() {
            if let Pending::Caller { method, caller } = pending {
                // A caller that has gone away needs no answer.
                let _ = caller.send(Err(Error::Lost { method, reason: reason.clone() }));
            }
        }
        was_ready
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Call { method, params, caller } => {
                if !caller.is_closed() {
                    let id = self.request(method, &params);
                    self.pending.insert(id, Pending::Caller { method, caller });
                }
            }
            Command::Monitor { request, asker } => {
                self.last_id += 1;
                let id = self.last_id;
                self.replicas.insert(id, Replica::new(request, Some(asker)));
                self.replica_request(id);
            }
        }
    }

    /// Asks for a replica's content, and before it for the schema needed to read it.
    fn replica_request(&mut self, id: u64) {
        let Some(replica) = self.replicas.get(&id) else {
            return;
        };
        let (database, params) = (json!([replica.request.database]), replica.request.to_params(id));
        let schema = self.request("get_schema", &database);
        self.pending.insert(schema, Pending::Schema(id));
        let content = self.request("monitor_cond", &params);
        self.pending.insert(content, Pending::Content(id));
    }

    fn request(&mut self, method: &str, params: &Json) -> u64 {
        self.last_id += 1;
        let id = self.last_id;
        self.send(&json!({"id": id, "method": method, "params": params}));
        id
    }

    fn send(&mut self, message: &Json) {
        self.output.extend_from_slice(message.to_string().as_bytes());
    }

    /// Takes one message: a request, a notification or a response (RFC 7047 §4).
    fn message(&mut self, remote: &Remote, mut message: Json) -> Result<()> {
        let mut member = |name| message.get_mut(name).map(Json::take).unwrap_or_default();
        let id = member("id");
        match (member("method").as_str(), id) {
            (Some("echo"), id) => {
                self.send(&json!({"id": id, "result": member("params"), "error": null}));
                Ok(())
            }
            (Some("update2"), _) => self.update(remote, &member("params")),
            (Some(method), Json::Null) => {
                debug!(method, "ignored a notification of the database server");
                Ok(())
            }
            (Some(_), id) => {
                self.send(&json!({"id": id, "result": null, "error": "unknown method"}));
                Ok(())
            }
            (None, id) => match id.as_u64().and_then(|id| self.pending.remove(&id)) {
                Some(pending) => self.response(remote, pending, member("result"), &member("error")),
                None => Ok(()),
            },
        }
    }

    fn response(&mut self, remote: &Remote, pending: Pending, result: Json, error: &Json) -> Result<()> {
        match pending {
            Pending::Caller { method, caller } => {
                let result = if error.is_null() { Ok(result) } else { Err(Error::refused(method, error)) };
                // A caller that has gone away needs no answer.
                let _ = caller.send(result);
                Ok(())
            }
            // If the schema is refused, so is the monitor, which has its own answer.
            Pending::Schema(id) => match self.replicas.get_mut(&id) {
                Some(replica) if error.is_null() => replica.schema_set(&result),
                _ => Ok(()),
            },
            Pending::Content(id) => self.content(remote, id, &result, error),
        }
    }

    /// The answer to `monitor_cond`.
    fn content(&mut self, remote: &Remote, id: u64, result: &Json, error: &Json) -> Result<()> {
        let Some(replica) = self.replicas.get_mut(&id) else {
            return Ok(());
        };
        if error.is_null() {
            replica.fill(result)?;
            return if id == LEADER { self.leader_check(remote) } else { Ok(()) };
        }
        let error = Error::refused("monitor_cond", error);
        // A server too old to know of `_Server` knows no clusters either.
        let old = matches!(&error, Error::Refused { error, .. } if error == "unknown database");
        if id == LEADER && old {
            self.replicas.remove(&id);
            self.admit(remote);
            return Ok(());
        }
        replica.refuse(error)?;
        self.replicas.remove(&id);
        Ok(())
    }

    /// A notification that monitored rows have changed.
    fn update(&mut self, remote: &Remote, params: &Json) -> Result<()> {
        let wrong = || Error::protocol("a malformed update2");
        let id = params.get(0).and_then(Json::as_u64).ok_or_else(wrong)?;
        let updates = params.get(1).ok_or_else(wrong)?;
        let Some(replica) = self.replicas.get_mut(&id) else {
            return Ok(());
        };
        if id == LEADER {
            replica.update(updates)?;
            return self.leader_check(remote);
        }
        if replica.abandoned() {
            self.replicas.remove(&id);
            self.request("monitor_cancel", &json!([id]));
            return Ok(());
        }
        replica.update(updates)
    }

    /// Goes on with a server that leads its cluster or stands alone, and leaves any other.
    fn leader_check(&mut self, remote: &Remote) -> Result<()> {
        let leads = self.replicas.get(&LEADER).is_some_and(|replica| {
            let tables = replica.tables();
            tables.rows("Database").any(|(_, row)| {
                let flag = |column| row.boolean(column).unwrap_or(false);
                row.string("model") == Ok("standalone") || (flag("connected") && flag("leader"))
            })
        });
        match (leads, self.ready) {
            (false, _) => Err(Error::NotLeader(remote.to_string())),
            (true, true) => Ok(()),
            (true, false) => {
                self.admit(remote);
                Ok(())
            }
        }
    }
}
