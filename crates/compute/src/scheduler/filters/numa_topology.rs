use protocol::numa::{Guest, Host, HostCell, Unfit};

use super::super::{Config, Node, Request};
use super::{Another, Filter};

/// The node has a place for a server that is choosy about it: free NUMA nodes (`hw:numa_nodes`), processors of its own
/// (`hw:cpu_policy`) and pages (`hw:mem_page_size`), as the node itself would choose them.
pub(super) struct NumaTopology;

impl Filter for NumaTopology {
    fn name(&self) -> &'static str {
        "NUMATopologyFilter"
    }

    fn asks_again(&self, another: Another) -> bool {
        another == Another::Flavor
    }

    fn passes(&self, node: &Node, request: &Request, _: &Config) -> bool {
        request.guest.cells.is_empty() || node.numa.place(&request.guest, &request.server_id).is_ok()
    }

    fn change(&self, node: &Node, request: &Request) -> Option<String> {
        let empty = Host { cells: node.numa.cells.clone(), dedicated: node.numa.dedicated.clone(), ..Host::default() };
        Some(match empty.place(&request.guest, &request.server_id) {
            // It would have room if others had not.
            Ok(_) => return None,
            Err(Unfit::NoneDedicated) => "processors that are shared with others".to_owned(),
            Err(Unfit::NoThreads | Unfit::HasThreads) => "another hw:cpu_thread_policy".to_owned(),
            Err(Unfit::Full) => most(&empty, &request.guest)?,
        })
    }
}

/// The most that the node could give.
fn most(host: &Host, guest: &Guest) -> Option<String> {
    let own = !guest.dedicated.is_empty();
    let cpus = |cell: &HostCell| cell.cpus().iter().filter(|cpu| host.dedicated.0.contains(cpu) == own).count();
    let pages = |cell: &HostCell| {
        let pages = cell.pages.iter().map(|(size, kib)| format!("{} MB in pages of {size} KiB", kib >> 10));
        pages.collect::<Vec<_>>().join(" and ")
    };
    let largest = host.cells.iter().max_by_key(|cell| (cpus(cell), cell.memory_kib()))?;
    Some(format!("at most {} NUMA nodes of {} vCPUs and {}", host.cells.len(), cpus(largest), pages(largest)))
}
