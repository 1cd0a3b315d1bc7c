//! `/servers/{id}/metadata` and `/servers/{id}/tags`.

use std::collections::BTreeMap;

use ::api::{Error, Json, Links, Microversion, Result};
use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{StatusCode, header};
use identity::Caller;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::common::NoParameters;
use crate::Compute;

pub(super) fn routes() -> Router<Compute> {
    Router::new()
        .route("/v2.1/servers/{id}/metadata", get(metadata_list).post(metadata_add).put(metadata_replace))
        .route("/v2.1/servers/{id}/metadata/{key}", get(metadata_show).put(metadata_set).delete(metadata_remove))
        .route("/v2.1/servers/{id}/tags", get(tags_list).put(tags_replace).delete(tags_clear))
        .route("/v2.1/servers/{id}/tags/{tag}", get(tag_show).put(tag_add).delete(tag_remove))
}

type Items = BTreeMap<String, String>;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Metadata {
    metadata: Items,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Meta {
    meta: Items,
}

fn missing_key() -> Error {
    Error::not_found("Metadata item was not found")
}

async fn metadata_list(
    State(compute): State<Compute>,
    caller: Caller,
    _: NoParameters,
    Path(id): Path<String>,
) -> Result<Json<Metadata>> {
    let server = compute.server_for(&caller, "os_compute_api:server-metadata:index", &id).await?;
    Ok(Json(Metadata { metadata: server.metadata.0 }))
}

async fn metadata_add(
    State(compute): State<Compute>,
    caller: Caller,
    Path(id): Path<String>,
    Json(body): Json<Metadata>,
) -> Result<Json<Metadata>> {
    let server = compute.server_for(&caller, "os_compute_api:server-metadata:create", &id).await?;
    let change = |items: &mut Items| {
        items.extend(body.metadata);
        Ok(())
    };
    Ok(Json(Metadata { metadata: compute.metadata_change(&caller, &server, change).await? }))
}

async fn metadata_replace(
    State(compute): State<Compute>,
    caller: Caller,
    Path(id): Path<String>,
    Json(body): Json<Metadata>,
) -> Result<Json<Metadata>> {
    let server = compute.server_for(&caller, "os_compute_api:server-metadata:update_all", &id).await?;
    let change = |items: &mut Items| {
        *items = body.metadata;
        Ok(())
    };
    Ok(Json(Metadata { metadata: compute.metadata_change(&caller, &server, change).await? }))
}

async fn metadata_show(
    State(compute): State<Compute>,
    caller: Caller,
    _: NoParameters,
    Path((id, key)): Path<(String, String)>,
) -> Result<Json<Meta>> {
    let server = compute.server_for(&caller, "os_compute_api:server-metadata:show", &id).await?;
    let value = server.metadata.0.get(&key).cloned().ok_or_else(missing_key)?;
    Ok(Json(Meta { meta: Items::from([(key, value)]) }))
}

async fn metadata_set(
    State(compute): State<Compute>,
    caller: Caller,
    Path((id, key)): Path<(String, String)>,
    Json(body): Json<Meta>,
) -> Result<Json<Meta>> {
    let server = compute.server_for(&caller, "os_compute_api:server-metadata:update", &id).await?;
    let Some(value) = body.meta.get(&key).filter(|_| body.meta.len() == 1).cloned() else {
        return Err(Error::bad_request("Request body must have one item, whose key is the one in the address."));
    };
    let item = Items::from([(key, value)]);
    let change = |items: &mut Items| {
        items.extend(item.clone());
        Ok(())
    };
    compute.metadata_change(&caller, &server, change).await?;
    Ok(Json(Meta { meta: item }))
}

async fn metadata_remove(
    State(compute): State<Compute>,
    caller: Caller,
    Path((id, key)): Path<(String, String)>,
) -> Result<StatusCode> {
    let server = compute.server_for(&caller, "os_compute_api:server-metadata:delete", &id).await?;
    compute.metadata_change(&caller, &server, |items| items.remove(&key).map(drop).ok_or_else(missing_key)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// 404 before tags were there.
fn tagged(version: Microversion) -> Result<()> {
    if version < Microversion(2, 26) {
        return Err(Error::not_found("Tags are there since microversion 2.26."));
    }
    Ok(())
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tags {
    tags: Vec<String>,
}

async fn tags_list(
    State(compute): State<Compute>,
    caller: Caller,
    _: NoParameters,
    version: Microversion,
    Path(id): Path<String>,
) -> Result<Json<Value>> {
    tagged(version)?;
    let server = compute.server_for(&caller, "os_compute_api:os-server-tags:index", &id).await?;
    Ok(Json(json!({"tags": compute.tags_of(&server).await?})))
}

async fn tags_replace(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    Path(id): Path<String>,
    Json(body): Json<Tags>,
) -> Result<Json<Tags>> {
    tagged(version)?;
    let server = compute.server_for(&caller, "os_compute_api:os-server-tags:update_all", &id).await?;
    Ok(Json(Tags { tags: compute.tags_replace(&server, &body.tags).await? }))
}

async fn tags_clear(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    Path(id): Path<String>,
) -> Result<StatusCode> {
    tagged(version)?;
    let server = compute.server_for(&caller, "os_compute_api:os-server-tags:delete_all", &id).await?;
    compute.tags_remove(&server, None).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn tag_show(
    State(compute): State<Compute>,
    caller: Caller,
    _: NoParameters,
    version: Microversion,
    Path((id, tag)): Path<(String, String)>,
) -> Result<StatusCode> {
    tagged(version)?;
    let server = compute.server_for(&caller, "os_compute_api:os-server-tags:show", &id).await?;
    if !compute.tags_of(&server).await?.contains(&tag) {
        return Err(Error::not_found(format!("Instance {id} has no tag '{tag}'")));
    }
    Ok(StatusCode::NO_CONTENT)
}

async fn tag_add(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    links: Links,
    Path((id, tag)): Path<(String, String)>,
) -> Result<Response> {
    tagged(version)?;
    let server = compute.server_for(&caller, "os_compute_api:os-server-tags:update", &id).await?;
    if !compute.tag_add(&server, &tag).await? {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let location = links.to(&format!("/v2.1/servers/{id}/tags/{tag}"));
    Ok((StatusCode::CREATED, [(header::LOCATION, location)]).into_response())
}

async fn tag_remove(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    Path((id, tag)): Path<(String, String)>,
) -> Result<StatusCode> {
    tagged(version)?;
    let server = compute.server_for(&caller, "os_compute_api:os-server-tags:delete", &id).await?;
    compute.tags_remove(&server, Some(&tag)).await?;
    Ok(StatusCode::NO_CONTENT)
}
