//! Aggregates: groups of nodes that administrators make, and the availability zones that follow from them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, PoisonError};

use ::api::{Error, Result};
use jiff::Timestamp;

use crate::Compute;
use crate::nodes::AGENT;
use crate::store::{aggregates as store, nodes};

/// What an aggregate says of its nodes, by name.
pub(crate) type Metadata = BTreeMap<String, String>;

/// The name in the metadata under which the zone stands.
pub(crate) const ZONE: &str = "availability_zone";

/// A group of nodes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Aggregate {
    /// Also its aggregate in placement.
    pub(crate) id: String,
    /// The number that the API knows it by.
    pub(crate) number: i64,
    pub(crate) name: String,
    pub(crate) metadata: Metadata,
    pub(crate) hosts: Vec<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Option<Timestamp>,
}

impl Aggregate {
    /// The zone of its nodes, if it makes one.
    pub(crate) fn zone(&self) -> Option<&str> {
        self.metadata.get(ZONE).map(String::as_str)
    }
}

/// Every aggregate as of a revision.
#[derive(Debug, Default)]
pub(crate) struct Aggregates {
    revision: i64,
    all: Vec<Arc<Aggregate>>,
    /// By host, the places of its aggregates in `all`.
    of_host: HashMap<String, Vec<usize>>,
}

impl Aggregates {
    fn new(revision: i64, all: Vec<Aggregate>) -> Self {
        let mut of_host: HashMap<String, Vec<usize>> = HashMap::new();
        for (place, aggregate) in all.iter().enumerate() {
            for host in &aggregate.hosts {
                of_host.entry(host.clone()).or_default().push(place);
            }
        }
        Self { revision, all: all.into_iter().map(Arc::new).collect(), of_host }
    }

    /// Every aggregate, by number.
    pub(crate) fn all(&self) -> &[Arc<Aggregate>] {
        &self.all
    }

    /// The aggregates that a node is in.
    pub(crate) fn of(&self, host: &str) -> impl Iterator<Item = &Arc<Aggregate>> {
        self.of_host.get(host).into_iter().flatten().filter_map(|place| self.all.get(*place))
    }

    /// The aggregates that make a zone.
    pub(crate) fn of_zone(&self, zone: &str) -> impl Iterator<Item = &Arc<Aggregate>> {
        self.all.iter().filter(move |aggregate| aggregate.zone() == Some(zone))
    }

    /// The zone that a node is in by its aggregates.
    pub(crate) fn zone_of(&self, host: &str) -> Option<&str> {
        self.of(host).find_map(|aggregate| aggregate.zone())
    }

    /// The ids of the aggregates that a node is in.
    pub(crate) fn ids_of(&self, host: &str) -> BTreeSet<String> {
        self.of(host).map(|aggregate| aggregate.id.clone()).collect()
    }

    fn get(&self, number: i64) -> Result<&Aggregate> {
        self.all.iter().map(AsRef::as_ref).find(|aggregate: &&Aggregate| aggregate.number == number).ok_or_else(|| {
            Error::not_found(format!("Aggregate {number} could not be found. GET /os-aggregates lists them."))
        })
    }

    /// The zones of these nodes, without those of the aggregate itself.
    fn other_zones(&self, aggregate: &Aggregate, hosts: &[String]) -> BTreeSet<&str> {
        let of_hosts = hosts.iter().flat_map(|host| self.of(host));
        of_hosts.filter(|other| other.id != aggregate.id).filter_map(|other| other.zone()).collect()
    }
}

/// What is wrong with a change that concerns zones; the status depends on the operation.
fn invalid(what: &str, number: i64, reason: &str) -> String {
    format!("Cannot {what} aggregate {number}. Reason: {reason}.")
}

impl Compute {
    /// Every aggregate as of now. Costs one tiny query unless something changed.
    pub(crate) async fn aggregates(&self) -> Result<Arc<Aggregates>> {
        let known = Arc::clone(&self.0.aggregates.lock().unwrap_or_else(PoisonError::into_inner));
        if known.revision == store::revision(self.db()).await? {
            return Ok(known);
        }
        let mut tx = self.db().begin().await?;
        let revision = store::revision(&mut tx).await?;
        let fresh = Arc::new(Aggregates::new(revision, store::aggregates_list(&mut tx).await?));
        tx.rollback().await?;
        let mut kept = self.0.aggregates.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.revision < revision {
            *kept = Arc::clone(&fresh);
        }
        Ok(fresh)
    }

    /// The zone that a node is in.
    pub(crate) fn zone_of(&self, aggregates: &Aggregates, host: &str) -> String {
        aggregates.zone_of(host).unwrap_or(&self.options().config.default_availability_zone).to_owned()
    }

