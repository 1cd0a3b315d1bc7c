//! The machine: its type, firmware, features and clock.

use protocol::{Problem, ServerSpec};

use super::super::virt_type::VirtType;
use super::super::xml::Element;
use crate::wishes::{Wishes, is_true, refused, word};

/// What is asked for here and built later, or not built: a server must not run without what it was promised.
const FLAVOR_REFUSED: &[&str] = &[
    "hw:tpm_version",
    "hw:tpm_model",
    "hw:mem_encryption",
    "hw:ephemeral_encryption",
    "hw:cpu_realtime",
    "hw:pmem",
    "hw:viommu_model",
    "hw:maxphysaddr_mode",
    "hw:maxphysaddr_bits",
    "hw:redirected_usb_ports",
    "pci_passthrough:alias",
    "accel:device_profile",
    // QEMU has no such thing.
    "quota:cpu_limit",
    "quota:cpu_reservation",
    "quota:memory_limit",
    "quota:memory_reservation",
    "quota:memory_shares_level",
    "quota:memory_shares_share",
    "quota:disk_io_limit",
    "quota:disk_io_reservation",
    "quota:vif_limit",
    "quota:vif_reservation",
    "quota:vif_shares_level",
    "quota:vif_shares_share",
];
const IMAGE_REFUSED: &[&str] = &[
    // The disk alone is started, with the boot loader on it.
    "kernel_id",
    "ramdisk_id",
    "os_command_line",
    "hw_redirected_usb_ports",
    "hw_tpm_version",
    "hw_tpm_model",
    "hw_mem_encryption",
    "hw_ephemeral_encryption",
    "hw_viommu_model",
    "hw_firmware_stateless",
    "hw_maxphysaddr_mode",
    "hw_maxphysaddr_bits",
];

/// The property of images that names the machine type.
pub(super) const MACHINE_TYPE: &str = "hw_machine_type";

/// The machine type: the older one has fewer devices, and so starts sooner where every instruction is emulated.
pub(super) fn machine_type(server: &ServerSpec) -> &str {
    Wishes::new(server).image(MACHINE_TYPE).unwrap_or("pc")
}

/// Whether the machine is of the newer kind, with PCI Express and without IDE.
pub(super) fn is_q35(server: &ServerSpec) -> bool {
    machine_type(server).contains("q35")
}

/// Refuses what no node does.
pub(super) fn check(wishes: &Wishes<'_>) -> Result<(), Problem> {
    let off =
        |value: &str| !is_true(value) && matches!(value.to_ascii_lowercase().as_str(), "0" | "false" | "no" | "off");
    let flavor = FLAVOR_REFUSED.iter().filter_map(|name| Some((*name, wishes.flavor(name)?)));
    let image = IMAGE_REFUSED.iter().filter_map(|name| Some((*name, wishes.image(name)?)));
    if let Some((name, value)) = flavor.chain(image).find(|(_, value)| !off(value)) {
        return Err(refused(format!("this cloud has no {name}={value} yet: take it out of the flavor or image")));
    }
    for secure_boot in [wishes.flavor("os:secure_boot"), wishes.image("os_secure_boot")] {
        if secure_boot == Some("required") {
            return Err(refused("this cloud has no secure boot yet: the flavor or image must not require it"));
        }
    }
    for name in ["hw_architecture", "architecture", "hw_emulation_architecture"] {
        if let Some(value) = wishes.image(name) {
            word(name, value, &["x86_64"])?;
        }
    }
    Ok(())
}

/// Whether UEFI firmware is asked for.
pub(super) fn is_uefi(wishes: &Wishes<'_>) -> Result<bool, Problem> {
    let Some(firmware) = wishes.image("hw_firmware_type") else { return Ok(false) };
    Ok(word("hw_firmware_type", firmware, &["bios", "uefi"])? == "uefi")
}

