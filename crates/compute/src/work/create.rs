//! Making a server.

use std::time::Duration;

use ::work::{Failure, Operation, Progress, Step};
use async_trait::async_trait;
use protocol::{Call, DiskSource, Problem};
use serde::{Deserialize, Serialize};
use trace::Traced as _;

use super::agent::Trouble;
use super::shelve::image_discard_later;
use super::{failure, place, retry, steps};
use crate::server::spec::{image_source, zone};
use crate::server::{Fault, Image, Server};
use crate::store::servers::{Change, state_change};
use crate::{Compute, state};

/// How long the networks may take to wire the ports.
const WIRE_SECONDS: i64 = 300;

/// Makes a server that the database promises.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ServerCreate {
    pub(crate) server_id: String,
    /// For the config drive; gone when the server is there.
    pub(crate) admin_pass: String,
    /// The node that was claimed.
    #[serde(default)]
    pub(crate) host: Option<String>,
    /// Nodes that failed.
    #[serde(default)]
    pub(crate) excluded: Vec<String>,
    /// Why the last one failed.
    #[serde(default)]
    pub(crate) reason: String,
    /// Whether the node has been left clean while undoing.
    #[serde(default)]
    pub(crate) swept: bool,
    /// When waiting for the ports began, in seconds.
    #[serde(default)]
    pub(crate) wiring_since: Option<i64>,
    /// What only administrators read of a failure.
    #[serde(default)]
    pub(crate) details: String,
    /// The image that its disk became, if it is taken off the shelf; its ports are there then.
    #[serde(default)]
    pub(crate) shelved: Option<Shelved>,
}

/// The image that the disk of a shelved server became.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Shelved {
    pub(crate) image_id: String,
    pub(crate) image: Image,
}

impl ServerCreate {
    pub(crate) fn new(server_id: &str, admin_pass: &str) -> Self {
        Self {
            server_id: server_id.to_owned(),
            admin_pass: admin_pass.to_owned(),
            host: None,
            excluded: Vec::new(),
            reason: String::new(),
            swept: false,
            wiring_since: None,
            details: String::new(),
            shelved: None,
        }
    }

    /// Has a shelved server running again, on whatever node.
    pub(crate) fn unshelve(server_id: &str, shelved: Shelved) -> Self {
        Self { shelved: Some(shelved), ..Self::new(server_id, "") }
    }

    /// The node; every step after `place` has one.
    fn host(&self) -> Result<String, Failure> {
        self.host.clone().ok_or_else(|| Failure::Fatal("No node was chosen.".to_owned()))
    }

    /// What the node's trouble means: another node may do better, unless no node can.
    fn trouble(&mut self, compute: &Compute, trouble: Trouble) -> Failure {
        match trouble {
            Trouble::Problem(Problem::Permanent(reason)) => Failure::Fatal(reason),
            trouble => {
                self.reason = trouble.to_string();
                self.excluded.extend(self.host.clone());
                if self.excluded.len() >= compute.options().config.scheduler.max_attempts {
                    return Failure::Fatal(format!(
                        "Exceeded maximum number of retries. Exhausted all hosts available for retrying build \
                         failures for instance {}. The last one said: {trouble}",
                        self.server_id
                    ));
                }
                Failure::Again { from: "place", reason: self.reason.clone() }
            }
        }
    }
}

impl Operation for ServerCreate {
    const KIND: &'static str = "server_create";
    type Context = Compute;

    fn steps() -> &'static [&'static dyn Step<Self>] {
        &[&Accept, &place::Place, &Networks, &ImageFetch, &Disks, &Plug, &Start, &Wire, &Activate]
    }
}

/// Says in the server's row what is going on.
pub(super) async fn task_set(compute: &Compute, id: &str, task_state: &str) -> Result<(), Failure> {
    let mut tx = compute.db().begin().await?;
    let change = Change { task_state: Some(task_state), ..Change::default() };
    state_change(&mut tx, id, None, &change, compute.runtime().clock.now()).await?;
    tx.commit().await?;
    Ok(())
}

/// Begins, and when all else was undone says why in the server itself.
struct Accept;

