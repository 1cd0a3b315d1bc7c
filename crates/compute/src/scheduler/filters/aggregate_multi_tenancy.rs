use super::super::{Config, Node, Request};
use super::Filter;

/// If the node's aggregates name projects (`filter_tenant_id`, with anything behind it), the server's is one of them.
pub(super) struct AggregateMultiTenancyIsolation;

impl Filter for AggregateMultiTenancyIsolation {
    fn name(&self) -> &'static str {
        "AggregateMultiTenancyIsolation"
    }

    fn passes(&self, node: &Node, request: &Request, _: &Config) -> bool {
        let items = node.aggregates.iter().flat_map(|aggregate| &aggregate.metadata);
        let mut projects = items
            .filter(|(name, _)| name.starts_with("filter_tenant_id"))
            .flat_map(|(_, ids)| ids.split(','))
            .map(str::trim)
            .peekable();
        projects.peek().is_none() || projects.any(|project| project == request.project_id)
    }
}
