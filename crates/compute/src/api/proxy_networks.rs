//! `/os-networks`, `/os-tenant-networks`, `/os-floating-ips` and `/os-floating-ip-pools`, as clients before microversion
//! 2.36 know them: what the network service has in another form.

use std::collections::BTreeMap;

use ::api::{Error, Json, Kind, Microversion, Page, Query, Result};
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::{any, get, post};
use http::StatusCode;
use identity::Caller;
use network::model::{FloatingIp, Network};
use policy::Target;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::common;
use super::extensions::resource_gone;
use crate::{Compute, flavors};

pub(super) fn routes() -> Router<Compute> {
    Router::new()
        .route("/v2.1/os-networks", get(networks_list).post(resource_gone))
        .route("/v2.1/os-networks/add", post(resource_gone))
        .route("/v2.1/os-networks/{id}", get(network_show).delete(resource_gone))
        .route("/v2.1/os-networks/{id}/action", any(resource_gone))
        .route("/v2.1/os-tenant-networks", get(tenant_networks_list).post(resource_gone))
        .route("/v2.1/os-tenant-networks/{id}", get(tenant_network_show).delete(resource_gone))
        .route("/v2.1/os-floating-ip-pools", get(pools_list))
        .route("/v2.1/os-floating-ips", get(floating_ips_list).post(floating_ip_create))
        .route("/v2.1/os-floating-ips/{id}", get(floating_ip_show).delete(floating_ip_delete))
}

/// Asks whether the caller may, in a microversion that has it.
fn allowed(caller: &Caller, version: Microversion, rule: &str) -> Result<()> {
    common::until(version, 35, "Use the network API.")?;
    let target = Target::new().with("project_id", caller.project_id()?);
    caller.allow(&format!("os_compute_api:{rule}"), &target).map(drop)
}

/// What networks had when compute ran them. Of all that only id and name are left.
const FIELDS: &[&str] =
    &["cidr", "netmask", "gateway", "broadcast", "dns1", "dns2", "cidr_v6", "gateway_v6", "netmask_v6"];
const ADMIN_FIELDS: &[&str] = &[
    "created_at",
    "updated_at",
    "deleted_at",
    "deleted",
    "injected",
    "bridge",
    "vlan",
    "vpn_public_address",
    "vpn_public_port",
    "vpn_private_address",
    "dhcp_start",
    "project_id",
    "host",
    "bridge_interface",
    "multi_host",
    "priority",
    "rxtx_base",
    "mtu",
    "dhcp_server",
    "enable_dhcp",
    "share_address",
];

fn network_view(network: &Network, admin: bool) -> Value {
    let more: &[&str] = if admin { ADMIN_FIELDS } else { &[] };
    let mut view: Map<String, Value> =
        FIELDS.iter().chain(more).map(|name| ((*name).to_owned(), Value::Null)).collect();
    view.insert("id".to_owned(), json!(network.standard.id));
    view.insert("label".to_owned(), json!(network.standard.name));
    Value::Object(view)
}

fn tenant_view(network: &Network) -> Value {
    json!({"id": network.standard.id, "label": network.standard.name, "cidr": "None"})
}

async fn networks(compute: &Compute, caller: &Caller, asked: &str) -> Result<Vec<Network>> {
    compute.0.deps.network.network_list(caller, &Query::parse(asked), &Page::default()).await
}

async fn network(compute: &Compute, caller: &Caller, id: &str) -> Result<Network> {
    compute.0.deps.network.network_show(caller, id).await.map_err(|error| match error.kind {
        Kind::NotFound => Error::not_found("Network not found"),
        _ => error,
    })
}

async fn networks_list(State(compute): State<Compute>, caller: Caller, version: Microversion) -> Result<Json<Value>> {
    allowed(&caller, version, "os-networks:list")?;
    let admin = flavors::is_admin(&caller);
    let found = networks(&compute, &caller, "").await?;
    let shown: Vec<Value> = found.iter().map(|network| network_view(network, admin)).collect();
    Ok(Json(json!({"networks": shown})))
}

async fn network_show(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    Path(id): Path<String>,
) -> Result<Json<Value>> {
    allowed(&caller, version, "os-networks:show")?;
    let found = network(&compute, &caller, &id).await?;
    Ok(Json(json!({"network": network_view(&found, flavors::is_admin(&caller))})))
}

async fn tenant_networks_list(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
) -> Result<Json<Value>> {
    allowed(&caller, version, "os-tenant-networks:list")?;
    let found = networks(&compute, &caller, "").await?;
    Ok(Json(json!({"networks": found.iter().map(tenant_view).collect::<Vec<_>>()})))
}

