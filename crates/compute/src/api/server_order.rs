//! The body of a request for new servers, and what it comes to for each microversion.

use std::collections::{BTreeMap, BTreeSet};

use ::api::{Error, Microversion, Result, fields};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::common::{Flag, LAST, Whole, fields_check, name_check};
use super::server_hints;
use crate::hostname;
use crate::server::Wanted;
use crate::server::create::{LocalDisk, Networks, Order};
use crate::server::personality::File;
use crate::server::update::{check_tag, check_tags};

/// The buses of disks that there are; those that are not for this kind of node are refused by it.
const DISK_BUSES: [&str; 9] = ["fdc", "ide", "lxc", "sata", "scsi", "uml", "usb", "virtio", "xen"];

/// `POST /servers`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Body {
    pub(super) server: NewServer,
    #[serde(default, rename = "os:scheduler_hints", alias = "OS-SCH-HNT:scheduler_hints")]
    pub(super) hints: Map<String, Value>,
}

/// What a new server is to be.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewServer {
    name: String,
    #[serde(rename = "flavorRef")]
    flavor: Reference,
    #[serde(default, rename = "imageRef")]
    image: Option<String>,
    #[serde(default)]
    key_name: Option<String>,
    #[serde(default)]
    networks: Option<NetworksField>,
    #[serde(default)]
    security_groups: Vec<Named>,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
    #[serde(default)]
    user_data: Option<String>,
    #[serde(default)]
    config_drive: Option<Flag>,
    #[serde(default)]
    availability_zone: Option<String>,
    #[serde(default)]
    host: Option<String>,
    #[serde(default)]
    hypervisor_hostname: Option<String>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    tags: Option<Vec<String>>,
    #[serde(default)]
    hostname: Option<String>,
    #[serde(default)]
    min_count: Option<Whole>,
    #[serde(default)]
    max_count: Option<Whole>,
    #[serde(default)]
    pub(super) return_reservation_id: Option<Flag>,
    #[serde(default, rename = "adminPass")]
    admin_pass: Option<String>,
    #[serde(default)]
    personality: Option<Vec<File>>,
    #[serde(default)]
    block_device_mapping_v2: Option<Vec<BlockDevice>>,
    #[serde(default)]
    block_device_mapping: Option<Vec<Value>>,
    #[serde(default)]
    trusted_image_certificates: Option<Vec<String>>,
    #[serde(default, rename = "accessIPv4")]
    access_ipv4: Option<std::net::Ipv4Addr>,
    #[serde(default, rename = "accessIPv6")]
    access_ipv6: Option<std::net::Ipv6Addr>,
    #[serde(default, rename = "OS-DCF:diskConfig")]
    disk_config: Option<String>,
}

/// An id, which old clients also send as a number or as an address that ends in it.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Reference {
    Number(i64),
    Text(String),
}

