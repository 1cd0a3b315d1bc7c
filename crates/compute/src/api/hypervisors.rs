//! `/os-hypervisors`: the nodes.

use std::collections::BTreeMap;

use ::api::{Error, Json, Links, Microversion, Query, Result};
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use identity::Caller;
use jiff::SignedDuration;
use policy::Target;
use serde_json::{Value, json};

use super::common;
use super::services::reference;
use crate::Compute;
use crate::nodes::Node;
use crate::services::Reference;

pub(super) fn routes() -> Router<Compute> {
    Router::new()
        .route("/v2.1/os-hypervisors", get(hypervisors_list))
        .route("/v2.1/os-hypervisors/detail", get(hypervisors_detail))
        .route("/v2.1/os-hypervisors/statistics", get(hypervisors_statistics))
        .route("/v2.1/os-hypervisors/{id}", get(hypervisor_show))
        .route("/v2.1/os-hypervisors/{id}/uptime", get(hypervisor_uptime))
        .route("/v2.1/os-hypervisors/{id}/search", get(hypervisors_search))
        .route("/v2.1/os-hypervisors/{id}/servers", get(hypervisors_servers))
}

fn brief(compute: &Compute, node: &Node, version: Microversion) -> Value {
    let mut view = json!({
        "id": node.number,
        "hypervisor_hostname": node.host,
        "state": if compute.node_is_up(node) { "up" } else { "down" },
        "status": if node.disabled { "disabled" } else { "enabled" },
    });
    if version >= Microversion(2, 53) {
        view["id"] = json!(node.id);
    }
    view
}

/// `vcpus_used` is of this node and others.
fn full(compute: &Compute, node: &Node, version: Microversion, vcpus_used: &BTreeMap<String, i64>) -> Value {
    let by_uuid = version >= Microversion(2, 53);
    let mut view = brief(compute, node, version);
    view["hypervisor_type"] = json!(node.hypervisor_type);
    view["hypervisor_version"] = json!(node.hypervisor_version);
    view["host_ip"] = json!(node.address);
    view["service"] = json!({
        "id": if by_uuid { json!(node.service_id) } else { json!(node.number) },
        "host": node.host,
        "disabled_reason": node.disabled_reason,
    });
    if version >= Microversion(2, 88) {
        view["uptime"] = json!(uptime(compute, node));
        return view;
    }
    let sums = sums(std::slice::from_ref(node), vcpus_used);
    if let (Some(view), Value::Object(sums)) = (view.as_object_mut(), sums) {
        view.extend(sums);
    }
    view["cpu_info"] = if version >= Microversion(2, 28) {
        serde_json::from_str(&node.cpu_info).unwrap_or_else(|_| json!({}))
    } else {
        json!(node.cpu_info)
    };
    view
}

/// The resources of some nodes together.
fn sums(nodes: &[Node], vcpus_used: &BTreeMap<String, i64>) -> Value {
    let sum = |of: fn(&Node) -> i64| nodes.iter().map(of).sum::<i64>();
    let free_disk = sum(|node| node.disk_free_gb);
    json!({
        "vcpus": sum(|node| node.vcpus),
        "vcpus_used": nodes.iter().filter_map(|node| vcpus_used.get(&node.id)).sum::<i64>(),
        "memory_mb": sum(|node| node.memory_mb),
        "memory_mb_used": sum(|node| node.memory_used_mb),
        "free_ram_mb": sum(|node| node.memory_mb - node.memory_used_mb),
        "local_gb": sum(|node| node.disk_gb),
        "local_gb_used": sum(|node| node.disk_gb - node.disk_free_gb),
        "free_disk_gb": free_disk,
        "disk_available_least": free_disk,
        "running_vms": sum(|node| node.servers_running),
        "current_workload": 0,
    })
}

/// Asked for only where the microversion shows it.
async fn vcpus_used(compute: &Compute, nodes: &[Node], version: Microversion) -> Result<BTreeMap<String, i64>> {
    if version >= Microversion(2, 88) { Ok(BTreeMap::new()) } else { compute.vcpus_used(nodes).await }
}

