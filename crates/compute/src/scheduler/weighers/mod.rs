//! Which of the possible nodes is best: one small unit per view, combined by multipliers.

mod cpu;
mod disk;
mod ram;

use super::{Multipliers, Node};

/// One view of how good a node is.
trait Weigher: Sync {
    /// More is better.
    fn weigh(&self, node: &Node) -> f64;
    /// How much this view counts.
    fn multiplier(&self, multipliers: Multipliers) -> f64;
}

const WEIGHERS: &[&dyn Weigher] = &[&ram::Ram, &cpu::Cpu, &disk::Disk];

/// Sorts the best to the front; equals keep their order.
pub(super) fn sort(nodes: &mut [&Node], multipliers: Multipliers) {
    let mut scores = vec![0.0; nodes.len()];
    for weigher in WEIGHERS {
        let weights: Vec<f64> = nodes.iter().map(|node| weigher.weigh(node)).collect();
        let least = weights.iter().copied().fold(f64::INFINITY, f64::min);
        let most = weights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if most > least {
            for (score, weight) in scores.iter_mut().zip(weights) {
                // Each view counts from 0 (the worst of these nodes) to 1 (the best).
                *score += weigher.multiplier(multipliers) * (weight - least) / (most - least);
            }
        }
    }
    let mut scored: Vec<(f64, &Node)> = scores.into_iter().zip(nodes.iter().copied()).collect();
    scored.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    for (place, (_, node)) in nodes.iter_mut().zip(scored) {
        *place = node;
    }
}
