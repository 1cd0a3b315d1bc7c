use super::super::{Config, Node, Request};
use super::{Another, Filter};

/// The node has the required traits and none of the forbidden ones.
pub(super) struct Traits;

impl Filter for Traits {
    fn name(&self) -> &'static str {
        "TraitsFilter"
    }

    fn always(&self) -> bool {
        true
    }

    fn asks_again(&self, _: Another) -> bool {
        true
    }

    fn passes(&self, node: &Node, request: &Request, _: &Config) -> bool {
        request.required_traits.iter().all(|wanted| node.has_trait(wanted))
            && !request.forbidden_traits.iter().any(|forbidden| node.has_trait(forbidden))
    }

    fn change(&self, node: &Node, request: &Request) -> Option<String> {
        let missing = request.required_traits.iter().filter(|wanted| !node.has_trait(wanted));
        let unwanted = request.forbidden_traits.iter().filter(|forbidden| node.has_trait(forbidden));
        let names: Vec<&str> = missing.chain(unwanted).map(String::as_str).collect();
        Some(format!("a flavor that does not demand or forbid {}", names.join(", ")))
    }
}
