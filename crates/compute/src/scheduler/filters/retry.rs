use super::super::{Node, Request};
use super::Filter;

/// The node did not fail this server before.
pub(super) struct Retry;

impl Filter for Retry {
    fn name(&self) -> &'static str {
        "RetryFilter"
    }

    fn passes(&self, node: &Node, request: &Request) -> bool {
        !request.excluded.contains(&node.host)
    }
}
