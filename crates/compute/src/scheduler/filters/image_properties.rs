use super::super::{Config, Node, Request};
use super::Filter;

/// The node can run what the image is made for.
pub(super) struct ImageProperties;

impl Filter for ImageProperties {
    fn name(&self) -> &'static str {
        "ImagePropertiesFilter"
    }

    fn passes(&self, node: &Node, request: &Request, _: &Config) -> bool {
        let wanted = |names: [&str; 2]| names.iter().find_map(|name| request.image_properties.get(*name));
        let architecture = wanted(["hw_architecture", "architecture"])
            .is_none_or(|asked| canonical(asked) == canonical(&node.architecture));
        let hypervisor = wanted(["img_hv_type", "hypervisor_type"])
            .is_none_or(|asked| same_hypervisor(asked, &node.hypervisor_type));
        architecture && hypervisor
    }

    fn change(&self, node: &Node, _: &Request) -> Option<String> {
        Some(format!("an image made for {} on {}", node.architecture, node.hypervisor_type))
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
