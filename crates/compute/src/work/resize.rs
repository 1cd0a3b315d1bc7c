//! Giving a server another size on its node, and confirming or reverting that.
//!
//! From the beginning until one of both is done the server holds the larger of the two sizes, in placement and in its
//! project's quota, so that reverting always works.

use ::work::{Failure, Operation, Progress, Step};
use async_trait::async_trait;
use protocol::{Call, PowerState};
use serde::{Deserialize, Serialize};

use super::steps::{self, Before, Begin, OnServer, PowerOff, PowerOn};
use super::{failure, retry};
use crate::scheduler::Another;
use crate::server::{Flavor, Resized, Server};
use crate::store::migrations::migration_status_set;
use crate::store::servers::{Change, state_change};
use crate::{Compute, quota, state};

/// Resizes a server.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ServerResize {
    pub(crate) server_id: String,
    pub(crate) before: Before,
    pub(crate) old: Flavor,
    pub(crate) new: Flavor,
    pub(crate) migration_id: String,
}

/// Keeps a server in its new size.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ServerResizeConfirm {
    pub(crate) server_id: String,
    pub(crate) before: Before,
    pub(crate) from: Resized,
}

/// Gives a server its old size back.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ServerResizeRevert {
    pub(crate) server_id: String,
    pub(crate) before: Before,
    pub(crate) from: Resized,
    pub(crate) new: Flavor,
    /// Whether the old disks are back: then there is only the way forward.
    #[serde(default)]
    pub(crate) back: bool,
}

#[async_trait]
impl OnServer for ServerResize {
    fn server_id(&self) -> &str {
        &self.server_id
    }

    fn before(&mut self) -> &mut Before {
        &mut self.before
    }

    async fn give_back(&self, compute: &Compute) -> Result<(), Failure> {
        let server = super::server(compute, &self.server_id).await?;
        let now = compute.runtime().clock.now();
        let mut tx = compute.db().begin().await?;
        // The status says whether this was done already: it changes in the same transaction.
        if migration_status_set(&mut tx, &self.migration_id, "migrating", "error", now).await? {
            let (identity, grown) = (&compute.0.deps.identity, above(&self.old, &self.new));
            quota::release(&mut tx, identity, &server.project_id, &grown).await.map_err(retry)?;
        }
        tx.commit().await?;
        Ok(())
    }
}

impl OnServer for ServerResizeConfirm {
    fn server_id(&self) -> &str {
        &self.server_id
    }

    fn before(&mut self) -> &mut Before {
        &mut self.before
    }
}

impl OnServer for ServerResizeRevert {
    fn server_id(&self) -> &str {
        &self.server_id
    }

    fn before(&mut self) -> &mut Before {
        &mut self.before
    }
}

impl Operation for ServerResize {
    const KIND: &'static str = "server_resize";
    type Context = Compute;

    fn steps() -> &'static [&'static dyn Step<Self>] {
        &[&Begin, &Claim, &Clean, &PowerOff, &Apply, &Grow, &PowerOn, &Settle]
    }
}

impl Operation for ServerResizeConfirm {
    const KIND: &'static str = "server_resize_confirm";
    type Context = Compute;

    fn steps() -> &'static [&'static dyn Step<Self>] {
        &[&Begin, &Forget, &Claim, &Settle]
    }
}

impl Operation for ServerResizeRevert {
    const KIND: &'static str = "server_resize_revert";
    type Context = Compute;

    fn steps() -> &'static [&'static dyn Step<Self>] {
        &[&Begin, &Off, &Apply, &Back, &Claim, &On, &Settle]
    }
}

/// What the larger of two sizes has above `base`.
pub(crate) fn above(base: &Flavor, other: &Flavor) -> Vec<(&'static str, i64)> {
    let (base, other) = (base.quota(1), other.quota(1));
    base.iter().zip(other).map(|(base, other)| (base.0, (other.1 - base.1).max(0))).collect()
}

/// The server as it is in another size.
fn sized(server: Server, flavor: &Flavor) -> Server {
    Server { flavor: db::Json(flavor.clone()), ..server }
}

/// Holds what is needed on the node.
struct Claim;

