//! The configuration file: `ferrostack.toml` in the state directory, one section for each service.

use std::time::Duration;

use agent::hypervisor::libvirt::Guests;
use anyhow::Result;
use protocol::{AllocationRatio, AllocationRatios};
use serde::Deserialize;

use crate::state::State;

/// What an operator may set. What is not there has its default; an unknown name is an error.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// `[identity]`
    pub identity: identity::Config,
    /// `[compute]`
    pub compute: compute::Config,
    /// `[node]`
    pub node: Node,
    /// `[libvirt]`
    pub libvirt: Guests,
    /// `[trace]`
    pub trace: trace::Config,
}

/// What of this machine is for servers.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Node {
    /// The processors that are set aside for servers which want some for themselves alone: `2-7,^4`.
    pub dedicated_cpus: String,
    /// Whether servers have a screen by SPICE beside that by VNC.
    pub spice: bool,
    /// For how many hours the cache keeps an image after the last server that needed it; 0 keeps all.
    pub image_keep_hours: u64,
    /// How many virtual processors one of this machine's carries, whatever the cloud and aggregates say.
    pub cpu_allocation_ratio: Option<AllocationRatio>,
    /// How much of its memory is given out for each MiB.
    pub ram_allocation_ratio: Option<AllocationRatio>,
    /// How much of its disk is given out for each GiB.
    pub disk_allocation_ratio: Option<AllocationRatio>,
}

impl Default for Node {
    fn default() -> Self {
        Self {
            dedicated_cpus: String::new(),
            spice: false,
            image_keep_hours: 24,
            cpu_allocation_ratio: None,
            ram_allocation_ratio: None,
            disk_allocation_ratio: None,
        }
    }
}

impl Node {
    /// How far this machine is overcommitted, where it says so itself.
    pub(crate) fn allocation_ratios(&self) -> AllocationRatios {
        AllocationRatios {
            cpu: self.cpu_allocation_ratio,
            ram: self.ram_allocation_ratio,
            disk: self.disk_allocation_ratio,
        }
    }

    /// For how long the cache keeps an image after the last server that needed it.
    pub(crate) fn image_keep(&self) -> Duration {
        const EVER: u64 = 24 * 365 * 100;
        Duration::from_secs(3600 * if self.image_keep_hours == 0 { EVER } else { self.image_keep_hours.min(EVER) })
    }
}

impl Config {
    /// The file of that state directory; without one, the defaults.
    pub fn load(state: &State) -> Result<Self> {
        runtime::config::load(&state.path("ferrostack.toml"))
    }
}