impl Reference {
    /// The id.
    pub(super) fn id(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text.rsplit('/').next().unwrap_or_default().to_owned(),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    name: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum NetworksField {
    Word(String),
    List(Vec<NetworkField>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NetworkField {
    #[serde(default)]
    uuid: Option<String>,
    #[serde(default)]
    port: Option<String>,
    #[serde(default)]
    fixed_ip: Option<std::net::IpAddr>,
    #[serde(default)]
    tag: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BlockDevice {
    #[serde(default)]
    boot_index: Option<Whole>,
    #[serde(default)]
    uuid: Option<String>,
    #[serde(default)]
    source_type: Option<String>,
    #[serde(default)]
    destination_type: Option<String>,
    #[serde(default)]
    guest_format: Option<String>,
    #[serde(default)]
    volume_size: Option<Whole>,
    #[serde(default, rename = "delete_on_termination")]
    _delete_on_termination: Option<Flag>,
    #[serde(default)]
    device_name: Option<String>,
    #[serde(default)]
    device_type: Option<String>,
    #[serde(default)]
    disk_bus: Option<String>,
    #[serde(default)]
    tag: Option<String>,
    #[serde(default)]
    volume_type: Option<String>,
}

impl BlockDevice {
    /// 400 for fields that the microversion does not have, and for labels that are none.
    fn check_version(&self, version: Microversion) -> Result<()> {
        // Labels came with 2.32, were lost at once and are there again since 2.42.
        let labels = if version == Microversion(2, 32) { 32 } else { 42 };
        fields_check(
            version,
            &[("tag", self.tag.is_some(), labels, LAST), ("volume_type", self.volume_type.is_some(), 67, LAST)],
        )?;
        self.tag.as_deref().map_or(Ok(()), check_tag)
    }

    /// Whether it is the image's own disk, on the node, from which the server boots; 400 for an image's disk that is
    /// not, and for what no disk is called or made of.
    fn is_root(&self) -> Result<bool> {
        for (field, value) in [
            ("device_type", &self.device_type),
            ("disk_bus", &self.disk_bus),
            ("guest_format", &self.guest_format),
            ("volume_type", &self.volume_type),
        ] {
            fields::length(field, value.as_deref().unwrap_or_default(), 0, 255)?;
        }
        if let Some(name) = &self.device_name {
            fields::length("device_name", name, 1, 255)?;
            if !name.chars().all(|c| c.is_ascii_alphanumeric() || "._/-".contains(c)) {
                return Err(invalid(&format!("{name:?} is no name of a device")));
            }
        }
        if let Some(bus) = self.disk_bus.as_deref().filter(|bus| !bus.is_empty() && !DISK_BUSES.contains(bus)) {
            return Err(invalid(&format!("{bus:?} is no bus of disks; take one of {}", DISK_BUSES.join(", "))));
        }
        self.volume_size.map(|size| size.within("volume_size", 1)).transpose()?;
        let local = self.destination_type.as_deref().unwrap_or("local") == "local";
        if local && self.volume_type.is_some() {
            return Err(invalid("specifying a volume_type with destination_type=local is not supported"));
        }
        let image = local && self.source_type.as_deref() == Some("image");
        if image && self.boot_index != Some(Whole(0)) {
            return Err(invalid(
                "mapping image to local is not supported, but for the image of imageRef with boot_index 0",
            ));
        }
        Ok(image)
    }

    /// The disk of the node that an empty mapping asks for; 400 for volumes, of which there are none.
    fn empty(&self) -> Result<LocalDisk> {
        let local = self.destination_type.as_deref().unwrap_or("local") == "local";
        if self.source_type.as_deref() != Some("blank") || !local || self.uuid.is_some() {
            return Err(invalid(
                "there are no volumes in this cloud yet. Mappings may be to local, from the image with boot_index 0, or \
                 from blank for an ephemeral or a swap disk",
            ));
        }
        if self.boot_index.is_some_and(|index| index.0 >= 0) {
            return Err(invalid("a blank disk has nothing to boot from"));
        }
        let size = self.volume_size.map(|size| size.within("volume_size", 1)).transpose()?;
        Ok(LocalDisk { swap: self.guest_format.as_deref() == Some("swap"), size, tag: self.tag.clone() })
    }
}

impl Body {
    /// The order, as the microversion permits it. `made_up` stands in for a password that the caller leaves open.
    pub(super) fn order(self, version: Microversion, made_up: String) -> Result<Order> {
        let Self { server, hints } = self;
        server.check_version(version)?;
        name_check("name", &server.name)?;
        if let Some(hostname) = &server.hostname {
            hostname::check(hostname, version)?;
        }
        if let Some(description) = &server.description {
            fields::length("description", description, 0, 255)?;
        }
        let (min_count, max_count) = server.counts()?;
        let (image_id, root_tag, local_disks) = server.disks()?;
        let networks = networks(server.networks, version)?;
        let tags = server.tags.unwrap_or_default();
        check_tags(&tags)?;
        server_hints::check(&hints)?;
        let disk_config = server.disk_config.unwrap_or_else(|| "MANUAL".to_owned());
        if !matches!(disk_config.as_str(), "AUTO" | "MANUAL") {
            return Err(Error::bad_request("OS-DCF:diskConfig must be AUTO or MANUAL."));
        }
        Ok(Order {
            name: server.name.clone(),
            // Before descriptions could be written, the name served as one.
            description: if version >= Microversion(2, 19) { server.description } else { Some(server.name) },
            hostname: server.hostname,
            flavor_id: server.flavor.id(),
            image_id,
            root_tag,
            local_disks,
            personality: server.personality.unwrap_or_default(),
            key_name: server.key_name,
            networks,
            security_groups: server.security_groups.into_iter().map(|group| group.name).collect(),
            metadata: server.metadata,
            user_data: server.user_data,
            config_drive: server.config_drive.is_some_and(|flag| flag.0),
            zone: server.availability_zone,
            host: server.host,
            hypervisor_hostname: server.hypervisor_hostname,
            tags,
            scheduler_hints: hints,
            min_count,
            max_count,
            admin_pass: server.admin_pass.unwrap_or(made_up),
            access_ipv4: server.access_ipv4.map(|address| address.to_string()).unwrap_or_default(),
            access_ipv6: server.access_ipv6.map(|address| address.to_string()).unwrap_or_default(),
            disk_config,
        })
    }
}

impl NewServer {
    /// 400 for fields that the microversion does not have, and for what is not built.
    fn check_version(&self, version: Microversion) -> Result<()> {
        fields_check(
            version,
            &[
                ("description", self.description.is_some(), 19, LAST),
                ("tags", self.tags.is_some(), 52, LAST),
                ("personality", self.personality.is_some(), 1, 56),
                ("trusted_image_certificates", self.trusted_image_certificates.is_some(), 63, LAST),
                ("host", self.host.is_some(), 74, LAST),
                ("hypervisor_hostname", self.hypervisor_hostname.is_some(), 74, LAST),
                ("hostname", self.hostname.is_some(), 90, LAST),
            ],
        )?;
        for device in self.block_device_mapping_v2.iter().flatten() {
            device.check_version(version)?;
        }
        let unbuilt = |what: &str| {
            Err(Error::bad_request(format!("{what} is not possible in this cloud; leave it out of the request.")))
        };
        if self.trusted_image_certificates.is_some() {
            return unbuilt("Validating image certificates");
        }
        if self.block_device_mapping.as_ref().is_some_and(|mapping| !mapping.is_empty()) {
            return unbuilt("Booting from or attaching volumes (block_device_mapping)");
        }
        Ok(())
    }

    fn counts(&self) -> Result<(i64, i64)> {
        let count = |field: &str, whole: Option<Whole>| whole.map(|whole| whole.within(field, 1)).transpose();
        let min = count("min_count", self.min_count)?.unwrap_or(1);
        let max = count("max_count", self.max_count)?.unwrap_or(min);
        if min > max {
            return Err(Error::bad_request("min_count must be <= max_count"));
        }
        Ok((min, max))
    }

    /// The image, the label of its disk, and the empty disks beside it. Where disks are named, exactly one is the image's.
    fn disks(&self) -> Result<(String, Option<String>, Vec<LocalDisk>)> {
        let image = self.image.clone().filter(|image| !image.is_empty());
        let (mut empty, mut roots) = (Vec::new(), Vec::new());
        let devices = self.block_device_mapping_v2.as_deref().unwrap_or_default();
        for device in devices {
            if device.is_root()? {
                roots.push(device);
            } else {
                empty.push(device.empty()?);
            }
        }
        if !roots.is_empty() && image.is_none() {
            return Err(invalid("mapping image to local is not supported without an imageRef"));
        }
        if !devices.is_empty() && roots.len() != 1 {
            return Err(invalid(
                "Boot sequence for the instance and image/block device mapping combination is not valid. Exactly one \
                 disk has boot_index 0, the image's",
            ));
        }
        let image = image.ok_or_else(|| {
            Error::bad_request("Invalid imageRef provided: name the image that the server is to start from.")
        })?;
        if !fields::is_uuid(&image) {
            return Err(Error::bad_request("Invalid imageRef provided: it is not an image's id."));
        }
        if roots.iter().any(|root| root.uuid.as_ref().is_some_and(|uuid| *uuid != image)) {
            return Err(invalid("it names another image than imageRef"));
        }
        Ok((image, roots.first().and_then(|root| root.tag.clone()), empty))
    }
}

fn invalid(cause: &str) -> Error {
    Error::bad_request(format!("Block device mapping is invalid: {cause}."))
}

fn networks(field: Option<NetworksField>, version: Microversion) -> Result<Networks> {
    let words = version >= Microversion(2, 37);
    match field {
        None if words => Err(Error::bad_request(
            "Invalid input for field/attribute server: 'networks' is a required property since microversion 2.37: \
             give a list, \"auto\" or \"none\".",
        )),
        None => Ok(Networks::Auto { allocate: false }),
        Some(NetworksField::Word(word)) if words && word == "auto" => Ok(Networks::Auto { allocate: true }),
        Some(NetworksField::Word(word)) if words && word == "none" => Ok(Networks::None),
        Some(NetworksField::Word(word)) => {
            Err(Error::bad_request(format!("Invalid input for field/attribute networks. Value: {word}.")))
        }
        Some(NetworksField::List(list)) if list.is_empty() => Ok(Networks::Auto { allocate: false }),
        Some(NetworksField::List(list)) => {
            let wanted: Vec<Wanted> = list.into_iter().map(|field| wanted(field, version)).collect::<Result<_>>()?;
            let mut ports = BTreeSet::new();
            if let Some(twice) = wanted.iter().filter_map(|one| one.port_id.as_ref()).find(|port| !ports.insert(*port))
            {
                return Err(Error::bad_request(format!(
                    "Port ID '{twice}' was specified twice: it cannot be attached multiple times."
                )));
            }
            Ok(Networks::Listed(wanted))
        }
    }
}

fn wanted(field: NetworkField, version: Microversion) -> Result<Wanted> {
    // Labels came with 2.32, were lost in 2.37 to 2.41 and are there since.
    if field.tag.is_some() && (version < Microversion(2, 32) || (37..=41).contains(&version.1)) {
        return Err(Error::bad_request(format!("A network's tag is not allowed in microversion {version}.")));
    }
    field.tag.as_deref().map_or(Ok(()), check_tag)?;
    for (name, id) in [("uuid", &field.uuid), ("port", &field.port)] {
        if let Some(id) = id
            && !fields::is_uuid(id)
        {
            return Err(Error::bad_request(format!("Bad networks format: {name} {id} is not a UUID.")));
        }
    }
    if field.uuid.is_none() && field.port.is_none() {
        return Err(Error::bad_request("Bad networks format: each entry needs a uuid or a port."));
    }
    if field.port.is_some() && field.fixed_ip.is_some() {
        return Err(Error::bad_request("A port has its addresses already: leave out fixed_ip."));
    }
    Ok(Wanted {
        // A port knows its network.
        network_id: if field.port.is_some() { None } else { field.uuid },
        port_id: field.port,
        fixed_ip: field.fixed_ip.map(|address| address.to_string()),
        tag: field.tag,
    })
}
