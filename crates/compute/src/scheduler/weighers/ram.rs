use super::super::{Multipliers, Node};
use super::Weigher;

/// The more memory is left, the better.
pub(super) struct Ram;

impl Weigher for Ram {
    fn weigh(&self, node: &Node) -> f64 {
        node.memory_mb.free() as f64
    }

    fn multiplier(&self, multipliers: Multipliers) -> f64 {
        multipliers.ram
    }
}
