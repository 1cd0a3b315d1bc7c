use super::super::{Multipliers, Node};
use super::Weigher;

/// The more virtual CPUs are left, the better.
pub(super) struct Cpu;

impl Weigher for Cpu {
    fn weigh(&self, node: &Node) -> f64 {
        node.vcpus.free() as f64
    }

    fn multiplier(&self, multipliers: Multipliers) -> f64 {
        multipliers.cpu
    }
}
