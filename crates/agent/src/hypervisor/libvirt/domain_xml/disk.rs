//! Disks: which there are, on which bus, under which name, and which the machine boots from.

use std::collections::BTreeMap;

use protocol::{DiskSource, Problem, Rescue, ServerSpec};

use super::super::Options;
use super::super::xml::Element;
use super::machine::is_q35;
use super::{path, tune};
use crate::layout::ServerFile;
use crate::wishes::{Wishes, refused, word};

const DISK_BUSES: [&str; 5] = ["virtio", "scsi", "ide", "sata", "usb"];
const CDROM_BUSES: [&str; 4] = ["ide", "sata", "scsi", "usb"];
const SCSI_MODELS: [&str; 5] = ["virtio-scsi", "lsilogic", "lsisas1068", "lsisas1078", "vmpvscsi"];

/// A disk as the guest finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Disk {
    file: ServerFile,
    /// `disk`, `cdrom`, `floppy`.
    device: &'static str,
    bus: String,
    /// `vda`, ...
    name: String,
    /// Whether the machine boots from it.
    boots: bool,
}

/// All that the server has of disks, and the controllers for them.
pub(super) fn disks(server: &ServerSpec, wishes: &Wishes<'_>, options: &Options) -> Result<Vec<Element>, Problem> {
    let Options { layout, guests, .. } = options;
    let disks = plan(server, wishes)?;
    let limits = tune::io_tune(wishes)?;
    let packed = wishes.agreed_flag("virtio_packed_ring")? == Some(true);
    let mut elements = Vec::new();
    for disk in &disks {
        let mut driver = Element::new("driver").with("name", "qemu").with("type", disk.file.format());
        if disk.device == "disk" {
            driver = driver.with("cache", guests.disk_cachemode.name()).with("discard", guests.hw_disk_discard.name());
        }
        if packed && disk.bus == "virtio" {
            driver = driver.with("packed", "on");
        }
        let file = path(&layout.qemu_file(&server.id, disk.file));
        let mut element = Element::new("disk").with("type", "file").with("device", disk.device).children([
            driver,
            Element::new("source").with("file", file),
            Element::new("target").with("dev", &disk.name).with("bus", &disk.bus),
        ]);
        if disk.boots {
            element = element.child(Element::new("boot").with("order", 1));
        }
        if disk.device == "cdrom" {
            element = element.child(Element::new("readonly"));
        } else {
            element = element.children(limits.clone());
        }
        elements.push(element);
    }
    let scsi = wishes.image("hw_scsi_model").map(|model| word("hw_scsi_model", model, &SCSI_MODELS)).transpose()?;
    if disks.iter().any(|disk| disk.bus == "scsi") {
        let controller = Element::new("controller").with("type", "scsi").with("index", 0);
        elements.push(controller.with("model", scsi.unwrap_or("virtio-scsi")));
    }
    Ok(elements)
}

/// Whether a disk is on USB, so that the machine needs that.
pub(super) fn has_usb(server: &ServerSpec, wishes: &Wishes<'_>) -> Result<bool, Problem> {
    Ok(plan(server, wishes)?.iter().any(|disk| disk.bus == "usb"))
}

fn plan(server: &ServerSpec, wishes: &Wishes<'_>) -> Result<Vec<Disk>, Problem> {
    let mut names = Names { q35: is_q35(server), used: BTreeMap::new() };
    let disk_bus = wishes.image("hw_disk_bus").unwrap_or("virtio");
    let cdrom_bus = wishes.image("hw_cdrom_bus").unwrap_or(if is_q35(server) { "sata" } else { "ide" });
    let stable = server.rescue.as_ref().filter(|rescue| is_stable(rescue));
    let classic = server.rescue.is_some() && stable.is_none();
    let mut disks = Vec::new();
    if classic {
        disks.push(names.disk(ServerFile::Rescue, disk_bus, true)?);
    }
    let DiskSource::Image(image) = &server.root_disk;
    disks.push(if image.disk_format == "iso" {
        names.cdrom(ServerFile::Root, cdrom_bus, server.rescue.is_none())?
    } else {
        names.disk(ServerFile::Root, disk_bus, server.rescue.is_none())?
    });
    // Classic rescue has the system's own disk beside the rescue's, and no more.
    for number in (0..server.ephemerals_gb.len()).filter(|_| !classic) {
        disks.push(names.disk(ServerFile::Ephemeral(number), disk_bus, false)?);
    }
    if !classic && server.swap_mb > 0 {
        disks.push(names.disk(ServerFile::Swap, disk_bus, false)?);
    }
    if server.config_drive.is_some() {
        disks.push(names.cdrom(ServerFile::config_drive(server), cdrom_bus, false)?);
    }
    if let Some(rescue) = stable {
        disks.push(names.rescue(rescue)?);
    }
    Ok(disks)
}

/// Whether the rescue image says how it is added to the disks that are there.
fn is_stable(rescue: &Rescue) -> bool {
    ["hw_rescue_device", "hw_rescue_bus"].iter().any(|name| rescue.image_properties.contains_key(*name))
}

/// Gives disks their names, bus by bus.
struct Names {
    q35: bool,
    used: BTreeMap<&'static str, u8>,
}

impl Names {
    fn disk(&mut self, file: ServerFile, bus: &str, boots: bool) -> Result<Disk, Problem> {
        self.named(file, "disk", word("the bus of disks (hw_disk_bus)", bus, &DISK_BUSES)?, boots)
    }

