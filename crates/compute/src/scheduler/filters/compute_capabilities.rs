use super::super::{Node, Request};
use super::Filter;

/// The node has the capabilities that the flavor's extra specs (`capabilities:...`) demand.
pub(super) struct ComputeCapabilities;

impl Filter for ComputeCapabilities {
    fn name(&self) -> &'static str {
        "ComputeCapabilitiesFilter"
    }

    fn passes(&self, node: &Node, request: &Request) -> bool {
        demands(request)
            .all(|(capability, demand)| capability_of(node, capability).is_some_and(|value| satisfies(&value, demand)))
    }

    fn change(&self, node: &Node, request: &Request) -> Option<String> {
        let unmet = demands(request)
            .filter(|(name, demand)| !capability_of(node, name).is_some_and(|value| satisfies(&value, demand)))
            .map(|(name, _)| format!("capabilities:{name}"));
        Some(format!("a flavor without {}", unmet.collect::<Vec<_>>().join(", ")))
    }
}

fn demands(request: &Request) -> impl Iterator<Item = (&str, &str)> {
    request.extra_specs.iter().filter_map(|(key, demand)| Some((key.strip_prefix("capabilities:")?, demand.as_str())))
}

fn capability_of(node: &Node, name: &str) -> Option<String> {
    Some(match name {
        "hypervisor_type" => node.hypervisor_type.clone(),
        "hypervisor_version" => node.hypervisor_version.to_string(),
        "cpu_info:arch" | "cpu_arch" => node.architecture.clone(),
        "vcpus_total" => node.vcpus.total.to_string(),
        "vcpus_used" => node.vcpus.used.to_string(),
        "free_ram_mb" => node.memory_mb.free().to_string(),
        "total_usable_ram_mb" => node.memory_mb.total.to_string(),
        "free_disk_mb" => (node.disk_gb.free() * 1024).to_string(),
        "host" | "hypervisor_hostname" => node.host.clone(),
        _ => return None,
    })
}

/// The operators of extra specs: `= >= <= == !=` on numbers, `s== s!= s< s<= s> s>= <in> <or>` on texts; none is
/// equality of texts.
fn satisfies(value: &str, demand: &str) -> bool {
    let (operator, operand) = demand.trim().split_once(' ').unwrap_or(("", demand.trim()));
    let operand = operand.trim();
    let numbers = || Some((value.parse::<f64>().ok()?, operand.parse::<f64>().ok()?));
    match operator {
        "=" | ">=" => numbers().is_some_and(|(value, operand)| value >= operand),
        "<=" => numbers().is_some_and(|(value, operand)| value <= operand),
        "==" => numbers().is_some_and(|(value, operand)| value == operand),
        "!=" => numbers().is_some_and(|(value, operand)| value != operand),
        "s==" => value == operand,
        "s!=" => value != operand,
        "s<" => value < operand,
        "s<=" => value <= operand,
        "s>" => value > operand,
        "s>=" => value >= operand,
        "<in>" => value.contains(operand),
        "<or>" => operand.split("<or>").any(|choice| choice.trim() == value),
        _ => value == demand.trim(),
    }
}

#[cfg(test)]
mod tests {
    use super::satisfies;

    #[test]
    fn operators_compare_numbers_and_texts() {
        for (value, demand, expected) in [
            ("QEMU", "QEMU", true),
            ("QEMU", "s== QEMU", true),
            ("QEMU", "s!= QEMU", false),
            ("8002000", ">= 8000000", true),
            ("8002000", "= 9000000", false),
            ("10", "<= 9", false),
            ("x86_64", "<in> 86", true),
            ("b", "<or> a <or> b", true),
            ("c", "<or> a <or> b", false),
            ("text", ">= 1", false),
        ] {
            assert_eq!(satisfies(value, demand), expected, "{value} {demand}");
        }
    }
}
