use super::super::{Node, Request};
use super::Filter;

/// The node's agent reports, and nobody disabled it.
pub(super) struct ComputeUp;

impl Filter for ComputeUp {
    fn name(&self) -> &'static str {
        "ComputeFilter"
    }

    fn passes(&self, node: &Node, _: &Request) -> bool {
        node.alive && node.enabled
    }
}
