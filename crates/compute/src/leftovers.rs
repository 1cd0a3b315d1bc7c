//! What is left of servers on nodes that were away when it was to go. A server does not come to a node that has something
//! of it (`host_set`), and nothing is removed from the node that the server is on (`take`): so nobody loses a disk.

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::time::Duration;

use ::api::{Error, Result};
use jiff::SignedDuration;
use protocol::{Call, Problem};

use crate::Compute;
use crate::store::leftovers::{self as store, Leftover};
use crate::work::agent::Trouble;

/// How often it is looked, beside the moment when a node comes back.
const LOOK: Duration = Duration::from_secs(10);

/// How long one removal has for itself, which is longer than the call may take; one that failed waits as long.
const BUSY: SignedDuration = SignedDuration::from_secs(180);

impl Compute {
    /// Notes that the node may have something of the server.
    pub(crate) async fn leftover_note(&self, host: &str, server_id: &str) -> Result<()> {
        let mut tx = self.db().begin().await?;
        store::note(&mut tx, host, server_id).await?;
        Ok(tx.commit().await?)
    }

    /// Has nodes that are up remove what they have.
    pub(crate) async fn leftovers_remove_always(self) {
        loop {
            if let Err(error) = self.leftovers_remove().await {
                tracing::warn!(%error, cause = ?error.cause, "what is left of servers is not known; it is looked again");
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = self.0.node_back.notified() => {}
            }
        }
    }

    /// Goes to each node in a task of its own, so that none waits for another.
    async fn leftovers_remove(&self) -> Result<()> {
        let now = self.runtime().clock.now();
        let since = now.checked_sub(self.options().service_down_after).unwrap_or(now);
        let mut by_host = BTreeMap::<String, Vec<Leftover>>::new();
        for leftover in store::due(self.db(), since, now).await? {
            by_host.entry(leftover.host.clone()).or_default().push(leftover);
        }
        for (host, all) in by_host {
            if self.0.hosts_tidied.lock().unwrap_or_else(PoisonError::into_inner).insert(host.clone()) {
                self.runtime().tasks.spawn_until_stop("leftovers", self.clone().host_tidy(host, all));
            }
        }
        Ok(())
    }

    /// Removes what there is, until the node does not answer.
    async fn host_tidy(self, host: String, all: Vec<Leftover>) {
        for leftover in all {
            let server = &leftover.server_id;
            match self.leftover_remove(&leftover).await {
                Ok(()) => {}
                Err(Trouble::Away(error)) => {
                    tracing::warn!(
                        host,
                        server,
                        error,
                        "the node did not remove what is left of a server; it is asked again"
                    );
                    break;
                }
                Err(Trouble::Problem(problem)) => {
                    tracing::warn!(host, server, %problem, "what is left of a server cannot be removed; it is tried again");
                }
            }
        }
        self.0.hosts_tidied.lock().unwrap_or_else(PoisonError::into_inner).remove(&host);
    }

    async fn leftover_remove(&self, leftover: &Leftover) -> std::result::Result<(), Trouble> {
        let Leftover { host, server_id } = leftover;
        let failed = |error: Error| Trouble::Problem(Problem::Temporary(error.to_string()));
        if !self.leftover_take(leftover).await.map_err(failed)? {
            return Ok(());
        }
        let call = Call::ServerDelete { server_id: server_id.clone(), taps: Vec::new() };
        match self.ask(host, &call).await {
            Ok(_) | Err(Trouble::Problem(Problem::NotFound)) => {}
            Err(trouble) => return Err(trouble),
        }
        tracing::info!(host, server = server_id, "what was left of a server is gone");
        self.leftover_forget(host, server_id).await.map_err(failed)
    }

    async fn leftover_take(&self, leftover: &Leftover) -> Result<bool> {
        let now = self.runtime().clock.now();
        let mut tx = self.db().begin().await?;
        let taken = store::take(&mut tx, leftover, now, now.checked_add(BUSY).unwrap_or(now)).await?;
        tx.commit().await?;
        Ok(taken)
    }

    async fn leftover_forget(&self, host: &str, server_id: &str) -> Result<()> {
        let mut tx = self.db().begin().await?;
        store::forget(&mut tx, host, server_id).await?;
        Ok(tx.commit().await?)
    }
}
