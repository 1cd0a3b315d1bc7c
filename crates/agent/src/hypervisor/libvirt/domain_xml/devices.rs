//! What a machine has beside disks and network cards.

use protocol::{ConsoleKind, Problem, ServerSpec};

use super::super::xml::Element;
use super::machine::is_q35;
use super::{disk, path};
use crate::layout::{Layout, ServerFile};
use crate::wishes::{Wishes, refused, word};

/// The name of the channel to QEMU's guest agent.
pub(in super::super) const GUEST_AGENT: &str = "org.qemu.guest_agent.0";
/// Screens that QEMU has for this architecture.
const VIDEO_MODELS: [&str; 7] = ["vga", "virtio", "qxl", "cirrus", "vmvga", "bochs", "none"];
/// Those of them whose memory can be chosen.
const VIDEO_WITH_RAM: [&str; 3] = ["vga", "qxl", "vmvga"];
const SOUND_MODELS: [&str; 7] = ["ac97", "es1370", "ich6", "ich9", "pcspk", "sb16", "usb"];
const USB_MODELS: [&str; 2] = ["qemu-xhci", "nec-xhci"];
/// The most serial lines that a PC has.
const SERIAL_PORTS: u32 = 4;
/// Slots of a machine with PCI Express: what is added while it runs needs a free one.
const PCIE_SLOTS: u32 = 16;

pub(super) fn devices(
    server: &ServerSpec,
    wishes: &Wishes<'_>,
    layout: &Layout,
    spice: bool,
) -> Result<Vec<Element>, Problem> {
    let mut devices = consoles(server, wishes, layout, spice)?;
    devices.extend(video(wishes)?);
    devices.extend(usb_and_input(server, wishes)?);
    devices.push(Element::new("memballoon").with("model", "virtio").child(Element::new("stats").with("period", 10)));
    devices.extend(rng(wishes)?);
    devices.extend(watchdog(wishes)?);
    let agent = Element::new("channel").with("type", "unix").children([
        Element::new("source").with("mode", "bind"),
        Element::new("target").with("type", "virtio").with("name", GUEST_AGENT),
    ]);
    devices.extend(wishes.image_flag("hw_qemu_guest_agent").then_some(agent));
    if let Some(model) = wishes.agreed("sound_model")? {
        devices.push(Element::new("sound").with("model", word("the sound model", model, &SOUND_MODELS)?));
    }
    if is_q35(server) {
        let pci = |model| Element::new("controller").with("type", "pci").with("model", model);
        devices.push(pci("pcie-root"));
        devices.extend((0..PCIE_SLOTS).map(|_| pci("pcie-root-port")));
    }
    Ok(devices)
}

/// The serial lines, of which the first is logged and can be reached, and the screen.
fn consoles(server: &ServerSpec, wishes: &Wishes<'_>, layout: &Layout, spice: bool) -> Result<Vec<Element>, Problem> {
    let socket = |kind| path(&layout.qemu_socket(&server.id, kind));
    let log = path(&layout.qemu_file(&server.id, ServerFile::ConsoleLog));
    let target = |port: u32| Element::new("target").with("port", port);
    let mut consoles = vec![Element::new("serial").with("type", "unix").children([
        Element::new("source").with("mode", "bind").with("path", socket(ConsoleKind::Serial)),
        Element::new("log").with("file", log).with("append", "on"),
        target(0),
    ])];
    let further = (1..serial_ports(wishes)?).map(|port| Element::new("serial").with("type", "pty").child(target(port)));
    consoles.extend(further);
    let screens = [("vnc", ConsoleKind::Vnc), ("spice", ConsoleKind::Spice)];
    consoles.extend(screens.into_iter().filter(|(name, _)| spice || *name != "spice").map(|(name, kind)| {
        let listen = Element::new("listen").with("type", "socket").with("socket", socket(kind));
        Element::new("graphics").with("type", name).child(listen)
    }));
    Ok(consoles)
}

