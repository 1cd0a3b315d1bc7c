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

fn at_most(what: &str, free: i64, unit: &str) -> Option<String> {
    (free > 0).then(|| format!("{what} ≤ {free}{unit}"))
}
