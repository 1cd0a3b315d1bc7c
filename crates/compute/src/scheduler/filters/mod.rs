//! What a node must have to be considered: one small unit per question.

mod availability_zone;
mod compute_capabilities;
mod compute_up;
mod image_properties;
mod resources;
mod retry;
mod target_host;
mod traits;

use super::{Node, Request};

/// One question that a node must answer with yes.
pub(super) trait Filter: Sync {
    /// The name that users read in a refusal.
    fn name(&self) -> &'static str;
    /// Whether the node will do.
    fn passes(&self, node: &Node, request: &Request) -> bool;
    /// What the user would have to ask for instead so that this node will do; `None` if nothing helps.
    fn change(&self, _node: &Node, _request: &Request) -> Option<String> {
        None
    }
}

/// Every filter, in the order in which they are applied and counted.
pub(super) const FILTERS: &[&dyn Filter] = &[
    &compute_up::ComputeUp,
    &retry::Retry,
    &target_host::TargetHost,
    &availability_zone::AvailabilityZone,
    &image_properties::ImageProperties,
    &compute_capabilities::ComputeCapabilities,
    &traits::Traits,
    &resources::Core,
    &resources::Ram,
    &resources::Disk,
];

/// Whether the node passes every filter.
pub(super) fn all_pass(node: &Node, request: &Request) -> bool {
    FILTERS.iter().all(|filter| filter.passes(node, request))
}
