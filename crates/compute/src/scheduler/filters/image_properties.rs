use super::super::{Config, Node, Request};
use super::{Another, Filter};

/// The node can run what the image is made for.
pub(super) struct ImageProperties;

impl Filter for ImageProperties {
    fn name(&self) -> &'static str {
        "ImagePropertiesFilter"
    }

    fn asks_again(&self, another: Another) -> bool {
        another == Another::Image
    }

    fn passes(&self, node: &Node, request: &Request, _: &Config) -> bool {
        let wanted = |names: [&str; 2]| names.iter().find_map(|name| request.image_properties.get(*name));
        let architecture = wanted(["hw_architecture", "architecture"])
            .is_none_or(|asked| canonical(asked) == canonical(&node.architecture));
        let hypervisor = wanted(["img_hv_type", "hypervisor_type"])
            .is_none_or(|asked| same_hypervisor(asked, &node.hypervisor_type));
        let version = wanted(["img_hv_requested_version", "hypervisor_version_requires"])
            .is_none_or(|asked| asked.split(',').all(|one| is_version(node.hypervisor_version, one)));
        // All that the nodes' hypervisors run is whole machines.
        let mode = wanted(["hw_vm_mode", "vm_mode"]).is_none_or(|asked| ["hvm", "hv"].contains(&asked.as_str()));
        architecture && hypervisor && version && mode
    }

    fn change(&self, node: &Node, _: &Request) -> Option<String> {
        Some(format!("an image made for {} on {}", node.architecture, node.hypervisor_type))
    }
}

/// Whether a version as one number (10,000,002 is 10.0.2) is as a predicate says: `>=6.0`, `<11`.
fn is_version(number: i64, predicate: &str) -> bool {
    let predicate = predicate.trim();
    let digits = predicate.find(|c: char| c.is_ascii_digit()).unwrap_or(predicate.len());
    let (operator, version) = predicate.split_at(digits);
    let mut parts = version.split('.').map(|part| part.trim().parse::<i64>());
    let mut part = || parts.next().unwrap_or(Ok(0));
    let (Ok(major), Ok(minor), Ok(micro)) = (part(), part(), part()) else { return false };
    let asked = major * 1_000_000 + minor * 1000 + micro;
    match operator.trim() {
        ">=" => number >= asked,
        "<=" => number <= asked,
        ">" => number > asked,
        "<" => number < asked,
        "!=" => number != asked,
        "=" | "==" => number == asked,
        _ => false,
    }
}

/// Architectures have several names.
fn canonical(architecture: &str) -> String {
    match architecture.to_ascii_lowercase().as_str() {
        "amd64" | "x64" => "x86_64".to_owned(),
        "i386" | "i486" | "i586" | "x86" => "i686".to_owned(),
        "arm64" => "aarch64".to_owned(),
        other => other.to_owned(),
    }
}

/// KVM is QEMU with a fast processor: what runs on one runs on the other.
fn same_hypervisor(asked: &str, has: &str) -> bool {
    let family = |name: &str| match name.to_ascii_lowercase().as_str() {
        "kvm" | "qemu" => "qemu".to_owned(),
        other => other.to_owned(),
    };
    family(asked) == family(has)
}
