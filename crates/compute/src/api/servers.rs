//! `/servers`: create, list, show, change, delete.

use ::api::{Error, Json, Links, Microversion, Query, Result, fields};
use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{StatusCode, header};
use identity::Caller;
use policy::Target;
use serde::Deserialize;
use serde_json::{Value, json};

use super::common::{self, LAST, NoParameters, fields_check, name_check};
use super::server_order::Body;
use super::server_view::Place;
use crate::server::create::Networks;
use crate::server::list::Form;
use crate::store::servers::Edit;
use crate::{Compute, hostname};

pub(super) fn routes() -> Router<Compute> {
    routes_at("/v2.1/servers")
}

/// The routes, at that path.
pub(super) fn routes_at(path: &str) -> Router<Compute> {
    Router::new()
        .route(path, get(servers_list).post(server_create))
        .route(&format!("{path}/detail"), get(servers_detail))
        .route(&format!("{path}/{{id}}"), get(server_show).put(server_update).delete(server_delete))
}

/// The caller's own project as the target of a rule.
fn own(caller: &Caller) -> Result<Target<'_>> {
    Ok(Target::new().with("project_id", caller.project_id()?).with("user_id", &caller.token.user_id))
}

async fn servers_list(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    links: Links,
    query: Query,
) -> Result<Json<Value>> {
    caller.allow("os_compute_api:servers:index", &own(&caller)?)?;
    let listed = compute.servers_list(&caller, version, &query, Form::Names).await?;
    let ids: Vec<String> = listed.servers.iter().map(|server| server.id.clone()).collect();
    let servers: Vec<Value> = listed
        .servers
        .iter()
        .map(|server| {
            json!({"id": server.id, "name": server.name, "links": common::own_links(&links, "servers", &server.id)})
        })
        .collect();
    let next = common::next(&links, "/v2.1/servers", &query, listed.limit, &ids);
    Ok(Json(page(servers, next)))
}

async fn servers_detail(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    links: Links,
    query: Query,
) -> Result<Json<Value>> {
    caller.allow("os_compute_api:servers:detail", &own(&caller)?)?;
    let listed = compute.servers_list(&caller, version, &query, Form::Details).await?;
    let ids: Vec<String> = listed.servers.iter().map(|server| server.id.clone()).collect();
    let servers = compute.servers_written(&caller, &links, version, &listed.servers, Place::List).await?;
    let next = common::next(&links, "/v2.1/servers/detail", &query, listed.limit, &ids);
    Ok(Json(page(servers, next)))
}

fn page(servers: Vec<Value>, next: Option<Value>) -> Value {
    let mut page = json!({"servers": servers});
    if let Some(next) = next {
        page["servers_links"] = next;
    }
    page
}

async fn server_show(
    State(compute): State<Compute>,
    caller: Caller,
    _: NoParameters,
    version: Microversion,
    links: Links,
    Path(id): Path<String>,
) -> Result<Json<Value>> {
    let server = compute.server_for(&caller, "os_compute_api:servers:show", &id).await?;
    Ok(Json(compute.server_written(&caller, &links, version, &server, Place::Show).await?))
}

async fn server_create(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    links: Links,
    Json(body): Json<Body>,
) -> Result<Response> {
    caller.allow("os_compute_api:servers:create", &own(&caller)?)?;
    let by_reservation = body.server.return_reservation_id.is_some_and(|flag| flag.0);
    let made_up = compute.runtime().ids.secret()[..12].to_owned();
    let order = body.order(version, made_up)?;
    if !matches!(order.networks, Networks::Auto { allocate: false }) {
        caller.allow("os_compute_api:servers:create:attach_network", &own(&caller)?)?;
    }
    let (password, disk_config) = (order.admin_pass.clone(), order.disk_config.clone());
    let groups =
        if order.security_groups.is_empty() { vec!["default".to_owned()] } else { order.security_groups.clone() };
    let promise = compute.servers_create(&caller, order).await?;
    if by_reservation {
        return Ok((StatusCode::ACCEPTED, Json(json!({"reservation_id": promise.reservation_id}))).into_response());
    }
    let location = links.to(&format!("/v2.1/servers/{}", promise.id));
    let groups: Vec<Value> = groups.iter().map(|name| json!({"name": name})).collect();
    let answer = json!({"server": {
        "id": promise.id,
        "links": common::own_links(&links, "servers", &promise.id),
        "OS-DCF:diskConfig": disk_config,
        "security_groups": groups,
        "adminPass": password,
    }});
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], Json(answer)).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UpdateBody {
    server: Update,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Update {
    #[serde(default)]
    name: Option<String>,
    #[serde(default, deserialize_with = "fields::nullable")]
    description: Option<Option<String>>,
    #[serde(default)]
    hostname: Option<String>,
    #[serde(default, rename = "accessIPv4", deserialize_with = "fields::nullable")]
    access_ipv4: Option<Option<std::net::Ipv4Addr>>,
    #[serde(default, rename = "accessIPv6", deserialize_with = "fields::nullable")]
    access_ipv6: Option<Option<std::net::Ipv6Addr>>,
    #[serde(default, rename = "OS-DCF:diskConfig")]
    disk_config: Option<String>,
    #[serde(default, deserialize_with = "fields::nullable")]
    pinned_availability_zone: Option<Option<String>>,
}

impl Update {
    fn edit(self, version: Microversion) -> Result<Edit> {
        fields_check(
            version,
            &[
                ("description", self.description.is_some(), 19, LAST),
                ("hostname", self.hostname.is_some(), 90, LAST),
                ("pinned_availability_zone", self.pinned_availability_zone.is_some(), 104, LAST),
            ],
        )?;
        if let Some(name) = &self.name {
            name_check("name", name)?;
        }
        if let Some(name) = &self.hostname {
            hostname::check(name, version)?;
        }
        if let Some(Some(description)) = &self.description {
            fields::length("description", description, 0, 255)?;
        }
        if self.disk_config.as_deref().is_some_and(|word| !matches!(word, "AUTO" | "MANUAL")) {
            return Err(Error::bad_request("OS-DCF:diskConfig must be AUTO or MANUAL."));
        }
        Ok(Edit {
            name: self.name,
            description: self.description,
            hostname: self.hostname,
            access_ipv4: self.access_ipv4.map(|address| address.map(|a| a.to_string()).unwrap_or_default()),
            access_ipv6: self.access_ipv6.map(|address| address.map(|a| a.to_string()).unwrap_or_default()),
            disk_config: self.disk_config,
            asked_zone: self.pinned_availability_zone.map(Option::unwrap_or_default),
            asked_host: None,
        })
    }
}

async fn server_update(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    links: Links,
    Path(id): Path<String>,
    Json(body): Json<UpdateBody>,
) -> Result<Json<Value>> {
    let server = compute.server_for(&caller, "os_compute_api:servers:update", &id).await?;
    let server = compute.server_edit(&server, &body.server.edit(version)?).await?;
    Ok(Json(compute.server_written(&caller, &links, version, &server, Place::Update).await?))
}

async fn server_delete(State(compute): State<Compute>, caller: Caller, Path(id): Path<String>) -> Result<StatusCode> {
    let server = compute.server_for(&caller, "os_compute_api:servers:delete", &id).await?;
    compute.server_delete(&caller, &server).await?;
    Ok(StatusCode::NO_CONTENT)
}
