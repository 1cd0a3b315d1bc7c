use protocol::CpuSet;

use super::super::{Config, Node, Numa, Request};
use super::{Another, Filter};

/// The node's NUMA cells, if it reports them, can hold the guest's (`hw:numa_nodes`), each by one of its own.
pub(super) struct NumaTopology;

impl Filter for NumaTopology {
    fn name(&self) -> &'static str {
        "NUMATopologyFilter"
    }

    fn asks_again(&self, another: Another) -> bool {
        another == Another::Flavor
    }

    fn passes(&self, node: &Node, request: &Request, _: &Config) -> bool {
        let (Some(cells), Some(numa)) = (cells(request), node.numa) else { return true };
        let each = |amount: i64| (amount + cells - 1) / cells;
        let Numa { cells: there, cpus, memory_mb } = numa;
        // Cells need not be alike; what one has may be said of each (`hw:numa_cpus.0`, `hw:numa_mem.0`).
        let count = |text: &str| text.parse::<CpuSet>().ok().and_then(|set| i64::try_from(set.0.len()).ok());
        let fits = |cell: i64| {
            let cell_cpus = said(request, "numa_cpus", cell).and_then(count).unwrap_or(each(request.cpus));
            let cell_memory = said(request, "numa_mem", cell).and_then(|text| text.trim().parse().ok());
            cell_cpus <= cpus && cell_memory.unwrap_or(each(request.memory_mb)) <= memory_mb
        };
        cells <= there && (0..cells).all(fits)
    }

    fn change(&self, node: &Node, _: &Request) -> Option<String> {
        node.numa.map(|numa| {
            format!("at most {} NUMA nodes of {} vCPUs and {} MB each", numa.cells, numa.cpus, numa.memory_mb)
        })
    }
}

/// What flavor or image say of one of the guest's cells.
fn said<'a>(request: &'a Request, what: &str, cell: i64) -> Option<&'a str> {
    let (spec, property) = (format!("hw:{what}.{cell}"), format!("hw_{what}.{cell}"));
    request.extra_specs.get(&spec).or_else(|| request.image_properties.get(&property)).map(String::as_str)
}

/// How many NUMA nodes the guest is to see.
fn cells(request: &Request) -> Option<i64> {
    let asked = request.extra_specs.get("hw:numa_nodes").or_else(|| request.image_properties.get("hw_numa_nodes"))?;
    asked.trim().parse().ok().filter(|cells| *cells > 0)
}
