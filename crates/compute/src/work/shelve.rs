//! Putting a server aside as an image, and taking it off its node.

use ::work::{Failure, Operation, Progress, Step};
use async_trait::async_trait;
use jiff::{Timestamp, ToSpan as _};
use protocol::PowerState;
use serde::{Deserialize, Serialize};

use super::retry;
use super::snapshot::{Upload, Uploads};
use super::steps::{self, Before, Begin, OnServer, PowerOff};
use crate::server::actions::{LIMIT_MINUTES, promised};
use crate::store::servers::{Change, host_set, server_get, state_change};
use crate::{Compute, state};

/// Makes an image of a server and switches it off.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ServerShelve {
    pub(crate) server_id: String,
    pub(crate) before: Before,
    /// The image that waits for the bytes.
    pub(crate) image_id: String,
    /// Who asked, for what follows.
    pub(crate) user_id: String,
    /// Whether it leaves its node at once.
    pub(crate) offload: bool,
}

/// Takes a shelved server off its node. Nothing of it is lost: its disk is an image.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ServerOffload {
    pub(crate) server_id: String,
    /// Whether nothing of it is on the node any more: then there is only the way forward.
    #[serde(default)]
    pub(crate) swept: bool,
}

impl ServerOffload {
    pub(crate) fn new(server_id: &str) -> Self {
        Self { server_id: server_id.to_owned(), swept: false }
    }
}

/// Has a shelved server that is on its node still running again.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ServerUnshelve {
    pub(crate) server_id: String,
    pub(crate) before: Before,
    pub(crate) image_id: String,
}

#[async_trait]
impl OnServer for ServerShelve {
    fn server_id(&self) -> &str {
        &self.server_id
    }

    fn before(&mut self) -> &mut Before {
        &mut self.before
    }

    /// There is no such image then.
    async fn give_back(&self, compute: &Compute) -> Result<(), Failure> {
        compute.image_discard(&self.image_id).await.map_err(retry)
    }
}

impl OnServer for ServerUnshelve {
    fn server_id(&self) -> &str {
        &self.server_id
    }

    fn before(&mut self) -> &mut Before {
        &mut self.before
    }
}

impl Uploads for ServerShelve {
    fn image_id(&self) -> &str {
        &self.image_id
    }

    fn quiesce(&self) -> bool {
        false
    }
}

impl Operation for ServerShelve {
    const KIND: &'static str = "server_shelve";
    type Context = Compute;

    fn steps() -> &'static [&'static dyn Step<Self>] {
        &[&Begin, &PowerOff, &Upload, &Settle]
    }
}

impl Operation for ServerOffload {
    const KIND: &'static str = "server_offload";
    type Context = Compute;

    fn steps() -> &'static [&'static dyn Step<Self>] {
        &[&Sweep, &Unbind, &Allocation, &Settle]
    }
}

impl Operation for ServerUnshelve {
    const KIND: &'static str = "server_unshelve";
    type Context = Compute;

    fn steps() -> &'static [&'static dyn Step<Self>] {
        &[&Begin, &On, &Settle]
    }
}

/// Removes domain, taps and disks. A node that is down does so when it is back.
struct Sweep;

#[async_trait]
impl Step<ServerOffload> for Sweep {
    fn name(&self) -> &'static str {
        "sweep"
    }

    async fn run(&self, compute: &Compute, operation: &mut ServerOffload, to: &mut Progress) -> Result<(), Failure> {
        let server = super::server(compute, &operation.server_id).await?;
        to.host = Some(server.host.clone());
        compute.sweep(&server.host, &server.id, to.attempts).await?;
        operation.swept = true;
        Ok(())
    }

    async fn undo(&self, compute: &Compute, operation: &mut ServerOffload, _: &mut Progress) -> Result<(), Failure> {
        if operation.swept {
            compute.ports_unbind(&operation.server_id).await.map_err(retry)?;
            compute.allocation_release(&operation.server_id).await.map_err(retry)?;
            return offloaded(compute, &operation.server_id).await;
        }
        let change = Change { task_state: Some(""), ..Change::default() };
        steps::change(compute, &operation.server_id, &change).await
    }
}

/// Takes the ports off the node.
struct Unbind;

#[async_trait]
impl Step<ServerOffload> for Unbind {
    fn name(&self) -> &'static str {
        "ports"
    }

    async fn run(&self, compute: &Compute, operation: &mut ServerOffload, _: &mut Progress) -> Result<(), Failure> {
        compute.ports_unbind(&operation.server_id).await.map_err(retry)
    }
}

/// Gives the node's resources back.
struct Allocation;

#[async_trait]
impl Step<ServerOffload> for Allocation {
    fn name(&self) -> &'static str {
        "allocation"
    }

    async fn run(&self, compute: &Compute, operation: &mut ServerOffload, _: &mut Progress) -> Result<(), Failure> {
        compute.allocation_release(&operation.server_id).await.map_err(retry)
    }
}

/// Has it running on the node that kept it.
struct On;

#[async_trait]
impl Step<ServerUnshelve> for On {
    fn name(&self) -> &'static str {
        "power_on"
    }

    async fn run(&self, compute: &Compute, operation: &mut ServerUnshelve, to: &mut Progress) -> Result<(), Failure> {
        steps::power_on(compute, operation, to).await
    }

    async fn undo(&self, compute: &Compute, operation: &mut ServerUnshelve, to: &mut Progress) -> Result<(), Failure> {
        steps::power_off_at_once(compute, operation, to).await
    }
}

struct Settle;

