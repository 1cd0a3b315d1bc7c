use super::super::{Config, Node, Request};
use super::{Another, Filter};

/// If the node's aggregates name flavors (`instance_type`), the server's is one of them.
pub(super) struct AggregateTypeAffinity;

impl Filter for AggregateTypeAffinity {
    fn name(&self) -> &'static str {
        "AggregateTypeAffinityFilter"
    }

    fn asks_again(&self, another: Another) -> bool {
        another == Another::Flavor
    }

    fn passes(&self, node: &Node, request: &Request, _: &Config) -> bool {
        let mut flavors = node.said("instance_type").flat_map(|names| names.split(',')).map(str::trim).peekable();
        flavors.peek().is_none() || flavors.any(|flavor| flavor == request.flavor)
    }

    fn change(&self, _: &Node, _: &Request) -> Option<String> {
        Some("another flavor".to_owned())
    }
}
