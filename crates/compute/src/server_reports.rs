//! What the nodes say of servers, against what the database says.

use std::collections::BTreeSet;
use std::time::Duration;

use ::api::Result;
use protocol::{PowerState, ServerReport};

use crate::store::servers::{Change, From, Placed, servers_of_host, state_change};
use crate::{Compute, state, store};

/// A report that contradicts a change younger than this may be older than the change; the next one tells.
const SETTLED_AFTER: Duration = Duration::from_secs(3);

impl Compute {
    /// Takes in one server's power state.
    pub(crate) async fn server_report(&self, host: &str, report: &ServerReport) -> Result<()> {
        let Some(server) = store::servers::server_get(self.db(), &report.id).await? else { return Ok(()) };
        if server.host != host {
            return Ok(());
        }
        let placed = Placed {
            id: server.id,
            vm_state: server.vm_state,
            task_state: server.task_state,
            power_state: server.power_state,
            updated_at: server.updated_at,
        };
        self.power_sync(&placed, report.power_state).await
    }

    /// Takes in all servers of a node. Returns those that it should not have.
    pub(crate) async fn servers_report(&self, host: &str, reports: &[ServerReport]) -> Result<Vec<String>> {
        if reports.is_empty() {
            return Ok(Vec::new());
        }
        let placed = servers_of_host(self.db(), host).await?;
        for report in reports {
            if let Some(server) = placed.iter().find(|server| server.id == report.id) {
                self.power_sync(server, report.power_state).await?;
            }
        }
        let mine: BTreeSet<&str> = placed.iter().map(|server| server.id.as_str()).collect();
        let others: Vec<String> =
            reports.iter().map(|report| report.id.clone()).filter(|id| !mine.contains(id.as_str())).collect();
        self.orphans(host, others).await
    }

    /// Those of the domains on a node that may go: of servers that are deleted, or are on no node at all. A domain of a
    /// server that nobody knows, or that is on another node, stays: the database may be an old copy, or the node renamed,
    /// and what it is would be lost.
    async fn orphans(&self, host: &str, ids: Vec<String>) -> Result<Vec<String>> {
        if ids.is_empty() {
            return Ok(ids);
        }
        let known = store::servers::whereabouts(self.db(), &ids).await?;
        let (gone, kept): (Vec<String>, Vec<String>) =
            ids.into_iter().partition(|id| known.get(id).is_some_and(|place| place.is_gone || place.host.is_empty()));
        for server in kept {
            let on = known.get(&server).map_or("unknown", |place| place.host.as_str());
            tracing::warn!(host, server, on, "a node has the domain of a server that is not its own; it is left alone");
        }
        Ok(gone)
    }

    /// A guest that went off or came back by itself is shown as it is, unless something is being done to it.
    async fn power_sync(&self, server: &Placed, power_state: PowerState) -> Result<()> {
        let vm_state = match (server.vm_state.as_str(), power_state) {
            (state::ACTIVE | state::PAUSED, PowerState::Shutdown | PowerState::Crashed) => state::STOPPED,
            (state::STOPPED, PowerState::Running) => state::ACTIVE,
            (same, _) => same,
        };
        let now = self.runtime().clock.now();
        let settled = server.updated_at.checked_add(SETTLED_AFTER).is_ok_and(|settled| settled <= now);
        let known = server.vm_state == vm_state && server.power_state == power_state.number();
        if known || !settled || !server.task_state.is_empty() || server.vm_state == state::BUILDING {
            return Ok(());
        }
        tracing::info!(server = server.id, from = server.vm_state, to = vm_state, "the guest changed its power itself");
        let change = Change { vm_state: Some(vm_state), power_state: Some(power_state.number()), ..Change::default() };
        let mut tx = self.db().begin().await?;
        let from = From { vm_state: &server.vm_state, task_state: "" };
        state_change(&mut tx, &server.id, Some(from), &change, now).await?;
        tx.commit().await?;
        Ok(())
    }
}
