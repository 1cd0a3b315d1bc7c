use api::{Json, Links, Query, Result};
use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;
use identity::Caller;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::body::{self, Body, Common, List};
use crate::Network;
use crate::model::{AddressPair, DhcpOption, FixedIp, Port};

/// A port as users see it.
#[derive(Serialize)]
struct View<'a> {
    #[serde(flatten)]
    common: Common<'a>,
    network_id: &'a str,
    mac_address: &'a str,
    fixed_ips: &'a [FixedIp],
    device_id: &'a str,
    device_owner: &'a str,
    admin_state_up: bool,
    status: &'a str,
    port_security_enabled: bool,
    security_groups: &'a [String],
    allowed_address_pairs: Vec<AddressPair>,
    extra_dhcp_opts: &'a [DhcpOption],
    dns_name: &'a str,
    dns_assignment: Vec<Value>,
    #[serde(rename = "binding:vnic_type")]
    vnic_type: &'a str,
    #[serde(flatten)]
    binding: Option<Binding<'a>>,
}

/// Where a port is; for administrators.
#[derive(Serialize)]
struct Binding<'a> {
    #[serde(rename = "binding:host_id")]
    host: &'a str,
    #[serde(rename = "binding:profile")]
    profile: &'a Map<String, Value>,
    #[serde(rename = "binding:vif_type")]
    vif_type: &'static str,
    #[serde(rename = "binding:vif_details")]
    vif_details: Value,
}

fn binding(port: &Port) -> Binding<'_> {
    let bound = port.host.is_some();
    Binding {
        host: port.host.as_deref().unwrap_or_default(),
        profile: &port.profile,
        vif_type: if bound { "ovs" } else { "unbound" },
        vif_details: if bound { json!({"port_filter": true, "connectivity": "l2"}) } else { json!({}) },
    }
}

fn view<'a>(x: &Network, admin: bool, port: &'a Port) -> View<'a> {
    let pair = |pair: &AddressPair| AddressPair {
        ip_address: pair.ip_address.clone(),
        mac_address: Some(pair.mac_address.clone().unwrap_or_else(|| port.mac_address.clone())),
    };
    View {
        common: (&port.standard).into(),
        network_id: &port.network_id,
        mac_address: &port.mac_address,
        fixed_ips: &port.fixed_ips,
        device_id: &port.device_id,
        device_owner: &port.device_owner,
        admin_state_up: port.admin_state_up,
        status: &port.status,
        port_security_enabled: port.port_security_enabled,
        security_groups: &port.security_groups,
        allowed_address_pairs: port.allowed_address_pairs.iter().map(pair).collect(),
        extra_dhcp_opts: &port.extra_dhcp_opts,
        dns_name: &port.dns_name,
        dns_assignment: port.fixed_ips.iter().map(|ip| dns_assignment(x, port, ip)).collect(),
        vnic_type: &port.vnic_type,
        binding: admin.then(|| binding(port)),
    }
}

fn dns_assignment(x: &Network, port: &Port, ip: &FixedIp) -> Value {
    let host = if port.dns_name.is_empty() {
        format!("host-{}", ip.ip_address.to_string().replace(['.', ':'], "-"))
    } else {
        port.dns_name.clone()
    };
    let fqdn = format!("{host}.{}.", x.0.options.dns_domain);
    json!({"ip_address": ip.ip_address, "hostname": host, "fqdn": fqdn})
}

fn admin(caller: &Caller) -> bool {
    caller.may("get_port:binding:host_id", &policy::Target::new())
}

pub(super) async fn list(State(x): State<Network>, caller: Caller, links: Links, query: Query) -> Result<Response> {
    let page = body::page(&x, &query)?;
    let items = x.port_list(&caller, &query, &page).await?;
    let admin = admin(&caller);
    let views: Vec<View<'_>> = items.iter().map(|item| view(&x, admin, item)).collect();
    let list = List { names: "ports", path: "ports", query: &query, page: &page, links: &links };
    list.answer(&views, body::ends(&items, |item| &item.standard))
}

pub(super) async fn show(
    State(x): State<Network>,
    caller: Caller,
    Path(id): Path<String>,
    query: Query,
) -> Result<Response> {
    let item = x.port_show(&caller, &id).await?;
    body::shown(StatusCode::OK, "port", &view(&x, admin(&caller), &item), &query)
}

pub(super) async fn create(State(x): State<Network>, caller: Caller, Json(body): Body) -> Result<Response> {
    let (creates, several) = body::creates(body, "port", "ports")?;
    let items = x.port_create(&caller, creates).await?;
    let admin = admin(&caller);
    let views: Vec<View<'_>> = items.iter().map(|item| view(&x, admin, item)).collect();
    body::created("port", "ports", &views, several)
}

pub(super) async fn update(
    State(x): State<Network>,
    caller: Caller,
    Path(id): Path<String>,
    Json(body): Body,
) -> Result<Response> {
    let item = x.port_update(&caller, &id, body::one(body, "port")?).await?;
    body::shown(StatusCode::OK, "port", &view(&x, admin(&caller), &item), &Query::default())
}

pub(super) async fn delete(State(x): State<Network>, caller: Caller, Path(id): Path<String>) -> Result<Response> {
    x.port_delete(&caller, &id).await?;
    Ok(body::gone())
}
