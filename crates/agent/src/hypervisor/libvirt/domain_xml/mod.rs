//! The XML of a server's domain, as its flavor and image ask for it.

mod cpu;
mod devices;
mod disk;
mod machine;
mod network;
mod numa;
mod tune;

use std::path::Path;
use std::time::Duration;

use protocol::numa::{Guest, Placement};
use protocol::{CpuSet, Problem, ServerPort, ServerSpec};

use super::xml::Element;
use super::{Guests, Options, VirtType};
use crate::layout::Layout;
use crate::wishes::Wishes;
pub(super) use devices::GUEST_AGENT;
use machine::MACHINE_TYPE;
pub(super) use network::MODELS as NETWORK_MODELS;

/// The namespace of our part of a domain's metadata. A domain without it is not ours.
pub(super) const NAMESPACE: &str = "https://ferrostack.dev/xmlns/server/1";

/// What the server asks of the node's processors and memory.
pub fn guest(server: &ServerSpec) -> Result<Guest, Problem> {
    numa::guest(server, &Wishes::new(server))
}

/// Whether the server asks for UEFI firmware.
pub(super) fn is_uefi(server: &ServerSpec) -> Result<bool, Problem> {
    machine::is_uefi(&Wishes::new(server))
}

/// Refuses a server that no node can have, whatever node that is: what its flavor and image ask for is not known,
/// contradicts itself or cannot be had here.
pub fn check(server: &ServerSpec) -> Result<(), Problem> {
    let options = Options {
        uri: String::new(),
        layout: Layout::new("/", "/"),
        virt_type: VirtType::Qemu,
        reboot_grace: Duration::ZERO,
        dedicated_cpus: CpuSet::default(),
        spice: false,
        guests: Guests::default(),
    };
    domain_xml(server, &options, &guest(server)?, &Placement::default()).map(drop)
}

/// The domain of a server, placed on the node.
pub(super) fn domain_xml(
    server: &ServerSpec,
    options: &Options,
    guest: &Guest,
    placement: &Placement,
) -> Result<String, Problem> {
    let Options { virt_type, layout, spice, guests, .. } = options;
    let mut server = server.clone();
    server.image_properties.entry(MACHINE_TYPE.to_owned()).or_insert_with(|| guests.hw_machine_type.clone());
    let (server, virt_type, wishes) = (&server, *virt_type, Wishes::new(&server));
    machine::check(&wishes)?;
    let mut vcpu = Element::text("vcpu", server.vcpus);
    if let Some(shared) = &placement.shared {
        vcpu = vcpu.with("cpuset", shared);
    }
    let mut devices = Element::new("devices").children(disk::disks(server, &wishes, options)?);
    for port in &server.ports {
        devices = devices.child(network::interface(server, port, &wishes)?);
    }
    devices = devices.children(devices::devices(server, &wishes, layout, *spice)?);
    Element::new("domain")
        .with("type", virt_type.name())
        .child(Element::text("name", &server.instance_name))
        .child(Element::text("uuid", &server.id))
        .child(Element::text("title", one_line(&server.display_name)))
        .child(metadata(server))
        .child(Element::text("memory", server.memory_mb).with("unit", "MiB"))
        .children(tune::memory_backing(&wishes, placement)?)
        .child(vcpu)
        .children(tune::cpu_tune(&wishes, placement)?)
        .children(tune::disk_shares(&wishes)?)
        .children(tune::numa_tune(placement))
        .child(machine::sysinfo(server))
        .child(machine::os(server, &wishes)?)
        .child(machine::features(&wishes)?)
        .child(cpu::cpu(server, guests.cpu(virt_type), &wishes, guest)?)
        .child(machine::clock(virt_type, &wishes))
        .child(Element::text("on_poweroff", "destroy"))
        .child(Element::text("on_reboot", "restart"))
        .child(Element::text("on_crash", "destroy"))
        .child(devices)
        .write()
}

/// The network card of a port, to be added to the server's domain.
pub(super) fn interface_xml(server: &ServerSpec, port: &ServerPort) -> Result<String, Problem> {
    network::interface(server, port, &Wishes::new(server))?.write()
}

fn metadata(server: &ServerSpec) -> Element {
    let ours = Element::new("ferrostack:server").with("xmlns:ferrostack", NAMESPACE).with("id", &server.id).children([
        Element::text("ferrostack:name", one_line(&server.display_name)),
        Element::text("ferrostack:project", &server.project_id),
        Element::text("ferrostack:user", &server.user_id),
    ]);
    Element::new("metadata").child(ours)
}

