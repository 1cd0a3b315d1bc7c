use super::super::{Config, Node, Request};
use super::Weigher;

/// The more virtual CPUs are left, the better.
pub(super) struct Cpu;

impl Weigher for Cpu {
    fn name(&self) -> &'static str {
        "CPUWeigher"
    }

    fn weigh(&self, node: &Node, _: &Request, _: &Config) -> f64 {
        node.vcpus.free() as f64
    }

    fn multiplier(&self, config: &Config) -> f64 {
        config.cpu_weight_multiplier
    }

    fn key(&self) -> &'static str {
        "cpu_weight_multiplier"
    }
}
