use super::super::{Config, Node, Request};
use super::Weigher;

/// The sum of what the node measures, each by its ratio.
pub(super) struct Metrics;

impl Weigher for Metrics {
    fn name(&self) -> &'static str {
        "MetricsWeigher"
    }

    fn weigh(&self, node: &Node, _: &Request, config: &Config) -> f64 {
        let settings = config.metrics.weight_setting.iter();
        let weights = settings.map(|(name, ratio)| node.metrics.get(name.as_str()).map(|value| value * ratio));
        weights.sum::<Option<f64>>().unwrap_or(config.metrics.weight_of_unavailable)
    }

    fn multiplier(&self, config: &Config) -> f64 {
        config.metrics.weight_multiplier
    }

    fn key(&self) -> &'static str {
        "metrics_weight_multiplier"
    }
}
