//! Choosing a node for a server and claiming what it takes there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ::api::{Error, Result};
use ipnet::IpNet;
use placement::{Allocations, Candidate, CandidateRequest, Claim, Stock, Summary};
use serde_json::{Map, Value};
use trace::Traced as _;

use crate::aggregates::Aggregates;
use crate::demand::{has_groups, total_of, wanted};
use crate::fleet::{Fleet, Known};
use crate::scheduler::{self, Another, Capacity, Node, Refusal, Request};
use crate::server::fit::spec_of;
use crate::server::{Flavor, Server};
use crate::store::{fleet as store, servers};
use crate::{Compute, nodes};

/// What came of the search for a node.
#[derive(Debug)]
pub(crate) enum Choice {
    /// This node is claimed.
    Node { host: String },
    /// None will do.
    Refused(Box<Refusal>),
    /// All that would do were taken at the same moment, or have to remove something of the server first; a later search may
    /// find some.
    Raced,
}

/// What came of writing a server onto a node.
enum Claimed {
    /// It is there.
    Node,
    /// Its group, as it is now, forbids it.
    NotInGroup(scheduler::Group),
    /// The node has something of it still, from an earlier time.
    NotYet,
}

/// What is counted of the servers for a choice.
#[derive(Default)]
struct Counts {
    servers: BTreeMap<String, i64>,
    io_ops: BTreeMap<String, i64>,
}

impl Compute {
    /// Whether any node reported ever and placement knows it.
    pub(crate) async fn has_nodes(&self) -> Result<bool> {
        Ok(self.fleet().await?.all().any(|known| !known.node.told.is_empty()))
    }

    /// Finds the best node for a server that has none, without the excluded ones, and claims it.
    pub(crate) async fn node_choose(&self, server: &Server, excluded: &[String]) -> Result<Choice> {
        let (fleet, aggregates) = (self.fleet().await?, self.aggregates().await?);
        let mut search = wanted(server);
        let request = self.request(server, &search, excluded).await?;
        let config = &self.options().config.scheduler;
        self.narrow(&mut search, &request, &fleet, &aggregates);
        search.limit = Some(config.max_candidates);
        // Each search begins somewhere else, so that those that go on at the same time see different nodes.
        search.start = Some(self.runtime().ids.uuid());
        let (mut seen, is_cut) = self.candidates_seen(&fleet, &aggregates, &request, &search).await?;
        let mut best = trace::span("scheduler", "choose", async { scheduler::select(&seen, &request, config) }).await;
        if best.is_err() && is_cut {
            search.limit = None;
            (seen, _) = self.candidates_seen(&fleet, &aggregates, &request, &search).await?;
            best = trace::span("scheduler", "choose", async { scheduler::select(&seen, &request, config) }).await;
        }
        match best {
            Ok(mut best) => {
                let [byte] = self.runtime().ids.bytes();
                let among = config.host_subset_size.clamp(1, best.len());
                best.swap(0, usize::from(byte) % among);
                self.nodes_claim(server, &best).await
            }
            Err(_) => self.refusal(&fleet, &aggregates, &request, search).await,
        }
    }

    /// Why the server's node cannot run it with its other image or flavor, which `server` has already; `None` if it can.
    /// Of room only that is asked about which a server has for itself alone.
    pub(crate) async fn node_check(&self, server: &Server, another: Another) -> Result<Option<Box<Refusal>>> {
        let (fleet, aggregates) = (self.fleet().await?, self.aggregates().await?);
        let Some(known) = fleet.of_host(&server.host) else { return Ok(None) };
        let request = self.request(server, &wanted(server), &[]).await?;
        let summary = self.0.deps.placement.provider_summaries(std::slice::from_ref(&known.node.id)).await?.pop();
        let counts = self.counts(&[&server.host], &request).await?;
        let node = self.seen(&fleet, &aggregates, &counts, known, summary);
        Ok(scheduler::recheck(node, &request, another, &self.options().config.scheduler))
    }

