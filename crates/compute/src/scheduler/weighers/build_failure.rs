use super::super::{Config, Node, Request};
use super::Weigher;

/// The fewer servers failed to come up there lately, the better.
pub(super) struct BuildFailure;

impl Weigher for BuildFailure {
    fn name(&self) -> &'static str {
        "BuildFailureWeigher"
    }

    fn weigh(&self, node: &Node, _: &Request, _: &Config) -> f64 {
        -(node.build_failures as f64)
    }

    fn multiplier(&self, config: &Config) -> f64 {
        config.build_failure_weight_multiplier
    }

    fn key(&self) -> &'static str {
        "build_failure_weight_multiplier"
    }
}