fn serial_ports(wishes: &Wishes<'_>) -> Result<u32, Problem> {
    let flavor: Option<u32> = wishes.flavor_number("hw:serial_port_count")?.filter(|count| *count > 0);
    let image: Option<u32> = wishes.image_number("hw_serial_port_count")?.filter(|count| *count > 0);
    if let (Some(flavor), Some(image)) = (flavor, image)
        && image > flavor
    {
        return Err(refused(format!(
            "the image's hw_serial_port_count is {image} and the flavor's hw:serial_port_count is {flavor}: an image may \
             have fewer, not more"
        )));
    }
    let count = image.or(flavor).unwrap_or(1);
    if count > SERIAL_PORTS {
        return Err(refused(format!("a server has up to {SERIAL_PORTS} serial ports, not {count}")));
    }
    Ok(count)
}

fn video(wishes: &Wishes<'_>) -> Result<Option<Element>, Problem> {
    // A guest without a driver for it has a VGA screen.
    let name = word("hw_video_model", wishes.image("hw_video_model").unwrap_or("virtio"), &VIDEO_MODELS)?;
    let mut model = Element::new("model").with("type", name);
    let most: u64 = wishes.flavor_number("hw_video:ram_max_mb")?.unwrap_or(0);
    let wanted: u64 = wishes.image_number("hw_video_ram")?.unwrap_or(0);
    if wanted > most {
        return Err(refused(format!("the image's hw_video_ram is {wanted} MiB and the flavor allows {most} MiB")));
    }
    if wanted > 0 && VIDEO_WITH_RAM.contains(&name) {
        model = model.with("vram", wanted << 10);
    }
    Ok(Some(Element::new("video").child(model)))
}

/// USB costs every guest time, so that only those have it that need it.
fn usb_and_input(server: &ServerSpec, wishes: &Wishes<'_>) -> Result<Vec<Element>, Problem> {
    let pointer =
        wishes.image("hw_pointer_model").map(|model| word("hw_pointer_model", model, &["usbtablet", "ps2mouse"]));
    let pointer = pointer.transpose()?;
    let bus = wishes.image("hw_input_bus").map(|bus| word("hw_input_bus", bus, &["usb", "virtio"])).transpose()?;
    let model = wishes.agreed("usb_model")?.map(|model| word("the USB model", model, &USB_MODELS)).transpose()?;
    let sound = wishes.agreed("sound_model")? == Some("usb");
    let input = bus == Some("usb") || (bus.is_none() && pointer == Some("usbtablet"));
    let usb = input || model.is_some() || sound || disk::has_usb(server, wishes)?;
    let controller = Element::new("controller").with("type", "usb");
    let device = |kind, bus| Element::new("input").with("type", kind).with("bus", bus);
    let mut devices = vec![controller.with("model", if usb { model.unwrap_or(USB_MODELS[0]) } else { "none" })];
    match (bus, pointer) {
        (Some(bus), _) => devices.extend([device("tablet", bus), device("keyboard", bus)]),
        (None, Some("usbtablet")) => devices.push(device("tablet", "usb")),
        (None, Some(_)) => {}
        (None, None) => devices.push(device("tablet", "virtio")),
    }
    Ok(devices)
}

fn rng(wishes: &Wishes<'_>) -> Result<Option<Element>, Problem> {
    if let Some(model) = wishes.image("hw_rng_model") {
        word("hw_rng_model", model, &["virtio"])?;
    }
    if wishes.flavor("hw_rng:allowed").is_some() && !wishes.flavor_flag("hw_rng:allowed") {
        return Ok(None);
    }
    let mut rng = Element::new("rng").with("model", "virtio");
    if let Some(bytes) = wishes.flavor_number::<u64>("hw_rng:rate_bytes")?.filter(|bytes| *bytes > 0) {
        let mut rate = Element::new("rate").with("bytes", bytes);
        if let Some(period) = wishes.flavor_number::<u64>("hw_rng:rate_period")?.filter(|period| *period > 0) {
            rate = rate.with("period", period);
        }
        rng = rng.child(rate);
    }
    Ok(Some(rng.child(Element::text("backend", "/dev/urandom").with("model", "random"))))
}

