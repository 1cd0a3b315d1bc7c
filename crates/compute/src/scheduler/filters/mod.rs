//! What a node must have to be considered: one small unit per question.

mod aggregate_extra_specs;
mod aggregate_image_properties;
mod aggregate_multi_tenancy;
mod aggregate_type_affinity;
mod availability_zone;
mod cidr_affinity;
mod compute_capabilities;
mod compute_up;
mod different_host;
mod image_properties;
mod io_ops;
mod json;
mod num_instances;
mod numa_topology;
mod operators;
mod resources;
mod retry;
mod same_host;
mod server_group;
mod target_host;
mod traits;

use super::{Config, Node, Request};

/// What a server on its node gets another of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Another {
    Image,
    Flavor,
}

/// One question that a node must answer with yes.
pub(super) trait Filter: Sync {
    /// The name that users read in a refusal, and by which operators choose it.
    fn name(&self) -> &'static str;
    /// Whether it is asked whatever the configuration says.
    fn always(&self) -> bool {
        false
    }
    /// Whether it is asked again when the server gets that.
    fn asks_again(&self, _another: Another) -> bool {
        false
    }
    /// Whether the node will do.
    fn passes(&self, node: &Node, request: &Request, config: &Config) -> bool;
    /// What the user would have to ask for instead so that this node will do; `None` if nothing helps.
    fn change(&self, _node: &Node, _request: &Request) -> Option<String> {
        None
    }
}

/// Every filter, in the order in which they are applied and counted.
const FILTERS: &[&dyn Filter] = &[
    &compute_up::ComputeUp,
    &retry::Retry,
    &target_host::TargetHost,
    &availability_zone::AvailabilityZone,
    &image_properties::ImageProperties,
    &compute_capabilities::ComputeCapabilities,
    &aggregate_extra_specs::AggregateInstanceExtraSpecs,
    &aggregate_image_properties::AggregateImagePropertiesIsolation,
    &aggregate_multi_tenancy::AggregateMultiTenancyIsolation,
    &aggregate_type_affinity::AggregateTypeAffinity,
    &traits::Traits,
    &same_host::SameHost,
    &different_host::DifferentHost,
    &cidr_affinity::SimpleCidrAffinity,
    &json::Json,
    &server_group::ServerGroupAffinity,
    &server_group::ServerGroupAntiAffinity,
    &num_instances::NumInstances,
    &num_instances::AggregateNumInstances,
    &io_ops::IoOps,
    &io_ops::AggregateIoOps,
    &numa_topology::NumaTopology,
    &resources::Core,
    &resources::Ram,
    &resources::Disk,
    &resources::Resources,
    &resources::Groups,
];

/// The filters that are asked.
pub(super) fn chosen(config: &Config) -> Vec<&'static dyn Filter> {
    FILTERS.iter().copied().filter(|filter| filter.always() || config.has_filter(filter.name())).collect()
}

/// Whether a filter looks at how many servers a node has because of what the request asks for.
pub(crate) fn counts_servers(request: &Request, config: &Config) -> bool {
    config.has_filter(compute_capabilities::NAME) && compute_capabilities::counts_servers(request)
}

/// The same of its servers that are being worked on.
pub(crate) fn counts_io_ops(request: &Request, config: &Config) -> bool {
    config.has_filter(compute_capabilities::NAME) && compute_capabilities::counts_io_ops(request)
}

/// Every name of a filter.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    FILTERS.iter().map(|filter| filter.name())
}
