//! The nodes that servers run on, and the services there: made and kept up to date by the agents' reports.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ::api::{Error, Result};
use db::Json;
use jiff::Timestamp;
use placement::{Inventory, Summary};
use protocol::{AllocationRatio, AllocationRatios, NodeReport, ReportAnswer};

use crate::Compute;
use crate::aggregates::Aggregates;
use crate::store::{fleet, nodes as store};

/// The service that each node has.
pub const AGENT: &str = "nova-compute";

/// The trait in placement of a node that is to get no new servers.
pub(crate) const DISABLED: &str = "COMPUTE_STATUS_DISABLED";

db::row! {
    /// A node and its service.
    #[derive(Debug, Clone, PartialEq)]
    pub struct Node {
        /// Also its resource provider in placement.
        pub id: String,
        /// Its name.
        pub host: String,
        /// The agent's version.
        pub version: String,
        /// Its address.
        pub address: String,
        /// `QEMU`, `fake`, ...
        pub hypervisor_type: String,
        /// The hypervisor's version as one number.
        pub hypervisor_version: i64,
        /// The processor, in JSON.
        pub cpu_info: String,
        /// Processors.
        pub vcpus: i64,
        /// Processors set aside for servers that want some for themselves alone.
        pub dedicated_cpus: i64,
        /// Memory in MiB.
        pub memory_mb: i64,
        /// Memory in use on the host, in MiB.
        pub memory_used_mb: i64,
        /// Disk in GiB.
        pub disk_gb: i64,
        /// Disk free on the host, in GiB.
        pub disk_free_gb: i64,
        /// Its traits in placement.
        pub traits: Json<Vec<String>>,
        /// How many servers run there.
        pub servers_running: i64,
        /// When the host was started.
        pub booted_at: Timestamp,
        /// How many servers failed to come up there since one did.
        pub failed_builds: i64,
        /// Its processors and memory by NUMA node.
        pub(crate) numa: Json<protocol::numa::Host>,
        /// How far it says itself to be overcommitted.
        pub allocation_ratios: Json<AllocationRatios>,
        /// What placement was last told about it.
        pub(crate) told: String,
        /// Its service.
        pub service_id: String,
        /// The number that old microversions know service and node by.
        pub number: i64,
        /// Whether an administrator keeps new servers away.
        pub disabled: bool,
        /// Why.
        pub disabled_reason: Option<String>,
        /// Whether an administrator says that it is down.
        pub forced_down: bool,
        /// When it last reported.
        pub seen_at: Timestamp,
    }
}

db::row! {
    /// A service on a host.
    #[derive(Debug, Clone, PartialEq)]
    pub struct Service {
        /// Its id.
        pub id: String,
        /// The number that microversions before 2.53 know it by.
        pub number: i64,
        /// Where it runs.
        pub host: String,
        /// `nova-compute`, ...
        pub name: String,
        /// Whether an administrator keeps new servers away.
        pub disabled: bool,
        /// Why.
        pub disabled_reason: Option<String>,
        /// Whether an administrator says that it is down.
        pub forced_down: bool,
        /// When it was last heard of.
        pub seen_at: Timestamp,
    }
}

impl Compute {
    /// Takes in a node's report: registers the node or notes what changed, and that it is alive.
    pub async fn node_report(&self, report: &NodeReport) -> Result<ReportAnswer> {
        let now = self.runtime().clock.now();
        let fleet = self.fleet().await?;
        let known = fleet.of_host(&report.host).map(|known| &known.node);
        let reported = self.node_reported(report, known, now);
        let changed = known.is_none_or(|known| differs(known, &reported));
        let silent = known.map_or(Duration::MAX, |node| now.duration_since(fleet.seen_at(node)).unsigned_abs());
        // Most nodes are as they were a moment ago: then nothing is written.
        let due = silent >= self.options().service_down_after / 4;
        if changed || due {
            let mut tx = self.db().begin().await?;
            if changed {
                store::node_upsert(&mut tx, &reported, now).await?;
            }
            store::service_seen(&mut tx, &reported.service_id, &report.host, AGENT, now).await?;
            if changed {
                fleet::node_changed(&mut tx, &report.host).await?;
            }
            tx.commit().await?;
        }
        if known.is_none() {
            tracing::info!(host = report.host, "a new node");
        }
        if silent > self.options().service_down_after {
            self.0.node_back.notify_one();
        }
        // A new node's id may be another's who registered it at the same moment.
        let written = if known.is_none() { store::node_of_host(self.db(), &report.host).await? } else { None };
        // From time to time it is looked whether placement knows it still.
        if changed || due || reported.told.is_empty() {
            self.node_tell_or_warn(&written.unwrap_or(reported)).await;
        }
        Ok(ReportAnswer { orphans: self.servers_report(&report.host, &report.servers).await? })
    }