    /// Has the server hold on its node what it needs in each of these sizes, the larger of each resource; `false`, and
    /// nothing changed, when the node does not have that.
    pub(crate) async fn node_claim(&self, server: &Server, flavors: &[&Flavor]) -> Result<bool> {
        let fleet = self.fleet().await?;
        let Some(known) = fleet.of_host(&server.host) else { return Ok(false) };
        let mut resources = BTreeMap::new();
        for flavor in flavors {
            for (class, amount) in total_of(flavor, &server.image.0) {
                let most: &mut i64 = resources.entry(class).or_default();
                *most = amount.max(*most);
            }
        }
        let placement = &self.0.deps.placement;
        let here = BTreeMap::from([(known.node.id.clone(), resources)]);
        if flavors.iter().any(|flavor| has_groups(flavor)) {
            let held = placement.allocations_of(&server.id).await?;
            if held.keys().any(|provider_id| *provider_id != known.node.id) {
                return Err(Error::conflict(format!(
                    "Instance {} holds resources of providers beside its node, which only a new server can.",
                    server.id
                )));
            }
        }
        placement.allocations_claim(&claim(server, here)).traced("placement", "claim").await
    }

    /// Spares the search nodes that the filters would not let pass.
    fn narrow(&self, search: &mut CandidateRequest, request: &Request, fleet: &Fleet, aggregates: &Aggregates) {
        let wanted = search.groups.entry(String::new()).or_default();
        wanted.forbidden.insert(nodes::DISABLED.to_owned());
        // The usual zone has nodes without an aggregate.
        let zone: BTreeSet<String> = aggregates.of_zone(&request.zone).map(|aggregate| aggregate.id.clone()).collect();
        if request.zone != *self.0.usual_zone && !zone.is_empty() {
            wanted.member_of.push(zone);
        }
        let bound = request.group.as_ref().filter(|group| group.policy == scheduler::Policy::Affinity);
        let only = bound.filter(|group| group.hosts.len() == 1).and_then(|group| group.hosts.keys().next());
        let host = Some(&request.host).filter(|host| !host.is_empty()).or(only);
        if let Some(known) = host.and_then(|host| fleet.of_host(host)) {
            wanted.in_tree = Some(known.node.id.clone());
        }
    }

    /// Claims the first of the nodes that can still be had.
    async fn nodes_claim(&self, server: &Server, best: &[&Node]) -> Result<Choice> {
        let placement = &self.0.deps.placement;
        let mut group = None::<scheduler::Group>;
        for node in best {
            // What another claim showed of the group spares claims that cannot succeed.
            if group.as_ref().is_some_and(|group| !group.allows(&node.host)) {
                continue;
            }
            let claim = claim(server, node.offer.clone());
            if !placement.allocations_claim(&claim).traced("placement", "claim").await? {
                continue;
            }
            match self.host_claim(server, node).await? {
                Claimed::Node => return Ok(Choice::Node { host: node.host.to_string() }),
                Claimed::NotInGroup(seen) => group = Some(seen),
                Claimed::NotYet => {}
            }
            placement.allocations_release(&server.id).traced("placement", "release").await?;
        }
        Ok(Choice::Raced)
    }

    /// Writes that the server is on the node, unless its group forbids it. The members are counted and the node is written
    /// in one transaction that no other of the group's can overtake.
    async fn host_claim(&self, server: &Server, node: &Node) -> Result<Claimed> {
        let mut tx = self.db().begin().await?;
        if let Some(group) = self.group_claim(&mut tx, &server.id).await?
            && !group.allows(&node.host)
        {
            return Ok(Claimed::NotInGroup(group));
        }
        let now = self.runtime().clock.now();
        if !servers::host_set(&mut tx, &server.id, &node.host, &node.zone, now).await? {
            return Ok(Claimed::NotYet);
        }
        tx.commit().await?;
        Ok(Claimed::Node)
    }

