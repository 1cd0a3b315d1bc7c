//! What a host has and what its servers take of it.

use std::collections::BTreeMap;

use ::api::{Error, Result};

use crate::Compute;
use crate::server::Flavor;
use crate::store::{nodes, usage};

/// Amounts of what servers take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sum {
    pub(crate) vcpus: i64,
    pub(crate) memory_mb: i64,
    pub(crate) disk_gb: i64,
}

impl Sum {
    fn add(&mut self, flavor: &Flavor) {
        self.vcpus += flavor.vcpus;
        self.memory_mb += flavor.memory_mb;
        self.disk_gb += flavor.root_gb + flavor.ephemeral_gb;
    }
}

/// What a host has, and what is used of it.
pub(crate) struct Resources {
    pub(crate) total: Sum,
    pub(crate) used_now: Sum,
    /// What all its servers may take together.
    pub(crate) used_max: Sum,
    pub(crate) by_project: BTreeMap<String, Sum>,
}

impl Compute {
    pub(crate) async fn host_resources(&self, host: &str) -> Result<Resources> {
        let node = nodes::node_of_host(self.db(), host).await?;
        let node = node.ok_or_else(|| Error::not_found(format!("Compute host {host} could not be found.")))?;
        let vcpus_used = self.vcpus_used(std::slice::from_ref(&node)).await?;
        let mut used_max = Sum::default();
        let mut by_project: BTreeMap<String, Sum> = BTreeMap::new();
        for taken in usage::taken_on_host(self.db(), host).await? {
            used_max.add(&taken.flavor.0);
            by_project.entry(taken.project_id).or_default().add(&taken.flavor.0);
        }
        Ok(Resources {
            total: Sum { vcpus: node.vcpus, memory_mb: node.memory_mb, disk_gb: node.disk_gb },
            used_now: Sum {
                vcpus: vcpus_used.get(&node.id).copied().unwrap_or(0),
                memory_mb: node.memory_used_mb,
                disk_gb: node.disk_gb - node.disk_free_gb,
            },
            used_max,
            by_project,
        })
    }
}