    /// Every zone that a server may ask for: those with a node that takes servers, and the one of nodes without any.
    pub(crate) async fn zones(&self) -> Result<BTreeSet<String>> {
        let aggregates = self.aggregates().await?;
        let agents = self.services_list(None, Some(AGENT)).await?;
        let enabled = agents.iter().filter(|agent| !agent.disabled);
        let mut zones: BTreeSet<String> = enabled.map(|agent| self.zone_of(&aggregates, &agent.host)).collect();
        zones.insert(self.options().config.default_availability_zone.clone());
        Ok(zones)
    }

    /// 400 for a zone that a server may not ask for. Looks only at the nodes of that zone.
    pub(crate) async fn zone_check(&self, zone: &str) -> Result<()> {
        if zone == &*self.0.usual_zone {
            return Ok(());
        }
        let (aggregates, fleet) = (self.aggregates().await?, self.fleet().await?);
        let mut hosts = aggregates.of_zone(zone).flat_map(|aggregate| &aggregate.hosts);
        if hosts.any(|host| fleet.of_host(host).is_some_and(|known| !known.node.disabled)) {
            return Ok(());
        }
        let zones: Vec<String> = self.zones().await?.into_iter().collect();
        let there = zones.join(", ");
        Err(Error::bad_request(format!("The requested availability zone is not available: there is {there}.")))
    }

    pub(crate) async fn aggregate_get(&self, number: i64) -> Result<Aggregate> {
        self.aggregates().await?.get(number).cloned()
    }

    /// Begins a change of aggregates: others who change them wait.
    async fn aggregates_write(&self) -> Result<(db::Tx, Aggregates)> {
        let mut tx = self.db().begin().await?;
        store::advance(&mut tx).await?;
        let now = Aggregates::new(0, store::aggregates_list(&mut tx).await?);
        Ok((tx, now))
    }

    pub(crate) async fn aggregate_create(&self, name: &str, zone: Option<&str>) -> Result<Aggregate> {
        let mut new = Aggregate {
            id: self.runtime().ids.uuid(),
            number: 0,
            name: name.to_owned(),
            metadata: zone.map(|zone| (ZONE.to_owned(), zone.to_owned())).into_iter().collect(),
            hosts: Vec::new(),
            created_at: self.runtime().clock.now(),
            updated_at: None,
        };
        let (mut tx, _) = self.aggregates_write().await?;
        new.number = store::aggregate_insert(&mut tx, &new).await.map_err(|error| named(error, name))?;
        tx.commit().await?;
        Ok(new)
    }

    /// Renames an aggregate, or gives its nodes another zone.
    pub(crate) async fn aggregate_update(
        &self,
        number: i64,
        name: Option<&str>,
        zone: Option<&str>,
    ) -> Result<Aggregate> {
        let (mut tx, now) = self.aggregates_write().await?;
        let mut aggregate = now.get(number)?.clone();
        if let Some(zone) = zone {
            zone_check(&mut tx, &now, &aggregate, zone, "update").await?;
            aggregate.metadata.insert(ZONE.to_owned(), zone.to_owned());
        }
        if let Some(name) = name {
            name.clone_into(&mut aggregate.name);
        }
        aggregate.updated_at = Some(self.runtime().clock.now());
        store::aggregate_update(&mut tx, &aggregate).await.map_err(|error| named(error, &aggregate.name))?;
        tx.commit().await?;
        Ok(aggregate)
    }

    /// Sets items of the metadata; those without a value go.
    pub(crate) async fn aggregate_metadata_set(
        &self,
        number: i64,
        change: &BTreeMap<String, Option<String>>,
    ) -> Result<Aggregate> {
        let (mut tx, now) = self.aggregates_write().await?;
        let mut aggregate = now.get(number)?.clone();
        if let Some(zone) = change.get(ZONE) {
            let zone = zone.as_deref().unwrap_or_default();
            zone_check(&mut tx, &now, &aggregate, zone, "update the metadata of").await?;
        }
        for (name, value) in change {
            match value {
                Some(value) => drop(aggregate.metadata.insert(name.clone(), value.clone())),
                None => drop(aggregate.metadata.remove(name)),
            }
        }
        aggregate.updated_at = Some(self.runtime().clock.now());
        store::aggregate_update(&mut tx, &aggregate).await?;
        tx.commit().await?;
        self.nodes_tell(&aggregate.hosts).await?;
        Ok(aggregate)
    }