/// The image knows better than the flavor what its watchdog should do.
fn watchdog(wishes: &Wishes<'_>) -> Result<Option<Element>, Problem> {
    let action = wishes.image("hw_watchdog_action").or(wishes.flavor("hw:watchdog_action")).unwrap_or("disabled");
    match word("the watchdog's action", action, &["disabled", "none", "pause", "poweroff", "reset"])? {
        "disabled" => Ok(None),
        action => Ok(Some(Element::new("watchdog").with("model", "i6300esb").with("action", action))),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::server_with;
    use super::*;

    fn made(flavor: &[(&str, &str)], image: &[(&str, &str)]) -> Result<String, Problem> {
        let server = server_with(flavor, image);
        let devices = devices(&server, &Wishes::new(&server), &Layout::new("/ours", "/qemus"), false)?;
        Element::new("devices").children(devices).write()
    }

    #[test]
    fn devices_are_as_asked() {
        let pairs: [(&[_], &[_], &str); 16] = [
            (&[], &[("hw_input_bus", "usb")], r#"<input type="keyboard" bus="usb"/>"#),
            (&[], &[("hw_input_bus", "virtio")], r#"<input type="tablet" bus="virtio"/>"#),
            (&[("hw_rng:rate_bytes", "100")], &[], r#"<rate bytes="100"/>"#),
            (&[("hw_rng:rate_bytes", "1"), ("hw_rng:rate_period", "9")], &[], r#"<rate bytes="1" period="9"/>"#),
            (&[("hw:watchdog_action", "reset")], &[], r#"<watchdog model="i6300esb" action="reset"/>"#),
            (&[("hw:watchdog_action", "reset")], &[("hw_watchdog_action", "pause")], r#"action="pause""#),
            (&[], &[("hw_video_model", "qxl")], r#"<model type="qxl"/>"#),
            (&[("hw_video:ram_max_mb", "64")], &[("hw_video_ram", "32"), ("hw_video_model", "vga")], "vram=\"32768\""),
            (&[], &[("hw_pointer_model", "usbtablet")], r#"<input type="tablet" bus="usb"/>"#),
            (&[], &[("hw_pointer_model", "usbtablet")], r#"<controller type="usb" model="qemu-xhci"/>"#),
            (&[], &[("hw_disk_bus", "usb")], r#"<controller type="usb" model="qemu-xhci"/>"#),
            (&[], &[("hw_qemu_guest_agent", "yes")], r#"name="org.qemu.guest_agent.0""#),
            (&[("hw:serial_port_count", "2")], &[], r#"<target port="1"/>"#),
            (&[], &[("hw_machine_type", "q35")], r#"model="pcie-root-port""#),
            (&[("hw:sound_model", "ich9")], &[], r#"<sound model="ich9"/>"#),
            (&[], &[], r#"<controller type="usb" model="none"/>"#),
        ];
        for (flavor, image, expected) in pairs {
            let made = made(flavor, image).unwrap();
            assert!(made.contains(expected), "{flavor:?} {image:?}: {expected} is not in {made}");
        }
        assert!(!made(&[("hw_rng:allowed", "false")], &[("hw_rng_model", "virtio")]).unwrap().contains("<rng"));
        assert!(!made(&[], &[("hw_pointer_model", "ps2mouse")]).unwrap().contains("tablet"));
        let two = made(&[("hw:serial_port_count", "4")], &[("hw_serial_port_count", "2")]).unwrap();
        assert!(!two.contains(r#"<target port="2"/>"#), "{two}");
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let pairs: [(&[_], &[_]); 8] = [
            (&[], &[("hw_input_bus", "ps2")]),
            (&[("hw:serial_port_count", "2")], &[("hw_serial_port_count", "3")]),
            (&[("hw:serial_port_count", "5")], &[]),
            (&[], &[("hw_video_ram", "32")]),
            (&[], &[("hw_video_model", "xen")]),
            (&[], &[("hw_watchdog_action", "bark")]),
            (&[], &[("hw_pointer_model", "paw")]),
            (&[("hw:sound_model", "ich9")], &[("hw_sound_model", "sb16")]),
        ];
        for (flavor, image) in pairs {
            assert!(matches!(made(flavor, image), Err(Problem::Permanent(_))), "{flavor:?} {image:?}");
        }
    }
}
