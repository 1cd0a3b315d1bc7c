use serde_json::{Value, json};

use super::super::{Config, Node, Request};
use super::operators::satisfies;
use super::{Another, Filter};

pub(super) const NAME: &str = "ComputeCapabilitiesFilter";

/// How many servers a node has, and how many of them are being worked on.
const SERVERS: &[&str] = &["num_instances", "stats:num_instances"];
const IO_OPS: &[&str] = &["num_io_ops", "io_workload", "stats:io_workload"];

/// The node has the capabilities that the flavor's extra specs demand (`capabilities:...`, or the name alone).
pub(super) struct ComputeCapabilities;

impl Filter for ComputeCapabilities {
    fn name(&self) -> &'static str {
        NAME
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

/// Whether the number of a node's servers is a capability that the flavor demands.
pub(super) fn counts_servers(request: &Request) -> bool {
    names_any(request, SERVERS)
}

/// The same of its servers that are being worked on.
pub(super) fn counts_io_ops(request: &Request) -> bool {
    names_any(request, IO_OPS)
}

fn names_any(request: &Request, names: &[&str]) -> bool {
    request.extra_specs.keys().any(|key| names.contains(&key.strip_prefix("capabilities:").unwrap_or(key)))
}

fn demands<'a>(node: &'a Node, request: &'a Request) -> impl Iterator<Item = (&'a str, &'a str)> {
    request.extra_specs.iter().filter_map(|(key, demand)| {
        // A name alone may also be the administrator's own.
        let alone = || Some(key.as_str()).filter(|key| !key.contains(':') && capability_of(node, key).is_some());
        Some((key.strip_prefix("capabilities:").or_else(alone)?, demand.as_str()))
    })
}

/// What the node has of that name, in the text that operators compare; nothing where it does not say.
fn capability_of(node: &Node, name: &str) -> Option<String> {
    if let Some(path) = name.strip_prefix("cpu_info:") {
        let part = path.split(':').try_fold(&*node.cpu_info, |whole, key| whole.get(key))?;
        return text(part);
    }
    let ratio = |class: &str| {
        let stock = node.summary.as_ref()?.resources.get(class)?;
        Some(stock.inventory.allocation_ratio.to_string())
    };
    Some(match name {
        "uuid" => node.summary.as_ref()?.provider.id.clone(),
        "host" | "nodename" | "hypervisor_hostname" => node.host.to_string(),
        "host_ip" => node.address.to_string(),
        "hypervisor_type" => node.hypervisor_type.to_string(),
        "hypervisor_version" => node.hypervisor_version.to_string(),
        "cpu_arch" => node.architecture.to_string(),
        "cpu_info" if node.cpu_info.is_object() => node.cpu_info.to_string(),
        "supported_instances" => {
            return text(&json!([[*node.architecture, node.hypervisor_type.to_lowercase(), "hvm"]]));
        }
        "vcpus_total" => node.vcpus.total.to_string(),
        "vcpus_used" => node.vcpus.used.to_string(),
        "free_ram_mb" => node.memory_mb.free().to_string(),
        "total_usable_ram_mb" => node.memory_mb.total.to_string(),
        "free_disk_mb" => (node.disk_gb.free() * 1024).to_string(),
        "disk_mb_used" => (node.disk_gb.used * 1024).to_string(),
        "total_usable_disk_gb" => node.disk_gb.total.to_string(),
        "cpu_allocation_ratio" => ratio("VCPU")?,
        "ram_allocation_ratio" => ratio("MEMORY_MB")?,
        "disk_allocation_ratio" => ratio("DISK_GB")?,
        "failed_builds" | "stats:failed_builds" => node.build_failures.to_string(),
        _ if SERVERS.contains(&name) => node.servers.to_string(),
        _ if IO_OPS.contains(&name) => node.io_ops.to_string(),
        _ => return None,
    })
}

/// Lists and the like as Nova shows them to its operators, which is how Python writes them: `['aes', 'avx']`.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(python(other)),
    }
}

