use serde::{Deserialize, Serialize};

use crate::{AllocationRatios, numa};

/// What an agent tells control.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Report {
    /// The whole node, every few seconds and at start.
    Node(Box<NodeReport>),
    /// A domain changed by itself or was seen to.
    Server {
        /// The node.
        host: String,
        /// The server.
        server: ServerReport,
    },
}

/// What control answers to a node's report.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ReportAnswer {
    /// Servers that the node reported but should not have: they are gone from the cloud for good.
    #[serde(default)]
    pub orphans: Vec<String>,
}

/// A node as its agent sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeReport {
    /// The node's name, unique in the cloud.
    pub host: String,
    /// The agent's version.
    pub version: String,
    /// An address of the node.
    pub address: String,
    /// `QEMU`, `fake`, ...
    pub hypervisor_type: String,
    /// The hypervisor's version as one number: major * 1,000,000 + minor * 1,000 + micro.
    pub hypervisor_version: u64,
    /// The processor: `{"arch", "model", "vendor", "topology", "features"}` in JSON.
    pub cpu_info: String,
    /// What the node has in all.
    pub resources: Resources,
    /// How far that may be overcommitted, where the node's own configuration says so.
    #[serde(default)]
    pub allocation_ratios: AllocationRatios,
    /// Its processors and memory by NUMA node, and what servers have of them.
    #[serde(default)]
    pub numa: numa::Host,
    /// Traits of the node in placement (`COMPUTE_...`, `HW_CPU_X86_...`).
    pub traits: Vec<String>,
    /// The domains that it has.
    pub servers: Vec<ServerReport>,
    /// Seconds that the host is up.
    pub uptime_seconds: u64,
}

/// What a node has for servers, in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Resources {
    /// Processors that servers share.
    pub vcpus: u32,
    /// Processors set aside for servers that want some for themselves alone.
    #[serde(default)]
    pub dedicated_cpus: u32,
    /// Memory in MiB.
    pub memory_mb: u64,
    /// Memory in use on the host, in MiB.
    pub memory_used_mb: u64,
    /// Disk in GiB.
    pub disk_gb: u64,
    /// Disk free on the host, in GiB.
    pub disk_free_gb: u64,
}

/// A domain as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerReport {
    /// The server's id.
    pub id: String,
    /// Whether it runs.
    pub power_state: PowerState,
}

/// A domain's power state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PowerState {
    /// The hypervisor does not know.
    NoState,
    /// It runs.
    Running,
    /// It is frozen in memory.
    Paused,
    /// It is off.
    Shutdown,
    /// The guest or the hypervisor crashed.
    Crashed,
    /// It is saved to disk.
    Suspended,
}

impl PowerState {
    /// The number in compute's API (`OS-EXT-STS:power_state`).
    pub fn number(self) -> i64 {
        match self {
            Self::NoState => 0,
            Self::Running => 1,
            Self::Paused => 3,
            Self::Shutdown => 4,
            Self::Crashed => 6,
            Self::Suspended => 7,
        }
    }
}
