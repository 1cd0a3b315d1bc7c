//! What a server is connected to: `os-interface`, `ips`, `os-security-groups`.

use ::api::{Error, Json, Microversion, Result, fields};
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use http::StatusCode;
use identity::Caller;
use network::PortInfo;
use serde::Deserialize;
use serde_json::{Value, json};

use super::common::NoParameters;
use super::server_view::addresses;
use crate::Compute;
use crate::server::Wanted;
use crate::server::update::check_tag;

pub(super) fn routes() -> Router<Compute> {
    Router::new()
        .route("/v2.1/servers/{id}/os-interface", get(interfaces_list).post(interface_attach))
        .route("/v2.1/servers/{id}/os-interface/{port_id}", get(interface_show).delete(interface_detach))
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
    _: NoParameters,
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
    _: NoParameters,
    version: Microversion,
    Path((id, port_id)): Path<(String, String)>,
) -> Result<Json<Value>> {
    compute.server_for(&caller, "os_compute_api:os-attach-interfaces:show", &id).await?;
    let ports = compute.ports_of(&id).await?;
    let port = ports.iter().find(|port| port.id == port_id);
    let port = port.ok_or_else(|| Error::not_found(format!("Instance {id} does not have a port {port_id}.")))?;
    Ok(Json(json!({"interfaceAttachment": interface(port, version)})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AttachBody {
    #[serde(rename = "interfaceAttachment")]
    attachment: Option<Attach>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Attach {
    #[serde(default)]
    net_id: Option<String>,
    #[serde(default)]
    port_id: Option<String>,
    #[serde(default)]
    fixed_ips: Vec<FixedIp>,
    #[serde(default)]
    tag: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FixedIp {
    ip_address: std::net::IpAddr,
}

impl Attach {
    /// The port that is meant; none for one of the project's own network.
    fn wanted(self, version: Microversion) -> Result<Vec<Wanted>> {
        if self.tag.is_some() && version < Microversion(2, 49) {
            return Err(Error::bad_request("A tag can be given since microversion 2.49."));
        }
        self.tag.as_deref().map_or(Ok(()), check_tag)?;
        if self.port_id.is_some() && (self.net_id.is_some() || !self.fixed_ips.is_empty()) {
            return Err(Error::bad_request("Must not input both network_id and port_id: a port has both already."));
        }
        if !self.fixed_ips.is_empty() && self.net_id.is_none() {
            return Err(Error::bad_request("Must input network_id when request IP address"));
        }
        for id in [&self.port_id, &self.net_id].into_iter().flatten() {
            if !fields::is_uuid(id) {
                return Err(Error::bad_request(format!(
                    "Invalid input for field/attribute interfaceAttachment: {id} is not a UUID."
                )));
            }
        }
        if self.fixed_ips.len() > 1 {
            return Err(Error::bad_request("One fixed address can be asked for."));
        }
        if self.port_id.is_none() && self.net_id.is_none() {
            return Ok(Vec::new());
        }
        let fixed_ip = self.fixed_ips.first().map(|fixed| fixed.ip_address.to_string());
        Ok(vec![Wanted { network_id: self.net_id, port_id: self.port_id, fixed_ip, tag: self.tag }])
    }
}

async fn interface_attach(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    Path(id): Path<String>,
    Json(body): Json<AttachBody>,
) -> Result<Json<Value>> {
    let wanted = body.attachment.unwrap_or_default().wanted(version)?;
    let server = compute.server_for(&caller, "os_compute_api:os-attach-interfaces:create", &id).await?;
    let port = compute.port_attach(&caller, &server, wanted).await?;
    Ok(Json(json!({"interfaceAttachment": interface(&port, version)})))
}

async fn interface_detach(
    State(compute): State<Compute>,
    caller: Caller,
    Path((id, port_id)): Path<(String, String)>,
) -> Result<StatusCode> {
    let server = compute.server_for(&caller, "os_compute_api:os-attach-interfaces:delete", &id).await?;
    compute.port_detach(&caller, &server, &port_id).await?;
    Ok(StatusCode::ACCEPTED)
}

async fn addresses_list(
    State(compute): State<Compute>,
    caller: Caller,
    _: NoParameters,
    Path(id): Path<String>,
) -> Result<Json<Value>> {
    compute.server_for(&caller, "os_compute_api:ips:index", &id).await?;
    let ports = compute.ports_of(&id).await?;
    Ok(Json(json!({"addresses": addresses(&ports, false)})))
}

async fn addresses_show(
    State(compute): State<Compute>,
    caller: Caller,
    _: NoParameters,
    Path((id, network)): Path<(String, String)>,
) -> Result<Json<Value>> {
    compute.server_for(&caller, "os_compute_api:ips:show", &id).await?;
    let ports = compute.ports_of(&id).await?;
    let list = addresses(&ports, false).remove(&network);
    let list = list.ok_or_else(|| Error::not_found("Instance is not a member of specified network"))?;
    Ok(Json(json!({network: list})))
}
