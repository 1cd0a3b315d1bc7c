//! The XML of a server's domain.

use std::io;
use std::path::Path;

use protocol::{ConsoleKind, ServerPort, ServerSpec};
use quick_xml::Writer;
use quick_xml::events::{BytesEnd, BytesStart, BytesText, Event};

use super::VirtType;
use crate::layout::{Layout, ServerFile};

/// The namespace of our part of a domain's metadata. A domain without it is not ours.
pub(super) const NAMESPACE: &str = "https://ferrostack.dev/xmlns/server/1";

/// Offloads that would leave checksums and segments for a network card to finish. Open vSwitch's userspace datapath
/// takes packets from the tap as they are, so that the guest has to finish them itself.
const HOST_OFFLOADS: [&str; 6] = ["csum", "gso", "tso4", "tso6", "ecn", "ufo"];
const GUEST_OFFLOADS: [&str; 5] = ["csum", "tso4", "tso6", "ecn", "ufo"];

/// The domain of a server.
pub(super) fn domain_xml(server: &ServerSpec, virt_type: VirtType, layout: &Layout) -> io::Result<String> {
    let mut xml = Xml(Writer::new_with_indent(Vec::new(), b' ', 2));
    xml.open("domain", &[("type", virt_type.name())])?;
    xml.text("name", &[], &server.instance_name)?;
    xml.text("uuid", &[], &server.id)?;
    xml.text("title", &[], &one_line(&server.display_name))?;
    metadata(&mut xml, server)?;
    xml.text("memory", &[("unit", "MiB")], &server.memory_mb.to_string())?;
    xml.text("vcpu", &[], &server.vcpus.to_string())?;
    xml.open("os", &[])?;
    xml.text("type", &[("arch", "x86_64"), ("machine", machine(server))], "hvm")?;
    xml.empty("boot", &[("dev", "hd")])?;
    xml.close("os")?;
    xml.open("features", &[])?;
    xml.empty("acpi", &[])?;
    xml.empty("apic", &[])?;
    xml.close("features")?;
    processor(&mut xml, virt_type)?;
    xml.text("on_poweroff", &[], "destroy")?;
    xml.text("on_reboot", &[], "restart")?;
    xml.text("on_crash", &[], "destroy")?;
    devices(&mut xml, server, layout)?;
    xml.close("domain")?;
    String::from_utf8(xml.0.into_inner()).map_err(io::Error::other)
}

fn metadata(xml: &mut Xml, server: &ServerSpec) -> io::Result<()> {
    xml.open("metadata", &[])?;
    xml.open("ferrostack:server", &[("xmlns:ferrostack", NAMESPACE), ("id", &server.id)])?;
    xml.text("ferrostack:name", &[], &one_line(&server.display_name))?;
    xml.text("ferrostack:project", &[], &server.project_id)?;
    xml.text("ferrostack:user", &[], &server.user_id)?;
    xml.close("ferrostack:server")?;
    xml.close("metadata")
}

/// The machine type: the older one has fewer devices, and so starts sooner where every instruction is emulated.
fn machine(server: &ServerSpec) -> &str {
    server.image_properties.get("hw_machine_type").map_or("pc", String::as_str)
}

fn processor(xml: &mut Xml, virt_type: VirtType) -> io::Result<()> {
    match virt_type {
        VirtType::Kvm => xml.empty("cpu", &[("mode", "host-model"), ("check", "partial")])?,
        VirtType::Qemu => {
            xml.open("cpu", &[("mode", "maximum"), ("check", "none")])?;
            // A fifth level of page tables makes every walk through them longer, and the emulator walks in software.
            xml.empty("feature", &[("policy", "disable"), ("name", "la57")])?;
            xml.close("cpu")?;
        }
    }
    xml.open("clock", &[("offset", "utc")])?;
    xml.empty("timer", &[("name", "pit"), ("tickpolicy", "delay")])?;
    xml.empty("timer", &[("name", "rtc"), ("tickpolicy", "catchup")])?;
    xml.empty("timer", &[("name", "hpet"), ("present", "no")])?;
    xml.close("clock")
}

fn devices(xml: &mut Xml, server: &ServerSpec, layout: &Layout) -> io::Result<()> {
    let file = |file| layout.qemu_file(&server.id, file);
    xml.open("devices", &[])?;
    disk(xml, &file(ServerFile::Root), "qcow2", "vda")?;
    let mut letters = ["vdb", "vdc"].into_iter();
    for (wanted, kind) in [(server.ephemeral_gb > 0, ServerFile::Ephemeral), (server.swap_mb > 0, ServerFile::Swap)] {
        if wanted && let Some(letter) = letters.next() {
            disk(xml, &file(kind), "raw", letter)?;
        }
    }
    if server.config_drive.is_some() {
        config_drive(xml, &file(ServerFile::ConfigDrive), machine(server))?;
    }
    for port in &server.ports {
        interface(xml, port)?;
    }
    consoles(xml, server, layout)?;
    xml.empty("controller", &[("type", "usb"), ("model", "none")])?;
    xml.empty("input", &[("type", "tablet"), ("bus", "virtio")])?;
    xml.open("video", &[])?;
    xml.empty("model", &[("type", "vga")])?;
    xml.close("video")?;
    xml.open("memballoon", &[("model", "virtio")])?;
    xml.empty("stats", &[("period", "10")])?;
    xml.close("memballoon")?;
    xml.open("rng", &[("model", "virtio")])?;
    xml.text("backend", &[("model", "random")], "/dev/urandom")?;
    xml.close("rng")?;
    xml.close("devices")
}

