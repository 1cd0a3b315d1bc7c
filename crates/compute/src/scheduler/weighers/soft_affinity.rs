use super::super::{Config, Node, Policy, Request};
use super::Weigher;

/// The more servers of the same soft-affinity group are there, the better.
pub(super) struct SoftAffinity;

/// The fewer servers of the same soft-anti-affinity group are there, the better.
pub(super) struct SoftAntiAffinity;

/// How many servers of the request's group the node has, if the group has that policy.
fn members(node: &Node, request: &Request, policy: Policy) -> f64 {
    let group = request.group.as_ref().filter(|group| group.policy == policy);
    group.map_or(0, |group| group.on(&node.host)) as f64
}

impl Weigher for SoftAffinity {
    fn name(&self) -> &'static str {
        "ServerGroupSoftAffinityWeigher"
    }

    fn weigh(&self, node: &Node, request: &Request, _: &Config) -> f64 {
        members(node, request, Policy::SoftAffinity)
    }

    fn multiplier(&self, config: &Config) -> f64 {
        config.soft_affinity_weight_multiplier
    }

    fn key(&self) -> &'static str {
        "soft_affinity_weight_multiplier"
    }
}

impl Weigher for SoftAntiAffinity {
    fn name(&self) -> &'static str {
        "ServerGroupSoftAntiAffinityWeigher"
    }

    fn weigh(&self, node: &Node, request: &Request, _: &Config) -> f64 {
        -members(node, request, Policy::SoftAntiAffinity)
    }

    fn multiplier(&self, config: &Config) -> f64 {
        config.soft_anti_affinity_weight_multiplier
    }

    fn key(&self) -> &'static str {
        "soft_anti_affinity_weight_multiplier"
    }
}
