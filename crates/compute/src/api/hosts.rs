//! `/os-hosts`, as clients before microversion 2.43 know it: services and nodes by host.

use std::collections::BTreeMap;

use ::api::{Error, Json, Kind, Microversion, Query, Result};
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use identity::Caller;
use policy::Target;
use serde::Deserialize;
use serde_json::{Value, json};

use super::common;
use crate::Compute;
use crate::hosts::Sum;
use crate::nodes::AGENT;
use crate::services::Change;

pub(super) fn routes() -> Router<Compute> {
    Router::new()
        .route("/v2.1/os-hosts", get(hosts_list))
        .route("/v2.1/os-hosts/{host}", get(host_show).put(host_update))
        .route("/v2.1/os-hosts/{host}/startup", get(host_startup))
        .route("/v2.1/os-hosts/{host}/shutdown", get(host_shutdown))
        .route("/v2.1/os-hosts/{host}/reboot", get(host_reboot))
}

fn allowed(caller: &Caller, version: Microversion, action: &str) -> Result<()> {
    common::until(version, 42, "Use /os-services and /os-hypervisors.")?;
    caller.allow(&format!("os_compute_api:os-hosts:{action}"), &Target::new()).map(drop)
}

async fn hosts_list(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    query: Query,
) -> Result<Json<Value>> {
    allowed(&caller, version, "list")?;
    let zone = query.get("zone").filter(|zone| !zone.is_empty());
    let aggregates = compute.aggregates().await?;
    let services = compute.services_list(None, None).await?;
    let hosts: Vec<Value> = services
        .iter()
        .filter(|service| !service.disabled)
        .map(|service| {
            let is_agent = service.name == AGENT;
            let zone = if is_agent { compute.zone_of(&aggregates, &service.host) } else { "internal".to_owned() };
            let kind = service.name.trim_start_matches("nova-");
            json!({"host_name": service.host, "service": kind, "zone": zone})
        })
        .filter(|view| zone.is_none_or(|zone| view["zone"] == zone))
        .collect();
    Ok(Json(json!({"hosts": hosts})))
}

fn resource(host: &str, project: &str, sum: Sum) -> Value {
    json!({"resource": {
        "host": host, "project": project, "cpu": sum.vcpus, "memory_mb": sum.memory_mb, "disk_gb": sum.disk_gb,
    }})
}

async fn host_show(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    Path(host): Path<String>,
) -> Result<Json<Value>> {
    allowed(&caller, version, "show")?;
    let found = compute.host_resources(&host).await?;
    let mut resources = vec![
        resource(&host, "(total)", found.total),
        resource(&host, "(used_now)", found.used_now),
        resource(&host, "(used_max)", found.used_max),
    ];
    let by_project: &BTreeMap<String, Sum> = &found.by_project;
    resources.extend(by_project.iter().map(|(project, sum)| resource(&host, project, *sum)));
    Ok(Json(json!({"host": resources})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Update {
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    maintenance_mode: Option<String>,
}

fn enabling(field: &str, word: &str) -> Result<bool> {
    match word.to_ascii_lowercase().as_str() {
        "enable" => Ok(true),
        "disable" => Ok(false),
        _ => Err(Error::bad_request(format!("{field} must be enable or disable, not {word}."))),
    }
}

async fn host_update(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    Path(host): Path<String>,
    Json(update): Json<Update>,
) -> Result<Json<Value>> {
    allowed(&caller, version, "update")?;
    let status = update.status.as_deref().map(|word| enabling("status", word)).transpose()?;
    let maintenance = update.maintenance_mode.as_deref().map(|word| enabling("maintenance_mode", word)).transpose()?;
    if status.is_none() && maintenance.is_none() {
        return Err(Error::bad_request("Say what is to change: status or maintenance_mode."));
    }
    let service = compute.service_of(&host, AGENT).await?;
    if maintenance.is_some() {
        return Err(unsupported("A host's maintenance mode"));
    }
    let change = Change { disabled: status.map(|enable| (!enable, None)), forced_down: None };
    let service = compute.service_update(service, change).await?;
    Ok(Json(json!({"host": host, "status": if service.disabled { "disabled" } else { "enabled" }})))
}

fn unsupported(what: &str) -> Error {
    Error::new(Kind::NotImplemented, format!("{what} cannot be changed from here: the hypervisor has no call for it."))
}

async fn power(compute: &Compute, host: &str) -> Result<Json<Value>> {
    compute.service_of(host, AGENT).await?;
    Err(unsupported("A host's power"))
}

async fn host_startup(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    Path(host): Path<String>,
) -> Result<Json<Value>> {
    allowed(&caller, version, "start")?;
    power(&compute, &host).await
}

async fn host_shutdown(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    Path(host): Path<String>,
) -> Result<Json<Value>> {
    allowed(&caller, version, "shutdown")?;
    power(&compute, &host).await
}

async fn host_reboot(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    Path(host): Path<String>,
) -> Result<Json<Value>> {
    allowed(&caller, version, "reboot")?;
    power(&compute, &host).await
}
