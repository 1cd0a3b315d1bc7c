//! Which of the possible nodes is best: one small unit per view, combined by multipliers.

mod build_failure;
mod cpu;
mod disk;
mod io_ops;
mod metrics;
mod ram;
mod soft_affinity;

use super::{Config, Node, Request};

/// One view of how good a node is.
trait Weigher: Sync {
    /// The name by which operators choose it.
    fn name(&self) -> &'static str;
    /// More is better.
    fn weigh(&self, node: &Node, request: &Request, config: &Config) -> f64;
    /// How much this view counts.
    fn multiplier(&self, config: &Config) -> f64;
    /// The name under which aggregates may say how much it counts for their nodes.
    fn key(&self) -> &'static str;
}

const WEIGHERS: &[&dyn Weigher] = &[
    &ram::Ram,
    &cpu::Cpu,
    &disk::Disk,
    &io_ops::IoOps,
    &soft_affinity::SoftAffinity,
    &soft_affinity::SoftAntiAffinity,
    &metrics::Metrics,
    &build_failure::BuildFailure,
];

/// Every name of a weigher.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    WEIGHERS.iter().map(|weigher| weigher.name())
}

/// Sorts the best to the front; equals keep their order.
pub(super) fn sort(nodes: &mut [&Node], request: &Request, config: &Config) {
    let mut scores = vec![0.0; nodes.len()];
    for weigher in WEIGHERS.iter().filter(|weigher| config.has_weigher(weigher.name())) {
        let weights: Vec<f64> = nodes.iter().map(|node| weigher.weigh(node, request, config)).collect();
        let least = weights.iter().copied().fold(f64::INFINITY, f64::min);
        let most = weights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if most > least {
            let usual = weigher.multiplier(config);
            for ((score, weight), node) in scores.iter_mut().zip(weights).zip(nodes.iter()) {
                let multiplier = node.least_said(weigher.key()).unwrap_or(usual);
                // Each view counts from 0 (the worst of these nodes) to 1 (the best).
                *score += multiplier * (weight - least) / (most - least);
            }
        }
    }
    let mut scored: Vec<(f64, &Node)> = scores.into_iter().zip(nodes.iter().copied()).collect();
    scored.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    for (place, (_, node)) in nodes.iter_mut().zip(scored) {
        *place = node;
    }
}
