//! Compares everything, in both directions, by the clock and whenever somebody asks.

use std::collections::BTreeSet;

use api::Result;
use tracing::{info, warn};

use super::row::{OWNER, Owner, Place, TABLES};
use super::scope::Scope;
use super::{Backend, Outcome};
use crate::model::Model;
use crate::{Kind, Network};

/// How many networks, routers or groups are compared at once.
const CHUNK: usize = 50;

pub(super) fn start(backend: &Backend, network: &Network) {
    let (backend, model) = (backend.clone(), network.model());
    network.0.runtime.tasks.spawn_until_stop("ovn reconciler", async move {
        loop {
            match backend.reconcile(&model).await {
                Ok(0) => {}
                Ok(changed) => info!(changed, "OVN was not what it should be and was repaired"),
                Err(error) => warn!(cause = ?error.cause, "OVN could not be compared: {error}"),
            }
            // Until the next round, or somebody asks.
            let interval = backend.0.options.reconcile_interval;
            let _ = tokio::time::timeout(interval, backend.0.reconcile.notified()).await;
        }
    });
}

impl Backend {
    /// Makes all of OVN what the database says and removes what is ours and should not be. Gives how many rows and
    /// references were wrong.
    pub async fn reconcile(&self, model: &Model) -> Result<usize> {
        let mut total = Outcome::default();
        for (kind, ids) in [
            (Kind::SecurityGroup, model.security_group_ids().await?),
            (Kind::Network, model.network_ids().await?),
            (Kind::Router, model.router_ids().await?),
        ] {
            for chunk in ids.chunks(CHUNK) {
                let mut scope = Scope::default();
                chunk.iter().for_each(|id| scope.add(kind, id, None));
                total.add(self.converge(model, &scope).await?);
            }
        }
        // Also when there is nothing, the group of all protected ports should be.
        total.add(self.converge(model, &Scope::default()).await?);
        let suspects = self.suspects(&total.rows).await?;
        if suspects != Scope::default() {
            total.add(self.converge(model, &suspects).await?);
        }
        Ok(total.changed)
    }

    /// Our rows that nobody said should be, and what they say they are there for.
    async fn suspects(&self, wanted: &BTreeSet<Place>) -> Result<Scope> {
        let mut scope = Scope::default();
        let north = self.north().await?;
        let tables = north.tables();
        for (table, _) in TABLES {
            for (uuid, row) in tables.rows(table) {
                let marked = row.map_value("external_ids", OWNER).is_ok_and(|mark| mark.is_some());
                if !marked || wanted.contains(&(*table, uuid)) {
                    continue;
                }
                scope.suspects.insert((*table, uuid));
                if let Some(Some(Owner::Thing(kind, id))) = Owner::of(row) {
                    scope.add(kind, &id, None);
                }
            }
        }
        Ok(scope)
    }
}

impl Outcome {
    fn add(&mut self, other: Self) {
        self.changed += other.changed;
        self.rows.extend(other.rows);
    }
}
