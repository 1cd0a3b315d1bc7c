//! Deleting a server so that it can be restored for a while, and restoring it.

use std::time::Duration;

use ::work::{Failure, Operation, Progress, Step};
use async_trait::async_trait;
use protocol::{Call, PowerState};
use serde::{Deserialize, Serialize};

use super::agent::Trouble;
use super::shelve::image_discard_later;
use super::{failure, resize, retry, steps};
use crate::server::Server;
use crate::state::{self, Action};
use crate::store::servers::{Change, From, state_change};
use crate::{Compute, quota};

/// Switches a server off and keeps it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ServerSoftDelete {
    pub(crate) server_id: String,
}

/// Takes that back.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ServerRestore {
    pub(crate) server_id: String,
}

impl Operation for ServerSoftDelete {
    const KIND: &'static str = "server_soft_delete";
    type Context = Compute;

    fn steps() -> &'static [&'static dyn Step<Self>] {
        &[&Begin, &Confirm, &Off, &Settle]
    }
}

impl Operation for ServerRestore {
    const KIND: &'static str = "server_restore";
    type Context = Compute;

    fn steps() -> &'static [&'static dyn Step<Self>] {
        &[&Begin, &On, &Settle]
    }
}

/// Changes the server if the action has it still; else it is what took the action's place that has it. Tells whether it
/// did.
async fn change_if_mine(
    tx: &mut db::Tx,
    compute: &Compute,
    server: &Server,
    action: Action,
    change: &Change<'_>,
) -> Result<bool, Failure> {
    let from = From { vm_state: &server.vm_state, task_state: action.task() };
    Ok(state_change(tx, &server.id, Some(from), change, compute.runtime().clock.now()).await?)
}

/// Begins. Undone last, the server is as it was.
struct Begin;

#[async_trait]
impl Step<ServerSoftDelete> for Begin {
    fn name(&self) -> &'static str {
        "begin"
    }

    async fn run(&self, _: &Compute, _: &mut ServerSoftDelete, _: &mut Progress) -> Result<(), Failure> {
        Ok(())
    }

    async fn undo(&self, compute: &Compute, operation: &mut ServerSoftDelete, _: &mut Progress) -> Result<(), Failure> {
        let server = super::server(compute, &operation.server_id).await?;
        let change = Change { task_state: Some(""), ..Change::default() };
        let mut tx = compute.db().begin().await?;
        change_if_mine(&mut tx, compute, &server, Action::SoftDelete, &change).await?;
        tx.commit().await?;
        Ok(())
    }
}

#[async_trait]
impl Step<ServerRestore> for Begin {
    fn name(&self) -> &'static str {
        "begin"
    }

    async fn run(&self, _: &Compute, _: &mut ServerRestore, _: &mut Progress) -> Result<(), Failure> {
        Ok(())
    }

    /// It does not count any more.
    async fn undo(&self, compute: &Compute, operation: &mut ServerRestore, _: &mut Progress) -> Result<(), Failure> {
        let server = super::server(compute, &operation.server_id).await?;
        let change = Change { vm_state: Some(state::SOFT_DELETED), task_state: Some(""), ..Change::default() };
        let mut tx = compute.db().begin().await?;
        if change_if_mine(&mut tx, compute, &server, Action::Restore, &change).await? {
            let held = server.quota_size();
            quota::release(&mut tx, &compute.0.deps.identity, &server.project_id, &held).await.map_err(retry)?;
        }
        tx.commit().await?;
        Ok(())
    }
}

/// Keeps the new size of a server whose resize was not confirmed yet: nobody can do that any more.
struct Confirm;

#[async_trait]
impl Step<ServerSoftDelete> for Confirm {
    fn name(&self) -> &'static str {
        "confirm_resize"
    }

    async fn run(&self, compute: &Compute, operation: &mut ServerSoftDelete, to: &mut Progress) -> Result<(), Failure> {
        let server = super::server(compute, &operation.server_id).await?;
        match server.resized_from() {
            Some(from) if server.vm_state == state::RESIZED => resize::confirm(compute, &server, &from, to).await,
            _ => Ok(()),
        }
    }
}

