//! Tells the network service which ports are wired, as the nodes report it.

use std::collections::BTreeMap;
use std::time::Duration;

use api::Result;
use tracing::warn;

use super::Backend;
use super::nodes::{Nodes, port_states};
use crate::Network;

/// After an error: the database is away, or OVN.
const PAUSE: Duration = Duration::from_secs(1);

/// How many networks are read at once.
const CHUNK: usize = 50;

pub(super) fn start(backend: &Backend, network: &Network) {
    let (backend, network) = (backend.clone(), network.clone());
    let tasks = network.0.runtime.tasks.clone();
    tasks.spawn_until_stop("ovn port status", async move {
        loop {
            if let Err(error) = follow(&backend, &network).await {
                warn!(cause = ?error.cause, "The ports' states could not be followed: {error}");
            }
            tokio::time::sleep(PAUSE).await;
        }
    });
}

/// Ends only with an error.
async fn follow(backend: &Backend, network: &Network) -> Result<()> {
    let mut south = backend.south().await?;
    let mut known = recorded(network).await?;
    let mut nodes = Nodes::new(&south.tables());
    loop {
        let (states, now) = {
            let tables = south.tables();
            (port_states(&tables), Nodes::new(&tables))
        };
        let changes = differences(&known, &states);
        if !changes.is_empty() {
            network.port_status_set(&changes).await?;
        }
        known = states;
        if now
            .0
            .iter()
            .map(|node| (&node.chassis, &node.host, &node.physical_networks, node.is_gateway))
            .ne(nodes.0.iter().map(|node| (&node.chassis, &node.host, &node.physical_networks, node.is_gateway)))
        {
            // Routers may get out elsewhere.
            backend.reconcile_soon();
        }
        nodes = now;
        south.changed().await.map_err(super::unavailable)?;
    }
}

/// What the database says of the ports that OVN has.
async fn recorded(network: &Network) -> Result<BTreeMap<String, bool>> {
    let model = network.model();
    let mut known = BTreeMap::new();
    for chunk in model.network_ids().await?.chunks(CHUNK) {
        let ports = model.networks(chunk).await?.into_iter().flat_map(|view| view.ports);
        let ours = ports.filter(|port| port.host.is_some() && !port.device_owner.starts_with("network:"));
        known.extend(ours.map(|port| (port.standard.id, port.status == "ACTIVE")));
    }
    Ok(known)
}

/// Ports that are wired now and were not, or the other way round; those that are gone are not wired.
fn differences(old: &BTreeMap<String, bool>, new: &BTreeMap<String, bool>) -> Vec<(String, bool)> {
    let gone = old.keys().filter(|id| !new.contains_key(*id)).map(|id| (id, false));
    gone.chain(new.iter().map(|(id, wired)| (id, *wired)))
        .filter(|(id, wired)| old.get(*id).copied().unwrap_or_default() != *wired)
        .map(|(id, wired)| (id.clone(), wired))
        .collect()
}