async fn tenant_network_show(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    Path(id): Path<String>,
) -> Result<Json<Value>> {
    allowed(&caller, version, "os-tenant-networks:show")?;
    Ok(Json(json!({"network": tenant_view(&network(&compute, &caller, &id).await?)})))
}

/// The networks that floating IPs come from.
async fn pools(compute: &Compute, caller: &Caller) -> Result<Vec<Network>> {
    networks(compute, caller, "router:external=true").await
}

fn pool_name(network: &Network) -> &str {
    if network.standard.name.is_empty() { &network.standard.id } else { &network.standard.name }
}

async fn pools_list(State(compute): State<Compute>, caller: Caller, version: Microversion) -> Result<Json<Value>> {
    allowed(&caller, version, "os-floating-ip-pools")?;
    let pools = pools(&compute, &caller).await?;
    let shown: Vec<Value> = pools.iter().map(|pool| json!({"name": pool_name(pool)})).collect();
    Ok(Json(json!({"floating_ip_pools": shown})))
}

/// Floating IPs in the form of this resource, with the names of their pools and the servers that they lead to.
async fn views(compute: &Compute, caller: &Caller, floating_ips: &[FloatingIp]) -> Result<Vec<Value>> {
    let pools = pools(compute, caller).await?;
    let pools: BTreeMap<&str, &str> = pools.iter().map(|pool| (pool.standard.id.as_str(), pool_name(pool))).collect();
    let ports: Vec<String> =
        floating_ips.iter().filter_map(|ip| ip.target.as_ref()).map(|target| target.port_id.clone()).collect();
    let servers = compute.0.deps.network.servers_of_ports(&ports).await?;
    let view = |ip: &FloatingIp| {
        let target = ip.target.as_ref();
        json!({
            "id": ip.standard.id,
            "ip": ip.address,
            "pool": pools.get(ip.network_id.as_str()).copied().unwrap_or(&ip.network_id),
            "fixed_ip": target.map(|target| target.fixed_ip),
            "instance_id": target.and_then(|target| servers.get(&target.port_id)),
        })
    };
    Ok(floating_ips.iter().map(view).collect())
}

async fn floating_ips_list(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
) -> Result<Json<Value>> {
    allowed(&caller, version, "os-floating-ips:list")?;
    let own = Query::parse(&format!("project_id={}", caller.project_id()?));
    let found = compute.0.deps.network.floating_ip_list(&caller, &own, &Page::default()).await?;
    Ok(Json(json!({"floating_ips": views(&compute, &caller, &found).await?})))
}

async fn shown(compute: &Compute, caller: &Caller, found: FloatingIp) -> Result<Json<Value>> {
    let view = views(compute, caller, &[found]).await?.pop();
    Ok(Json(json!({"floating_ip": view})))
}

async fn floating_ip_show(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    Path(id): Path<String>,
) -> Result<Json<Value>> {
    allowed(&caller, version, "os-floating-ips:show")?;
    let found = compute.0.deps.network.floating_ip_show(&caller, &id).await.map_err(|error| no_such(error, &id))?;
    shown(&compute, &caller, found).await
}

fn no_such(error: Error, id: &str) -> Error {
    match error.kind {
        Kind::NotFound => Error::not_found(format!("Floating IP not found for ID {id}")),
        _ => error,
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Create {
    /// The first one, if this is null or missing.
    #[serde(default)]
    pool: Option<String>,
}

async fn floating_ip_create(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    Json(Create { pool: wanted }): Json<Create>,
) -> Result<Json<Value>> {
    allowed(&caller, version, "os-floating-ips:create")?;
    let pools = pools(&compute, &caller).await?;
    let chosen = match &wanted {
        None => pools.first(),
        Some(name) => pools.iter().find(|pool| pool_name(pool) == name || pool.standard.id == *name),
    };
    let pool = chosen.ok_or_else(|| Error::not_found("Floating IP pool not found."))?;
    let create = serde_json::from_value(json!({"floating_network_id": pool.standard.id})).map_err(Error::internal)?;
    let made = compute.0.deps.network.floating_ip_create(&caller, create).await.map_err(|error| match error.code {
        Some("OverQuota") => Error::forbidden(error.message),
        _ => error,
    })?;
    shown(&compute, &caller, made).await
}

async fn floating_ip_delete(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    Path(id): Path<String>,
) -> Result<StatusCode> {
    allowed(&caller, version, "os-floating-ips:delete")?;
    compute.0.deps.network.floating_ip_delete(&caller, &id).await.map_err(|error| no_such(error, &id))?;
    Ok(StatusCode::ACCEPTED)
}
