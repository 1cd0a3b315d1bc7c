//! What a server is connected to: `os-interface`, `ips`, `os-security-groups`.

use ::api::{Error, Json, Microversion, Result};
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use identity::Caller;
use network::PortInfo;
use serde_json::{Value, json};

use super::server_view::addresses;
use crate::Compute;

pub(super) fn routes() -> Router<Compute> {
    Router::new()
        .route("/v2.1/servers/{id}/os-interface", get(interfaces_list))
        .route("/v2.1/servers/{id}/os-interface/{port_id}", get(interface_show))
        .route("/v2.1/servers/{id}/ips", get(addresses_list))
        .route("/v2.1/servers/{id}/ips/{network}", get(addresses_show))
}

fn interface(port: &PortInfo, version: Microversion) -> Value {
    let fixed: Vec<Value> = port
        .fixed_ips
        .iter()
        .map(|fixed| json!({"ip_address": fixed.ip.to_string(), "subnet_id": fixed.subnet_id}))
        .collect();
    let mut interface = json!({
        "port_id": port.id,
        "net_id": port.network_id,
        "mac_addr": port.mac_address,
        "port_state": port.status,
        "fixed_ips": fixed,
    });
    if version >= Microversion(2, 70) {
        interface["tag"] = json!(port.tag);
    }
    interface
}

async fn interfaces_list(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    Path(id): Path<String>,
) -> Result<Json<Value>> {
    compute.server_for(&caller, "os_compute_api:os-attach-interfaces:list", &id).await?;
    let ports = compute.ports_of(&id).await?;
    let list: Vec<Value> = ports.iter().map(|port| interface(port, version)).collect();
    Ok(Json(json!({"interfaceAttachments": list})))
}

async fn interface_show(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    Path((id, port_id)): Path<(String, String)>,
) -> Result<Json<Value>> {
    compute.server_for(&caller, "os_compute_api:os-attach-interfaces:show", &id).await?;
    let ports = compute.ports_of(&id).await?;
    let port = ports.iter().find(|port| port.id == port_id);
    let port = port.ok_or_else(|| Error::not_found(format!("Instance {id} does not have a port {port_id}.")))?;
    Ok(Json(json!({"interfaceAttachment": interface(port, version)})))
}

async fn addresses_list(State(compute): State<Compute>, caller: Caller, Path(id): Path<String>) -> Result<Json<Value>> {
    compute.server_for(&caller, "os_compute_api:ips:index", &id).await?;
    let ports = compute.ports_of(&id).await?;
    Ok(Json(json!({"addresses": addresses(&ports, false)})))
}

async fn addresses_show(
    State(compute): State<Compute>,
    caller: Caller,
    Path((id, network)): Path<(String, String)>,
) -> Result<Json<Value>> {
    compute.server_for(&caller, "os_compute_api:ips:show", &id).await?;
    let ports = compute.ports_of(&id).await?;
    let list = addresses(&ports, false).remove(&network);
    let list = list.ok_or_else(|| Error::not_found("Instance is not a member of specified network"))?;
    Ok(Json(json!({network: list})))
}
