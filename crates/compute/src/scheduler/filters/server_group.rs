use super::super::{Config, Node, Policy, Request};
use super::Filter;

/// The node has the other servers of the group.
pub(super) struct ServerGroupAffinity;

impl Filter for ServerGroupAffinity {
    fn name(&self) -> &'static str {
        "ServerGroupAffinityFilter"
    }

    fn always(&self) -> bool {
        true
    }

    fn passes(&self, node: &Node, request: &Request, _: &Config) -> bool {
        let group = request.group.as_ref().filter(|group| group.policy == Policy::Affinity);
        group.is_none_or(|group| group.allows(&node.host))
    }

    fn change(&self, _: &Node, _: &Request) -> Option<String> {
        Some("a server group with the policy soft-affinity".to_owned())
    }
}

/// The node does not have as many servers of the group as it may.
pub(super) struct ServerGroupAntiAffinity;

impl Filter for ServerGroupAntiAffinity {
    fn name(&self) -> &'static str {
        "ServerGroupAntiAffinityFilter"
    }

    fn always(&self) -> bool {
        true
    }

    fn passes(&self, node: &Node, request: &Request, _: &Config) -> bool {
        let group = request.group.as_ref().filter(|group| matches!(group.policy, Policy::AntiAffinity(_)));
        group.is_none_or(|group| group.allows(&node.host))
    }

    fn change(&self, _: &Node, _: &Request) -> Option<String> {
        Some("a server group with the policy soft-anti-affinity".to_owned())
    }
}
