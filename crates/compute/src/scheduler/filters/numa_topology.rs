use super::super::{Config, Node, Numa, Request};
use super::Filter;

/// The node's NUMA cells, if it reports them, can hold the guest's (`hw:numa_nodes`), each by one of its own.
pub(super) struct NumaTopology;

impl Filter for NumaTopology {
    fn name(&self) -> &'static str {
        "NUMATopologyFilter"
    }

    fn passes(&self, node: &Node, request: &Request, _: &Config) -> bool {
        let (Some(cells), Some(numa)) = (cells(request), node.numa) else { return true };
        let each = |amount: i64| (amount + cells - 1) / cells;
        let Numa { cells: there, cpus, memory_mb } = numa;
        cells <= there && each(request.cpus) <= cpus && each(request.memory_mb) <= memory_mb
    }

    fn change(&self, node: &Node, _: &Request) -> Option<String> {
        node.numa.map(|numa| {
            format!("at most {} NUMA nodes of {} vCPUs and {} MB each", numa.cells, numa.cpus, numa.memory_mb)
        })
    }
}

/// How many NUMA nodes the guest is to see.
fn cells(request: &Request) -> Option<i64> {
    let asked = request.extra_specs.get("hw:numa_nodes").or_else(|| request.image_properties.get("hw_numa_nodes"))?;
    asked.trim().parse().ok().filter(|cells| *cells > 0)
}
