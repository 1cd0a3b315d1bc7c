use super::super::{Config, Node, Request};
use super::Weigher;

/// The more disk is left, the better.
pub(super) struct Disk;

impl Weigher for Disk {
    fn name(&self) -> &'static str {
        "DiskWeigher"
    }

    fn weigh(&self, node: &Node, _: &Request, _: &Config) -> f64 {
        node.disk_gb.free() as f64
    }

    fn multiplier(&self, config: &Config) -> f64 {
        config.disk_weight_multiplier
    }

    fn key(&self) -> &'static str {
        "disk_weight_multiplier"
    }
}