/// How long the host is up, as its own `uptime` would say; nothing when it does not report.
fn uptime(compute: &Compute, node: &Node) -> Option<String> {
    let now = compute.runtime().clock.now();
    let up = now.duration_since(node.booted_at).max(SignedDuration::ZERO);
    let (days, hours, minutes) = (up.as_hours() / 24, up.as_hours() % 24, up.as_mins() % 60);
    compute.node_is_up(node).then(|| format!(" {} up {days} days, {hours:2}:{minutes:02}", now.strftime("%H:%M:%S")))
}

/// What a list of nodes asks for.
struct Asked {
    nodes: Vec<Node>,
    /// The limit, where a full page is followed by a link.
    limit: Option<i64>,
    with_servers: bool,
}

async fn asked(compute: &Compute, query: &Query, version: Microversion) -> Result<Asked> {
    common::known_only(query, version, 53, &["limit", "marker", "hypervisor_hostname_pattern", "with_servers"])?;
    let modern = version >= Microversion(2, 53);
    let page = query.page()?;
    let with_servers = modern && query.flag("with_servers")?.unwrap_or(false);
    if let Some(pattern) = query.get("hypervisor_hostname_pattern").filter(|_| modern) {
        if page.limit.is_some() || page.marker.is_some() {
            return Err(Error::bad_request(
                "Paging over hypervisors with the hypervisor_hostname_pattern query parameter is not supported.",
            ));
        }
        return Ok(Asked { nodes: compute.nodes_matching(pattern).await?, limit: None, with_servers });
    }
    if version < Microversion(2, 33) {
        return Ok(Asked { nodes: compute.nodes().await?, limit: None, with_servers });
    }
    let limit = common::limit(page.limit);
    let marker = page.marker.as_deref().map(|marker| reference(version, marker)).transpose()?;
    let nodes = compute.nodes_page(marker, Some(limit)).await?;
    Ok(Asked { nodes, limit: Some(limit), with_servers })
}

/// Adds to each node its servers. `always` shows an empty list too.
async fn with_servers(compute: &Compute, nodes: &[Node], shown: &mut [Value], always: bool) -> Result<()> {
    let mut by_host: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for server in compute.servers_of_nodes(nodes).await? {
        by_host.entry(server.host).or_default().push(json!({"uuid": server.id, "name": server.name}));
    }
    for (view, node) in shown.iter_mut().zip(nodes) {
        let here = by_host.remove(&node.host).unwrap_or_default();
        if always || !here.is_empty() {
            view["servers"] = json!(here);
        }
    }
    Ok(())
}

async fn listed(
    compute: &Compute,
    (asked, mut shown): (Asked, Vec<Value>),
    version: Microversion,
    (links, path, query): (&Links, &str, &Query),
) -> Result<Json<Value>> {
    if asked.with_servers {
        with_servers(compute, &asked.nodes, &mut shown, version >= Microversion(2, 75)).await?;
    }
    let by_uuid = version >= Microversion(2, 53);
    let id = |node: &Node| if by_uuid { node.id.clone() } else { node.number.to_string() };
    let ids: Vec<String> = asked.nodes.iter().map(id).collect();
    let mut body = json!({"hypervisors": shown});
    if let Some(next) = asked.limit.and_then(|limit| common::next(links, path, query, limit, &ids)) {
        body["hypervisors_links"] = next;
    }
    Ok(Json(body))
}

async fn hypervisors_list(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    links: Links,
    query: Query,
) -> Result<Json<Value>> {
    caller.allow("os_compute_api:os-hypervisors:list", &Target::new())?;
    let asked = asked(&compute, &query, version).await?;
    let shown = asked.nodes.iter().map(|node| brief(&compute, node, version)).collect();
    listed(&compute, (asked, shown), version, (&links, "/v2.1/os-hypervisors", &query)).await
}