    pub(crate) async fn aggregate_delete(&self, number: i64) -> Result<()> {
        let (mut tx, now) = self.aggregates_write().await?;
        let aggregate = now.get(number)?;
        if !aggregate.hosts.is_empty() {
            let reason = "Host aggregate is not empty; remove its hosts first";
            return Err(Error::bad_request(invalid("delete", number, reason)));
        }
        store::aggregate_delete(&mut tx, &aggregate.id).await?;
        Ok(tx.commit().await?)
    }

    /// Adds a node. Servers there must not change their zone by it.
    pub(crate) async fn aggregate_host_add(&self, number: i64, host: &str) -> Result<Aggregate> {
        self.agent_check(host).await?;
        let (mut tx, now) = self.aggregates_write().await?;
        let mut aggregate = now.get(number)?.clone();
        let here = [host.to_owned()];
        if let Some(zone) = aggregate.zone() {
            let others = now.other_zones(&aggregate, &here);
            if others.iter().any(|other| *other != zone) {
                let reason = format!("One or more hosts already in availability zone(s) {}", listed(&others));
                return Err(Error::conflict(invalid("add a host to", number, &reason)));
            }
            if others.is_empty() && store::servers_count(&mut tx, &here).await? > 0 {
                return Err(Error::conflict(invalid("add a host to", number, &would_move(zone))));
            }
        }
        store::host_add(&mut tx, &aggregate.id, host).await.map_err(|error| match error {
            db::Error::Unique { .. } => Error::conflict(format!("Aggregate {number} already has host {host}.")),
            other => other.into(),
        })?;
        tx.commit().await?;
        aggregate.hosts.push(host.to_owned());
        self.nodes_tell(&here).await?;
        Ok(aggregate)
    }

    /// Takes a node out. Servers there must not change their zone by it.
    pub(crate) async fn aggregate_host_remove(&self, number: i64, host: &str) -> Result<Aggregate> {
        let missing = || Error::not_found(format!("Cannot remove host {host} in aggregate {number}: it is not there."));
        self.agent_check(host).await.map_err(|_| missing())?;
        let (mut tx, now) = self.aggregates_write().await?;
        let mut aggregate = now.get(number).map_err(|_| missing())?.clone();
        let here = [host.to_owned()];
        if let Some(zone) = aggregate.zone()
            && aggregate.hosts.contains(&here[0])
            && !now.other_zones(&aggregate, &here).contains(zone)
            && store::servers_count(&mut tx, &here).await? > 0
        {
            return Err(Error::conflict(invalid(
                "remove a host from",
                number,
                &would_move(&self.options().config.default_availability_zone),
            )));
        }
        if store::host_remove(&mut tx, &aggregate.id, host).await? == 0 {
            return Err(missing());
        }
        tx.commit().await?;
        aggregate.hosts.retain(|other| other != host);
        self.nodes_tell(&here).await?;
        Ok(aggregate)
    }

    /// 404 unless there is an agent on the host.
    async fn agent_check(&self, host: &str) -> Result<()> {
        match nodes::services_list(self.db(), Some(host), Some(AGENT)).await?.is_empty() {
            false => Ok(()),
            true => Err(Error::not_found(format!("Compute host {host} could not be found."))),
        }
    }
}

fn listed(zones: &BTreeSet<&str>) -> String {
    zones.iter().copied().collect::<Vec<_>>().join(", ")
}

fn would_move(zone: &str) -> String {
    format!(
        "the availability zone of the host would change to {zone}, but it has servers, and these keep their zone. \
         Move or delete them first"
    )
}

fn named(error: db::Error, name: &str) -> Error {
    match error {
        db::Error::Unique { .. } => {
            Error::conflict(format!("Aggregate {name} already exists. Choose another name, or delete that one first."))
        }
        other => other.into(),
    }
}

/// 400 unless the nodes of the aggregate may be in that zone from now on.
async fn zone_check(tx: &mut db::Tx, now: &Aggregates, aggregate: &Aggregate, zone: &str, what: &str) -> Result<()> {
    let refused = |reason: &str| Err(Error::bad_request(invalid(what, aggregate.number, reason)));
    if zone.is_empty() {
        let name = &aggregate.name;
        return refused(&format!("Aggregate {name} does not support empty named availability zone"));
    }
    let others = now.other_zones(aggregate, &aggregate.hosts);
    if others.iter().any(|other| *other != zone) {
        return refused(&format!("One or more hosts already in availability zone(s) {}", listed(&others)));
    }
    if aggregate.zone() != Some(zone) && store::servers_count(tx, &aggregate.hosts).await? > 0 {
        return refused("One or more hosts contain instances in this zone");
    }
    Ok(())
}
