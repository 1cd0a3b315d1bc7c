use api::{Json, Links, Query, Result};
use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;
use identity::Caller;
use serde::Serialize;

use super::body::{self, Body, Common, List};
use crate::Network;
use crate::model;

/// A network as users see it.
#[derive(Serialize)]
struct View<'a> {
    #[serde(flatten)]
    common: Common<'a>,
    admin_state_up: bool,
    status: &'static str,
    shared: bool,
    #[serde(rename = "router:external")]
    external: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_default: Option<bool>,
    mtu: i64,
    port_security_enabled: bool,
    dns_domain: &'a str,
    subnets: &'a [String],
    availability_zone_hints: [String; 0],
    availability_zones: [&'a str; 1],
    ipv4_address_scope: Option<&'a str>,
    ipv6_address_scope: Option<&'a str>,
    #[serde(flatten)]
    provider: Option<Provider<'a>>,
}

/// How a network is carried; for administrators.
#[derive(Serialize)]
struct Provider<'a> {
    #[serde(rename = "provider:network_type")]
    network_type: &'a str,
    #[serde(rename = "provider:physical_network")]
    physical_network: Option<&'a str>,
    #[serde(rename = "provider:segmentation_id")]
    segmentation_id: Option<i64>,
}

fn view<'a>(x: &'a Network, caller: &Caller, network: &'a model::Network) -> View<'a> {
    let admin = caller.may("get_network:provider:network_type", &crate::access::network_target(network));
    View {
        common: (&network.standard).into(),
        admin_state_up: network.admin_state_up,
        status: "ACTIVE",
        shared: network.shared,
        external: network.external,
        is_default: network.external.then_some(network.is_default),
        mtu: network.mtu,
        port_security_enabled: network.port_security_enabled,
        dns_domain: &network.dns_domain,
        subnets: &network.subnet_ids,
        availability_zone_hints: [],
        availability_zones: [&x.0.options.availability_zone],
        ipv4_address_scope: None,
        ipv6_address_scope: None,
        provider: admin.then_some(Provider {
            network_type: &network.network_type,
            physical_network: network.physical_network.as_deref(),
            segmentation_id: network.segmentation_id,
        }),
    }
}

pub(super) async fn list(State(x): State<Network>, caller: Caller, links: Links, query: Query) -> Result<Response> {
    let page = body::page(&x, &query)?;
    let items = x.network_list(&caller, &query, &page).await?;
    let views: Vec<View<'_>> = items.iter().map(|item| view(&x, &caller, item)).collect();
    let list = List { names: "networks", path: "networks", query: &query, page: &page, links: &links };
    list.answer(&views, body::ends(&items, |item| &item.standard))
}

pub(super) async fn show(
    State(x): State<Network>,
    caller: Caller,
    Path(id): Path<String>,
    query: Query,
) -> Result<Response> {
    let item = x.network_show(&caller, &id).await?;
    body::shown(StatusCode::OK, "network", &view(&x, &caller, &item), &query)
}

pub(super) async fn create(State(x): State<Network>, caller: Caller, Json(body): Body) -> Result<Response> {
    let (creates, several) = body::creates(body, "network", "networks")?;
    let items = x.network_create(&caller, creates).await?;
    let views: Vec<View<'_>> = items.iter().map(|item| view(&x, &caller, item)).collect();
    body::created("network", "networks", &views, several)
}

pub(super) async fn update(
    State(x): State<Network>,
    caller: Caller,
    Path(id): Path<String>,
    Json(body): Body,
) -> Result<Response> {
    let item = x.network_update(&caller, &id, body::one(body, "network")?).await?;
    body::shown(StatusCode::OK, "network", &view(&x, &caller, &item), &Query::default())
}

pub(super) async fn delete(State(x): State<Network>, caller: Caller, Path(id): Path<String>) -> Result<Response> {
    x.network_delete(&caller, &id).await?;
    Ok(body::gone())
}
