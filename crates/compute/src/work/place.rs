//! Choosing a node for a new server and claiming what it takes there.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use ::work::{Failure, Progress, Step};
use async_trait::async_trait;
use jiff::SignedDuration;
use placement::{CandidateRequest, Claim, Group, Stock, Summary};

use super::create::{ServerCreate, task_set};
use super::{failure, retry};
use crate::aggregates::Aggregates;
use crate::nodes;
use crate::scheduler::{self, Capacity, Node, Request};
use crate::server::Server;
use crate::{Compute, store};

/// How long the first server of a cloud waits for the first node: libvirt looks at QEMU for seconds when it is new.
const FIRST_NODE: SignedDuration = SignedDuration::from_secs(60);

/// Chooses a node and claims it.
pub(super) struct Place;

#[async_trait]
impl Step<ServerCreate> for Place {
    fn name(&self) -> &'static str {
        "place"
    }

    async fn run(&self, compute: &Compute, operation: &mut ServerCreate, to: &mut Progress) -> Result<(), Failure> {
        let server = super::server(compute, &operation.server_id).await?;
        let placement = &compute.0.deps.placement;
        // A process that died here may have claimed a node that nobody remembers.
        placement.allocations_release(&server.id).await.map_err(failure)?;
        task_set(compute, &server.id, "scheduling").await?;
        let wanted = wanted(&server);
        let request = request(&server, &wanted, operation.excluded.clone());
        let known = compute.nodes().await.map_err(failure)?;
        let age = compute.runtime().clock.now().duration_since(server.created_at);
        if known.is_empty() && age < FIRST_NODE {
            let reason = "no compute node has reported yet".to_owned();
            return Err(Failure::Wait { reason, after: Duration::from_millis(250) });
        }
        let aggregates = compute.aggregates().await.map_err(failure)?;
        let search = CandidateRequest::unnamed(wanted.clone());
        let candidates = placement.candidates(&search).await.map_err(failure)?;
        let seen = compute.seen(&known, &aggregates, candidates.into_iter().map(|candidate| candidate.root), false);
        let Ok(best) = scheduler::select(&seen, &request, compute.options().multipliers) else {
            return Err(refuse(compute, operation, &known, &request).await?);
        };
        for node in best {
            let claim = claim(&server, &node.id, wanted.resources.clone());
            if placement.allocations_claim(&claim).await.map_err(failure)? {
                let mut tx = compute.db().begin().await?;
                let now = compute.runtime().clock.now();
                store::servers::host_set(&mut tx, &server.id, &node.host, &node.zone, now).await?;
                tx.commit().await?;
                to.host = Some(node.host.clone());
                operation.host = Some(node.host.clone());
                return Ok(());
            }
        }
        // Others were faster everywhere: look again.
        Err(Failure::Retry("All suitable hosts were taken at the same moment.".to_owned()))
    }

    async fn undo(&self, compute: &Compute, operation: &mut ServerCreate, _: &mut Progress) -> Result<(), Failure> {
        compute.0.deps.placement.allocations_release(&operation.server_id).await.map_err(retry)?;
        let mut tx = compute.db().begin().await?;
        let now = compute.runtime().clock.now();
        store::servers::host_set(&mut tx, &operation.server_id, "", "", now).await?;
        tx.commit().await?;
        operation.host = None;
        Ok(())
    }
}

/// Why no node will do, for the user, and with hosts' names for administrators.
async fn refuse(
    compute: &Compute,
    operation: &mut ServerCreate,
    known: &[nodes::Node],
    request: &Request,
) -> Result<Failure, Failure> {
    let ids: Vec<String> = known.iter().map(|node| node.id.clone()).collect();
    let summaries = compute.0.deps.placement.provider_summaries(&ids).await.map_err(failure)?;
    let aggregates = compute.aggregates().await.map_err(failure)?;
    let all = compute.seen(known, &aggregates, summaries.into_iter(), true);
    let Err(refusal) = scheduler::select(&all, request, compute.options().multipliers) else {
        return Ok(Failure::Retry("The hosts changed while one was chosen.".to_owned()));
    };
    operation.details = refusal.details();
    let mut message = refusal.message();
    if !operation.excluded.is_empty() {
        message = format!("{message} The last host that was tried said: {}", operation.reason);
    }
    Ok(Failure::Fatal(message))
}

