//! Waiting until nodes do what the northbound database says.
//!
//! The northbound database's `nb_cfg` is counted up; every node writes the number to its own row of the southbound
//! database once its switch does all that was said before (`ovn-nb(5)`, `ovn-sb(5)`).

use std::collections::BTreeSet;
use std::time::Duration;

use api::Result;
use ovsdb::{Condition, Mutation, Tables, Transaction};
use tracing::warn;

use super::nodes::{node_answered, nodes_of_ports};
use super::row::{ROUTER, ROUTER_PORT};
use super::{Backend, NORTHBOUND, router, unavailable};
use crate::model::FloatingTarget;

/// How long is waited: a node that is down never answers.
const LIMIT: Duration = Duration::from_secs(5);

const GLOBAL: &str = "NB_Global";

impl Backend {
    /// Waits until the nodes that packets to these servers pass do what the northbound database says now, five seconds
    /// at most. An error if OVN does not answer.
    pub(crate) async fn carried_out(&self, targets: &[FloatingTarget]) -> Result<()> {
        let mut south = self.south().await?;
        let mut ports: BTreeSet<String> = targets.iter().map(|target| target.port_id.clone()).collect();
        ports.extend(gateways(&self.north().await?.tables(), targets));
        let nodes = nodes_of_ports(&south.tables(), &ports);
        if nodes.is_empty() {
            return Ok(());
        }
        let number = self.count_up().await.map_err(unavailable)?;
        let all = south.wait_for(|tables| nodes.iter().all(|node| node_answered(tables, node) >= number));
        match tokio::time::timeout(LIMIT, all).await {
            Ok(answered) => answered.map(drop).map_err(unavailable),
            Err(_) => {
                warn!(?nodes, "the nodes did not say in time that they lead floating addresses elsewhere");
                Ok(())
            }
        }
    }

    async fn count_up(&self) -> ovsdb::Result<i64> {
        let mut transaction = Transaction::new();
        transaction.mutate(GLOBAL, [], [Mutation::add("nb_cfg", 1)]);
        let read = transaction.select(GLOBAL, [] as [Condition; 0], &["nb_cfg"]);
        let results = self.0.north.transact(NORTHBOUND, transaction).await?;
        results.rows(read)?.first().map_or(Ok(0), |row| row.integer("nb_cfg"))
    }
}

/// The ports in the southbound database that stand for the routers' ways out, where they are now.
fn gateways(tables: &Tables, targets: &[FloatingTarget]) -> Vec<String> {
    let routers = targets.iter().filter_map(|target| tables.row(ROUTER, router::router(&target.router_id)));
    let ports = routers.flat_map(|router| router.set_uuid("ports").unwrap_or_default());
    let rows = ports.filter_map(|port| tables.row(ROUTER_PORT, port));
    let outside = rows.filter(|row| row.set_uuid("gateway_chassis").is_ok_and(|nodes| !nodes.is_empty()));
    outside.filter_map(|row| Some(format!("cr-{}", row.string("name").ok()?))).collect()
}
