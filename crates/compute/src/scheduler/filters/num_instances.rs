use super::super::{Config, Node, Request};
use super::Filter;

/// The node has fewer servers than it may.
pub(super) struct NumInstances;

impl Filter for NumInstances {
    fn name(&self) -> &'static str {
        "NumInstancesFilter"
    }

    fn passes(&self, node: &Node, _: &Request, config: &Config) -> bool {
        node.servers < config.max_instances_per_host
    }
}

/// The node has fewer servers than its aggregates allow (`max_instances_per_host`), or than it may where they say
/// nothing.
pub(super) struct AggregateNumInstances;

impl Filter for AggregateNumInstances {
    fn name(&self) -> &'static str {
        "AggregateNumInstancesFilter"
    }

    fn passes(&self, node: &Node, _: &Request, config: &Config) -> bool {
        node.servers < node.least_said("max_instances_per_host").unwrap_or(config.max_instances_per_host)
    }
}
