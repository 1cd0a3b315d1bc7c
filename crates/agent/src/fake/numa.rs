//! The processors and memory of a fake node.

use protocol::numa::{Host, HostCell, Taken};

use super::Node;
use super::state::State;

/// The size of its pages in KiB.
const PAGE_KIB: u64 = 4;

impl Node {
    /// The node's processors and memory, and what its servers have of them.
    pub(super) fn numa(&self, state: &State) -> Host {
        let taken = state.servers.iter().filter(|(_, server)| server.taken != Taken::default());
        let taken = taken.map(|(id, server)| (id.clone(), server.taken.clone())).collect();
        Host { taken, ..self.0.numa.clone() }
    }
}

/// NUMA nodes, all alike but for what cannot be shared out evenly.
pub(super) fn host(resources: &protocol::Resources, numa_nodes: u32) -> Host {
    let (cpus, count) = (resources.vcpus + resources.dedicated_cpus, numa_nodes.max(1));
    let share = |amount: u32, id: u32| amount / count + u32::from(id < amount % count);
    let mut host = Host::default();
    let mut next = 0;
    for id in 0..count {
        let end = (next + share(cpus, id)).min(cpus);
        host.dedicated.0.extend(end - share(resources.dedicated_cpus, id)..end);
        host.cells.push(HostCell {
            id,
            pages: vec![(PAGE_KIB, resources.memory_mb / u64::from(count) * 1024)],
            cpus: (next..end).collect(),
            ..HostCell::default()
        });
        next = end;
    }
    host
}