#[async_trait]
impl Step<ServerResize> for Claim {
    fn name(&self) -> &'static str {
        "claim"
    }

    async fn run(&self, compute: &Compute, operation: &mut ServerResize, _: &mut Progress) -> Result<(), Failure> {
        let server = super::server(compute, &operation.server_id).await?;
        let larger = sized(server.clone(), &operation.new);
        if let Some(refusal) = compute.node_check(&larger, Another::Flavor).await.map_err(failure)? {
            return Err(Failure::Fatal(refusal.message()));
        }
        if compute.node_claim(&server, &[&operation.old, &operation.new]).await.map_err(failure)? {
            return Ok(());
        }
        Err(Failure::Fatal(format!(
            "No valid host was found. The node of the server has no room for the flavor {}.",
            operation.new.name
        )))
    }

    async fn undo(&self, compute: &Compute, operation: &mut ServerResize, _: &mut Progress) -> Result<(), Failure> {
        let server = super::server(compute, &operation.server_id).await?;
        compute.node_claim(&server, &[&operation.old]).await.map_err(retry).map(drop)
    }
}

#[async_trait]
impl Step<ServerResizeConfirm> for Claim {
    fn name(&self) -> &'static str {
        "claim"
    }

    async fn run(
        &self,
        compute: &Compute,
        operation: &mut ServerResizeConfirm,
        _: &mut Progress,
    ) -> Result<(), Failure> {
        let server = super::server(compute, &operation.server_id).await?;
        compute.node_claim(&server, &[&server.flavor.0]).await.map_err(failure).map(drop)
    }
}

#[async_trait]
impl Step<ServerResizeRevert> for Claim {
    fn name(&self) -> &'static str {
        "claim"
    }

    async fn run(
        &self,
        compute: &Compute,
        operation: &mut ServerResizeRevert,
        _: &mut Progress,
    ) -> Result<(), Failure> {
        let server = super::server(compute, &operation.server_id).await?;
        compute.node_claim(&server, &[&operation.from.flavor]).await.map_err(failure).map(drop)
    }
}

/// Forgets disks that an earlier resize could not bring back.
struct Clean;

#[async_trait]
impl Step<ServerResize> for Clean {
    fn name(&self) -> &'static str {
        "clean"
    }

    async fn run(&self, compute: &Compute, operation: &mut ServerResize, to: &mut Progress) -> Result<(), Failure> {
        let server = super::server(compute, &operation.server_id).await?;
        disks_forget(compute, &server, to).await
    }
}

/// Says the new size in the row.
struct Apply;

#[async_trait]
impl Step<ServerResize> for Apply {
    fn name(&self) -> &'static str {
        "apply"
    }

    async fn run(&self, compute: &Compute, operation: &mut ServerResize, _: &mut Progress) -> Result<(), Failure> {
        let change = Change { flavor: Some(&operation.new), task_state: Some("resize_migrating"), ..Change::default() };
        steps::change(compute, &operation.server_id, &change).await
    }

    async fn undo(&self, compute: &Compute, operation: &mut ServerResize, _: &mut Progress) -> Result<(), Failure> {
        let change = Change { flavor: Some(&operation.old), ..Change::default() };
        steps::change(compute, &operation.server_id, &change).await
    }
}

#[async_trait]
impl Step<ServerResizeRevert> for Apply {
    fn name(&self) -> &'static str {
        "apply"
    }

    async fn run(
        &self,
        compute: &Compute,
        operation: &mut ServerResizeRevert,
        _: &mut Progress,
    ) -> Result<(), Failure> {
        let change = Change { flavor: Some(&operation.from.flavor), ..Change::default() };
        steps::change(compute, &operation.server_id, &change).await
    }

    async fn undo(
        &self,
        compute: &Compute,
        operation: &mut ServerResizeRevert,
        _: &mut Progress,
    ) -> Result<(), Failure> {
        if operation.back {
            return Ok(());
        }
        let change = Change { flavor: Some(&operation.new), ..Change::default() };
        steps::change(compute, &operation.server_id, &change).await
    }
}

/// Grows the disks; the old ones are kept aside.
struct Grow;

#[async_trait]
impl Step<ServerResize> for Grow {
    fn name(&self) -> &'static str {
        "disks"
    }

    async fn run(&self, compute: &Compute, operation: &mut ServerResize, to: &mut Progress) -> Result<(), Failure> {
        let server = sized(super::server(compute, &operation.server_id).await?, &operation.new);
        let call = Call::DisksResize { server: steps::spec(compute, &server).await? };
        compute.ask_step(&server, &call, to).await.map(drop)
    }

    async fn undo(&self, compute: &Compute, operation: &mut ServerResize, to: &mut Progress) -> Result<(), Failure> {
        let server = sized(super::server(compute, &operation.server_id).await?, &operation.old);
        let call = Call::DisksResizeRevert { server: steps::spec(compute, &server).await? };
        if let Some(left) = compute.ask_undo(&server, &call, to).await? {
            operation.before.broken = Some(left);
        }
        Ok(())
    }
}

