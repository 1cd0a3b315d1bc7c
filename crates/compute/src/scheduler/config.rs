//! What an operator may set of the scheduler, with Nova's names and defaults where it has them.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

use super::{filters, weighers};

/// The section `[compute.scheduler]` of the configuration file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The filters that are asked beside those that always are.
    #[serde(deserialize_with = "filter_names")]
    pub enabled_filters: Vec<String>,
    /// The weighers that order the nodes.
    #[serde(deserialize_with = "weigher_names")]
    pub weight_classes: Vec<String>,
    /// The most nodes that are looked at, unless none of them will do.
    pub max_candidates: usize,
    /// The node is one of so many best ones, by chance; 1 for the best.
    pub host_subset_size: usize,
    /// On how many nodes a server is tried before it ends in ERROR.
    pub max_attempts: usize,
    /// `NumInstancesFilter`: the most servers of a node.
    pub max_instances_per_host: i64,
    /// `IoOpsFilter`: the most servers of a node that are being made, moved, saved or the like.
    pub max_io_ops_per_host: i64,
    /// `AggregateImagePropertiesIsolation`: only keys that begin so and then have the separator; empty for all.
    pub aggregate_image_properties_isolation_namespace: String,
    /// `AggregateImagePropertiesIsolation`: what stands behind the namespace.
    pub aggregate_image_properties_isolation_separator: String,
    /// Free memory; a negative number packs servers instead of spreading them.
    pub ram_weight_multiplier: f64,
    /// Free virtual CPUs.
    pub cpu_weight_multiplier: f64,
    /// Free disk.
    pub disk_weight_multiplier: f64,
    /// Servers that are being made, moved, saved or the like.
    pub io_ops_weight_multiplier: f64,
    /// Servers of the same soft-affinity group.
    pub soft_affinity_weight_multiplier: f64,
    /// Servers of the same soft-anti-affinity group.
    pub soft_anti_affinity_weight_multiplier: f64,
    /// Servers that failed to come up there since one did.
    pub build_failure_weight_multiplier: f64,
    /// What nodes measure.
    pub metrics: Metrics,
}

/// `[compute.scheduler.metrics]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Metrics {
    /// How much metrics count.
    pub weight_multiplier: f64,
    /// How much each counts among them, by name: `memory.percent`, `disk.percent`.
    pub weight_setting: BTreeMap<String, f64>,
    /// The weight of a node that lacks one of them.
    pub weight_of_unavailable: f64,
}

impl Default for Metrics {
    fn default() -> Self {
        Self { weight_multiplier: 1.0, weight_setting: BTreeMap::new(), weight_of_unavailable: -10_000.0 }
    }
}

impl Default for Config {
    fn default() -> Self {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Self {
            enabled_filters: owned(&[
                "ComputeCapabilitiesFilter",
                "ImagePropertiesFilter",
                "SameHostFilter",
                "DifferentHostFilter",
                "SimpleCIDRAffinityFilter",
                "NUMATopologyFilter",
            ]),
            weight_classes: weighers::names().map(str::to_owned).collect(),
            max_candidates: 250,
            host_subset_size: 1,
            max_attempts: 3,
            max_instances_per_host: 50,
            max_io_ops_per_host: 8,
            aggregate_image_properties_isolation_namespace: String::new(),
            aggregate_image_properties_isolation_separator: ".".to_owned(),
            ram_weight_multiplier: 1.0,
            cpu_weight_multiplier: 1.0,
            disk_weight_multiplier: 1.0,
            io_ops_weight_multiplier: -1.0,
            soft_affinity_weight_multiplier: 1.0,
            soft_anti_affinity_weight_multiplier: 1.0,
            build_failure_weight_multiplier: 1_000_000.0,
            metrics: Metrics::default(),
        }
    }
}

impl Config {
    /// Whether a filter is asked.
    pub(crate) fn has_filter(&self, name: &str) -> bool {
        self.enabled_filters.iter().any(|enabled| enabled == name)
    }

    /// Whether a weigher counts.
    pub(crate) fn has_weigher(&self, name: &str) -> bool {
        self.weight_classes.iter().any(|enabled| enabled == name)
    }
}

fn filter_names<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    known(from, &filters::names().collect::<Vec<_>>())
}

fn weigher_names<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    known(from, &weighers::names().collect::<Vec<_>>())
}

/// Names that must be among the known ones.
fn known<'de, D: Deserializer<'de>>(from: D, known: &[&str]) -> Result<Vec<String>, D::Error> {
    let names = Vec::<String>::deserialize(from)?;
    match names.iter().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(serde::de::Error::custom(format!("there is no {name}; there are: {}", known.join(", ")))),
        None => Ok(names),
    }
}
