use super::super::{Config, Node, Request};
use super::Filter;

/// The node has none of the servers that the user named.
pub(super) struct DifferentHost;

impl Filter for DifferentHost {
    fn name(&self) -> &'static str {
        "DifferentHostFilter"
    }

    fn passes(&self, node: &Node, request: &Request, _: &Config) -> bool {
        !request.different_hosts.contains(&*node.host)
    }

    fn change(&self, _: &Node, _: &Request) -> Option<String> {
        Some("no hint different_host".to_owned())
    }
}