/// Has the server off at once. What was being done to it may keep its node busy: that is waited for.
struct Off;

#[async_trait]
impl Step<ServerSoftDelete> for Off {
    fn name(&self) -> &'static str {
        "power_off"
    }

    async fn run(&self, compute: &Compute, operation: &mut ServerSoftDelete, to: &mut Progress) -> Result<(), Failure> {
        let server = super::server(compute, &operation.server_id).await?;
        let call = Call::ServerStop { server_id: server.id.clone(), grace_seconds: 0 };
        to.host = Some(server.host.clone());
        match compute.ask_for(to, &server.host, &call).await {
            Err(Trouble::Away(reason)) if compute.host_is_up(&server.host).await.map_err(retry)? => {
                Err(Failure::Wait { reason, after: Duration::from_secs(1) })
            }
            outcome => outcome.map(drop).map_err(|trouble| trouble.in_step(to)),
        }
    }
}

/// Has the server running as it was. Undone, it is off.
struct On;

#[async_trait]
impl Step<ServerRestore> for On {
    fn name(&self) -> &'static str {
        "power_on"
    }

    async fn run(&self, compute: &Compute, operation: &mut ServerRestore, to: &mut Progress) -> Result<(), Failure> {
        let server = super::server(compute, &operation.server_id).await?;
        let call = Call::ServerStart { server: steps::spec(compute, &server).await? };
        compute.ask_step(&server, &call, to).await.map(drop)
    }

    async fn undo(&self, compute: &Compute, operation: &mut ServerRestore, to: &mut Progress) -> Result<(), Failure> {
        let server = super::server(compute, &operation.server_id).await?;
        let call = Call::ServerStop { server_id: server.id.clone(), grace_seconds: 0 };
        compute.ask_undo(&server, &call, to).await.map(drop)
    }
}

/// Says what the server is now.
struct Settle;

#[async_trait]
impl Step<ServerSoftDelete> for Settle {
    fn name(&self) -> &'static str {
        "settle"
    }

    /// A server that can only be restored does not count.
    async fn run(&self, compute: &Compute, operation: &mut ServerSoftDelete, _: &mut Progress) -> Result<(), Failure> {
        let server = super::server(compute, &operation.server_id).await?;
        let change = Change {
            vm_state: Some(state::SOFT_DELETED),
            task_state: Some(""),
            power_state: Some(PowerState::Shutdown.number()),
            ..Change::default()
        };
        let mut tx = compute.db().begin().await?;
        if change_if_mine(&mut tx, compute, &server, Action::SoftDelete, &change).await? {
            let (identity, held) = (&compute.0.deps.identity, server.quota_size());
            quota::release(&mut tx, identity, &server.project_id, &held).await.map_err(failure)?;
        }
        tx.commit().await?;
        Ok(())
    }
}

#[async_trait]
impl Step<ServerRestore> for Settle {
    fn name(&self) -> &'static str {
        "settle"
    }

    /// One that was rescued when it was deleted is that again; one that was shelved needs its image no longer.
    async fn run(&self, compute: &Compute, operation: &mut ServerRestore, to: &mut Progress) -> Result<(), Failure> {
        let server = super::server(compute, &operation.server_id).await?;
        let vm_state = if server.rescue.is_some() { state::RESCUED } else { state::ACTIVE };
        let change = Change { vm_state: Some(vm_state), shelved_image_id: Some(""), ..steps::settled(true) };
        let mut tx = compute.db().begin().await?;
        let changed = change_if_mine(&mut tx, compute, &server, Action::Restore, &change).await?;
        if changed && !server.shelved_image_id.is_empty() {
            image_discard_later(compute, &mut tx, &server, &to.request_id).await?;
        }
        tx.commit().await?;
        Ok(())
    }
}
