//! Network cards.

use protocol::{Problem, ServerPort, ServerSpec};

use super::super::xml::Element;
use super::tune;
use crate::ports;
use crate::wishes::{Wishes, word};

/// Offloads that would leave checksums and segments for a network card to finish. Open vSwitch's userspace datapath
/// takes packets from the tap as they are, so that the guest has to finish them itself.
const HOST_OFFLOADS: [&str; 6] = ["csum", "gso", "tso4", "tso6", "ecn", "ufo"];
const GUEST_OFFLOADS: [&str; 5] = ["csum", "tso4", "tso6", "ecn", "ufo"];

/// The network cards that QEMU has.
pub(in super::super) const MODELS: [&str; 8] =
    ["virtio", "e1000", "e1000e", "igb", "ne2k_pci", "pcnet", "rtl8139", "vmxnet3"];

/// The card of a port.
pub(super) fn interface(server: &ServerSpec, port: &ServerPort, wishes: &Wishes<'_>) -> Result<Element, Problem> {
    let model = word("hw_vif_model", wishes.image("hw_vif_model").unwrap_or("virtio"), &MODELS)?;
    let mut interface = Element::new("interface").with("type", "ethernet").children([
        Element::new("mac").with("address", &port.mac_address),
        Element::new("target").with("dev", port.tap_name()).with("managed", "no"),
        Element::new("model").with("type", model),
    ]);
    // A contradiction is refused whatever the card.
    wishes.agreed_flag("vif_multiqueue_enabled")?;
    if model == "virtio" {
        let off = |name, offloads: &[&str]| {
            offloads.iter().fold(Element::new(name), |element, offload| element.with(offload, "off"))
        };
        let mut driver = Element::new("driver");
        let queues = ports::queues(server);
        if queues > 1 {
            driver = driver.with("queues", queues);
        }
        if wishes.agreed_flag("virtio_packed_ring")? == Some(true) {
            driver = driver.with("packed", "on");
        }
        interface = interface.child(driver.children([off("host", &HOST_OFFLOADS), off("guest", &GUEST_OFFLOADS)]));
    }
    interface = interface.children(tune::bandwidth(wishes)?);
    Ok(interface.child(Element::new("mtu").with("size", port.mtu)).child(Element::new("rom").with("enabled", "no")))
}
