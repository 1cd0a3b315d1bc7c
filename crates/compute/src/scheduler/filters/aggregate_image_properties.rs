use super::super::{Config, Node, Request};
use super::{Another, Filter};

/// Where the node's aggregates name a property of images, the image has one of the values that they name, or does not
/// have the property.
pub(super) struct AggregateImagePropertiesIsolation;

impl Filter for AggregateImagePropertiesIsolation {
    fn name(&self) -> &'static str {
        "AggregateImagePropertiesIsolation"
    }

    fn asks_again(&self, another: Another) -> bool {
        another == Another::Image
    }

    fn passes(&self, node: &Node, request: &Request, config: &Config) -> bool {
        let namespace = &config.aggregate_image_properties_isolation_namespace;
        let prefix = format!("{namespace}{}", config.aggregate_image_properties_isolation_separator);
        request.image_properties.iter().filter(|(name, _)| namespace.is_empty() || name.starts_with(&prefix)).all(
            |(name, value)| {
                let mut allowed = node.said(name).flat_map(|values| values.split(',')).map(str::trim).peekable();
                allowed.peek().is_none() || allowed.any(|allowed| allowed.eq_ignore_ascii_case(value))
            },
        )
    }

    fn change(&self, _: &Node, _: &Request) -> Option<String> {
        Some("an image with other properties".to_owned())
    }
}