/// What placement is asked for: the flavor's size, unless its extra specs say otherwise, and traits.
fn wanted(server: &Server) -> Group {
    let flavor = &server.flavor.0;
    let mut resources = BTreeMap::from([
        ("VCPU".to_owned(), flavor.vcpus),
        ("MEMORY_MB".to_owned(), flavor.memory_mb),
        ("DISK_GB".to_owned(), flavor.disk_gb()),
    ]);
    let mut group = Group::default();
    for (key, value) in &flavor.extra_specs {
        if let Some(class) = key.strip_prefix("resources:") {
            resources.insert(class.to_owned(), value.parse().unwrap_or(0));
        } else if let Some(name) = key.strip_prefix("trait:") {
            match value.as_str() {
                "required" => group.required.push(BTreeSet::from([name.to_owned()])),
                "forbidden" => drop(group.forbidden.insert(name.to_owned())),
                _ => {}
            }
        }
    }
    for (key, value) in &server.image.0.properties {
        if let (Some(name), "required") = (key.strip_prefix("trait:"), value.as_str()) {
            group.required.push(BTreeSet::from([name.to_owned()]));
        }
    }
    resources.retain(|_, amount| *amount > 0);
    Group { resources, ..group }
}

fn request(server: &Server, wanted: &Group, excluded: Vec<String>) -> Request {
    let amount = |class: &str| wanted.resources.get(class).copied().unwrap_or(0);
    Request {
        zone: server.asked_zone.clone(),
        host: server.asked_host.clone(),
        excluded,
        image_properties: server.image.0.properties.clone(),
        extra_specs: server.flavor.0.extra_specs.clone(),
        vcpus: amount("VCPU"),
        memory_mb: amount("MEMORY_MB"),
        disk_gb: amount("DISK_GB"),
        required_traits: wanted.required.iter().flatten().cloned().collect(),
        forbidden_traits: wanted.forbidden.iter().cloned().collect(),
    }
}

fn claim(server: &Server, provider_id: &str, resources: BTreeMap<String, i64>) -> Claim {
    Claim {
        consumer_id: server.id.clone(),
        project_id: server.project_id.clone(),
        user_id: server.user_id.clone(),
        consumer_type: Some("INSTANCE".to_owned()),
        allocations: BTreeMap::from([(provider_id.to_owned(), resources)]),
    }
}

impl Compute {
    /// The nodes as the scheduler sees them; those without a summary are left out unless `all`.
    fn seen(
        &self,
        known: &[nodes::Node],
        aggregates: &Aggregates,
        summaries: impl Iterator<Item = Arc<Summary>>,
        all: bool,
    ) -> Vec<Node> {
        let summaries: HashMap<String, Arc<Summary>> =
            summaries.map(|summary| (summary.provider.id.clone(), summary)).collect();
        let seen = known.iter().filter_map(|node| {
            let summary = summaries.get(&node.id);
            if summary.is_none() && !all {
                return None;
            }
            let capacity = |class: &str| {
                let Stock { capacity, used, .. } = summary?.resources.get(class).copied()?;
                Some(Capacity { total: capacity, used })
            };
            let traits = summary.iter().flat_map(|summary| &summary.traits).chain(&node.traits.0);
            Some(Node {
                id: node.id.clone(),
                host: node.host.clone(),
                zone: self.zone_of(aggregates, &node.host),
                alive: self.node_is_up(node),
                enabled: !node.disabled,
                hypervisor_type: node.hypervisor_type.clone(),
                hypervisor_version: node.hypervisor_version,
                architecture: architecture(&node.cpu_info),
                traits: traits.cloned().collect(),
                vcpus: capacity("VCPU").unwrap_or_default(),
                memory_mb: capacity("MEMORY_MB").unwrap_or_default(),
                disk_gb: capacity("DISK_GB").unwrap_or_default(),
            })
        });
        seen.collect()
    }
}

fn architecture(cpu_info: &str) -> String {
    serde_json::from_str::<serde_json::Value>(cpu_info)
        .ok()
        .and_then(|info| info["arch"].as_str().map(str::to_owned))
        .unwrap_or_default()
}
