use super::super::{Config, Node, Request};
use super::Filter;

/// The node is the one that was asked for.
pub(super) struct TargetHost;

impl Filter for TargetHost {
    fn name(&self) -> &'static str {
        "TargetHostFilter"
    }

    fn always(&self) -> bool {
        true
    }

    fn passes(&self, node: &Node, request: &Request, _: &Config) -> bool {
        request.host.is_empty() || *node.host == request.host
    }

    fn change(&self, _: &Node, _: &Request) -> Option<String> {
        Some("no particular host".to_owned())
    }
}
