use super::super::{Config, Node, Request};
use super::operators::satisfies;
use super::{Another, Filter};

/// The node has the capabilities that the flavor's extra specs demand (`capabilities:...`, or the name alone).
pub(super) struct ComputeCapabilities;

impl Filter for ComputeCapabilities {
    fn name(&self) -> &'static str {
        "ComputeCapabilitiesFilter"
    }

    fn asks_again(&self, another: Another) -> bool {
        another == Another::Flavor
    }

    fn passes(&self, node: &Node, request: &Request, _: &Config) -> bool {
        demands(node, request)
            .all(|(capability, demand)| capability_of(node, capability).is_some_and(|value| satisfies(&value, demand)))
    }

    fn change(&self, node: &Node, request: &Request) -> Option<String> {
        let unmet = demands(node, request)
            .filter(|(name, demand)| !capability_of(node, name).is_some_and(|value| satisfies(&value, demand)))
            .map(|(name, _)| format!("capabilities:{name}"));
        Some(format!("a flavor without {}", unmet.collect::<Vec<_>>().join(", ")))
    }
}

fn demands<'a>(node: &'a Node, request: &'a Request) -> impl Iterator<Item = (&'a str, &'a str)> {
    request.extra_specs.iter().filter_map(|(key, demand)| {
        // A name alone may also be the administrator's own.
        let alone = || Some(key.as_str()).filter(|key| !key.contains(':') && capability_of(node, key).is_some());
        Some((key.strip_prefix("capabilities:").or_else(alone)?, demand.as_str()))
    })
}

fn capability_of(node: &Node, name: &str) -> Option<String> {
    Some(match name {
        "hypervisor_type" => node.hypervisor_type.to_string(),
        "hypervisor_version" => node.hypervisor_version.to_string(),
        "cpu_info:arch" | "cpu_arch" => node.architecture.to_string(),
        "vcpus_total" => node.vcpus.total.to_string(),
        "vcpus_used" => node.vcpus.used.to_string(),
        "free_ram_mb" => node.memory_mb.free().to_string(),
        "total_usable_ram_mb" => node.memory_mb.total.to_string(),
        "free_disk_mb" => (node.disk_gb.free() * 1024).to_string(),
        "host" | "hypervisor_hostname" => node.host.to_string(),
        _ => return None,
    })
}
