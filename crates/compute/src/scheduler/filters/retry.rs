use super::super::{Config, Node, Request};
use super::Filter;

/// The node did not fail this server before.
pub(super) struct Retry;

impl Filter for Retry {
    fn name(&self) -> &'static str {
        "RetryFilter"
    }

    fn always(&self) -> bool {
        true
    }

    fn passes(&self, node: &Node, request: &Request, _: &Config) -> bool {
        !request.excluded.iter().any(|host| **host == *node.host)
    }
}
