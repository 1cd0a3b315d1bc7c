use super::super::{Config, Node, Request};
use super::operators::satisfies;
use super::{Another, Filter};

/// The node's aggregates say what the flavor's extra specs demand: those with the scope
/// `aggregate_instance_extra_specs:`, and those without any scope.
pub(super) struct AggregateInstanceExtraSpecs;

impl Filter for AggregateInstanceExtraSpecs {
    fn name(&self) -> &'static str {
        "AggregateInstanceExtraSpecsFilter"
    }

    fn asks_again(&self, another: Another) -> bool {
        another == Another::Flavor
    }

    fn passes(&self, node: &Node, request: &Request, _: &Config) -> bool {
        demands(request).all(|(name, demand)| meets(node, name, demand))
    }

    fn change(&self, node: &Node, request: &Request) -> Option<String> {
        let unmet = demands(request).filter(|(name, demand)| !meets(node, name, demand)).map(|(name, _)| name);
        Some(format!("a flavor without the extra spec {}", unmet.collect::<Vec<_>>().join(", ")))
    }
}

fn demands(request: &Request) -> impl Iterator<Item = (&str, &str)> {
    request.extra_specs.iter().filter_map(|(key, demand)| match key.split_once(':') {
        None => Some((key.as_str(), demand.as_str())),
        Some(("aggregate_instance_extra_specs", name)) => Some((name, demand.as_str())),
        Some(_) => None,
    })
}

fn meets(node: &Node, name: &str, demand: &str) -> bool {
    node.said(name).flat_map(|values| values.split(',')).any(|value| satisfies(value.trim(), demand))
}
