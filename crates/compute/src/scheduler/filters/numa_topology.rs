use protocol::numa::{Left, Ratios, Unfit};

use super::super::{Config, Node, Request};
use super::{Another, Filter};

/// The node has a place for a server that is choosy about it: free NUMA nodes (`hw:numa_nodes`), processors of its own
/// (`hw:cpu_policy`) and pages (`hw:mem_page_size`), as the node itself would choose them. A node that tells of no NUMA
/// nodes, as one of an older release does, has to see for itself.
pub(super) struct NumaTopology;

impl Filter for NumaTopology {
    fn name(&self) -> &'static str {
        "NUMATopologyFilter"
    }

    fn asks_again(&self, another: Another) -> bool {
        another == Another::Flavor
    }

    fn passes(&self, node: &Node, request: &Request, _: &Config) -> bool {
        request.guest.cells.is_empty()
            || node.numa.cells.is_empty()
            || node.numa.place(&request.guest, &request.server_id, ratios(node)).is_ok()
    }

    fn change(&self, node: &Node, request: &Request) -> Option<String> {
        match node.numa.place(&request.guest, &request.server_id, ratios(node)).err()? {
            Unfit::NoneDedicated => Some("processors that are shared with others".to_owned()),
            Unfit::NoThreads | Unfit::HasThreads => Some("another hw:cpu_thread_policy".to_owned()),
            Unfit::Full => most(node, request),
        }
    }
}

/// How far the node is overcommitted, as placement knows.
fn ratios(node: &Node) -> Option<Ratios> {
    let resources = &node.summary.as_ref()?.resources;
    let ratio = |class| resources.get(class).map(|stock| stock.inventory.allocation_ratio);
    Some(Ratios { cpu: ratio("VCPU").unwrap_or(1.0), ram: ratio("MEMORY_MB")? })
}

/// The most that the node can give now.
fn most(node: &Node, request: &Request) -> Option<String> {
    let left = node.numa.left(&request.guest, &request.server_id, ratios(node));
    let memory = |left: &Left| left.pages.iter().map(|(_, kib)| kib).sum::<u64>();
    let largest = left.iter().max_by_key(|left| (left.cpus, memory(left))).filter(|largest| largest.cpus > 0)?;
    let pages = largest.pages.iter().filter(|(_, kib)| *kib > 0);
    let pages = pages.map(|(size, kib)| format!("{} MB in pages of {size} KiB", kib >> 10));
    let pages = pages.collect::<Vec<_>>().join(" and ");
    Some(format!("at most {} NUMA nodes of {} vCPUs and {pages}", left.len(), largest.cpus))
}