async fn hypervisors_detail(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    links: Links,
    query: Query,
) -> Result<Json<Value>> {
    caller.allow("os_compute_api:os-hypervisors:list-detail", &Target::new())?;
    let asked = asked(&compute, &query, version).await?;
    let used = vcpus_used(&compute, &asked.nodes, version).await?;
    let shown = asked.nodes.iter().map(|node| full(&compute, node, version, &used)).collect();
    listed(&compute, (asked, shown), version, (&links, "/v2.1/os-hypervisors/detail", &query)).await
}

async fn hypervisors_statistics(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
) -> Result<Json<Value>> {
    caller.allow("os_compute_api:os-hypervisors:statistics", &Target::new())?;
    common::until(version, 87, "Ask placement for inventories and usages.")?;
    let nodes = compute.nodes().await?;
    let mut sums = sums(&nodes, &compute.vcpus_used(&nodes).await?);
    sums["count"] = json!(nodes.len());
    Ok(Json(json!({"hypervisor_statistics": sums})))
}

/// The node of the URL. Numbers that are none are 404 here, as the real service has it.
async fn named(compute: &Compute, version: Microversion, id: &str) -> Result<Node> {
    match reference(version, id) {
        Err(_) if version < Microversion(2, 53) => {
            Err(Error::not_found(format!("Hypervisor with ID '{id}' could not be found.")))
        }
        Err(error) => Err(error),
        Ok(reference @ (Reference::Id(_) | Reference::Number(_))) => compute.node_get(reference).await,
    }
}

async fn hypervisor_show(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    query: Query,
    Path(id): Path<String>,
) -> Result<Json<Value>> {
    caller.allow("os_compute_api:os-hypervisors:show", &Target::new())?;
    common::known_only(&query, version, 53, &["with_servers"])?;
    let node = named(&compute, version, &id).await?;
    let used = vcpus_used(&compute, std::slice::from_ref(&node), version).await?;
    let mut shown = [full(&compute, &node, version, &used)];
    if version >= Microversion(2, 53) && query.flag("with_servers")?.unwrap_or(false) {
        with_servers(&compute, &[node], &mut shown, version >= Microversion(2, 75)).await?;
    }
    let [shown] = shown;
    Ok(Json(json!({"hypervisor": shown})))
}

async fn hypervisor_uptime(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    Path(id): Path<String>,
) -> Result<Json<Value>> {
    caller.allow("os_compute_api:os-hypervisors:uptime", &Target::new())?;
    common::until(version, 87, "GET /os-hypervisors/ID has the uptime now.")?;
    let node = named(&compute, version, &id).await?;
    let uptime = uptime(&compute, &node)
        .ok_or_else(|| Error::bad_request(format!("Compute service of {} is unavailable at this time.", node.host)))?;
    let mut shown = brief(&compute, &node, version);
    shown["uptime"] = json!(uptime);
    Ok(Json(json!({"hypervisor": shown})))
}

async fn hypervisors_search(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    Path(pattern): Path<String>,
) -> Result<Json<Value>> {
    caller.allow("os_compute_api:os-hypervisors:search", &Target::new())?;
    common::until(version, 52, "Use GET /os-hypervisors?hypervisor_hostname_pattern=.")?;
    let nodes = compute.nodes_matching(&pattern).await?;
    let shown: Vec<Value> = nodes.iter().map(|node| brief(&compute, node, version)).collect();
    Ok(Json(json!({"hypervisors": shown})))
}

async fn hypervisors_servers(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    Path(pattern): Path<String>,
) -> Result<Json<Value>> {
    caller.allow("os_compute_api:os-hypervisors:servers", &Target::new())?;
    common::until(version, 52, "Use GET /os-hypervisors?hypervisor_hostname_pattern=&with_servers=true.")?;
    let nodes = compute.nodes_matching(&pattern).await?;
    let mut shown: Vec<Value> = nodes.iter().map(|node| brief(&compute, node, version)).collect();
    with_servers(&compute, &nodes, &mut shown, false).await?;
    Ok(Json(json!({"hypervisors": shown})))
}