/// Forgets the disks that were kept aside. From here on there is no way back.
struct Forget;

#[async_trait]
impl Step<ServerResizeConfirm> for Forget {
    fn name(&self) -> &'static str {
        "disks"
    }

    async fn run(
        &self,
        compute: &Compute,
        operation: &mut ServerResizeConfirm,
        to: &mut Progress,
    ) -> Result<(), Failure> {
        let server = super::server(compute, &operation.server_id).await?;
        disks_forget(compute, &server, to).await
    }
}

/// Has a resized server off, however it came to run. Undone, it runs if it did; what keeps it from that does not keep
/// it from being confirmed or reverted.
struct Off;

#[async_trait]
impl Step<ServerResizeRevert> for Off {
    fn name(&self) -> &'static str {
        "power_off"
    }

    async fn run(
        &self,
        compute: &Compute,
        operation: &mut ServerResizeRevert,
        to: &mut Progress,
    ) -> Result<(), Failure> {
        let server = super::server(compute, &operation.server_id).await?;
        let running = server.power_state == PowerState::Running.number();
        let grace_seconds = if running { steps::GRACE_SECONDS } else { 0 };
        let call = Call::ServerStop { server_id: server.id.clone(), grace_seconds };
        compute.ask_step(&server, &call, to).await.map(drop)
    }

    async fn undo(
        &self,
        compute: &Compute,
        operation: &mut ServerResizeRevert,
        to: &mut Progress,
    ) -> Result<(), Failure> {
        let server = super::server(compute, &operation.server_id).await?;
        if operation.back || server.power_state != PowerState::Running.number() {
            return Ok(());
        }
        let call = Call::ServerStart { server: steps::spec(compute, &server).await? };
        compute.ask_undo(&server, &call, to).await.map(drop)
    }
}

/// Brings the old disks back. Undone when it has, the server has its old size all the same, and is in ERROR.
struct Back;

#[async_trait]
impl Step<ServerResizeRevert> for Back {
    fn name(&self) -> &'static str {
        "disks"
    }

    async fn run(
        &self,
        compute: &Compute,
        operation: &mut ServerResizeRevert,
        to: &mut Progress,
    ) -> Result<(), Failure> {
        let server = super::server(compute, &operation.server_id).await?;
        let call = Call::DisksResizeRevert { server: steps::spec(compute, &server).await? };
        compute.ask_step(&server, &call, to).await?;
        operation.back = true;
        Ok(())
    }

    async fn undo(
        &self,
        compute: &Compute,
        operation: &mut ServerResizeRevert,
        _: &mut Progress,
    ) -> Result<(), Failure> {
        if !operation.back {
            return Ok(());
        }
        let server = super::server(compute, &operation.server_id).await?;
        compute.node_claim(&server, &[&operation.from.flavor]).await.map_err(retry)?;
        operation.before.broken = Some("The server has its old size again; start it.".to_owned());
        let given = above(&operation.from.flavor, &operation.new);
        let change = Change { vm_state: Some(state::ERROR), resized_from: Some(None), ..Change::default() };
        moved(compute, &server, &operation.from, "reverted", &given, &change).await
    }
}

/// Has the server running again, if it did before the resize.
struct On;

#[async_trait]
impl Step<ServerResizeRevert> for On {
    fn name(&self) -> &'static str {
        "power_on"
    }

    async fn run(
        &self,
        compute: &Compute,
        operation: &mut ServerResizeRevert,
        to: &mut Progress,
    ) -> Result<(), Failure> {
        if operation.from.vm_state != state::ACTIVE {
            return Ok(());
        }
        steps::power_on(compute, operation, to).await
    }

    async fn undo(
        &self,
        compute: &Compute,
        operation: &mut ServerResizeRevert,
        to: &mut Progress,
    ) -> Result<(), Failure> {
        steps::power_off_at_once(compute, operation, to).await
    }
}

/// Says what the server is now, how the move went, and gives back what of the quota is not needed any more.
struct Settle;