#[async_trait]
impl Step<ServerShelve> for Settle {
    fn name(&self) -> &'static str {
        "settle"
    }

    /// Goes on to take it off its node, in the same transaction.
    async fn run(&self, compute: &Compute, operation: &mut ServerShelve, to: &mut Progress) -> Result<(), Failure> {
        let server = super::server(compute, &operation.server_id).await?;
        let now = compute.runtime().clock.now();
        let task_state = if operation.offload { "shelving_offloading" } else { "" };
        let change = Change {
            vm_state: Some(state::SHELVED),
            task_state: Some(task_state),
            power_state: Some(PowerState::Shutdown.number()),
            shelved_image_id: Some(&operation.image_id),
            ..Change::default()
        };
        let mut tx = compute.db().begin().await?;
        if !state_change(&mut tx, &server.id, None, &change, now).await? {
            return Err(super::steps::overtaken());
        }
        // A delete that can be taken back may have its place already: then it stays on its node.
        let goes_on = server_get(&mut tx, &server.id).await?.is_some_and(|server| server.task_state == task_state);
        if operation.offload && goes_on && server.vm_state != state::SHELVED {
            let deadline = now.checked_add(LIMIT_MINUTES.minutes()).unwrap_or(Timestamp::MAX);
            let data = ServerOffload::new(&server.id);
            let next = promised(&operation.user_id, &to.request_id, &server, deadline, data);
            compute.0.deps.work.submit(&mut tx, &next).await?;
        }
        tx.commit().await?;
        compute.0.deps.work.wake();
        Ok(())
    }
}

#[async_trait]
impl Step<ServerOffload> for Settle {
    fn name(&self) -> &'static str {
        "settle"
    }

    async fn run(&self, compute: &Compute, operation: &mut ServerOffload, _: &mut Progress) -> Result<(), Failure> {
        offloaded(compute, &operation.server_id).await
    }
}

async fn offloaded(compute: &Compute, server_id: &str) -> Result<(), Failure> {
    let change = Change {
        vm_state: Some(state::SHELVED_OFFLOADED),
        task_state: Some(""),
        power_state: Some(PowerState::NoState.number()),
        ..Change::default()
    };
    let now = compute.runtime().clock.now();
    let mut tx = compute.db().begin().await?;
    if state_change(&mut tx, server_id, None, &change, now).await? {
        host_set(&mut tx, server_id, "", "", now).await?;
    }
    tx.commit().await?;
    Ok(())
}

#[async_trait]
impl Step<ServerUnshelve> for Settle {
    fn name(&self) -> &'static str {
        "settle"
    }

    async fn run(&self, compute: &Compute, operation: &mut ServerUnshelve, to: &mut Progress) -> Result<(), Failure> {
        let server = super::server(compute, &operation.server_id).await?;
        let change = Change { shelved_image_id: Some(""), ..steps::settled(true) };
        let mut tx = compute.db().begin().await?;
        state_change(&mut tx, &server.id, None, &change, compute.runtime().clock.now()).await?;
        if !server.shelved_image_id.is_empty() {
            image_discard_later(compute, &mut tx, &server, &to.request_id).await?;
        }
        tx.commit().await?;
        compute.0.deps.work.wake();
        Ok(())
    }

    async fn undo(&self, compute: &Compute, operation: &mut ServerUnshelve, _: &mut Progress) -> Result<(), Failure> {
        let change = Change { shelved_image_id: Some(&operation.image_id), ..Change::default() };
        steps::change(compute, &operation.server_id, &change).await
    }
}

/// Deletes the image of a server that was shelved, once nothing can bring the server back to it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ShelvedImageDiscard {
    pub(crate) server_id: String,
    pub(crate) image_id: String,
}

impl Operation for ShelvedImageDiscard {
    const KIND: &'static str = "shelved_image_discard";
    type Context = Compute;

    fn steps() -> &'static [&'static dyn Step<Self>] {
        &[&Discard]
    }
}

struct Discard;

#[async_trait]
impl Step<ShelvedImageDiscard> for Discard {
    fn name(&self) -> &'static str {
        "discard"
    }

    async fn run(
        &self,
        compute: &Compute,
        operation: &mut ShelvedImageDiscard,
        _: &mut Progress,
    ) -> Result<(), Failure> {
        // The server is shelved again, or still, when what took it off the shelf was undone.
        let server = server_get(compute.db(), &operation.server_id).await?;
        if server.is_some_and(|server| server.shelved_image_id == operation.image_id) {
            return Ok(());
        }
        compute.image_discard(&operation.image_id).await.map_err(retry)
    }

    /// A server that is to go needs no image either.
    async fn undo(
        &self,
        compute: &Compute,
        operation: &mut ShelvedImageDiscard,
        to: &mut Progress,
    ) -> Result<(), Failure> {
        self.run(compute, operation, to).await
    }
}

/// Has the image of a shelved server deleted, after the operation that takes it off the shelf has ended.
pub(super) async fn image_discard_later(
    compute: &Compute,
    tx: &mut db::Tx,
    server: &crate::server::Server,
    request_id: &str,
) -> Result<(), Failure> {
    let data = ShelvedImageDiscard { server_id: server.id.clone(), image_id: server.shelved_image_id.clone() };
    let deadline = compute.runtime().clock.now().checked_add((24 * 365).hours()).unwrap_or(Timestamp::MAX);
    let next = promised(&server.user_id, request_id, server, deadline, data);
    compute.0.deps.work.submit(tx, &next).await?;
    Ok(())
}