    /// Tells placement what the node has, unless it was told the same before and knows it still.
    async fn node_tell(&self, node: &Node) -> Result<()> {
        let aggregates = self.aggregates().await?;
        let mut traits = node.traits.0.clone();
        traits.extend(node.disabled.then(|| DISABLED.to_owned()));
        let tell = Told {
            inventories: self.node_inventories(node, &aggregates),
            traits,
            aggregates: aggregates.ids_of(&node.host),
        };
        let told = serde_json::to_string(&tell).map_err(Error::internal)?;
        let placement = &self.0.deps.placement;
        let known = placement.provider_summaries(std::slice::from_ref(&node.id)).await?.pop();
        if told == node.told && known.as_ref().is_some_and(|known| tell.is_known(known)) {
            return Ok(());
        }
        placement.provider_ensure(&node.id, &node.host).await?;
        // Others may have changed the provider's ratios, given it traits and put it into aggregates of their own: these stay.
        let before = serde_json::from_str::<Told>(&node.told).unwrap_or_default();
        placement.inventories_set(&node.id, &tell.inventories_over(&before, known.as_deref())).await?;
        let own = |name: &&String| before.traits.contains(name) || tell.traits.contains(name);
        let mut traits = tell.traits.clone();
        traits.extend(known.iter().flat_map(|known| &known.traits).filter(|name| !own(name)).cloned());
        placement.traits_set(&node.id, &traits).await?;
        placement.aggregates_change(&node.id, &tell.aggregates, &before.aggregates).await?;
        if told == node.told {
            tracing::warn!(host = node.host, "placement had lost what it was told of a node; it was told again");
            return Ok(());
        }
        let mut tx = self.db().begin().await?;
        store::node_told(&mut tx, &node.id, &told).await?;
        fleet::node_changed(&mut tx, &node.host).await?;
        Ok(tx.commit().await?)
    }

    /// Tells placement of a node; its next report does so again where that fails.
    pub(crate) async fn node_tell_or_warn(&self, node: &Node) {
        if let Err(error) = self.node_tell(node).await {
            tracing::warn!(host = node.host, %error, cause = ?error.cause, "placement was not told of a node");
        }
    }

    /// Tells placement of nodes whose aggregates changed.
    pub(crate) async fn nodes_tell(&self, hosts: &[String]) -> Result<()> {
        for host in hosts {
            if let Some(node) = store::node_of_host(self.db(), host).await? {
                self.node_tell(&node).await?;
            }
        }
        Ok(())
    }

    /// What the node has for servers. Of memory the host keeps some for itself.
    fn node_inventories(&self, node: &Node, aggregates: &Aggregates) -> BTreeMap<String, Inventory> {
        let options = &self.options().config;
        let reserved = whole(options.reserved_host_memory_mb).min(node.memory_mb);
        let ratio = |own: Option<AllocationRatio>, name: &str, usual: AllocationRatio| {
            f64::from(own.or_else(|| allocation_ratio(aggregates, &node.host, name)).unwrap_or(usual))
        };
        let own = node.allocation_ratios.0;
        let cpu = ratio(own.cpu, "cpu_allocation_ratio", options.cpu_allocation_ratio);
        let ram = ratio(own.ram, "ram_allocation_ratio", options.ram_allocation_ratio);
        let disk = ratio(own.disk, "disk_allocation_ratio", options.disk_allocation_ratio);
        let classes = [
            ("VCPU", node.vcpus, 0, cpu),
            ("PCPU", node.dedicated_cpus, 0, 1.0),
            ("MEMORY_MB", node.memory_mb, reserved, ram),
            ("DISK_GB", node.disk_gb, 0, disk),
        ];
        let some = classes.into_iter().filter(|(_, total, ..)| *total > 0);
        some.map(|(class, total, reserved, allocation_ratio)| {
            (class.to_owned(), Inventory { reserved, max_unit: total, allocation_ratio, ..Inventory::of(total) })
        })
        .collect()
    }

    /// The node as it is reported, with what only this side knows of it.
    fn node_reported(&self, report: &NodeReport, known: Option<&Node>, now: Timestamp) -> Node {
        let resources = &report.resources;
        let uptime = jiff::SignedDuration::from_secs(whole(report.uptime_seconds));
        let running = report.servers.iter().filter(|s| s.power_state == protocol::PowerState::Running).count();
        let new_id = || self.runtime().ids.uuid();
        Node {
            id: known.map_or_else(new_id, |known| known.id.clone()),
            host: report.host.clone(),
            version: report.version.clone(),
            address: report.address.clone(),
            hypervisor_type: report.hypervisor_type.clone(),
            hypervisor_version: whole(report.hypervisor_version),
            cpu_info: report.cpu_info.clone(),
            vcpus: i64::from(resources.vcpus),
            dedicated_cpus: i64::from(resources.dedicated_cpus),
            memory_mb: whole(resources.memory_mb),
            memory_used_mb: whole(resources.memory_used_mb),
            disk_gb: whole(resources.disk_gb),
            disk_free_gb: whole(resources.disk_free_gb),
            traits: Json(report.traits.clone()),
            servers_running: i64::try_from(running).unwrap_or(i64::MAX),
            booted_at: now.checked_sub(uptime).unwrap_or(now),
            failed_builds: known.map_or(0, |known| known.failed_builds),
            numa: Json(report.numa.clone()),
            allocation_ratios: Json(report.allocation_ratios),
            told: known.map(|known| known.told.clone()).unwrap_or_default(),
            service_id: known.map_or_else(new_id, |known| known.service_id.clone()),
            number: known.map_or(0, |known| known.number),
            disabled: known.is_some_and(|known| known.disabled),
            disabled_reason: known.and_then(|known| known.disabled_reason.clone()),
            forced_down: known.is_some_and(|known| known.forced_down),
            seen_at: now,
        }
    }

