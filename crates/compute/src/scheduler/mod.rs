//! Where a server may run, and where best: filters remove nodes, weighers order the rest. Nothing here reads a
//! database: all is decided from [`Node`]s and a [`Request`].

mod filters;
mod refusal;
mod weighers;

use std::collections::{BTreeMap, BTreeSet};

pub(crate) use refusal::Refusal;

/// How much of something a node may give out, and has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Capacity {
    pub(crate) total: i64,
    pub(crate) used: i64,
}

impl Capacity {
    /// What is left.
    pub(crate) fn free(self) -> i64 {
        (self.total - self.used).max(0)
    }
}

/// A node as the scheduler sees it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Node {
    /// Its resource provider.
    pub(crate) id: String,
    pub(crate) host: String,
    pub(crate) zone: String,
    /// Whether its agent reports.
    pub(crate) alive: bool,
    /// Whether it may get new servers.
    pub(crate) enabled: bool,
    pub(crate) hypervisor_type: String,
    pub(crate) hypervisor_version: i64,
    pub(crate) architecture: String,
    pub(crate) traits: BTreeSet<String>,
    pub(crate) vcpus: Capacity,
    pub(crate) memory_mb: Capacity,
    pub(crate) disk_gb: Capacity,
}

/// What a server needs of its node.
#[derive(Debug, Clone, Default)]
pub(crate) struct Request {
    pub(crate) zone: String,
    pub(crate) host: String,
    /// Nodes that failed before.
    pub(crate) excluded: Vec<String>,
    pub(crate) image_properties: BTreeMap<String, String>,
    pub(crate) extra_specs: BTreeMap<String, String>,
    pub(crate) vcpus: i64,
    pub(crate) memory_mb: i64,
    pub(crate) disk_gb: i64,
    pub(crate) required_traits: Vec<String>,
    pub(crate) forbidden_traits: Vec<String>,
}

/// How much each weigher counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Multipliers {
    /// Free memory; a negative number packs servers instead of spreading them.
    pub ram: f64,
    /// Free virtual CPUs.
    pub cpu: f64,
    /// Free disk.
    pub disk: f64,
}

impl Default for Multipliers {
    fn default() -> Self {
        Self { ram: 1.0, cpu: 1.0, disk: 1.0 }
    }
}

/// The nodes that can take the server, best first; if there is none, why.
pub(crate) fn select<'a>(
    nodes: &'a [Node],
    request: &Request,
    multipliers: Multipliers,
) -> Result<Vec<&'a Node>, Box<Refusal>> {
    let mut left: Vec<&Node> = nodes.iter().filter(|node| filters::all_pass(node, request)).collect();
    if left.is_empty() {
        return Err(Box::new(refusal::explain(nodes, request)));
    }
    weighers::sort(&mut left, multipliers);
    Ok(left)
}

#[cfg(test)]
mod tests;
