//! Which of the possible nodes is best: several views, combined by multipliers.

use super::{Config, Node, Policy, Request};

/// One view of how good a node is.
struct Weigher {
    /// The name by which operators choose it.
    name: &'static str,
    /// The name under which aggregates may say how much it counts for their nodes.
    key: &'static str,
    /// How much it counts for the others.
    multiplier: fn(&Config) -> f64,
    /// More is better, unless the multiplier is negative.
    weigh: fn(&Node, &Request, &Config) -> f64,
    /// What counts as 0: nothing at all, so that nodes that are nearly as good count nearly as much; or else what the
    /// worst of the nodes has.
    from_nothing: bool,
}

const WEIGHERS: &[Weigher] = &[
    Weigher {
        name: "RAMWeigher",
        key: "ram_weight_multiplier",
        multiplier: |config| config.ram_weight_multiplier,
        weigh: |node, _, _| node.memory_mb.free() as f64,
        from_nothing: true,
    },
    Weigher {
        name: "CPUWeigher",
        key: "cpu_weight_multiplier",
        multiplier: |config| config.cpu_weight_multiplier,
        weigh: |node, _, _| node.vcpus.free() as f64,
        from_nothing: true,
    },
    Weigher {
        name: "DiskWeigher",
        key: "disk_weight_multiplier",
        multiplier: |config| config.disk_weight_multiplier,
        weigh: |node, _, _| node.disk_gb.free() as f64,
        from_nothing: true,
    },
    // The multiplier is negative, so that fewer are better.
    Weigher {
        name: "IoOpsWeigher",
        key: "io_ops_weight_multiplier",
        multiplier: |config| config.io_ops_weight_multiplier,
        weigh: |node, _, _| node.io_ops as f64,
        from_nothing: true,
    },
    Weigher {
        name: "ServerGroupSoftAffinityWeigher",
        key: "soft_affinity_weight_multiplier",
        multiplier: |config| config.soft_affinity_weight_multiplier,
        weigh: |node, request, _| members(node, request, Policy::SoftAffinity),
        from_nothing: false,
    },
    Weigher {
        name: "ServerGroupSoftAntiAffinityWeigher",
        key: "soft_anti_affinity_weight_multiplier",
        multiplier: |config| config.soft_anti_affinity_weight_multiplier,
        weigh: |node, request, _| -members(node, request, Policy::SoftAntiAffinity),
        from_nothing: false,
    },
    Weigher {
        name: "MetricsWeigher",
        key: "metrics_weight_multiplier",
        multiplier: |config| config.metrics.weight_multiplier,
        weigh: |node, _, config| metrics(node, config),
        from_nothing: false,
    },
    Weigher {
        name: "BuildFailureWeigher",
        key: "build_failure_weight_multiplier",
        multiplier: |config| config.build_failure_weight_multiplier,
        weigh: |node, _, _| -(node.build_failures as f64),
        from_nothing: false,
    },
];

/// Every name of a weigher.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    WEIGHERS.iter().map(|weigher| weigher.name)
}

/// How many servers of the request's group the node has, if the group has that policy.
fn members(node: &Node, request: &Request, policy: Policy) -> f64 {
    let group = request.group.as_ref().filter(|group| group.policy == policy);
    group.map_or(0, |group| group.on(&node.host)) as f64
}

/// The sum of what the node measures, each by its ratio.
fn metrics(node: &Node, config: &Config) -> f64 {
    let settings = config.metrics.weight_setting.iter();
    let weights = settings.map(|(name, ratio)| node.metrics.get(name.as_str()).map(|value| value * ratio));
    weights.sum::<Option<f64>>().unwrap_or(config.metrics.weight_of_unavailable)
}

/// Sorts the best to the front; equals keep their order.
pub(super) fn sort(nodes: &mut [&Node], request: &Request, config: &Config) {
    let mut scores = vec![0.0; nodes.len()];
    for weigher in WEIGHERS.iter().filter(|weigher| config.has_weigher(weigher.name)) {
        let floor = if weigher.from_nothing { 0.0 } else { f64::NEG_INFINITY };
        let weights: Vec<f64> = nodes.iter().map(|node| (weigher.weigh)(node, request, config).max(floor)).collect();
        let least = if weigher.from_nothing { 0.0 } else { weights.iter().copied().fold(f64::INFINITY, f64::min) };
        let most = weights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if most > least {
            let usual = (weigher.multiplier)(config);
            for ((score, weight), node) in scores.iter_mut().zip(weights).zip(nodes.iter()) {
                let multiplier = node.least_said(weigher.key).unwrap_or(usual);
                // Each view counts from 0 to 1 (the best).
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