    /// Why no node will do: all nodes are looked at, also those without room.
    async fn refusal(
        &self,
        fleet: &Fleet,
        aggregates: &Aggregates,
        request: &Request,
        search: CandidateRequest,
    ) -> Result<Choice> {
        let mut offers = BTreeMap::new();
        if request.has_groups {
            let found = self.0.deps.placement.candidates(&CandidateRequest { limit: None, ..search }).await?;
            offers.extend(found.into_iter().map(|found| (found.root.provider.id.clone(), found.allocations)));
        }
        let ids: Vec<String> = fleet.all().map(|known| known.node.id.clone()).collect();
        let summaries = self.0.deps.placement.provider_summaries(&ids).traced("placement", "look at all").await?;
        let summaries: BTreeMap<&str, &Arc<Summary>> =
            summaries.iter().map(|summary| (summary.provider.id.as_str(), summary)).collect();
        let hosts: Vec<&str> = fleet.all().map(|known| known.node.host.as_str()).collect();
        let counts = self.counts(&hosts, request).await?;
        let mut all: Vec<Node> = fleet
            .all()
            .map(|known| {
                let summary = summaries.get(known.node.id.as_str()).map(|summary| Arc::clone(summary));
                let offer = offers.remove(&known.node.id).unwrap_or_default();
                Node { offer, ..self.seen(fleet, aggregates, &counts, known, summary) }
            })
            .collect();
        all.sort_unstable_by(|one, other| one.host.cmp(&other.host));
        Ok(match scheduler::select(&all, request, &self.options().config.scheduler) {
            Err(refusal) => Choice::Refused(refusal),
            // The nodes changed while one was chosen.
            Ok(_) => Choice::Raced,
        })
    }

    /// The nodes that placement finds, as the scheduler sees them, and whether there may be more.
    async fn candidates_seen(
        &self,
        fleet: &Fleet,
        aggregates: &Aggregates,
        request: &Request,
        search: &CandidateRequest,
    ) -> Result<(Vec<Node>, bool)> {
        let candidates = self.0.deps.placement.candidates(search).traced("placement", "candidates").await?;
        let is_cut = search.limit.is_some_and(|limit| candidates.len() >= limit);
        let mut found: Vec<(&Arc<Known>, Arc<Summary>, Allocations)> = Vec::with_capacity(candidates.len());
        for Candidate { root, allocations, .. } in candidates {
            // One node may be a candidate in several ways.
            if let Some(known) = fleet.get(&root.provider.id)
                && found.last().is_none_or(|(last, ..)| last.node.id != known.node.id)
            {
                found.push((known, root, allocations));
            }
        }
        let hosts: Vec<&str> = found.iter().map(|(known, ..)| known.node.host.as_str()).collect();
        let counts = self.counts(&hosts, request).await?;
        let seen = found
            .into_iter()
            .map(|(known, root, offer)| Node { offer, ..self.seen(fleet, aggregates, &counts, known, Some(root)) });
        Ok((seen.collect(), is_cut))
    }

    /// Counts servers where a filter or weigher looks at it.
    async fn counts(&self, hosts: &[&str], request: &Request) -> Result<Counts> {
        let config = &self.options().config.scheduler;
        let mut counts = Counts::default();
        let asks = |names: &[&str]| names.iter().any(|name| config.has_filter(name) || config.has_weigher(name));
        let servers = asks(&["NumInstancesFilter", "AggregateNumInstancesFilter", "JsonFilter"]);
        if servers || scheduler::counts_servers(request, config) {
            counts.servers = store::servers_by_host(self.db(), hosts).await?;
        }
        let io_ops = asks(&["IoOpsFilter", "AggregateIoOpsFilter", "JsonFilter", "IoOpsWeigher"]);
        if io_ops || scheduler::counts_io_ops(request, config) {
            counts.io_ops = store::busy_by_host(self.db()).await?;
        }
        Ok(counts)
    }

    fn seen(
        &self,
        fleet: &Fleet,
        aggregates: &Aggregates,
        counts: &Counts,
        known: &Known,
        summary: Option<Arc<Summary>>,
    ) -> Node {
        let host = &*known.host;
        let capacity = |class: &str| {
            let Stock { capacity, used, .. } = summary.as_ref()?.resources.get(class)?;
            Some(Capacity { total: *capacity, used: *used })
        };
        Node {
            zone: aggregates.zone_of(host).map_or_else(|| Arc::clone(&self.0.usual_zone), Arc::from),
            alive: self.known_is_up(fleet, known),
            enabled: !known.node.disabled,
            hypervisor_version: known.node.hypervisor_version,
            architecture: Arc::clone(&known.architecture),
            cpu_info: Arc::clone(&known.cpu_info),
            traits: Arc::clone(&known.traits),
            vcpus: capacity("VCPU").unwrap_or_default(),
            memory_mb: capacity("MEMORY_MB").unwrap_or_default(),
            disk_gb: capacity("DISK_GB").unwrap_or_default(),
            numa: Arc::clone(&known.numa),
            aggregates: aggregates.of(host).cloned().collect(),
            servers: counts.servers.get(host).copied().unwrap_or(0),
            io_ops: counts.io_ops.get(host).copied().unwrap_or(0),
            build_failures: known.node.failed_builds,
            metrics: Arc::clone(&known.metrics),
            offer: Allocations::new(),
            host: Arc::clone(&known.host),
            address: Arc::clone(&known.address),
            hypervisor_type: Arc::clone(&known.hypervisor_type),
            summary,
        }
    }