fn disk(xml: &mut Xml, file: &Path, format: &str, device: &str) -> io::Result<()> {
    xml.open("disk", &[("type", "file"), ("device", "disk")])?;
    xml.empty("driver", &[("name", "qemu"), ("type", format), ("cache", "writeback"), ("discard", "unmap")])?;
    xml.empty("source", &[("file", &path(file))])?;
    xml.empty("target", &[("dev", device), ("bus", "virtio")])?;
    xml.close("disk")
}

/// The config drive is a CD in the drive that the machine type has anyway.
fn config_drive(xml: &mut Xml, file: &Path, machine: &str) -> io::Result<()> {
    let (device, bus) = if machine.contains("q35") { ("sda", "sata") } else { ("hda", "ide") };
    xml.open("disk", &[("type", "file"), ("device", "cdrom")])?;
    xml.empty("driver", &[("name", "qemu"), ("type", "raw")])?;
    xml.empty("source", &[("file", &path(file))])?;
    xml.empty("target", &[("dev", device), ("bus", bus)])?;
    xml.empty("readonly", &[])?;
    xml.close("disk")
}

fn interface(xml: &mut Xml, port: &ServerPort) -> io::Result<()> {
    xml.open("interface", &[("type", "ethernet")])?;
    xml.empty("mac", &[("address", &port.mac_address)])?;
    xml.empty("target", &[("dev", &port.tap_name()), ("managed", "no")])?;
    xml.empty("model", &[("type", "virtio")])?;
    xml.open("driver", &[])?;
    xml.empty("host", &HOST_OFFLOADS.map(|offload| (offload, "off")))?;
    xml.empty("guest", &GUEST_OFFLOADS.map(|offload| (offload, "off")))?;
    xml.close("driver")?;
    xml.empty("mtu", &[("size", &port.mtu.to_string())])?;
    xml.empty("rom", &[("enabled", "no")])?;
    xml.close("interface")
}

fn consoles(xml: &mut Xml, server: &ServerSpec, layout: &Layout) -> io::Result<()> {
    let socket = |kind| path(&layout.qemu_socket(&server.id, kind));
    xml.open("serial", &[("type", "unix")])?;
    xml.empty("source", &[("mode", "bind"), ("path", &socket(ConsoleKind::Serial))])?;
    xml.empty("log", &[("file", &path(&layout.qemu_file(&server.id, ServerFile::ConsoleLog))), ("append", "on")])?;
    xml.empty("target", &[("port", "0")])?;
    xml.close("serial")?;
    xml.open("graphics", &[("type", "vnc")])?;
    xml.empty("listen", &[("type", "socket"), ("socket", &socket(ConsoleKind::Vnc))])?;
    xml.close("graphics")
}

fn path(path: &Path) -> String {
    path.display().to_string()
}

/// A name in one line, without what XML cannot carry.
fn one_line(name: &str) -> String {
    name.chars().filter(|c| !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}')).collect()
}

/// Writes XML into memory.
struct Xml(Writer<Vec<u8>>);

impl Xml {
    fn open(&mut self, name: &str, attributes: &[(&str, &str)]) -> io::Result<()> {
        self.0.write_event(Event::Start(element(name, attributes)))
    }

    fn close(&mut self, name: &str) -> io::Result<()> {
        self.0.write_event(Event::End(BytesEnd::new(name)))
    }

    fn empty(&mut self, name: &str, attributes: &[(&str, &str)]) -> io::Result<()> {
        self.0.write_event(Event::Empty(element(name, attributes)))
    }

    fn text(&mut self, name: &str, attributes: &[(&str, &str)], text: &str) -> io::Result<()> {
        self.open(name, attributes)?;
        self.0.write_event(Event::Text(BytesText::new(text)))?;
        self.close(name)
    }
}

fn element<'a>(name: &'a str, attributes: &[(&'a str, &'a str)]) -> BytesStart<'a> {
    BytesStart::new(name).with_attributes(attributes.iter().copied())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use protocol::{DiskSource, ImageSource};

    use super::*;

    fn server() -> ServerSpec {
        let image = ImageSource { id: "i".into(), disk_format: "qcow2".into(), size: 1, sha512: String::new() };
        ServerSpec {
            id: "22222222-0000-4000-8000-000000000001".into(),
            instance_name: "instance-00000001".into(),
            display_name: "<a> & \"b\"\u{1}\n".into(),
            hostname: "a".into(),
            project_id: "project".into(),
            user_id: "user".into(),
            vcpus: 2,
            memory_mb: 512,
            root_disk: DiskSource::Image(image),
            root_gb: 1,
            ephemeral_gb: 0,
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

    fn xml(server: &ServerSpec, virt_type: VirtType) -> String {
        domain_xml(server, virt_type, &Layout::new("/ours", "/qemus")).unwrap()
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
}
