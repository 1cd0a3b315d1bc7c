//! A server: what the database knows of it.

pub(crate) mod actions;
pub(crate) mod create;
mod delete;
pub(crate) mod fit;
pub(crate) mod history;
pub(crate) mod interfaces;
pub(crate) mod list;
mod list_filters;
pub(crate) mod password;
pub(crate) mod personality;
pub(crate) mod rebuild;
pub(crate) mod rescue;
pub(crate) mod resize;
pub(crate) mod shelve;
pub(crate) mod snapshot;
pub(crate) mod spec;
pub(crate) mod topology;
pub(crate) mod update;

use std::collections::BTreeMap;

use ::api::{Error, Result};
use identity::Caller;
use jiff::{SignedDuration, Timestamp};
use policy::Target;
use serde::{Deserialize, Serialize};

use crate::state::{self, Action};
use crate::{Compute, store};

db::row! {
    /// A server's row. Absent texts are empty where lists sort or filter by them.
    #[derive(Debug, Clone)]
    pub(crate) struct Server {
        pub(crate) id: String,
        pub(crate) number: i64,
        pub(crate) project_id: String,
        pub(crate) user_id: String,
        pub(crate) name: String,
        pub(crate) description: Option<String>,
        pub(crate) hostname: String,
        pub(crate) reservation_id: String,
        pub(crate) launch_index: i64,
        pub(crate) flavor: db::Json<Flavor>,
        pub(crate) image_id: String,
        pub(crate) image: db::Json<Image>,
        pub(crate) key_name: Option<String>,
        pub(crate) key_type: Option<String>,
        pub(crate) public_key: Option<String>,
        pub(crate) metadata: db::Json<BTreeMap<String, String>>,
        pub(crate) user_data: Option<String>,
        pub(crate) config_drive: bool,
        pub(crate) asked_zone: String,
        pub(crate) asked_host: String,
        pub(crate) scheduler_hints: db::Json<serde_json::Map<String, serde_json::Value>>,
        pub(crate) networks: db::Json<Vec<Wanted>>,
        pub(crate) security_groups: db::Json<Vec<String>>,
        pub(crate) zone: String,
        pub(crate) host: String,
        pub(crate) vm_state: String,
        pub(crate) task_state: String,
        pub(crate) power_state: i64,
        pub(crate) locked: bool,
        pub(crate) locked_reason: Option<String>,
        pub(crate) fault: Option<String>,
        pub(crate) access_ipv4: String,
        pub(crate) access_ipv6: String,
        pub(crate) disk_config: String,
        pub(crate) created_at: Timestamp,
        pub(crate) updated_at: Timestamp,
        pub(crate) launched_at: Option<Timestamp>,
        pub(crate) deleted_at: Option<Timestamp>,
        pub(crate) locked_by: String,
        pub(crate) rescue: Option<String>,
        pub(crate) resized_from: Option<String>,
        pub(crate) shelved_image_id: String,
        pub(crate) password: String,
        pub(crate) personality: db::Json<BTreeMap<String, String>>,
        /// The sizes of its disks beside the root disk, where they are not the flavor's.
        pub(crate) local_disks: db::Json<LocalDisks>,
    }
}

/// The flavor that a server was made with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Flavor {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) vcpus: i64,
    pub(crate) memory_mb: i64,
    pub(crate) root_gb: i64,
    pub(crate) ephemeral_gb: i64,
    pub(crate) swap_mb: i64,
    pub(crate) extra_specs: BTreeMap<String, String>,
}

impl Flavor {
    /// What of the quota one server takes.
    pub(crate) fn quota(&self, count: i64) -> [(&'static str, i64); 4] {
        let Self { vcpus, memory_mb, .. } = self;
        [("instances", 1), ("cores", *vcpus), ("ram", *memory_mb), ("disk_gb", self.disk_gb())]
            .map(|(name, amount)| (name, amount * count))
    }

    /// The GiB of disk that one server takes of its node.
    pub(crate) fn disk_gb(&self) -> i64 {
        self.root_gb + self.ephemeral_gb + (self.swap_mb + 1023) / 1024
    }
}

/// The image that a server was made from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Image {
    pub(crate) name: String,
    pub(crate) disk_format: String,
    pub(crate) container_format: String,
    pub(crate) size: i64,
    pub(crate) sha512: String,
    pub(crate) min_disk: i64,
    pub(crate) min_ram: i64,
    pub(crate) properties: BTreeMap<String, String>,
}

impl From<image::ImageInfo> for Image {
    fn from(info: image::ImageInfo) -> Self {
        Self {
            name: info.name.unwrap_or_default(),
            disk_format: info.disk_format.unwrap_or_default(),
            container_format: info.container_format.unwrap_or_default(),
            size: info.size.unwrap_or(0),
            sha512: info.os_hash_value.unwrap_or_default(),
            min_disk: info.min_disk,
            min_ram: info.min_ram,
            properties: info.properties,
        }
    }
}

/// What a block device mapping says of the flavor's disks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct LocalDisks {
    pub(crate) swap_mb: Option<i64>,
    /// None for one of the flavor's size.
    pub(crate) ephemerals_gb: Vec<i64>,
    /// The labels of the disks in their order: root, ephemeral ones, swap.
    pub(crate) tags: Vec<Option<String>>,
}