    /// Every node.
    pub async fn nodes(&self) -> Result<Vec<Node>> {
        Ok(store::nodes_list(self.db(), &store::Filter::default()).await?)
    }

    /// The nodes that may take new servers: up, and not disabled.
    pub async fn nodes_alive(&self) -> Result<Vec<Node>> {
        let mut nodes = self.nodes().await?;
        nodes.retain(|node| !node.disabled && self.node_is_up(node));
        Ok(nodes)
    }

    /// Whether the node's agent reported lately and no administrator says that it is down.
    pub fn node_is_up(&self, node: &Node) -> bool {
        !node.forced_down && self.is_fresh(node.seen_at)
    }

    /// Whether the service was heard of lately and no administrator says that it is down.
    pub fn service_is_up(&self, service: &Service) -> bool {
        !service.forced_down && self.is_fresh(service.seen_at)
    }

    pub(crate) fn is_fresh(&self, seen_at: Timestamp) -> bool {
        let age = self.runtime().clock.now().duration_since(seen_at);
        age.unsigned_abs() <= self.options().service_down_after || age.is_negative()
    }
}

/// What placement is told about a node.
#[derive(Default, serde::Serialize, serde::Deserialize)]
struct Told {
    inventories: BTreeMap<String, Inventory>,
    traits: Vec<String>,
    aggregates: BTreeSet<String>,
}

impl Told {
    /// The inventories to set after those that were told before: ratios that others set meanwhile stay until this side
    /// has another to tell.
    fn inventories_over(&self, before: &Self, known: Option<&Summary>) -> BTreeMap<String, Inventory> {
        let mut inventories = self.inventories.clone();
        for (class, inventory) in &mut inventories {
            let told = before.inventories.get(class).map(|told| told.allocation_ratio);
            let stock = known.and_then(|known| known.resources.get(class));
            if let Some(stock) = stock.filter(|_| told == Some(inventory.allocation_ratio)) {
                inventory.allocation_ratio = stock.inventory.allocation_ratio;
            }
        }
        inventories
    }

    /// Whether placement has it so; ratios that others set are as good.
    fn is_known(&self, known: &Summary) -> bool {
        let has = |(class, inventory): (&String, &Inventory)| {
            known.resources.get(class).is_some_and(|stock| {
                let allocation_ratio = inventory.allocation_ratio;
                Inventory { allocation_ratio, ..stock.inventory.clone() } == *inventory
            })
        };
        self.inventories.iter().all(has)
            && self.traits.iter().all(|name| known.traits.contains(name))
            && self.aggregates.is_subset(&known.aggregates)
    }
}

/// How far the node's aggregates overcommit it; of several the least.
fn allocation_ratio(aggregates: &Aggregates, host: &str, name: &str) -> Option<AllocationRatio> {
    let ratios = aggregates.of(host).filter_map(|aggregate| {
        let ratio: f64 = aggregate.metadata.get(name)?.trim().parse().ok()?;
        AllocationRatio::try_from(ratio).ok()
    });
    ratios.min_by(|a, b| f64::from(*a).total_cmp(&f64::from(*b)))
}

/// Whether a report says enough that is new to be written down. Readings that always waver may waver a little.
fn differs(known: &Node, reported: &Node) -> bool {
    let far = |a: i64, b: i64, of: i64| (a - b).abs() > of / 50;
    let steady = |node: &Node| Node {
        memory_used_mb: 0,
        disk_free_gb: 0,
        booted_at: Timestamp::UNIX_EPOCH,
        seen_at: Timestamp::UNIX_EPOCH,
        ..node.clone()
    };
    steady(known) != steady(reported)
        || far(known.memory_used_mb, reported.memory_used_mb, known.memory_mb)
        || far(known.disk_free_gb, reported.disk_free_gb, known.disk_gb)
        || known.booted_at.duration_since(reported.booted_at).abs() > jiff::SignedDuration::from_secs(60)
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
