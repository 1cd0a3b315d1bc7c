use super::super::{Config, Node, Request};
use super::Filter;

/// The node's agent reports, and nobody disabled it.
pub(super) struct ComputeUp;

impl Filter for ComputeUp {
    fn name(&self) -> &'static str {
        "ComputeFilter"
    }

    fn always(&self) -> bool {
        true
    }

    fn passes(&self, node: &Node, _: &Request, _: &Config) -> bool {
        node.alive && node.enabled
    }
}
