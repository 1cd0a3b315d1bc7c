use std::net::IpAddr;

use api::{Json, Links, Query, Result};
use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;
use identity::Caller;
use serde::Serialize;

use super::body::{self, Body, Common, List};
use crate::Network;
use crate::model::{Range, Route, Subnet};

/// A subnet as users see it.
#[derive(Serialize)]
struct View<'a> {
    #[serde(flatten)]
    common: Common<'a>,
    network_id: &'a str,
    ip_version: u8,
    cidr: String,
    subnetpool_id: Option<&'a str>,
    gateway_ip: Option<IpAddr>,
    allocation_pools: &'a [Range],
    enable_dhcp: bool,
    dns_nameservers: &'a [IpAddr],
    host_routes: &'a [Route],
    ipv6_ra_mode: Option<&'a str>,
    ipv6_address_mode: Option<&'a str>,
    service_types: [String; 0],
}

fn view(subnet: &Subnet) -> View<'_> {
    View {
        common: (&subnet.standard).into(),
        network_id: &subnet.network_id,
        ip_version: subnet.version(),
        cidr: subnet.cidr.to_string(),
        subnetpool_id: None,
        gateway_ip: subnet.gateway_ip,
        allocation_pools: &subnet.allocation_pools,
        enable_dhcp: subnet.enable_dhcp,
        dns_nameservers: &subnet.dns_nameservers,
        host_routes: &subnet.host_routes,
        ipv6_ra_mode: subnet.ipv6_ra_mode.as_deref(),
        ipv6_address_mode: subnet.ipv6_address_mode.as_deref(),
        service_types: [],
    }
}

pub(super) async fn list(State(x): State<Network>, caller: Caller, links: Links, query: Query) -> Result<Response> {
    let page = body::page(&x, &query)?;
    let items = x.subnet_list(&caller, &query, &page).await?;
    let views: Vec<View<'_>> = items.iter().map(view).collect();
    let list = List { names: "subnets", path: "subnets", query: &query, page: &page, links: &links };
    list.answer(&views, body::ends(&items, |item| &item.standard))
}

pub(super) async fn show(
    State(x): State<Network>,
    caller: Caller,
    Path(id): Path<String>,
    query: Query,
) -> Result<Response> {
    let item = x.subnet_show(&caller, &id).await?;
    body::shown(StatusCode::OK, "subnet", &view(&item), &query)
}

pub(super) async fn create(State(x): State<Network>, caller: Caller, Json(body): Body) -> Result<Response> {
    let (creates, several) = body::creates(body, "subnet", "subnets")?;
    let items = x.subnet_create(&caller, creates).await?;
    let views: Vec<View<'_>> = items.iter().map(view).collect();
    body::created("subnet", "subnets", &views, several)
}

pub(super) async fn update(
    State(x): State<Network>,
    caller: Caller,
    Path(id): Path<String>,
    Json(body): Body,
) -> Result<Response> {
    let item = x.subnet_update(&caller, &id, body::one(body, "subnet")?).await?;
    body::shown(StatusCode::OK, "subnet", &view(&item), &Query::default())
}

pub(super) async fn delete(State(x): State<Network>, caller: Caller, Path(id): Path<String>) -> Result<Response> {
    x.subnet_delete(&caller, &id).await?;
    Ok(body::gone())
}
