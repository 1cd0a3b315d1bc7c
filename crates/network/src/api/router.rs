use api::{Json, Links, Query, Result};
use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;
use identity::Caller;
use serde::Serialize;
use serde_json::{Value, json};

use super::body::{self, Body, Common, List};
use crate::Network;
use crate::model::{Route, Router};
use crate::router_interface::{Interface, InterfaceRequest};

/// A router as users see it.
#[derive(Serialize)]
struct View<'a> {
    #[serde(flatten)]
    common: Common<'a>,
    admin_state_up: bool,
    status: &'static str,
    external_gateway_info: Option<Value>,
    routes: &'a [Route],
    availability_zone_hints: [String; 0],
    availability_zones: [&'a str; 1],
    flavor_id: Option<&'a str>,
}

fn view<'a>(x: &'a Network, router: &'a Router) -> View<'a> {
    View {
        common: (&router.standard).into(),
        admin_state_up: router.admin_state_up,
        status: "ACTIVE",
        external_gateway_info: router.gateway.as_ref().map(|gateway| {
            json!({
                "network_id": gateway.network_id,
                "enable_snat": gateway.enable_snat,
                "external_fixed_ips": gateway.fixed_ips,
            })
        }),
        routes: &router.routes,
        availability_zone_hints: [],
        availability_zones: [&x.0.options.availability_zone],
        flavor_id: None,
    }
}

fn interface(interface: &Interface) -> Json<Value> {
    let project = &interface.router.standard.project_id;
    Json(json!({
        "id": interface.router.standard.id,
        "project_id": project,
        "tenant_id": project,
        "network_id": interface.port.network_id,
        "port_id": interface.port.standard.id,
        "subnet_id": interface.subnet_id,
        "subnet_ids": [interface.subnet_id],
    }))
}

pub(super) async fn interface_add(
    State(x): State<Network>,
    caller: Caller,
    Path(id): Path<String>,
    Json(asked): Json<InterfaceRequest>,
) -> Result<Json<Value>> {
    Ok(interface(&x.interface_add(&caller, &id, asked).await?))
}

pub(super) async fn interface_remove(
    State(x): State<Network>,
    caller: Caller,
    Path(id): Path<String>,
    Json(asked): Json<InterfaceRequest>,
) -> Result<Json<Value>> {
    Ok(interface(&x.interface_remove(&caller, &id, asked).await?))
}

pub(super) async fn list(State(x): State<Network>, caller: Caller, links: Links, query: Query) -> Result<Response> {
    let page = body::page(&x, &query)?;
    let items = x.router_list(&caller, &query, &page).await?;
    let views: Vec<View<'_>> = items.iter().map(|item| view(&x, item)).collect();
    let list = List { names: "routers", path: "routers", query: &query, page: &page, links: &links };
    list.answer(&views, body::ends(&items, |item| &item.standard))
}

pub(super) async fn show(
    State(x): State<Network>,
    caller: Caller,
    Path(id): Path<String>,
    query: Query,
) -> Result<Response> {
    let item = x.router_show(&caller, &id).await?;
    body::shown(StatusCode::OK, "router", &view(&x, &item), &query)
}

pub(super) async fn create(State(x): State<Network>, caller: Caller, Json(body): Body) -> Result<Response> {
    let (creates, several) = body::creates(body, "router", "routers")?;
    let items = x.router_create(&caller, creates).await?;
    let views: Vec<View<'_>> = items.iter().map(|item| view(&x, item)).collect();
    body::created("router", "routers", &views, several)
}

pub(super) async fn update(
    State(x): State<Network>,
    caller: Caller,
    Path(id): Path<String>,
    Json(body): Body,
) -> Result<Response> {
    let item = x.router_update(&caller, &id, body::one(body, "router")?).await?;
    body::shown(StatusCode::OK, "router", &view(&x, &item), &Query::default())
}

pub(super) async fn delete(State(x): State<Network>, caller: Caller, Path(id): Path<String>) -> Result<Response> {
    x.router_delete(&caller, &id).await?;
    Ok(body::gone())
}