    fn cdrom(&mut self, file: ServerFile, bus: &str, boots: bool) -> Result<Disk, Problem> {
        self.named(file, "cdrom", word("the bus of CDs (hw_cdrom_bus)", bus, &CDROM_BUSES)?, boots)
    }

    fn rescue(&mut self, rescue: &Rescue) -> Result<Disk, Problem> {
        let property = |name: &str| rescue.image_properties.get(name).map(String::as_str);
        let device = property("hw_rescue_device").unwrap_or("disk");
        let bus = property("hw_rescue_bus");
        match word("hw_rescue_device", device, &["disk", "cdrom", "floppy"])? {
            "cdrom" => {
                let usual = property("hw_cdrom_bus").unwrap_or(if self.q35 { "sata" } else { "ide" });
                self.cdrom(ServerFile::Rescue, bus.unwrap_or(usual), true)
            }
            "floppy" => {
                self.named(ServerFile::Rescue, "floppy", word("hw_rescue_bus", bus.unwrap_or("fdc"), &["fdc"])?, true)
            }
            _ => self.disk(ServerFile::Rescue, bus.or(property("hw_disk_bus")).unwrap_or("virtio"), true),
        }
    }

    fn named(&mut self, file: ServerFile, device: &'static str, bus: &str, boots: bool) -> Result<Disk, Problem> {
        let prefix = match bus {
            "virtio" => "vd",
            "ide" => "hd",
            "fdc" => "fd",
            _ => "sd",
        };
        if bus == "ide" && self.q35 {
            return Err(refused("a machine of type q35 has no IDE: use the bus sata, scsi, usb or virtio"));
        }
        let used = self.used.entry(prefix).or_default();
        if bus == "ide" && *used == 4 {
            return Err(refused("IDE has room for four disks: use the bus virtio, scsi, sata or usb"));
        }
        let name = format!("{prefix}{}", char::from(b'a' + *used));
        *used += 1;
        Ok(Disk { file, device, bus: bus.to_owned(), name, boots })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{image, server_with};
    use super::*;

    /// `NAME on BUS is FILE`, `*` where the machine boots from it.
    fn planned(server: &ServerSpec) -> Result<Vec<String>, Problem> {
        let disk = |disk: &Disk| {
            let boots = if disk.boots { "*" } else { "" };
            format!("{boots}{} on {} is {:?}", disk.name, disk.bus, disk.file)
        };
        Ok(plan(server, &Wishes::new(server))?.iter().map(disk).collect())
    }

    fn whole(image: &[(&str, &str)]) -> ServerSpec {
        ServerSpec {
            ephemerals_gb: vec![1],
            swap_mb: 1,
            config_drive: Some(BTreeMap::new()),
            ..server_with(&[], image)
        }
    }

    #[test]
    fn disks_have_their_places() {
        let usual = [
            "*vda on virtio is Root",
            "vdb on virtio is Ephemeral(0)",
            "vdc on virtio is Swap",
            "hda on ide is ConfigDrive",
        ];
        assert_eq!(planned(&whole(&[])).unwrap(), usual);
        let q35 = planned(&whole(&[("hw_machine_type", "q35"), ("hw_disk_bus", "sata")])).unwrap();
        assert_eq!(
            q35,
            [
                "*sda on sata is Root",
                "sdb on sata is Ephemeral(0)",
                "sdc on sata is Swap",
                "sdd on sata is ConfigDrive"
            ]
        );
        let scsi = planned(&whole(&[("hw_disk_bus", "scsi"), ("hw_cdrom_bus", "scsi")])).unwrap();
        assert_eq!(scsi.last().map(String::as_str), Some("sdd on scsi is ConfigDrive"));
        for bad in [[("hw_disk_bus", "xen")], [("hw_cdrom_bus", "virtio")]] {
            assert!(matches!(planned(&whole(&bad)), Err(Problem::Permanent(_))));
        }
        let no_ide = whole(&[("hw_machine_type", "q35"), ("hw_disk_bus", "ide")]);
        assert!(matches!(planned(&no_ide), Err(Problem::Permanent(_))));
    }

    #[test]
    fn rescued_servers_boot_from_the_rescue_disk() {
        let rescue = |properties: &[(&str, &str)]| {
            let image_properties = properties.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
            ServerSpec { rescue: Some(Rescue { image: image(), image_properties }), ..whole(&[]) }
        };
        let classic = planned(&rescue(&[("hw_disk_bus", "scsi")])).unwrap();
        assert_eq!(classic, ["*vda on virtio is Rescue", "vdb on virtio is Root", "hda on ide is RescueConfigDrive"]);
        let stable = planned(&rescue(&[("hw_rescue_bus", "usb")])).unwrap();
        assert_eq!((stable[0].as_str(), stable[4].as_str()), ("vda on virtio is Root", "*sda on usb is Rescue"));
        let stable = planned(&rescue(&[("hw_rescue_device", "disk")])).unwrap();
        assert_eq!(stable[4], "*vdd on virtio is Rescue");
        let stable = planned(&rescue(&[("hw_rescue_device", "cdrom")])).unwrap();
        assert_eq!(stable[4], "*hdb on ide is Rescue");
        assert!(matches!(planned(&rescue(&[("hw_rescue_device", "tape")])), Err(Problem::Permanent(_))));
    }

    #[test]
    fn a_server_from_a_cd_boots_from_the_cd() {
        let mut server = server_with(&[], &[]);
        let DiskSource::Image(image) = &mut server.root_disk;
        image.disk_format = "iso".to_owned();
        assert_eq!(planned(&server).unwrap(), ["*hda on ide is Root"]);
    }
}
