//! What the node can do, as traits of placement.

use protocol::Problem;
use protocol::numa::Host;
use virt::connect::Connect;

use super::Options;
use super::define::{capabilities, values};
use super::domain_xml::NETWORK_MODELS;
use super::virt_type::VirtType;
use super::xml::Element;

/// What every node of this kind does.
const ALWAYS: [&str; 18] = [
    "COMPUTE_NODE",
    // QEMU brings it along; libvirt lists only what is installed beside.
    "COMPUTE_FIRMWARE_BIOS",
    "COMPUTE_IMAGE_TYPE_ISO",
    "COMPUTE_IMAGE_TYPE_QCOW2",
    "COMPUTE_IMAGE_TYPE_RAW",
    "COMPUTE_IMAGE_TYPE_VDI",
    "COMPUTE_IMAGE_TYPE_VHD",
    "COMPUTE_IMAGE_TYPE_VHDX",
    "COMPUTE_IMAGE_TYPE_VMDK",
    "COMPUTE_NET_ATTACH_INTERFACE",
    "COMPUTE_NET_VIRTIO_PACKED",
    "COMPUTE_SOUND_MODEL_AC97",
    "COMPUTE_SOUND_MODEL_ES1370",
    "COMPUTE_SOUND_MODEL_ICH6",
    "COMPUTE_SOUND_MODEL_ICH9",
    "COMPUTE_SOUND_MODEL_PCSPK",
    "COMPUTE_SOUND_MODEL_SB16",
    "COMPUTE_SOUND_MODEL_USB",
];
/// Buses and screens that [`super::domain_xml`] makes, where the node's QEMU has them.
const BUSES: [&str; 5] = ["ide", "sata", "scsi", "usb", "virtio"];
const SCREENS: [&str; 7] = ["bochs", "cirrus", "none", "qxl", "vga", "virtio", "vmvga"];

pub(super) fn traits(
    connection: &Connect,
    options: &Options,
    numa: &Host,
    cpu_traits: Vec<String>,
) -> Result<Vec<String>, Problem> {
    let capabilities = capabilities(connection, options)?;
    let mut traits: Vec<String> = ALWAYS.iter().map(|&name| name.to_owned()).collect();
    traits.extend(of(&capabilities, &["devices", "disk"], "bus", &BUSES, "COMPUTE_STORAGE_BUS"));
    traits.extend(of(&capabilities, &["devices", "video"], "modelType", &SCREENS, "COMPUTE_GRAPHICS_MODEL"));
    traits.extend(NETWORK_MODELS.iter().map(|model| named("COMPUTE_NET_VIF_MODEL", model)));
    if values(capabilities.find("os"), "firmware").iter().any(|known| known == "efi") {
        traits.push("COMPUTE_FIRMWARE_UEFI".to_owned());
    }
    if numa.has_threads() {
        traits.push("HW_CPU_HYPERTHREADING".to_owned());
    }
    // Emulated guests do not have the host's processor.
    if options.virt_type == VirtType::Kvm {
        traits.extend(cpu_traits);
    }
    Ok(traits)
}

/// What the node has of the names that we know, as traits.
fn of(capabilities: &Element, way: &[&str], list: &str, known: &[&str], prefix: &str) -> Vec<String> {
    let has = values(capabilities.at(way), list);
    known.iter().filter(|name| has.iter().any(|has| has == *name)).map(|name| named(prefix, name)).collect()
}

fn named(prefix: &str, name: &str) -> String {
    format!("{prefix}_{}", name.to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_node_has_is_a_trait() {
        let said = "<domainCapabilities><devices><disk><enum name='diskDevice'><value>disk</value></enum>\
                    <enum name='bus'><value>fdc</value><value>virtio</value><value>usb</value></enum></disk></devices>\
                    </domainCapabilities>";
        let said = Element::parse(said).unwrap();
        let traits = of(&said, &["devices", "disk"], "bus", &BUSES, "COMPUTE_STORAGE_BUS");
        assert_eq!(traits, ["COMPUTE_STORAGE_BUS_USB", "COMPUTE_STORAGE_BUS_VIRTIO"]);
        assert!(of(&said, &["devices", "video"], "modelType", &SCREENS, "X").is_empty());
    }
}
