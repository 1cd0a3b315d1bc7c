//! All nodes in memory: a copy of the tables that is brought up to date, by what changed since, before each use. So
//! choosing a node costs the same however many there are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};

use ::api::Result;
use jiff::{SignedDuration, Timestamp};
use rpds::HashTrieMapSync;
use serde_json::Value;

use crate::Compute;
use crate::nodes::Node;
use crate::store::fleet as store;

/// How old what is known of the nodes' last reports may be. A node counts as up for much longer.
const SEEN_AGE: SignedDuration = SignedDuration::from_secs(1);

/// A node, and what its row says in other words.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) node: Node,
    pub(crate) host: Arc<str>,
    pub(crate) address: Arc<str>,
    pub(crate) hypervisor_type: Arc<str>,
    pub(crate) architecture: Arc<str>,
    pub(crate) cpu_info: Arc<Value>,
    pub(crate) metrics: Arc<BTreeMap<&'static str, f64>>,
    pub(crate) traits: Arc<BTreeSet<String>>,
    pub(crate) numa: Arc<protocol::numa::Host>,
}

/// The nodes as of a revision. Who holds it keeps what it was; the maps share what did not change with those that follow, so
/// that one node's change costs the same however many there are.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fleet {
    revision: store::Revision,
    nodes: HashTrieMapSync<String, Arc<Known>>,
    /// The ids of the nodes, by host.
    ids: HashTrieMapSync<String, String>,
    /// When each node was heard of last.
    seen: HashTrieMapSync<String, Timestamp>,
    /// When that was looked up.
    seen_read: Timestamp,
}

impl Fleet {
    pub(crate) fn get(&self, id: &str) -> Option<&Arc<Known>> {
        self.nodes.get(id)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Known>> {
        self.nodes.values()
    }

    pub(crate) fn of_host(&self, host: &str) -> Option<&Arc<Known>> {
        self.nodes.get(self.ids.get(host)?)
    }

    /// When the node was heard of last.
    pub(crate) fn seen_at(&self, node: &Node) -> Timestamp {
        self.seen.get(&node.host).copied().unwrap_or(node.seen_at).max(node.seen_at)
    }
}

impl Compute {
    /// Whether the node's agent reported lately and no administrator says that it is down.
    pub(crate) fn known_is_up(&self, fleet: &Fleet, known: &Known) -> bool {
        !known.node.forced_down && self.is_fresh(fleet.seen_at(&known.node))
    }

    /// All nodes as they are now. Costs one tiny query, and reading what changed since the last time.
    pub(crate) async fn fleet(&self) -> Result<Arc<Fleet>> {
        let now = self.runtime().clock.now();
        let known = Arc::clone(&self.0.fleet.lock().unwrap_or_else(PoisonError::into_inner));
        let revision = store::revision(self.db()).await?;
        let stale = now.duration_since(known.seen_read).abs() >= SEEN_AGE;
        if known.revision == revision && !stale {
            return Ok(known);
        }
        let whole = known.revision.deleted != revision.deleted;
        let since = if whole { 0 } else { known.revision.changed };
        let seen_since = known.seen.values().max().copied().unwrap_or(Timestamp::UNIX_EPOCH);
        drop(known);
        let nodes =
            if whole || since != revision.changed { store::nodes_since(self.db(), since).await? } else { Vec::new() };
        let seen = if stale { store::seen_since(self.db(), seen_since).await? } else { Vec::new() };
        let mut kept = self.0.fleet.lock().unwrap_or_else(PoisonError::into_inner);
        let fleet = Arc::make_mut(&mut kept);
        // Others may have brought it further meanwhile; what they read is newer than this.
        if fleet.revision < revision {
            if whole {
                fleet.nodes = HashTrieMapSync::default();
                fleet.ids = HashTrieMapSync::default();
            }
            for node in nodes {
                fleet.ids.insert_mut(node.host.clone(), node.id.clone());
                fleet.nodes.insert_mut(node.id.clone(), Arc::new(known_of(node)));
            }
            fleet.revision = revision;
        }
        for store::Seen { host, seen_at } in seen {
            fleet.seen.insert_mut(host, seen_at);
        }
        if stale {
            fleet.seen_read = now;
        }
        Ok(Arc::clone(&kept))
    }
}

fn known_of(node: Node) -> Known {
    let info: Value = serde_json::from_str(&node.cpu_info).unwrap_or(Value::Null);
    Known {
        host: node.host.as_str().into(),
        address: node.address.as_str().into(),
        hypervisor_type: node.hypervisor_type.as_str().into(),
        architecture: info["arch"].as_str().unwrap_or_default().into(),
        cpu_info: Arc::new(info),
        metrics: Arc::new(metrics(&node)),
        traits: Arc::new(node.traits.0.iter().cloned().collect()),
        numa: Arc::new(node.numa.0.clone()),
        node,
    }
}

/// What the node measures, by the names of the metrics weigher.
#[expect(clippy::cast_precision_loss, reason = "amounts are far below 2^52")]
fn metrics(node: &Node) -> BTreeMap<&'static str, f64> {
    let percent = |part: i64, of: i64| (of > 0).then(|| 100.0 * part as f64 / of as f64);
    [
        ("memory.percent", percent(node.memory_used_mb, node.memory_mb)),
        ("disk.percent", percent(node.disk_gb - node.disk_free_gb, node.disk_gb)),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
    .collect()
}
