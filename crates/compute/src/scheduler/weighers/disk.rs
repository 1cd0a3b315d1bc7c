use super::super::{Multipliers, Node};
use super::Weigher;

/// The more disk is left, the better.
pub(super) struct Disk;

impl Weigher for Disk {
    fn weigh(&self, node: &Node) -> f64 {
        node.disk_gb.free() as f64
    }

    fn multiplier(&self, multipliers: Multipliers) -> f64 {
        multipliers.disk
    }
}