#[async_trait]
impl Step<ServerCreate> for Accept {
    fn name(&self) -> &'static str {
        "accept"
    }

    async fn run(&self, _: &Compute, _: &mut ServerCreate, _: &mut Progress) -> Result<(), Failure> {
        Ok(())
    }

    async fn undo(
        &self,
        compute: &Compute,
        operation: &mut ServerCreate,
        progress: &mut Progress,
    ) -> Result<(), Failure> {
        let message = progress.failure.clone().unwrap_or_else(|| "Build of instance failed.".to_owned());
        let now = compute.runtime().clock.now();
        let fault = Fault { code: 500, message, details: operation.details.clone(), created: now };
        let vm_state = if operation.shelved.is_some() { state::SHELVED_OFFLOADED } else { state::ERROR };
        let change = Change {
            vm_state: Some(vm_state),
            task_state: Some(""),
            power_state: Some(0),
            fault: Some(&fault),
            ..Change::default()
        };
        operation.admin_pass.clear();
        let mut tx = compute.db().begin().await?;
        state_change(&mut tx, &operation.server_id, None, &change, now).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// Makes or takes the ports.
struct Networks;

#[async_trait]
impl Step<ServerCreate> for Networks {
    fn name(&self) -> &'static str {
        "networks"
    }

    async fn run(&self, compute: &Compute, operation: &mut ServerCreate, _: &mut Progress) -> Result<(), Failure> {
        if operation.shelved.is_some() {
            return Ok(());
        }
        task_set(compute, &operation.server_id, "networking").await?;
        let server = super::server(compute, &operation.server_id).await?;
        let request = network::ServerPortsRequest {
            server_id: server.id.clone(),
            project_id: server.project_id.clone(),
            zone: zone(compute, &server),
            security_groups: server.security_groups.0.clone(),
            wanted: server.networks.0.iter().cloned().map(Into::into).collect(),
            first: 0,
            dns_name: server.host_label().to_owned(),
        };
        compute.0.deps.network.server_ports_create(&request).traced("network", "make ports").await.map_err(failure)?;
        Ok(())
    }

    async fn undo(&self, compute: &Compute, operation: &mut ServerCreate, _: &mut Progress) -> Result<(), Failure> {
        if operation.shelved.is_some() {
            return Ok(());
        }
        compute.ports_delete(&operation.server_id).await.map_err(retry)
    }
}

/// Has the image on the node. It stays in the node's cache whatever comes.
struct ImageFetch;

#[async_trait]
impl Step<ServerCreate> for ImageFetch {
    fn name(&self) -> &'static str {
        "image"
    }

    async fn run(&self, compute: &Compute, operation: &mut ServerCreate, to: &mut Progress) -> Result<(), Failure> {
        let server = super::server(compute, &operation.server_id).await?;
        let host = operation.host()?;
        to.host = Some(host.clone());
        task_set(compute, &server.id, "block_device_mapping").await?;
        let (id, image) = match &operation.shelved {
            Some(shelved) => (&shelved.image_id, &shelved.image),
            None => (&server.image_id, &server.image.0),
        };
        let call = compute.image_fetch(id, image, Duration::from_secs(3600));
        match compute.ask_for(to, &host, &call).await {
            Ok(_) => Ok(()),
            Err(trouble) => Err(operation.trouble(compute, trouble)),
        }
    }
}

/// The server as its node needs to know it, now that it is being made.
async fn spec(compute: &Compute, operation: &ServerCreate) -> Result<protocol::ServerSpec, Failure> {
    let server: Server = super::server(compute, &operation.server_id).await?;
    let mut spec = steps::spec_telling(compute, &server, Some(&operation.admin_pass)).await?;
    if let Some(shelved) = &operation.shelved {
        spec.root_disk = DiskSource::Image(image_source(&shelved.image_id, &shelved.image));
    }
    Ok(spec)
}

/// Asks the node for something about the whole server.
async fn ask(
    compute: &Compute,
    operation: &mut ServerCreate,
    to: &mut Progress,
    call: impl FnOnce(protocol::ServerSpec) -> Call,
) -> Result<(), Failure> {
    let host = operation.host()?;
    to.host = Some(host.clone());
    operation.swept = false;
    let call = call(spec(compute, operation).await?);
    match compute.ask_for(to, &host, &call).await {
        Ok(_) => Ok(()),
        Err(trouble) => Err(operation.trouble(compute, trouble)),
    }
}

/// Leaves nothing on the node, once.
async fn sweep(compute: &Compute, operation: &mut ServerCreate, to: &mut Progress) -> Result<(), Failure> {
    if let (Some(host), false) = (operation.host.clone(), operation.swept) {
        to.host = Some(host.clone());
        compute.sweep(&host, &operation.server_id, to.attempts).await?;
        operation.swept = true;
    }
    Ok(())
}

/// Has the disks on the node.
struct Disks;

#[async_trait]
impl Step<ServerCreate> for Disks {
    fn name(&self) -> &'static str {
        "disks"
    }

    async fn run(&self, compute: &Compute, operation: &mut ServerCreate, to: &mut Progress) -> Result<(), Failure> {
        ask(compute, operation, to, |server| Call::DisksCreate { server }).await
    }

    async fn undo(&self, compute: &Compute, operation: &mut ServerCreate, to: &mut Progress) -> Result<(), Failure> {
        sweep(compute, operation, to).await?;
        operation.swept = false;
        Ok(())
    }
}