    async fn request(&self, server: &Server, search: &CandidateRequest, excluded: &[String]) -> Result<Request> {
        let wanted = search.groups.get("").cloned().unwrap_or_default();
        let hints = &server.scheduler_hints.0;
        let (same, different) = (texts(hints, "same_host"), texts(hints, "different_host"));
        let mut hosts = BTreeMap::new();
        if !same.is_empty() || !different.is_empty() {
            hosts = servers::hosts_of(self.db(), &[same.clone(), different.clone()].concat()).await?;
            hosts.retain(|_, host| !host.is_empty());
        }
        let of = |ids: &[String]| ids.iter().filter_map(|id| hosts.get(id).cloned()).collect::<BTreeSet<String>>();
        let amount = |class: &str| wanted.resources.get(class).copied().unwrap_or(0);
        let spec = spec_of(&server.image.0, &server.flavor.0);
        // What no node understands is refused before a server is promised; if not, the node says why.
        let guest = (self.0.deps.guest_of)(&spec).unwrap_or_default();
        Ok(Request {
            server_id: server.id.clone(),
            guest,
            zone: server.asked_zone.clone(),
            host: server.asked_host.clone(),
            excluded: excluded.to_vec(),
            project_id: server.project_id.clone(),
            flavor: server.flavor.0.name.clone(),
            image_properties: server.image.0.properties.clone(),
            extra_specs: server.flavor.0.extra_specs.clone(),
            vcpus: amount("VCPU"),
            memory_mb: amount("MEMORY_MB"),
            disk_gb: amount("DISK_GB"),
            has_groups: search.groups.len() > 1,
            resources: wanted.resources.clone(),
            required_traits: wanted.required.iter().flatten().cloned().collect(),
            forbidden_traits: wanted.forbidden.iter().cloned().collect(),
            group: if hints.contains_key("group") { self.group_seen(&server.id).await? } else { None },
            same_hosts: (!same.is_empty()).then(|| of(&same)),
            different_hosts: of(&different),
            near: near(hints),
            query: query(hints),
        })
    }
}

/// A hint that is one text or a list of them.
fn texts(hints: &Map<String, Value>, name: &str) -> Vec<String> {
    match hints.get(name) {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(texts)) => texts.iter().filter_map(|text| text.as_str().map(str::to_owned)).collect(),
        _ => Vec::new(),
    }
}

/// The range of addresses that the hints name.
fn near(hints: &Map<String, Value>) -> Option<IpNet> {
    let address = texts(hints, "build_near_host_ip").into_iter().next()?;
    let length = hints.get("cidr").and_then(Value::as_str).unwrap_or("/24");
    format!("{address}{length}").parse().ok()
}

/// The condition of the hints, which may be JSON in a text.
fn query(hints: &Map<String, Value>) -> Option<Value> {
    match hints.get("query")? {
        Value::String(text) => Some(serde_json::from_str(text).unwrap_or(Value::Null)),
        Value::Array(texts) if texts.len() == 1 => match texts.first() {
            Some(Value::String(text)) => Some(serde_json::from_str(text).unwrap_or(Value::Null)),
            _ => Some(Value::Array(texts.clone())),
        },
        other => Some(other.clone()),
    }
}

fn claim(server: &Server, allocations: Allocations) -> Claim {
    Claim {
        consumer_id: server.id.clone(),
        project_id: server.project_id.clone(),
        user_id: server.user_id.clone(),
        consumer_type: Some("INSTANCE".to_owned()),
        allocations,
    }
}
