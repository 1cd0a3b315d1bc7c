//! What an operator may set, with Nova's names and defaults.

use protocol::AllocationRatio;
use serde::Deserialize;

use crate::scheduler;

/// The section `[compute]` of the configuration file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The availability zone of nodes that no aggregate puts into another.
    pub default_availability_zone: String,
    /// How many virtual CPUs one real one carries; aggregates and nodes may say otherwise.
    pub cpu_allocation_ratio: AllocationRatio,
    /// How much memory is given out for each MiB there is; aggregates and nodes may say otherwise.
    pub ram_allocation_ratio: AllocationRatio,
    /// How much disk is given out for each GiB there is; aggregates and nodes may say otherwise.
    pub disk_allocation_ratio: AllocationRatio,
    /// Memory in MiB that each node keeps for itself.
    pub reserved_host_memory_mb: u64,
    /// For how many seconds a deleted server can be restored; 0 deletes at once.
    pub reclaim_instance_interval: i64,
    /// After how many seconds a shelved server leaves its node; 0 at once, -1 never by itself.
    pub shelved_offload_time: i64,
    /// After how many seconds a resize is confirmed by itself; 0 never.
    pub resize_confirm_window: i64,
    /// What the audit of the servers' usage is about: the last whole hour, day, month or year.
    pub instance_usage_audit_period: AuditPeriod,
    /// How nodes are chosen.
    pub scheduler: scheduler::Config,
}

/// A period of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AuditPeriod {
    /// From one full hour to the next.
    Hour,
    /// Of UTC.
    Day,
    /// Of UTC.
    Month,
    /// Of UTC.
    Year,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            default_availability_zone: "nova".to_owned(),
            cpu_allocation_ratio: AllocationRatio::CPU,
            ram_allocation_ratio: AllocationRatio::RAM,
            disk_allocation_ratio: AllocationRatio::DISK,
            reserved_host_memory_mb: 512,
            reclaim_instance_interval: 0,
            shelved_offload_time: 0,
            resize_confirm_window: 0,
            instance_usage_audit_period: AuditPeriod::Month,
            scheduler: scheduler::Config::default(),
        }
    }
}