fn python(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(flag) => if *flag { "True" } else { "False" }.to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => format!("'{text}'"),
        Value::Array(values) => format!("[{}]", values.iter().map(python).collect::<Vec<_>>().join(", ")),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| format!("'{name}': {}", python(value)));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use serde_json::json;

    use super::super::super::{Capacity, Config, Node, Request};
    use super::super::Filter as _;
    use super::{ComputeCapabilities, counts_io_ops, counts_servers};

    fn node() -> Node {
        Node {
            host: "one".into(),
            address: "10.0.0.1".into(),
            hypervisor_type: "QEMU".into(),
            architecture: "x86_64".into(),
            cpu_info: Arc::new(json!({
                "arch": "x86_64", "model": "EPYC", "vendor": "AMD", "features": ["aes", "avx"],
                "topology": {"cells": 1, "cores": 4}, "secure": true, "none": null,
            })),
            disk_gb: Capacity { total: 100, used: 10 },
            servers: 3,
            io_ops: 2,
            build_failures: 1,
            ..Node::default()
        }
    }

    fn asking(key: &str, demand: &str) -> Request {
        Request { extra_specs: BTreeMap::from([(key.to_owned(), demand.to_owned())]), ..Request::default() }
    }

    #[test]
    fn capabilities_are_what_nodes_report() {
        for (key, demand, expected) in [
            ("capabilities:cpu_info:features", "<in> aes", true),
            ("capabilities:cpu_info:features", "<all-in> aes avx", true),
            ("capabilities:cpu_info:features", "<all-in> aes sse", false),
            ("capabilities:cpu_info:features", "['aes', 'avx']", true),
            ("capabilities:cpu_info:features:aes", "aes", false),
            ("capabilities:cpu_info:vendor", "AMD", true),
            ("capabilities:cpu_info:vendor", "<or> Intel <or> AMD", true),
            ("capabilities:cpu_info:model", "s== Haswell", false),
            ("capabilities:cpu_info:arch", "x86_64", true),
            ("capabilities:cpu_info:topology:cores", ">= 4", true),
            ("capabilities:cpu_info:topology:cores", ">= 5", false),
            ("capabilities:cpu_info:topology:threads", ">= 1", false),
            ("capabilities:cpu_info:secure", "True", true),
            ("capabilities:cpu_info:none", "None", false),
            ("capabilities:cpu_info", "<in> \"model\":\"EPYC\"", true),
            ("capabilities:supported_instances", "<in> 'qemu', 'hvm'", true),
            ("capabilities:supported_instances", "<in> xen", false),
            ("capabilities:disk_mb_used", "== 10240", true),
            ("capabilities:total_usable_disk_gb", ">= 100", true),
            ("capabilities:host_ip", "10.0.0.1", true),
            ("capabilities:num_instances", "<= 3", true),
            ("capabilities:num_instances", "<= 2", false),
            ("num_instances", "<= 2", false),
            ("capabilities:stats:num_instances", "== 3", true),
            ("capabilities:num_io_ops", "== 2", true),
            ("capabilities:failed_builds", "<= 1", true),
            ("capabilities:nonsense", "1", false),
            ("nonsense", "1", true),
            ("other:num_instances", "<= 2", true),
        ] {
            assert_eq!(
                ComputeCapabilities.passes(&node(), &asking(key, demand), &Config::default()),
                expected,
                "{key} {demand}"
            );
        }
    }

    #[test]
    fn servers_are_counted_where_a_flavor_asks() {
        for (key, servers, io_ops) in [
            ("capabilities:num_instances", true, false),
            ("num_instances", true, false),
            ("capabilities:stats:io_workload", false, true),
            ("capabilities:num_io_ops", false, true),
            ("capabilities:host", false, false),
            ("other:num_instances", false, false),
        ] {
            let request = asking(key, "<= 2");
            assert_eq!((counts_servers(&request), counts_io_ops(&request)), (servers, io_ops), "{key}");
        }
    }
}
