use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A server as its node needs to know it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServerSpec {
    /// The server's id, also the domain's UUID.
    pub id: String,
    /// The domain's name: `instance-` and a number in hex, as users know it from `OS-EXT-SRV-ATTR:instance_name`.
    pub instance_name: String,
    /// What the user calls it.
    pub display_name: String,
    /// The guest's host name.
    pub hostname: String,
    /// The project and user that own it, for the domain's metadata.
    pub project_id: String,
    /// The user that made it.
    pub user_id: String,
    /// Virtual CPUs.
    pub vcpus: u32,
    /// Memory in MiB.
    pub memory_mb: u64,
    /// Where its root disk comes from.
    pub root_disk: DiskSource,
    /// The root disk's size in GiB; 0 takes the image's.
    pub root_gb: u64,
    /// Further empty disks, in GiB; [`MOST_EPHEMERALS`] of them at most.
    pub ephemerals_gb: Vec<u64>,
    /// A swap disk, in MiB; 0 for none.
    pub swap_mb: u64,
    /// Its network ports, in the order of the guest's interfaces.
    pub ports: Vec<ServerPort>,
    /// The files of the config drive (path and content in base64), when it has one.
    pub config_drive: Option<BTreeMap<String, String>>,
    /// The flavor's extra specs.
    pub extra_specs: BTreeMap<String, String>,
    /// The image's properties (`hw_disk_bus` ...).
    pub image_properties: BTreeMap<String, String>,
    /// What it boots from instead of its root disk while it is rescued.
    #[serde(default)]
    pub rescue: Option<Rescue>,
}

/// The most ephemeral disks of a server.
pub const MOST_EPHEMERALS: usize = 8;

/// A further disk that a server boots from for its repair.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rescue {
    /// Where the disk comes from.
    pub image: ImageSource,
    /// The image's properties: with `hw_rescue_device` or `hw_rescue_bus` the server's own disks keep their places.
    pub image_properties: BTreeMap<String, String>,
}

/// Where a disk's content comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DiskSource {
    /// An image, cached on the node; the disk is an overlay on it.
    Image(ImageSource),
}

/// An image that the node can fetch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImageSource {
    /// The image's id.
    pub id: String,
    /// `qcow2`, `raw`, ...
    pub disk_format: String,
    /// Bytes to fetch.
    pub size: u64,
    /// The SHA-512 of these bytes, in hex.
    pub sha512: String,
}

/// A network port of a server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServerPort {
    /// The port's id, which is also OVN's `iface-id`.
    pub id: String,
    /// Its network.
    pub network_id: String,
    /// `fa:16:3e:..`
    pub mac_address: String,
    /// The largest packet.
    pub mtu: u32,
}

impl ServerPort {
    /// The name of the port's tap device: `tap` and the first 11 characters of the port's id.
    pub fn tap_name(&self) -> String {
        format!("tap{}", self.id.chars().take(11).collect::<String>())
    }
}
