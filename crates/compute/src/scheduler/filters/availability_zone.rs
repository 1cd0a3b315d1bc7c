use super::super::{Config, Node, Request};
use super::Filter;

/// The node is in the zone that was asked for.
pub(super) struct AvailabilityZone;

impl Filter for AvailabilityZone {
    fn name(&self) -> &'static str {
        "AvailabilityZoneFilter"
    }

    fn always(&self) -> bool {
        true
    }

    fn passes(&self, node: &Node, request: &Request, _: &Config) -> bool {
        request.zone.is_empty() || *node.zone == request.zone
    }

    fn change(&self, node: &Node, _: &Request) -> Option<String> {
        Some(format!("availability zone {}", node.zone))
    }
}
