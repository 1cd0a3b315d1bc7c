use super::super::{Config, Node, Request};
use super::Filter;

/// Fewer servers are being made, moved, saved or the like on the node than may be.
pub(super) struct IoOps;

impl Filter for IoOps {
    fn name(&self) -> &'static str {
        "IoOpsFilter"
    }

    fn passes(&self, node: &Node, _: &Request, config: &Config) -> bool {
        node.io_ops < config.max_io_ops_per_host
    }
}

/// The same with the limit of the node's aggregates (`max_io_ops_per_host`).
pub(super) struct AggregateIoOps;

impl Filter for AggregateIoOps {
    fn name(&self) -> &'static str {
        "AggregateIoOpsFilter"
    }

    fn passes(&self, node: &Node, _: &Request, config: &Config) -> bool {
        node.io_ops < node.least_said("max_io_ops_per_host").unwrap_or(config.max_io_ops_per_host)
    }
}
