//! What is done to a server that exists: delete, start, stop, reboot.

use ::api::{Error, Result};
use identity::Caller;
use jiff::{Timestamp, ToSpan as _};

use super::Server;
use crate::state::Action;
use crate::work::delete::ServerDelete;
use crate::work::power::{Power, ServerPower};
use crate::{Compute, store};

/// How long starting, stopping and rebooting may take.
const POWER_LIMIT_MINUTES: i64 = 30;

impl Compute {
    /// Puts the server on its way out; what is being done to it is undone first.
    pub(crate) async fn server_delete(&self, caller: &Caller, server: &Server) -> Result<()> {
        let deps = &self.0.deps;
        let now = deps.runtime.clock.now();
        let mut tx = deps.db.begin().await?;
        if !store::servers::deleting_set(&mut tx, &server.id, now).await? {
            return Ok(()); // It is on its way already, or gone.
        }
        deps.work.cancel(&mut tx, &server.work_target()).await?;
        // Deleting never gives up.
        let deadline = now.checked_add((10 * 365 * 24).hours()).unwrap_or(Timestamp::MAX);
        let data = ServerDelete::new(&server.id);
        deps.work.submit(&mut tx, &operation(caller, server, deadline, data)).await?;
        tx.commit().await?;
        self.0.cancelled.send_modify(|count| *count += 1);
        deps.work.wake();
        Ok(())
    }

    /// Starts, stops or reboots the server.
    pub(crate) async fn server_power(&self, caller: &Caller, server: &Server, power: Power) -> Result<()> {
        let action = power.action();
        action.check(&server.id, &server.vm_state, &server.task_state)?;
        placed(server)?;
        let deps = &self.0.deps;
        let now = deps.runtime.clock.now();
        let mut tx = deps.db.begin().await?;
        let change = store::servers::Change { task_state: Some(action.task()), ..Default::default() };
        if !store::servers::state_change(&mut tx, &server.id, Some(&server.task_state), &change, now).await? {
            drop(tx);
            return Err(self.changed_meanwhile(server, action).await?);
        }
        let deadline = now.checked_add(POWER_LIMIT_MINUTES.minutes()).unwrap_or(Timestamp::MAX);
        deps.work.submit(&mut tx, &operation(caller, server, deadline, ServerPower::new(&server.id, power))).await?;
        tx.commit().await?;
        deps.work.wake();
        Ok(())
    }

    /// The refusal for a server whose state changed between look and claim.
    async fn changed_meanwhile(&self, server: &Server, action: Action) -> Result<Error> {
        let Some(now) = store::servers::server_get(self.db(), &server.id).await? else {
            return Ok(super::not_found(&server.id));
        };
        Ok(action.check(&now.id, &now.vm_state, &now.task_state).err().unwrap_or_else(|| {
            Error::conflict(format!("Instance {} changed at the same moment; try again.", server.id))
        }))
    }
}

/// 409 for a server that never got as far as a node.
pub(crate) fn placed(server: &Server) -> Result<()> {
    if server.host.is_empty() {
        return Err(Error::conflict(format!("Instance {} is not ready: it is on no node.", server.id)));
    }
    Ok(())
}

fn operation<O>(caller: &Caller, server: &Server, deadline: Timestamp, data: O) -> work::NewOperation<O> {
    work::NewOperation {
        target: server.work_target(),
        project_id: Some(server.project_id.clone()),
        user_id: Some(caller.token.user_id.clone()),
        request_id: caller.request_id.clone(),
        deadline,
        data,
    }
}