#[async_trait]
impl Step<ServerResize> for Settle {
    fn name(&self) -> &'static str {
        "settle"
    }

    async fn run(&self, compute: &Compute, operation: &mut ServerResize, _: &mut Progress) -> Result<(), Failure> {
        let from = Resized {
            flavor: operation.old.clone(),
            vm_state: operation.before.vm_state.clone(),
            migration_id: operation.migration_id.clone(),
        };
        let from = serde_json::to_string(&from).map_err(|error| Failure::Fatal(error.to_string()))?;
        let power = if operation.before.ran() { PowerState::Running } else { PowerState::Shutdown };
        let now = compute.runtime().clock.now();
        let change = Change {
            vm_state: Some(state::RESIZED),
            task_state: Some(""),
            power_state: Some(power.number()),
            launched_at: Some(now),
            resized_from: Some(Some(from)),
            ..Change::default()
        };
        let mut tx = compute.db().begin().await?;
        if !state_change(&mut tx, &operation.server_id, None, &change, now).await? {
            return Err(super::steps::overtaken());
        }
        migration_status_set(&mut tx, &operation.migration_id, "migrating", "finished", now).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn undo(&self, compute: &Compute, operation: &mut ServerResize, _: &mut Progress) -> Result<(), Failure> {
        let now = compute.runtime().clock.now();
        let states = Change {
            vm_state: Some(&operation.before.vm_state),
            task_state: Some("resize_finish"),
            ..Change::default()
        };
        let parts = Change { resized_from: Some(None), ..Change::default() };
        let mut tx = compute.db().begin().await?;
        state_change(&mut tx, &operation.server_id, None, &states, now).await?;
        state_change(&mut tx, &operation.server_id, None, &parts, now).await?;
        migration_status_set(&mut tx, &operation.migration_id, "finished", "migrating", now).await?;
        tx.commit().await?;
        Ok(())
    }
}

#[async_trait]
impl Step<ServerResizeConfirm> for Settle {
    fn name(&self) -> &'static str {
        "settle"
    }

    async fn run(
        &self,
        compute: &Compute,
        operation: &mut ServerResizeConfirm,
        _: &mut Progress,
    ) -> Result<(), Failure> {
        let server = super::server(compute, &operation.server_id).await?;
        confirmed(compute, &server, &operation.from).await
    }
}

#[async_trait]
impl Step<ServerResizeRevert> for Settle {
    fn name(&self) -> &'static str {
        "settle"
    }

    async fn run(
        &self,
        compute: &Compute,
        operation: &mut ServerResizeRevert,
        _: &mut Progress,
    ) -> Result<(), Failure> {
        let server = super::server(compute, &operation.server_id).await?;
        let given = above(&operation.from.flavor, &operation.new);
        let change = Change {
            resized_from: Some(None),
            launched_at: Some(compute.runtime().clock.now()),
            ..steps::settled(operation.from.vm_state == state::ACTIVE)
        };
        moved(compute, &server, &operation.from, "reverted", &given, &change).await
    }
}

/// Has a server keep its new size, as part of what else is done to it. May be called again.
pub(super) async fn confirm(
    compute: &Compute,
    server: &Server,
    from: &Resized,
    to: &mut Progress,
) -> Result<(), Failure> {
    disks_forget(compute, server, to).await?;
    compute.node_claim(server, &[&server.flavor.0]).await.map_err(failure)?;
    confirmed(compute, server, from).await
}

/// Has the node forget the disks that it kept aside.
async fn disks_forget(compute: &Compute, server: &Server, to: &mut Progress) -> Result<(), Failure> {
    let call = Call::DisksResizeConfirm { server_id: server.id.clone() };
    compute.ask_step(server, &call, to).await.map(drop)
}

/// Says that the new size is the only one.
async fn confirmed(compute: &Compute, server: &Server, from: &Resized) -> Result<(), Failure> {
    let off = server.power_state == PowerState::Shutdown.number();
    let vm_state = Some(if off { state::STOPPED } else { state::ACTIVE });
    let given = above(&server.flavor.0, &from.flavor);
    let change = Change { vm_state, task_state: Some(""), resized_from: Some(None), ..Change::default() };
    moved(compute, server, from, "confirmed", &given, &change).await
}

/// Ends a move once: states, status of the move, and the quota that it held beside.
async fn moved(
    compute: &Compute,
    server: &Server,
    from: &Resized,
    status: &str,
    given: &[(&str, i64)],
    change: &Change<'_>,
) -> Result<(), Failure> {
    let now = compute.runtime().clock.now();
    let mut tx = compute.db().begin().await?;
    let changed = state_change(&mut tx, &server.id, None, change, now).await?;
    // What a server that is to go holds, it gives back when it goes.
    if changed && migration_status_set(&mut tx, &from.migration_id, "finished", status, now).await? {
        quota::release(&mut tx, &compute.0.deps.identity, &server.project_id, given).await.map_err(failure)?;
    }
    tx.commit().await?;
    Ok(())
}
