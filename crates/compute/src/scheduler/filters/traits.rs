use super::super::{Node, Request};
use super::Filter;

/// The node has the required traits and none of the forbidden ones.
pub(super) struct Traits;

impl Filter for Traits {
    fn name(&self) -> &'static str {
        "TraitsFilter"
    }

    fn passes(&self, node: &Node, request: &Request) -> bool {
        request.required_traits.iter().all(|wanted| node.traits.contains(wanted))
            && !request.forbidden_traits.iter().any(|forbidden| node.traits.contains(forbidden))
    }

    fn change(&self, node: &Node, request: &Request) -> Option<String> {
        let missing = request.required_traits.iter().filter(|wanted| !node.traits.contains(*wanted));
        let unwanted = request.forbidden_traits.iter().filter(|forbidden| node.traits.contains(*forbidden));
        let names: Vec<&str> = missing.chain(unwanted).map(String::as_str).collect();
        Some(format!("a flavor that does not demand or forbid {}", names.join(", ")))
    }
}
