use super::super::{Config, Node, Request};
use super::Filter;

/// Enough virtual CPUs are left.
pub(super) struct Core;

impl Filter for Core {
    fn name(&self) -> &'static str {
        "CoreFilter"
    }

    fn always(&self) -> bool {
        true
    }

    fn passes(&self, node: &Node, request: &Request, _: &Config) -> bool {
        request.vcpus <= node.vcpus.free()
    }

    fn change(&self, node: &Node, _: &Request) -> Option<String> {
        at_most("vcpus", node.vcpus.free(), "")
    }
}

/// Enough memory is left.
pub(super) struct Ram;

impl Filter for Ram {
    fn name(&self) -> &'static str {
        "RamFilter"
    }

    fn always(&self) -> bool {
        true
    }

    fn passes(&self, node: &Node, request: &Request, _: &Config) -> bool {
        request.memory_mb <= node.memory_mb.free()
    }

    fn change(&self, node: &Node, _: &Request) -> Option<String> {
        at_most("memory", node.memory_mb.free(), " MB")
    }
}

/// Enough disk is left.
pub(super) struct Disk;

impl Filter for Disk {
    fn name(&self) -> &'static str {
        "DiskFilter"
    }

    fn always(&self) -> bool {
        true
    }

    fn passes(&self, node: &Node, request: &Request, _: &Config) -> bool {
        request.disk_gb <= node.disk_gb.free()
    }

    fn change(&self, node: &Node, _: &Request) -> Option<String> {
        at_most("disk", node.disk_gb.free(), " GB")
    }
}

/// Everything else that is counted is left, and may be given at once: processors for the server alone, what extra specs name.
pub(super) struct Resources;

impl Filter for Resources {
    fn name(&self) -> &'static str {
        "ResourcesFilter"
    }

    fn always(&self) -> bool {
        true
    }

    fn passes(&self, node: &Node, request: &Request, _: &Config) -> bool {
        // What placement offers need not all be the node's own.
        !node.offer.is_empty() || request.resources.iter().all(|(class, amount)| can_give(node, class, *amount))
    }

    fn change(&self, node: &Node, request: &Request) -> Option<String> {
        let missing = request.resources.iter().filter(|(class, amount)| !can_give(node, class, **amount));
        let changes = missing.map(|(class, amount)| {
            let stock = node.summary.as_ref()?.resources.get(class)?;
            let most = stock.inventory.max_unit.min(stock.capacity - stock.used).min(*amount);
            let most = most - most % stock.inventory.step_size.max(1);
            (most > 0 && stock.can_give(most)).then(|| format!("{class} ≤ {most}"))
        });
        changes.collect::<Option<Vec<_>>>().map(|changes| changes.join(" and "))
    }
}

/// Placement has found a provider for each group of resources.
pub(super) struct Groups;

impl Filter for Groups {
    fn name(&self) -> &'static str {
        "ResourceGroupsFilter"
    }

    fn always(&self) -> bool {
        true
    }

    fn passes(&self, node: &Node, request: &Request, _: &Config) -> bool {
        !request.has_groups || !node.offer.is_empty()
    }

    fn change(&self, _: &Node, _: &Request) -> Option<String> {
        Some("a flavor without groups of resources".to_owned())
    }
}

fn can_give(node: &Node, class: &str, amount: i64) -> bool {
    let stock = node.summary.as_ref().and_then(|summary| summary.resources.get(class));
    stock.is_some_and(|stock| stock.can_give(amount))
}

fn at_most(what: &str, free: i64, unit: &str) -> Option<String> {
    (free > 0).then(|| format!("{what} ≤ {free}{unit}"))
}
