use super::super::{Config, Node, Request};
use super::Weigher;

/// The more memory is left, the better.
pub(super) struct Ram;

impl Weigher for Ram {
    fn name(&self) -> &'static str {
        "RAMWeigher"
    }

    fn weigh(&self, node: &Node, _: &Request, _: &Config) -> f64 {
        node.memory_mb.free() as f64
    }

    fn multiplier(&self, config: &Config) -> f64 {
        config.ram_weight_multiplier
    }

    fn key(&self) -> &'static str {
        "ram_weight_multiplier"
    }
}
