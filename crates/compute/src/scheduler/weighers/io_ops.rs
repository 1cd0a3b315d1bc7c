use super::super::{Config, Node, Request};
use super::Weigher;

/// How many servers are being made, moved, saved or the like; the multiplier is negative, so that fewer are better.
pub(super) struct IoOps;

impl Weigher for IoOps {
    fn name(&self) -> &'static str {
        "IoOpsWeigher"
    }

    fn weigh(&self, node: &Node, _: &Request, _: &Config) -> f64 {
        node.io_ops as f64
    }

    fn multiplier(&self, config: &Config) -> f64 {
        config.io_ops_weight_multiplier
    }

    fn key(&self) -> &'static str {
        "io_ops_weight_multiplier"
    }
}