/// What the machine starts with.
pub(super) fn os(server: &ServerSpec, wishes: &Wishes<'_>) -> Result<Element, Problem> {
    let mut os = Element::new("os");
    if is_uefi(wishes)? {
        // libvirt chooses among the node's firmware; of the features it is told what to leave out.
        let feature = Element::new("feature").with("enabled", "no").with("name", "secure-boot");
        os = os.with("firmware", "efi").child(Element::new("firmware").child(feature));
    }
    let kind = Element::text("type", "hvm").with("arch", "x86_64").with("machine", machine_type(server));
    os = os.child(kind).child(Element::new("smbios").with("mode", "sysinfo"));
    // The image may be older than the flavor, and its users know their boot loader: either may ask for it.
    if wishes.flavor_flag("hw:boot_menu")
        || (wishes.flavor("hw:boot_menu").is_none() && wishes.image_flag("hw_boot_menu"))
    {
        os = os.child(Element::new("bootmenu").with("enable", "yes"));
    }
    Ok(os)
}

/// What the guest reads of its maker. Guests know by the product's name that they are in such a cloud.
pub(super) fn sysinfo(server: &ServerSpec) -> Element {
    let entry = |name: &str, value: &str| Element::text("entry", value).with("name", name);
    let system = Element::new("system").children([
        entry("manufacturer", "Ferrostack"),
        entry("product", "OpenStack Nova"),
        entry("version", env!("CARGO_PKG_VERSION")),
        entry("serial", &server.id),
        entry("uuid", &server.id),
        entry("family", "Virtual Machine"),
    ]);
    Element::new("sysinfo").with("type", "smbios").child(system)
}

fn is_windows(wishes: &Wishes<'_>) -> bool {
    wishes.image("os_type").is_some_and(|os| os.eq_ignore_ascii_case("windows"))
}

fn is_hidden(wishes: &Wishes<'_>) -> bool {
    wishes.flavor_flag("hide_hypervisor_id")
        || wishes.flavor_flag("hw:hide_hypervisor_id")
        || wishes.image_flag("img_hide_hypervisor_id")
}

pub(super) fn features(wishes: &Wishes<'_>) -> Result<Element, Problem> {
    let on = |name: &str| Element::new(name).with("state", "on");
    let mut features = Element::new("features").child(Element::new("acpi")).child(Element::new("apic"));
    if is_windows(wishes) {
        let mut hyperv = Element::new("hyperv").children([
            on("relaxed"),
            on("vapic"),
            on("spinlocks").with("retries", 8191),
            on("vpindex"),
            on("runtime"),
            on("synic"),
            on("reset"),
            on("frequencies"),
            on("tlbflush"),
            on("ipi"),
        ]);
        if is_hidden(wishes) {
            hyperv = hyperv.child(on("vendor_id").with("value", "1234567890ab"));
        }
        features = features.child(hyperv);
    }
    if is_hidden(wishes) {
        features = features.child(Element::new("kvm").child(on("hidden")));
    }
    if let Some(pmu) = wishes.agreed_flag("pmu")? {
        features = features.child(Element::new("pmu").with("state", if pmu { "on" } else { "off" }));
    }
    Ok(features)
}

pub(super) fn clock(virt_type: VirtType, wishes: &Wishes<'_>) -> Element {
    let timer = |name: &str| Element::new("timer").with("name", name);
    let hpet = if wishes.image_flag("hw_time_hpet") { "yes" } else { "no" };
    let offset = if is_windows(wishes) { "localtime" } else { "utc" };
    let mut clock = Element::new("clock").with("offset", offset).children([
        timer("pit").with("tickpolicy", "delay"),
        timer("rtc").with("tickpolicy", "catchup"),
        timer("hpet").with("present", hpet),
    ]);
    // The clock of Hyper-V is one that KVM imitates.
    if is_windows(wishes) && virt_type == VirtType::Kvm {
        clock = clock.child(timer("hypervclock").with("present", "yes"));
    }
    clock
}
