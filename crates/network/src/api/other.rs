//! What the service says of itself: versions, extensions, agents, zones, addresses in use.

use api::{Json, Links, Query, Result};
use axum::extract::{Path, State};
use identity::Caller;
use serde_json::{Value, json};

use crate::Network;
use crate::access::missing;
use crate::extension::EXTENSIONS;
use crate::store::agent::Agent;

pub(super) async fn versions(links: Links) -> Json<Value> {
    let link = json!({"rel": "self", "href": links.to("/v2.0/")});
    Json(json!({ "versions": [{"id": "v2.0", "status": "CURRENT", "links": [link]}] }))
}

pub(super) async fn version(links: Links) -> Json<Value> {
    let resources = ["networks", "subnets", "ports", "routers", "floatingips", "security-groups", "extensions"];
    let entry = |name: &&str| {
        json!({
            "name": name.trim_end_matches('s'),
            "collection": name,
            "links": [{"rel": "self", "href": links.to(&format!("/v2.0/{name}"))}],
        })
    };
    Json(json!({ "resources": resources.iter().map(entry).collect::<Vec<_>>() }))
}

fn extension_view((alias, name, description): &(&str, &str, &str)) -> Value {
    json!({
        "alias": alias, "name": name, "description": description, "links": [], "updated": "2026-01-01T00:00:00-00:00",
    })
}

pub(super) async fn extension_list(_: Caller) -> Json<Value> {
    Json(json!({ "extensions": EXTENSIONS.iter().map(extension_view).collect::<Vec<_>>() }))
}

pub(super) async fn extension_show(_: Caller, Path(alias): Path<String>) -> Result<Json<Value>> {
    let found = EXTENSIONS.iter().find(|(known, ..)| *known == alias);
    let found = found.ok_or_else(|| missing("ExtensionNotFound", "Extension with alias", &alias))?;
    Ok(Json(json!({ "extension": extension_view(found) })))
}

fn agent_view(x: &Network, agent: &Agent) -> Value {
    let age = x.0.runtime.clock.now().duration_since(agent.heartbeat_at);
    let time = |time: jiff::Timestamp| time.strftime("%Y-%m-%d %H:%M:%S").to_string();
    json!({
        "id": agent.id,
        "agent_type": agent.agent_type,
        "binary": agent.program,
        "host": agent.host,
        "topic": "n/a",
        "admin_state_up": agent.admin_state_up,
        "alive": age.as_secs() <= 75,
        "availability_zone": x.0.options.availability_zone,
        "created_at": time(agent.created_at),
        "started_at": time(agent.started_at),
        "heartbeat_timestamp": time(agent.heartbeat_at),
        "description": null,
        "configurations": {},
        "resource_versions": {},
        "resources_synced": null,
    })
}

pub(super) async fn agent_list(State(x): State<Network>, caller: Caller, query: Query) -> Result<Json<Value>> {
    let agents = x.agent_list(&caller).await?;
    let wanted = |view: &Value| {
        ["host", "agent_type", "binary", "id"]
            .iter()
            .all(|field| query.all(field).next().is_none() || query.all(field).any(|value| view[*field] == value))
    };
    let views: Vec<Value> = agents.iter().map(|agent| agent_view(&x, agent)).filter(wanted).collect();
    Ok(Json(json!({ "agents": views })))
}

pub(super) async fn agent_show(
    State(x): State<Network>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>> {
    let agents = x.agent_list(&caller).await?;
    let agent = agents.iter().find(|agent| agent.id == id).ok_or_else(|| missing("AgentNotFound", "Agent", &id))?;
    Ok(Json(json!({ "agent": agent_view(&x, agent) })))
}

pub(super) async fn zone_list(State(x): State<Network>, caller: Caller) -> Result<Json<Value>> {
    caller.allow("get_availability_zone", &policy::Target::new())?;
    let name = &x.0.options.availability_zone;
    let zone = |resource: &str| json!({"name": name, "resource": resource, "state": "available"});
    Ok(Json(json!({ "availability_zones": [zone("network"), zone("router")] })))
}

pub(super) async fn availability_list(State(x): State<Network>, caller: Caller) -> Result<Json<Value>> {
    Ok(Json(json!({ "network_ip_availabilities": x.availability_list(&caller, None).await? })))
}

pub(super) async fn availability_show(
    State(x): State<Network>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>> {
    let found = x.availability_list(&caller, Some(&id)).await?.pop();
    let found = found.ok_or_else(|| crate::network::not_found(&id))?;
    Ok(Json(json!({ "network_ip_availability": found })))
}

pub(super) async fn provider_list(caller: Caller) -> Result<Json<Value>> {
    caller.allow("get_service_provider", &policy::Target::new())?;
    Ok(Json(json!({ "service_providers": [] })))
}
