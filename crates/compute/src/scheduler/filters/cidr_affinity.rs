use std::net::IpAddr;

use super::super::{Config, Node, Request};
use super::Filter;

/// The node's address is in the range that the user named (`build_near_host_ip` and `cidr`).
pub(super) struct SimpleCidrAffinity;

impl Filter for SimpleCidrAffinity {
    fn name(&self) -> &'static str {
        "SimpleCIDRAffinityFilter"
    }

    fn passes(&self, node: &Node, request: &Request, _: &Config) -> bool {
        let Some(near) = request.near else { return true };
        node.address.parse::<IpAddr>().is_ok_and(|address| near.contains(&address))
    }

    fn change(&self, _: &Node, _: &Request) -> Option<String> {
        Some("no hint build_near_host_ip".to_owned())
    }
}