fn path(path: &Path) -> String {
    path.display().to_string()
}

/// A name in one line, without what XML cannot carry.
fn one_line(name: &str) -> String {
    name.chars().filter(|c| !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}')).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeMap;

    use protocol::{DiskSource, ImageSource};

    use super::*;
    use crate::hypervisor::libvirt::{CacheMode, Discard};

    pub(in super::super) fn image() -> ImageSource {
        ImageSource { id: "i".into(), disk_format: "qcow2".into(), size: 1, sha512: String::new() }
    }

    /// A small server with these extra specs and image properties.
    pub(in super::super) fn server_with(flavor: &[(&str, &str)], image: &[(&str, &str)]) -> ServerSpec {
        let pairs =
            |pairs: &[(&str, &str)]| pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
        ServerSpec {
            swap_mb: 0,
            config_drive: None,
            extra_specs: pairs(flavor),
            image_properties: pairs(image),
            ..server()
        }
    }

    fn server() -> ServerSpec {
        ServerSpec {
            id: "22222222-0000-4000-8000-000000000001".into(),
            instance_name: "instance-00000001".into(),
            display_name: "<a> & \"b\"\u{1}\n".into(),
            hostname: "a".into(),
            project_id: "project".into(),
            user_id: "user".into(),
            vcpus: 2,
            memory_mb: 512,
            root_disk: DiskSource::Image(image()),
            root_gb: 1,
            ephemerals_gb: Vec::new(),
            swap_mb: 64,
            ports: vec![ServerPort {
                id: "33333333-0001-4000-8000-000000000001".into(),
                network_id: "n".into(),
                mac_address: "fa:16:3e:00:00:01".into(),
                mtu: 1442,
            }],
            config_drive: Some(BTreeMap::new()),
            extra_specs: BTreeMap::new(),
            image_properties: BTreeMap::new(),
            rescue: None,
        }
    }

    fn options(virt_type: VirtType) -> Options {
        Options {
            uri: String::new(),
            layout: Layout::new("/ours", "/qemus"),
            virt_type,
            reboot_grace: Duration::ZERO,
            dedicated_cpus: protocol::CpuSet::default(),
            spice: false,
            guests: Guests::default(),
        }
    }

    fn made(server: &ServerSpec, virt_type: VirtType) -> Result<String, Problem> {
        domain_xml(server, &options(virt_type), &guest(server)?, &Placement::default())
    }

    #[test]
    fn a_screen_by_spice_is_there_where_it_is_wanted() {
        let with = Options { spice: true, ..options(VirtType::Qemu) };
        let server = server();
        let xml = domain_xml(&server, &with, &guest(&server).unwrap(), &Placement::default()).unwrap();
        let socket = format!(r#"<listen type="socket" socket="/qemus/s/{}.spice"/>"#, server.id);
        assert!(xml.contains(r#"<graphics type="spice">"#) && xml.contains(&socket), "{xml}");
        assert!(!made(&server, VirtType::Qemu).unwrap().contains("spice"));
    }

    #[test]
    fn the_operator_says_what_guests_get_that_ask_for_nothing() {
        let guests = Guests {
            hw_machine_type: "q35".to_owned(),
            disk_cachemode: CacheMode::None,
            hw_disk_discard: Discard::Ignore,
            ..Guests::default()
        };
        let options = Options { guests, ..options(VirtType::Qemu) };
        let made = |server: &ServerSpec| domain_xml(server, &options, &guest(server).unwrap(), &Placement::default());
        let xml = made(&server()).unwrap();
        for part in [r#"machine="q35""#, r#"bus="sata""#, r#"cache="none" discard="ignore""#] {
            assert!(xml.contains(part), "{part} is not in {xml}");
        }
        let asked = made(&server_with(&[], &[("hw_machine_type", "pc")])).unwrap();
        assert!(asked.contains(r#"machine="pc""#), "{asked}");
    }

    fn xml(server: &ServerSpec, virt_type: VirtType) -> String {
        made(server, virt_type).unwrap()
    }

    #[test]
    fn a_domain_has_what_the_server_asks_for() {
        let xml = xml(&server(), VirtType::Qemu);
        for part in [
            r#"<domain type="qemu">"#,
            "<name>instance-00000001</name>",
            r#"<memory unit="MiB">512</memory>"#,
            "<vcpu>2</vcpu>",
            r#"<source file="/qemus/servers/22222222-0000-4000-8000-000000000001/root.qcow2"/>"#,
            r#"<target dev="vdb" bus="virtio"/>"#,
            r#"<target dev="hda" bus="ide"/>"#,
            r#"<target dev="tap33333333-00" managed="no"/>"#,
            r#"<host csum="off" gso="off" tso4="off" tso6="off" ecn="off" ufo="off"/>"#,
            r#"<guest csum="off" tso4="off" tso6="off" ecn="off" ufo="off"/>"#,
            r#"<mtu size="1442"/>"#,
            r#"socket="/qemus/s/22222222-0000-4000-8000-000000000001.vnc""#,
        ] {
            assert!(xml.contains(part), "{part} is missing in {xml}");
        }
        assert!(!xml.contains("/ours"));
    }

    #[test]
    fn names_are_escaped_and_loose_what_xml_cannot_carry() {
        let xml = xml(&server(), VirtType::Qemu);
        assert!(xml.contains("<title>&lt;a&gt; &amp; &quot;b&quot;</title>"), "{xml}");
    }

    #[test]
    fn the_processor_and_the_machine_are_as_asked() {
        let mut server = server();
        server.image_properties.insert("hw_machine_type".into(), "q35".into());
        let xml = xml(&server, VirtType::Kvm);
        assert!(xml.contains(r#"<domain type="kvm">"#) && xml.contains("host-model"), "{xml}");
        assert!(xml.contains(r#"machine="q35""#) && xml.contains(r#"<target dev="sda" bus="sata"/>"#), "{xml}");
    }

    #[test]
    fn the_machine_is_as_flavor_and_image_ask() {
        let pairs: [(&[_], &[_], &str); 28] = [
            (&[], &[("hw_firmware_type", "uefi")], r#"<os firmware="efi">"#),
            (&[], &[("hw_firmware_type", "bios")], "<os>"),
            (&[("hw:boot_menu", "true")], &[], r#"<bootmenu enable="yes"/>"#),
            (&[], &[("hw_boot_menu", "true")], r#"<bootmenu enable="yes"/>"#),
            (&[], &[("os_type", "windows")], r#"<clock offset="localtime">"#),
            (&[], &[("os_type", "windows")], r#"<spinlocks state="on" retries="8191"/>"#),
            (&[], &[("hw_time_hpet", "true")], r#"<timer name="hpet" present="yes"/>"#),
            (&[], &[("img_hide_hypervisor_id", "true")], r#"<hidden state="on"/>"#),
            (&[("hide_hypervisor_id", "true")], &[], r#"<hidden state="on"/>"#),
            (&[("hw:pmu", "false")], &[], r#"<pmu state="off"/>"#),
            (&[("quota:cpu_shares", "2048")], &[], "<shares>2048</shares>"),
            (&[("quota:cpu_shares_level", "high")], &[], "<shares>2048</shares>"),
            (&[("quota:disk_io_shares_level", "low")], &[], "<weight>250</weight>"),
            (
                &[("quota:disk_io_shares_level", "custom"), ("quota:disk_io_shares_share", "800")],
                &[],
                "<weight>800</weight>",
            ),
            (&[("quota:cpu_period", "20000"), ("quota:cpu_quota", "10000")], &[], "<quota>10000</quota>"),
            (&[("quota:cpu_quota", "-1")], &[], "<quota>-1</quota>"),
            (&[("quota:disk_read_bytes_sec", "1000")], &[], "<read_bytes_sec>1000</read_bytes_sec>"),
            (&[("quota:disk_total_iops_sec", "100")], &[], "<total_iops_sec>100</total_iops_sec>"),
            (
                &[("quota:vif_inbound_average", "10"), ("quota:vif_inbound_peak", "20")],
                &[],
                r#"<inbound average="10" peak="20"/>"#,
            ),
            (&[("quota:vif_outbound_average", "10")], &[], r#"<outbound average="10"/>"#),
            (&[], &[("hw_vif_model", "e1000")], r#"<model type="e1000"/>"#),
            (&[("hw:vif_multiqueue_enabled", "true")], &[], r#"<driver queues="2">"#),
            (&[("hw:virtio_packed_ring", "true")], &[], r#"<driver packed="on">"#),
            (
                &[],
                &[("hw_scsi_model", "virtio-scsi"), ("hw_disk_bus", "scsi")],
                r#"<controller type="scsi" index="0" model="virtio-scsi"/>"#,
            ),
            (&[("hw:cpu_cores", "2")], &[], r#"<topology sockets="1" dies="1" cores="2" threads="1"/>"#),
            (&[("hw:numa_nodes", "2")], &[], r#"<cell id="1" cpus="1" memory="256" unit="MiB"/>"#),
            (&[("hw:tpm_version", "")], &[], "<domain"),
            (&[], &[("hw_mem_encryption", "False"), ("os_secure_boot", "optional")], "<domain"),
        ];
        for (flavor, image, expected) in pairs {
            let xml = made(&server_with(flavor, image), VirtType::Qemu).unwrap();
            assert!(xml.contains(expected), "{flavor:?} {image:?}: {expected} is not in {xml}");
        }
        let e1000 = xml(&server_with(&[], &[("hw_vif_model", "e1000")]), VirtType::Qemu);
        assert!(!e1000.contains("csum"), "the offloads are virtio's");
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let pairs: [(&[_], &[_]); 21] = [
            (&[], &[("hw_emulation_architecture", "aarch64")]),
            (&[], &[("kernel_id", "44444444-0000-4000-8000-000000000001")]),
            (&[("hw:redirected_usb_ports", "2")], &[]),
            (&[], &[("hw_architecture", "aarch64")]),
            (&[], &[("architecture", "i686")]),
            (&[], &[("hw_firmware_type", "openfirmware")]),
            (&[("os:secure_boot", "required")], &[]),
            (&[], &[("os_secure_boot", "required")]),
            (&[("hw:tpm_version", "2.0")], &[]),
            (&[], &[("hw_tpm_model", "tpm-crb")]),
            (&[("hw:mem_encryption", "true")], &[]),
            (&[("pci_passthrough:alias", "gpu:1")], &[]),
            (&[], &[("hw_vif_model", "netfront")]),
            (&[("hw:vif_multiqueue_enabled", "true")], &[("hw_vif_multiqueue_enabled", "false")]),
            (&[("quota:disk_total_iops_sec", "1"), ("quota:disk_read_iops_sec", "1")], &[]),
            (&[("quota:vif_inbound_peak", "1")], &[]),
            (&[("quota:cpu_shares", "many")], &[]),
            (&[("quota:disk_io_shares_level", "custom")], &[]),
            (&[("quota:disk_io_shares_level", "custom"), ("quota:disk_io_shares_share", "1001")], &[]),
            (&[("quota:disk_io_shares_share", "10")], &[]),
            (&[("quota:memory_limit", "512")], &[]),
        ];
        for (flavor, image) in pairs {
            let made = made(&server_with(flavor, image), VirtType::Qemu);
            assert!(matches!(made, Err(Problem::Permanent(_))), "{flavor:?} {image:?}");
        }
    }

    #[test]
    fn a_placed_guest_is_where_it_was_placed() {
        let flavor = [("hw:cpu_policy", "dedicated"), ("hw:numa_nodes", "2"), ("hw:mem_page_size", "large")];
        let server = server_with(&flavor, &[]);
        let set = |text: &str| text.parse().unwrap();
        let made = |cells| {
            let placement = Placement {
                cells,
                pins: vec![(0, set("2")), (1, set("3"))],
                emulator: Some(set("2-3")),
                shared: Some(set("0-1")),
            };
            domain_xml(&server, &options(VirtType::Qemu), &guest(&server).unwrap(), &placement).unwrap()
        };
        let xml = made(vec![(1, Some(2048)), (0, Some(1_048_576))]);
        for part in [
            r#"<vcpu cpuset="0-1">2</vcpu>"#,
            r#"<vcpupin vcpu="1" cpuset="3"/>"#,
            r#"<emulatorpin cpuset="2-3"/>"#,
            r#"<memory mode="strict" nodeset="0-1"/>"#,
            r#"<memnode cellid="0" mode="strict" nodeset="1"/>"#,
            r#"<page size="2048" unit="KiB" nodeset="0"/>"#,
            r#"<page size="1048576" unit="KiB" nodeset="1"/>"#,
        ] {
            assert!(xml.contains(part), "{part} is not in {xml}");
        }
        assert!(
            made(vec![(1, Some(2048)), (0, Some(2048))]).contains(r#"<page size="2048" unit="KiB" nodeset="0-1"/>"#)
        );
        assert!(!made(vec![(1, None), (0, None)]).contains("hugepages"));
    }
}
