//! Deleting a server: for good, or so that it can be restored for a while.

use ::api::Result;
use identity::Caller;
use jiff::{Timestamp, ToSpan as _};

use super::Server;
use super::actions::{LIMIT_MINUTES, key_check, promised};
use super::snapshot::UPLOAD_MINUTES;
use crate::state::{self, Action};
use crate::store::servers::{self, Change};
use crate::work::delete::ServerDelete;
use crate::work::soft_delete::{ServerRestore, ServerSoftDelete};
use crate::{Compute, quota};

impl Compute {
    /// Puts the server on its way out; what is being done to it is undone first. Where deleted servers are kept for a
    /// while, that is what happens to one that has been active and is on a node.
    pub(crate) async fn server_delete(&self, caller: &Caller, server: &Server) -> Result<()> {
        key_check(caller, server)?;
        if self.options().config.reclaim_instance_interval > 0 {
            if server.vm_state == state::SOFT_DELETED || server.task_state == state::SOFT_DELETING {
                return Ok(()); // It is deleted already.
            }
            let has_disks = server.launched_at.is_some() && !server.host.is_empty();
            if has_disks && server.permits(Action::SoftDelete).is_ok() {
                return self.server_soft_delete(caller, server).await;
            }
        }
        self.server_delete_now(&caller.token.user_id, &caller.request_id, server).await
    }

    /// Puts the server on its way out.
    pub(crate) async fn server_delete_now(&self, user_id: &str, request_id: &str, server: &Server) -> Result<()> {
        let deps = &self.0.deps;
        let now = deps.runtime.clock.now();
        let mut tx = deps.db.begin().await?;
        if !servers::deleting_set(&mut tx, &server.id, now).await? {
            return Ok(()); // It is on its way already, or gone.
        }
        let cancelled = deps.work.cancel(&mut tx, &server.work_target()).await?;
        // Deleting never gives up.
        let deadline = now.checked_add((10 * 365 * 24).hours()).unwrap_or(Timestamp::MAX);
        let data = ServerDelete::new(&server.id);
        deps.work.submit(&mut tx, &promised(user_id, request_id, server, deadline, data)).await?;
        tx.commit().await?;
        deps.work.interrupt(&cancelled);
        deps.work.wake();
        Ok(())
    }

    /// Promises that the server is off and kept. What is being done to it is undone first, or completed where undoing
    /// it would lose what is to be kept.
    async fn server_soft_delete(&self, caller: &Caller, server: &Server) -> Result<()> {
        let work = &self.0.deps.work;
        let mut tx = self.server_claim(Some(caller), server, Action::SoftDelete).await?;
        let mut cancelled = Vec::new();
        if !server.task_state.is_empty() && !state::COMPLETED_FIRST.contains(&server.task_state.as_str()) {
            cancelled = work.cancel(&mut tx, &server.work_target()).await?;
        }
        let data = ServerSoftDelete { server_id: server.id.clone() };
        self.server_submit(tx, Some(caller), server, UPLOAD_MINUTES, data).await?;
        work.interrupt(&cancelled);
        Ok(())
    }

    /// Promises that a server that was deleted so that it is kept runs again.
    pub(crate) async fn server_restore(&self, caller: &Caller, server: &Server) -> Result<()> {
        let mut tx = self.server_claim(Some(caller), server, Action::Restore).await?;
        quota::claim(&mut tx, &self.0.deps.identity, &server.project_id, &server.quota_size()).await?;
        // From here on it counts, whatever comes.
        let change = Change { vm_state: Some(state::STOPPED), ..Change::default() };
        servers::state_change(&mut tx, &server.id, None, &change, self.runtime().clock.now()).await?;
        let data = ServerRestore { server_id: server.id.clone() };
        self.server_submit(tx, Some(caller), server, LIMIT_MINUTES, data).await.map(drop)
    }

    /// Deletes servers that could be restored for long enough.
    pub(crate) async fn deleted_reclaim(&self) -> Result<()> {
        let interval = self.options().config.reclaim_instance_interval;
        for server in self.servers_overdue(state::SOFT_DELETED, interval).await? {
            self.server_delete_now(&server.user_id, &runtime::request_id(), &server).await?;
        }
        Ok(())
    }
}
