use std::net::IpAddr;

use api::{Json, Links, Query, Result};
use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;
use identity::Caller;
use serde::Serialize;
use serde_json::Value;

use super::body::{self, Body, Common, List};
use crate::Network;
use crate::model::FloatingIp;

/// A floating IP as users see it.
#[derive(Serialize)]
struct View<'a> {
    #[serde(flatten)]
    common: Common<'a>,
    floating_network_id: &'a str,
    floating_ip_address: IpAddr,
    port_id: Option<&'a str>,
    fixed_ip_address: Option<IpAddr>,
    router_id: Option<&'a str>,
    status: &'a str,
    port_details: Option<Value>,
    dns_domain: &'static str,
    dns_name: &'static str,
}

fn view(floating: &FloatingIp) -> View<'_> {
    let target = floating.target.as_ref();
    View {
        common: Common::nameless(&floating.standard),
        floating_network_id: &floating.network_id,
        floating_ip_address: floating.address,
        port_id: target.map(|target| target.port_id.as_str()),
        fixed_ip_address: target.map(|target| target.fixed_ip),
        router_id: target.map(|target| target.router_id.as_str()),
        status: &floating.status,
        port_details: None,
        dns_domain: "",
        dns_name: "",
    }
}

pub(super) async fn list(State(x): State<Network>, caller: Caller, links: Links, query: Query) -> Result<Response> {
    let page = body::page(&x, &query)?;
    let items = x.floating_ip_list(&caller, &query, &page).await?;
    let views: Vec<View<'_>> = items.iter().map(view).collect();
    let list = List { names: "floatingips", path: "floatingips", query: &query, page: &page, links: &links };
    list.answer(&views, body::ends(&items, |item| &item.standard))
}

pub(super) async fn show(
    State(x): State<Network>,
    caller: Caller,
    Path(id): Path<String>,
    query: Query,
) -> Result<Response> {
    let item = x.floating_ip_show(&caller, &id).await?;
    body::shown(StatusCode::OK, "floatingip", &view(&item), &query)
}

pub(super) async fn create(State(x): State<Network>, caller: Caller, Json(body): Body) -> Result<Response> {
    let item = x.floating_ip_create(&caller, body::one(body, "floatingip")?).await?;
    body::shown(StatusCode::CREATED, "floatingip", &view(&item), &Query::default())
}

pub(super) async fn update(
    State(x): State<Network>,
    caller: Caller,
    Path(id): Path<String>,
    Json(body): Body,
) -> Result<Response> {
    let item = x.floating_ip_update(&caller, &id, body::one(body, "floatingip")?).await?;
    body::shown(StatusCode::OK, "floatingip", &view(&item), &Query::default())
}

pub(super) async fn delete(State(x): State<Network>, caller: Caller, Path(id): Path<String>) -> Result<Response> {
    x.floating_ip_delete(&caller, &id).await?;
    Ok(body::gone())
}
