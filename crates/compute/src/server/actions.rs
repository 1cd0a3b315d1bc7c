//! What is done to a server that exists: whether it may be, and the one transaction that promises it.

use ::api::{Error, Result};
use db::Tx;
use identity::Caller;
use jiff::{Timestamp, ToSpan as _};
use policy::Target;
use work::Operation;

use super::Server;
use crate::state::{self, Action};
use crate::store::servers::{self, Change, From};
use crate::work::power::{Power, ServerPower};
use crate::{Compute, quota, store};

/// How long an operation on a server may take, if nothing of it moves the bytes of a disk.
pub(crate) const LIMIT_MINUTES: i64 = 30;

impl Compute {
    /// Has the server's node do something that is over with one call. A restart by force takes the place of what is being
    /// done, or hangs.
    pub(crate) async fn server_power(&self, caller: &Caller, server: &Server, power: Power) -> Result<()> {
        let work = &self.0.deps.work;
        let mut tx = self.server_claim(Some(caller), server, power.action()).await?;
        let mut hanging = Vec::new();
        if !server.task_state.is_empty() {
            hanging = work.cancel(&mut tx, &server.work_target()).await?;
        }
        self.server_submit(tx, Some(caller), server, LIMIT_MINUTES, ServerPower::new(&server.id, power)).await?;
        work.interrupt(&hanging);
        Ok(())
    }

    /// Begins an action: checks lock, states and place, and claims the server for it. What belongs to it is written in
    /// the transaction that comes back; dropping that takes it all back. Without a caller it is the service itself.
    pub(crate) async fn server_claim(&self, caller: Option<&Caller>, server: &Server, action: Action) -> Result<Tx> {
        if let Some(caller) = caller.filter(|_| action.needs_key()) {
            key_check(caller, server)?;
        }
        server.permits(action)?;
        if server.vm_state != state::SHELVED_OFFLOADED {
            placed(server)?;
        }
        let mut tx = self.db().begin().await?;
        let task_state = Some(action.task()).filter(|task| !task.is_empty());
        let change = Change { task_state, ..Change::default() };
        let from = From { vm_state: &server.vm_state, task_state: &server.task_state };
        if !servers::state_change(&mut tx, &server.id, Some(from), &change, self.runtime().clock.now()).await? {
            drop(tx);
            return Err(self.changed_meanwhile(server, action).await?);
        }
        Ok(tx)
    }

    /// Promises the work of an action that was claimed. Returns the operation's id.
    pub(crate) async fn server_submit<O: Operation>(
        &self,
        mut tx: Tx,
        caller: Option<&Caller>,
        server: &Server,
        minutes: i64,
        data: O,
    ) -> Result<String> {
        let deps = &self.0.deps;
        let deadline = deps.runtime.clock.now().checked_add(minutes.minutes()).unwrap_or(Timestamp::MAX);
        let user_id = caller.map_or(&server.user_id, |caller| &caller.token.user_id);
        let request_id = caller.map_or_else(runtime::request_id, |caller| caller.request_id.clone());
        let new = promised(user_id, &request_id, server, deadline, data);
        let id = deps.work.submit(&mut tx, &new).await?;
        tx.commit().await?;
        deps.work.wake();
        Ok(id)
    }

    /// The refusal for a server whose state changed between look and claim.
    async fn changed_meanwhile(&self, server: &Server, action: Action) -> Result<Error> {
        let Some(now) = store::servers::server_get(self.db(), &server.id).await? else {
            return Ok(super::not_found(&server.id));
        };
        Ok(now.permits(action).err().unwrap_or_else(|| {
            Error::conflict(format!("Instance {} changed at the same moment; try again.", server.id))
        }))
    }

    /// Locks the server: from now on only administrators, or its owner after unlocking it, change it.
    pub(crate) async fn server_lock(&self, caller: &Caller, server: &Server, reason: Option<&str>) -> Result<()> {
        let owner = owns(caller, server);
        if server.locked && owner {
            return Ok(());
        }
        self.lock_set(caller, server, if owner { "owner" } else { "admin" }, reason).await
    }

    /// Unlocks the server. What an administrator locked, only those unlock whom a rule of its own lets.
    pub(crate) async fn server_unlock(&self, caller: &Caller, server: &Server) -> Result<()> {
        if server.locked && server.locked_by == "admin" {
            let target = Target::new().with("project_id", &server.project_id).with("user_id", &server.user_id);
            caller.allow("os_compute_api:os-lock-server:unlock:unlock_override", &target)?;
        }
        self.lock_set(caller, server, "", None).await
    }

    async fn lock_set(&self, caller: &Caller, server: &Server, locked_by: &str, reason: Option<&str>) -> Result<()> {
        let (mut tx, now) = (self.db().begin().await?, self.runtime().clock.now());
        servers::lock_set(&mut tx, &server.id, locked_by, reason, now).await?;
        let kind = if locked_by.is_empty() { UNLOCK } else { LOCK };
        let done = promised(&caller.token.user_id, &caller.request_id, server, now, ());
        self.0.deps.work.record(&mut tx, kind, &done).await?;
        Ok(tx.commit().await?)
    }

    /// States what the server is, whatever it really is.
    pub(crate) async fn server_state_reset(
        &self,
        caller: &Caller,
        server: &Server,
        vm_state: &'static str,
    ) -> Result<()> {
        let change = Change { vm_state: Some(vm_state), task_state: Some(""), ..Change::default() };
        let (mut tx, now) = (self.db().begin().await?, self.runtime().clock.now());
        if server.vm_state == state::SOFT_DELETED {
            // What its deletion gave back.
            quota::claim(&mut tx, &self.0.deps.identity, &server.project_id, &server.quota_size()).await?;
        }
        let from = From { vm_state: &server.vm_state, task_state: &server.task_state };
        if !servers::state_change(&mut tx, &server.id, Some(from), &change, now).await? {
            return Err(Error::conflict(format!(
                "Instance {} is being deleted, or changed at the same moment; then try again.",
                server.id
            )));
        }
        let done = promised(&caller.token.user_id, &caller.request_id, server, now, ());
        self.0.deps.work.record(&mut tx, RESET, &done).await?;
        Ok(tx.commit().await?)
    }
}

/// The kinds of work that are over at once.
pub(super) const LOCK: &str = "server_lock";
pub(super) const UNLOCK: &str = "server_unlock";
pub(super) const RESET: &str = "server_state_reset";

fn owns(caller: &Caller, server: &Server) -> bool {
    caller.token.project_id.as_deref() == Some(server.project_id.as_str())
}

/// 409 for a server that is locked, unless the caller is an administrator.
pub(crate) fn key_check(caller: &Caller, server: &Server) -> Result<()> {
    if server.locked && !caller.may("context_is_admin", &Target::new()) {
        return Err(Error::conflict(format!("Instance {} is locked", server.id)));
    }
    Ok(())
}

/// 409 for a server that never got as far as a node.
pub(crate) fn placed(server: &Server) -> Result<()> {
    if server.host.is_empty() {
        return Err(Error::conflict(format!("Instance {} is not ready: it is on no node.", server.id)));
    }
    Ok(())
}

/// Work on a server, to be promised.
pub(crate) fn promised<O>(
    user_id: &str,
    request_id: &str,
    server: &Server,
    deadline: Timestamp,
    data: O,
) -> work::NewOperation<O> {
    work::NewOperation {
        target: server.work_target(),
        project_id: Some(server.project_id.clone()),
        user_id: Some(user_id.to_owned()),
        request_id: request_id.to_owned(),
        deadline,
        data,
    }
}
