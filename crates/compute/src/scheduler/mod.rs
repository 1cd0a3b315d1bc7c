//! Where a server may run, and where best: filters remove nodes, weighers order the rest. Nothing here reads a
//! database: all is decided from [`Node`]s and a [`Request`].

pub(crate) mod config;
mod filters;
mod refusal;
mod weighers;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ipnet::IpNet;
use placement::{Allocations, Summary};
use protocol::numa;

use crate::aggregates::Aggregate;
pub use config::Config;
pub(crate) use filters::{Another, counts_io_ops, counts_servers};
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
    pub(crate) host: Arc<str>,
    pub(crate) address: Arc<str>,
    pub(crate) zone: Arc<str>,
    /// Whether its agent reports.
    pub(crate) alive: bool,
    /// Whether it may get new servers.
    pub(crate) enabled: bool,
    pub(crate) hypervisor_type: Arc<str>,
    pub(crate) hypervisor_version: i64,
    pub(crate) architecture: Arc<str>,
    /// What it says of its processor.
    pub(crate) cpu_info: Arc<serde_json::Value>,
    /// The traits that its agent reports.
    pub(crate) traits: Arc<BTreeSet<String>>,
    /// What placement knows of it.
    pub(crate) summary: Option<Arc<Summary>>,
    pub(crate) vcpus: Capacity,
    pub(crate) memory_mb: Capacity,
    pub(crate) disk_gb: Capacity,
    pub(crate) numa: Arc<numa::Host>,
    pub(crate) aggregates: Vec<Arc<Aggregate>>,
    /// How many servers it has. Counted only if a filter asks.
    pub(crate) servers: i64,
    /// How many of them are being made, moved, saved or the like.
    pub(crate) io_ops: i64,
    /// How many servers failed to come up there since one did.
    pub(crate) build_failures: i64,
    pub(crate) metrics: Arc<BTreeMap<&'static str, f64>>,
    /// What the server would take there, as placement found it; empty where that was not asked.
    pub(crate) offer: Allocations,
}

impl Node {
    fn has_trait(&self, name: &str) -> bool {
        self.traits.contains(name) || self.summary.as_ref().is_some_and(|summary| summary.traits.contains(name))
    }

    /// What the node's aggregates say under a name.
    fn said<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.aggregates.iter().filter_map(move |aggregate| aggregate.metadata.get(name)).map(String::as_str)
    }

    /// The least number that the node's aggregates say under a name; what is no number does not count.
    fn least_said<T: std::str::FromStr + PartialOrd>(&self, name: &str) -> Option<T> {
        let numbers = self.said(name).filter_map(|text| text.trim().parse::<T>().ok());
        numbers.reduce(|least, number| if number < least { number } else { least })
    }
}

/// What a server needs of its node.
#[derive(Debug, Clone, Default)]
pub(crate) struct Request {
    pub(crate) server_id: String,
    pub(crate) zone: String,
    pub(crate) host: String,
    /// Nodes that failed before.
    pub(crate) excluded: Vec<String>,
    pub(crate) project_id: String,
    /// The flavor's name.
    pub(crate) flavor: String,
    pub(crate) image_properties: BTreeMap<String, String>,
    pub(crate) extra_specs: BTreeMap<String, String>,
    pub(crate) vcpus: i64,
    pub(crate) memory_mb: i64,
    pub(crate) disk_gb: i64,
    /// What it asks of the node's processors and memory.
    pub(crate) guest: numa::Guest,
    /// Whether it has groups of resources that are each met by one provider.
    pub(crate) has_groups: bool,
    /// All that it takes of what placement counts, by resource class, but for the groups.
    pub(crate) resources: BTreeMap<String, i64>,
    pub(crate) required_traits: Vec<String>,
    pub(crate) forbidden_traits: Vec<String>,
    /// The server's group, if it is in one.
    pub(crate) group: Option<Group>,
    /// The nodes of the servers that it is to be with; `None` if the user named none.
    pub(crate) same_hosts: Option<BTreeSet<String>>,
    /// The nodes of the servers that it is not to be with.
    pub(crate) different_hosts: BTreeSet<String>,
    /// Where the node's address is to be.
    pub(crate) near: Option<IpNet>,
    /// A condition on the node in the language of the JSON filter.
    pub(crate) query: Option<serde_json::Value>,
}

/// What binds servers of a group to nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Policy {
    Affinity,
    /// At most so many servers of the group on a node.
    AntiAffinity(i64),
    SoftAffinity,
    SoftAntiAffinity,
}

/// A group and where its other servers are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) policy: Policy,
    /// How many of its servers each node has.
    pub(crate) hosts: BTreeMap<String, i64>,
}

impl Group {
    /// How many of its servers the node has.
    pub(crate) fn on(&self, host: &str) -> i64 {
        self.hosts.get(host).copied().unwrap_or(0)
    }

    /// Whether the policy lets another server onto the node.
    pub(crate) fn allows(&self, host: &str) -> bool {
        match self.policy {
            Policy::Affinity => self.hosts.is_empty() || self.hosts.contains_key(host),
            Policy::AntiAffinity(most) => self.on(host) < most,
            Policy::SoftAffinity | Policy::SoftAntiAffinity => true,
        }
    }
}

/// The nodes that can take the server, best first; if there is none, why.
pub(crate) fn select<'a>(nodes: &'a [Node], request: &Request, config: &Config) -> Result<Vec<&'a Node>, Box<Refusal>> {
    let filters = filters::chosen(config);
    let passes = |node: &Node| filters.iter().all(|filter| filter.passes(node, request, config));
    let mut left: Vec<&Node> = nodes.iter().filter(|node| passes(node)).collect();
    if left.is_empty() {
        return Err(Box::new(refusal::explain(nodes, request, config, &filters)));
    }
    weighers::sort(&mut left, request, config);
    Ok(left)
}

/// Whether a server may stay on its node although its image or flavor is another now; if not, why.
pub(crate) fn recheck(node: Node, request: &Request, another: Another, config: &Config) -> Option<Box<Refusal>> {
    let mut filters = filters::chosen(config);
    filters.retain(|filter| filter.asks_again(another));
    let passes = filters.iter().all(|filter| filter.passes(&node, request, config));
    (!passes).then(|| Box::new(refusal::explain(&[node], request, config, &filters)))
}

#[cfg(test)]
mod tests;