/// Binds the ports to the node and has their taps there.
struct Plug;

#[async_trait]
impl Step<ServerCreate> for Plug {
    fn name(&self) -> &'static str {
        "plug"
    }

    async fn run(&self, compute: &Compute, operation: &mut ServerCreate, to: &mut Progress) -> Result<(), Failure> {
        let host = operation.host()?;
        task_set(compute, &operation.server_id, "spawning").await?;
        compute.ports_bind(&operation.server_id, &host).await.map_err(failure)?;
        ask(compute, operation, to, |server| Call::PortsPlug { server }).await
    }

    async fn undo(&self, compute: &Compute, operation: &mut ServerCreate, to: &mut Progress) -> Result<(), Failure> {
        sweep(compute, operation, to).await?;
        compute.ports_unbind(&operation.server_id).await.map_err(retry)
    }
}

/// Has the domain running.
struct Start;

#[async_trait]
impl Step<ServerCreate> for Start {
    fn name(&self) -> &'static str {
        "start"
    }

    async fn run(&self, compute: &Compute, operation: &mut ServerCreate, to: &mut Progress) -> Result<(), Failure> {
        ask(compute, operation, to, |server| Call::ServerStart { server }).await
    }

    async fn undo(&self, compute: &Compute, operation: &mut ServerCreate, to: &mut Progress) -> Result<(), Failure> {
        sweep(compute, operation, to).await
    }
}

/// Waits until the networks say that every port is wired.
struct Wire;

#[async_trait]
impl Step<ServerCreate> for Wire {
    fn name(&self) -> &'static str {
        "wire"
    }

    async fn run(&self, compute: &Compute, operation: &mut ServerCreate, _: &mut Progress) -> Result<(), Failure> {
        let network = &compute.0.deps.network;
        let mut changes = network.changes();
        let now = compute.runtime().clock.now().as_second();
        let since = *operation.wiring_since.get_or_insert(now);
        // A change wakes at once; else the operation gives its place to others after a moment.
        let patience = tokio::time::sleep(Duration::from_secs(2));
        tokio::pin!(patience);
        loop {
            if network.ports_active(&operation.server_id).await.map_err(failure)? {
                return Ok(());
            }
            tokio::select! {
                changed = changes.changed() => if changed.is_err() { break },
                () = &mut patience => break,
            }
        }
        if now - since > WIRE_SECONDS {
            operation.wiring_since = None;
            return Err(operation.trouble(
                compute,
                Trouble::Away(format!("the server's ports were not wired within {WIRE_SECONDS} seconds")),
            ));
        }
        Err(Failure::Wait { reason: "the ports are not wired".to_owned(), after: Duration::from_millis(200) })
    }
}

/// Says that the server is there.
struct Activate;

#[async_trait]
impl Step<ServerCreate> for Activate {
    fn name(&self) -> &'static str {
        "activate"
    }

    async fn run(&self, compute: &Compute, operation: &mut ServerCreate, to: &mut Progress) -> Result<(), Failure> {
        let now = compute.runtime().clock.now();
        let shelved_image_id = operation.shelved.as_ref().map(|_| "");
        let change = Change { launched_at: Some(now), shelved_image_id, ..steps::settled(true) };
        let server = super::server(compute, &operation.server_id).await?;
        let mut tx = compute.db().begin().await?;
        state_change(&mut tx, &operation.server_id, None, &change, now).await?;
        if operation.shelved.is_some() && !server.shelved_image_id.is_empty() {
            image_discard_later(compute, &mut tx, &server, &to.request_id).await?;
        }
        if let Some(host) = &operation.host {
            crate::store::fleet::build_succeeded(&mut tx, host).await?;
        }
        tx.commit().await?;
        operation.admin_pass.clear();
        Ok(())
    }

    async fn undo(&self, compute: &Compute, operation: &mut ServerCreate, _: &mut Progress) -> Result<(), Failure> {
        let vm_state = if operation.shelved.is_some() { state::SHELVED_OFFLOADED } else { state::BUILDING };
        let change = Change { vm_state: Some(vm_state), task_state: Some("spawning"), ..Change::default() };
        let shelved_image_id = operation.shelved.as_ref().map(|shelved| shelved.image_id.as_str());
        let parts = Change { shelved_image_id, ..Change::default() };
        steps::change(compute, &operation.server_id, &parts).await?;
        let mut tx = compute.db().begin().await?;
        state_change(&mut tx, &operation.server_id, None, &change, compute.runtime().clock.now()).await?;
        tx.commit().await?;
        Ok(())
    }
}
