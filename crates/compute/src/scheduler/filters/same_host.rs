use super::super::{Config, Node, Request};
use super::Filter;

/// The node has one of the servers that the user named.
pub(super) struct SameHost;

impl Filter for SameHost {
    fn name(&self) -> &'static str {
        "SameHostFilter"
    }

    fn passes(&self, node: &Node, request: &Request, _: &Config) -> bool {
        request.same_hosts.as_ref().is_none_or(|hosts| hosts.contains(&*node.host))
    }

    fn change(&self, _: &Node, _: &Request) -> Option<String> {
        Some("no hint same_host".to_owned())
    }
}
