//! `/os-aggregates`: groups of nodes.

use std::collections::BTreeMap;

use ::api::{Error, Json, Microversion, Result, fields, time};
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::{get, post};
use http::StatusCode;
use identity::Caller;
use policy::Target;
use serde::Deserialize;
use serde_json::{Value, json};

use super::common::{self, NoParameters, name_check};
use crate::Compute;
use crate::aggregates::Aggregate;
use crate::hostname::host_check;
use crate::server::create::metadata_item_check;

pub(super) fn routes() -> Router<Compute> {
    Router::new()
        .route("/v2.1/os-aggregates", get(aggregates_list).post(aggregate_create))
        .route("/v2.1/os-aggregates/{id}", get(aggregate_show).put(aggregate_update).delete(aggregate_delete))
        .route("/v2.1/os-aggregates/{id}/action", post(aggregate_action))
        .route("/v2.1/os-aggregates/{id}/images", post(images_cache))
}

fn view(aggregate: &Aggregate, version: Microversion) -> Value {
    let mut view = json!({
        "id": aggregate.number,
        "name": aggregate.name,
        "availability_zone": aggregate.zone(),
        "hosts": aggregate.hosts,
        "metadata": aggregate.metadata,
        "created_at": time::naive_micros(aggregate.created_at),
        "updated_at": aggregate.updated_at.map(time::naive_micros),
        "deleted": false,
        "deleted_at": null,
    });
    if version >= Microversion(2, 41) {
        view["uuid"] = json!(aggregate.id);
    }
    view
}

fn shown(aggregate: &Aggregate, version: Microversion) -> Json<Value> {
    Json(json!({"aggregate": view(aggregate, version)}))
}

/// The number of an aggregate in a path.
fn number(id: &str) -> Result<i64> {
    id.parse().map_err(|_| Error::bad_request(format!("{id} is not the number of an aggregate.")))
}

async fn aggregates_list(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    _: NoParameters,
) -> Result<Json<Value>> {
    caller.allow("os_compute_api:os-aggregates:index", &Target::new())?;
    let aggregates = compute.aggregates().await?;
    let shown: Vec<Value> = aggregates.all().iter().map(|aggregate| view(aggregate, version)).collect();
    Ok(Json(json!({"aggregates": shown})))
}

async fn aggregate_show(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    _: NoParameters,
    Path(id): Path<String>,
) -> Result<Json<Value>> {
    caller.allow("os_compute_api:os-aggregates:show", &Target::new())?;
    Ok(shown(&compute.aggregate_get(number(&id)?).await?, version))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Create {
    aggregate: NewAggregate,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewAggregate {
    name: String,
    #[serde(default)]
    availability_zone: Option<String>,
}

fn zone_name_check(zone: &str) -> Result<()> {
    name_check("availability_zone", zone)?;
    if zone.contains(':') {
        return Err(Error::bad_request("availability_zone must not have a colon: ZONE:HOST names a host in a zone."));
    }
    Ok(())
}

async fn aggregate_create(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    Json(Create { aggregate: new }): Json<Create>,
) -> Result<Json<Value>> {
    caller.allow("os_compute_api:os-aggregates:create", &Target::new())?;
    name_check("name", &new.name)?;
    new.availability_zone.as_deref().map(zone_name_check).transpose()?;
    let aggregate = compute.aggregate_create(&new.name, new.availability_zone.as_deref()).await?;
    let mut view = view(&aggregate, version);
    if let Some(view) = view.as_object_mut() {
        view.remove("hosts");
        view.remove("metadata");
    }
    Ok(Json(json!({"aggregate": view})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Update {
    aggregate: AggregateUpdate,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AggregateUpdate {
    #[serde(default)]
    name: Option<String>,
    #[serde(default, deserialize_with = "fields::nullable")]
    availability_zone: Option<Option<String>>,
}

async fn aggregate_update(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    Path(id): Path<String>,
    Json(Update { aggregate: update }): Json<Update>,
) -> Result<Json<Value>> {
    caller.allow("os_compute_api:os-aggregates:update", &Target::new())?;
    if update.name.is_none() && update.availability_zone.is_none() {
        return Err(Error::bad_request("Say what is to change: name, availability_zone or both."));
    }
    let name = update.name.as_deref().map(str::trim);
    name.map(|name| name_check("name", name)).transpose()?;
    if let Some(Some(zone)) = &update.availability_zone {
        zone_name_check(zone)?;
    }
    // A zone of null is refused with the reason by the rules of aggregates.
    let zone = update.availability_zone.as_ref().map(|zone| zone.as_deref().unwrap_or_default());
    Ok(shown(&compute.aggregate_update(number(&id)?, name, zone).await?, version))
}

async fn aggregate_delete(
    State(compute): State<Compute>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode> {
    caller.allow("os_compute_api:os-aggregates:delete", &Target::new())?;
    compute.aggregate_delete(number(&id)?).await?;
    Ok(StatusCode::OK)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
enum Action {
    AddHost(Host),
    RemoveHost(Host),
    SetMetadata(SetMetadata),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Host {
    host: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetMetadata {
    metadata: BTreeMap<String, Option<String>>,
}

async fn aggregate_action(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    Path(id): Path<String>,
    Json(action): Json<Action>,
) -> Result<Json<Value>> {
    let aggregate = match action {
        Action::AddHost(Host { host }) => {
            caller.allow("os_compute_api:os-aggregates:add_host", &Target::new())?;
            host_check(&host)?;
            compute.aggregate_host_add(number(&id)?, &host).await?
        }
        Action::RemoveHost(Host { host }) => {
            caller.allow("os_compute_api:os-aggregates:remove_host", &Target::new())?;
            host_check(&host)?;
            compute.aggregate_host_remove(number(&id)?, &host).await?
        }
        Action::SetMetadata(SetMetadata { metadata }) => {
            caller.allow("os_compute_api:os-aggregates:set_metadata", &Target::new())?;
            for (name, value) in &metadata {
                metadata_item_check(name, value.as_deref().unwrap_or_default())?;
            }
            compute.aggregate_metadata_set(number(&id)?, &metadata).await?
        }
    };
    Ok(shown(&aggregate, version))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cache {
    cache: Vec<CacheImage>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CacheImage {
    id: String,
}

async fn images_cache(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    Path(id): Path<String>,
    Json(Cache { cache }): Json<Cache>,
) -> Result<StatusCode> {
    common::since(version, 81)?;
    caller.allow("compute:aggregates:images", &Target::new())?;
    let mut images: Vec<String> = cache.into_iter().map(|image| image.id).collect();
    if images.is_empty() || !images.iter().all(|image| fields::is_uuid(image)) {
        return Err(Error::bad_request("cache must list one or more images by id."));
    }
    let asked = images.len();
    images.sort_unstable();
    images.dedup();
    if images.len() != asked {
        return Err(Error::bad_request("Duplicate images in request"));
    }
    compute.images_cache(&caller, number(&id)?, &images).await?;
    Ok(StatusCode::ACCEPTED)
}