/// What a server is rescued with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Rescue {
    pub(crate) image_id: String,
    pub(crate) image: Image,
}

/// What a server was before it was resized.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Resized {
    pub(crate) flavor: Flavor,
    pub(crate) vm_state: String,
    pub(crate) migration_id: String,
}

/// A wanted port.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Wanted {
    pub(crate) network_id: Option<String>,
    pub(crate) port_id: Option<String>,
    pub(crate) fixed_ip: Option<String>,
    pub(crate) tag: Option<String>,
}

impl From<Wanted> for network::WantedPort {
    fn from(wanted: Wanted) -> Self {
        let Wanted { network_id, port_id, fixed_ip, tag } = wanted;
        Self { network_id, port_id, fixed_ip, tag }
    }
}

/// Why a server is in ERROR.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Fault {
    pub(crate) code: u16,
    pub(crate) message: String,
    /// Only for administrators.
    pub(crate) details: String,
    pub(crate) created: Timestamp,
}

impl Server {
    /// The name of the domain on the node.
    pub(crate) fn instance_name(&self) -> String {
        format!("instance-{:08x}", self.number)
    }

    /// The first label of its host name, by which the networks' DNS knows it.
    pub(crate) fn host_label(&self) -> &str {
        self.hostname.split('.').next().unwrap_or_default()
    }

    /// The fault, if there is one.
    pub(crate) fn fault(&self) -> Option<Fault> {
        self.fault.as_deref().and_then(|fault| serde_json::from_str(fault).ok())
    }

    /// What it is rescued with.
    pub(crate) fn rescue(&self) -> Option<Rescue> {
        self.rescue.as_deref().and_then(|rescue| serde_json::from_str(rescue).ok())
    }

    /// What it was before it was resized, as long as that can be reverted.
    pub(crate) fn resized_from(&self) -> Option<Resized> {
        self.resized_from.as_deref().and_then(|resized| serde_json::from_str(resized).ok())
    }

    /// Whether its states permit the action; 409 says which does not. What an administrator says of a server does not end
    /// its resize or its rescue: those can be ended still.
    pub(crate) fn permits(&self, action: Action) -> Result<()> {
        let declared = matches!(self.vm_state.as_str(), state::ACTIVE | state::STOPPED | state::ERROR);
        let vm_state = match action {
            Action::ResizeConfirm | Action::ResizeRevert if declared && self.resized_from.is_some() => state::RESIZED,
            Action::Unrescue if declared && self.rescue.is_some() => state::RESCUED,
            _ => &self.vm_state,
        };
        action.check(&self.id, vm_state, &self.task_state)
    }

    /// What of the quota it holds: nothing while it can only be restored.
    pub(crate) fn quota_held(&self) -> Vec<(&'static str, i64)> {
        if self.vm_state == state::SOFT_DELETED { Vec::new() } else { self.quota_size() }
    }

    /// What of the quota it takes: the larger of both sizes while it can go back to another.
    pub(crate) fn quota_size(&self) -> Vec<(&'static str, i64)> {
        let old = self.resized_from().map(|resized| resized.flavor.quota(1));
        let held = self.flavor.0.quota(1).into_iter().enumerate();
        held.map(|(index, (name, amount))| (name, old.map_or(amount, |old| amount.max(old[index].1)))).collect()
    }

    /// The sizes of its ephemeral disks in GiB.
    pub(crate) fn ephemerals_gb(&self) -> Vec<i64> {
        let asked = &self.local_disks.0.ephemerals_gb;
        let usual = Some(self.flavor.0.ephemeral_gb).filter(|size| *size > 0);
        if asked.is_empty() { usual.into_iter().collect() } else { asked.clone() }
    }

    /// What durable work calls it.
    pub(crate) fn work_target(&self) -> String {
        work_target(&self.id)
    }
}

/// What durable work calls a server.
pub(crate) fn work_target(server_id: &str) -> String {
    format!("server/{server_id}")
}

/// The 404 for a server.
pub(crate) fn not_found(id: &str) -> Error {
    Error::not_found(format!("Instance {id} could not be found."))
}

impl Compute {
    /// The servers that have waited in a state for as many seconds as the operator lets them; none where that is not
    /// positive.
    async fn servers_overdue(&self, vm_state: &str, seconds: i64) -> Result<Vec<Server>> {
        if seconds <= 0 {
            return Ok(Vec::new());
        }
        let now = self.runtime().clock.now();
        let before = now.checked_sub(SignedDuration::from_secs(seconds)).unwrap_or(now);
        Ok(store::servers::servers_waiting(self.db(), vm_state, before).await?)
    }

    /// The server, if the rule lets the caller at it; 404 when it is not of the caller's project.
    pub(crate) async fn server_for(&self, caller: &Caller, rule: &str, id: &str) -> Result<Server> {
        let server = store::servers::server_get(self.db(), id).await?.ok_or_else(|| not_found(id))?;
        let target = Target::new().with("project_id", &server.project_id).with("user_id", &server.user_id);
        let mine = caller.token.project_id.as_deref() == Some(server.project_id.as_str());
        if !mine && !caller.may("context_is_admin", &target) && !caller.may(rule, &target) {
            return Err(not_found(id));
        }
        caller.allow(rule, &target)?;
        Ok(server)
    }
}
