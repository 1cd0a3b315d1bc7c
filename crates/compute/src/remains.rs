//! What is left of servers on nodes that were away when it was to go.

use std::collections::BTreeMap;
use std::time::Duration;

use ::api::Result;
use futures_util::future::join_all;
use protocol::{Call, Problem};

use crate::Compute;
use crate::store::remains::{self as store, Remains};
use crate::work::agent::Trouble;

/// How often it is looked, beside the moment when a node comes back.
const LOOK: Duration = Duration::from_secs(10);

impl Compute {
    /// Notes that the node may have something of the server, which is not to be there.
    pub(crate) async fn remains_note(&self, host: &str, server_id: &str) -> Result<()> {
        let mut tx = self.db().begin().await?;
        store::note(&mut tx, host, server_id).await?;
        Ok(tx.commit().await?)
    }

    /// The nodes that the server cannot come to: what is left of an earlier time there is still to go.
    pub(crate) async fn remains_hosts(&self, server_id: &str) -> Result<Vec<String>> {
        Ok(store::of_server(self.db(), server_id).await?.into_iter().map(|remains| remains.host).collect())
    }

    /// Has the nodes remove it, as soon as they can.
    pub(crate) async fn remains_remove_always(self) {
        loop {
            if let Err(error) = self.remains_remove().await {
                tracing::warn!(%error, cause = ?error.cause, "what is left of servers cannot be looked up; it is tried again");
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = self.0.node_back.notified() => {}
            }
        }
    }

    async fn remains_remove(&self) -> Result<()> {
        let mut by_host = BTreeMap::<String, Vec<Remains>>::new();
        for remains in store::all(self.db()).await? {
            by_host.entry(remains.host.clone()).or_default().push(remains);
        }
        join_all(by_host.iter().map(|(host, all)| self.remains_remove_from(host, all))).await;
        Ok(())
    }

    /// Goes on until the node does not answer.
    async fn remains_remove_from(&self, host: &str, all: &[Remains]) {
        for remains in all {
            match self.remains_remove_one(remains).await {
                Ok(true) => tracing::info!(host, server = remains.server_id, "what was left of a server is gone"),
                Ok(false) => return,
                Err(error) => {
                    tracing::warn!(host, server = remains.server_id, %error, "what is left of a server stays for now");
                }
            }
        }
    }

    /// Whether the node answered.
    async fn remains_remove_one(&self, remains: &Remains) -> Result<bool> {
        if !self.host_is_up(&remains.host).await? {
            return Ok(false);
        }
        let call = Call::ServerDelete { server_id: remains.server_id.clone(), taps: Vec::new() };
        match self.ask(&remains.host, &call).await {
            Ok(_) | Err(Trouble::Problem(Problem::NotFound)) => {}
            Err(Trouble::Away(_)) => return Ok(false),
            Err(trouble) => return Err(::api::Error::internal(trouble)),
        }
        let mut tx = self.db().begin().await?;
        store::forget(&mut tx, remains).await?;
        tx.commit().await?;
        Ok(true)
    }
}
