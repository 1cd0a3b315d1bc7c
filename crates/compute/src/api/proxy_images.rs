//! `/images`, as clients before microversion 2.36 know it, and the metadata of images before 2.39: the image service's
//! images in another form.

use std::collections::BTreeMap;

use ::api::{Error, Json, Kind, Links, Microversion, Query, Result, time};
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use http::StatusCode;
use identity::Caller;
use image::{ImageInfo, Status};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::common;
use crate::Compute;
use crate::server::create::check_metadata;

pub(super) fn routes() -> Router<Compute> {
    Router::new()
        .route("/v2.1/images", get(images_list))
        .route("/v2.1/images/detail", get(images_detail))
        .route("/v2.1/images/{id}", get(image_show).delete(image_delete))
        .route("/v2.1/images/{id}/metadata", get(metadata_list).post(metadata_add).put(metadata_set))
        .route("/v2.1/images/{id}/metadata/{key}", get(item_show).put(item_set).delete(item_delete))
}

/// The last minor version with images, and the last with their metadata.
const LAST: u16 = 35;
const LAST_METADATA: u16 = 38;
const INSTEAD: &str = "Use the image API.";

fn brief(image: &ImageInfo, links: &Links, compute: &Compute) -> Value {
    let mut own = common::own_links(links, "images", &image.id);
    if let Some(own) = own.as_array_mut() {
        let base = compute.options().image_url.trim_end_matches('/');
        let href = format!("{base}/images/{}", image.id);
        own.push(json!({"rel": "alternate", "type": "application/vnd.openstack.image", "href": href}));
    }
    json!({"id": image.id, "name": image.name, "links": own})
}

fn full(image: &ImageInfo, links: &Links, compute: &Compute) -> Value {
    let (status, progress) = match image.status {
        Status::Active => ("ACTIVE", 100),
        Status::Queued => ("SAVING", 25),
        Status::Saving => ("SAVING", 50),
        Status::Deactivated => ("UNKNOWN", 0),
    };
    let mut view = brief(image, links, compute);
    view["minRam"] = json!(image.min_ram);
    view["minDisk"] = json!(image.min_disk);
    view["metadata"] = json!(image.properties);
    view["created"] = json!(time::seconds(image.created_at));
    view["updated"] = json!(time::seconds(image.updated_at));
    view["status"] = json!(status);
    view["progress"] = json!(progress);
    view["OS-EXT-IMG-SIZE:size"] = json!(image.size);
    if let Some(server) = image.properties.get("instance_uuid") {
        view["server"] = json!({"id": server, "links": common::own_links(links, "servers", server)});
    }
    if let Some(auto) = image.properties.get("auto_disk_config") {
        let auto = common::flag(auto).unwrap_or(false);
        view["OS-DCF:diskConfig"] = json!(if auto { "AUTO" } else { "MANUAL" });
    }
    view
}

/// The same question in the image service's words.
fn translated(query: &Query, limit: i64) -> Query {
    let mut parts = vec![("limit".to_owned(), limit.to_string())];
    for (name, value) in query.iter() {
        let last = value.rsplit('/').next().unwrap_or_default();
        let (name, value) = match name {
            "name" | "marker" => (name, value.to_owned()),
            "status" => (name, value.to_ascii_lowercase()),
            "changes-since" => ("updated_at", format!("gte:{value}")),
            "server" => ("instance_uuid", last.to_owned()),
            "type" => ("image_type", value.to_owned()),
            "minRam" => ("min_ram", value.to_owned()),
            "minDisk" => ("min_disk", value.to_owned()),
            _ => match name.strip_prefix("property-") {
                Some(property) => (property, value.to_owned()),
                None => continue,
            },
        };
        parts.push((name.to_owned(), value));
    }
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let parts: Vec<String> = parts.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    Query::parse(&parts.join("&"))
}

async fn listed(
    (compute, caller, version): (&Compute, &Caller, Microversion),
    (links, path, query): (&Links, &str, &Query),
    view: fn(&ImageInfo, &Links, &Compute) -> Value,
) -> Result<Json<Value>> {
    common::until(version, LAST, INSTEAD)?;
    let limit = common::limit(query.page()?.limit);
    let (images, _) = compute.0.deps.image.image_list(caller, &translated(query, limit)).await?;
    let ids: Vec<String> = images.iter().map(|image| image.id.clone()).collect();
    let shown: Vec<Value> = images.iter().map(|image| view(image, links, compute)).collect();
    let mut body = json!({"images": shown});
    if let Some(next) = common::next(links, path, query, limit, &ids).filter(|_| query.get("limit").is_some()) {
        body["images_links"] = next;
    }
    Ok(Json(body))
}

async fn images_list(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    links: Links,
    query: Query,
) -> Result<Json<Value>> {
    listed((&compute, &caller, version), (&links, "/v2.1/images", &query), brief).await
}

async fn images_detail(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    links: Links,
    query: Query,
) -> Result<Json<Value>> {
    listed((&compute, &caller, version), (&links, "/v2.1/images/detail", &query), full).await
}

/// The image, if the microversion has it and the caller sees it.
async fn found(compute: &Compute, caller: &Caller, version: Microversion, last: u16, id: &str) -> Result<ImageInfo> {
    common::until(version, last, INSTEAD)?;
    compute.0.deps.image.image_visible(caller, id).await.map_err(|error| match error.kind {
        Kind::NotFound => Error::not_found("Image not found."),
        _ => error,
    })
}

async fn image_show(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    links: Links,
    Path(id): Path<String>,
) -> Result<Json<Value>> {
    let image = found(&compute, &caller, version, LAST, &id).await?;
    Ok(Json(json!({"image": full(&image, &links, &compute)})))
}

async fn image_delete(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    Path(id): Path<String>,
) -> Result<StatusCode> {
    found(&compute, &caller, version, LAST, &id).await?;
    compute.0.deps.image.image_delete(&caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn metadata_list(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    Path(id): Path<String>,
) -> Result<Json<Value>> {
    let image = found(&compute, &caller, version, LAST_METADATA, &id).await?;
    Ok(Json(json!({"metadata": image.properties})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MetadataBody {
    metadata: BTreeMap<String, String>,
}

/// Writes the properties, if they are not too many.
async fn write(
    compute: &Compute,
    caller: &Caller,
    image: &ImageInfo,
    properties: BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>> {
    check_metadata(&properties, compute.metadata_limit(caller.project_id()?).await?)?;
    Ok(compute.0.deps.image.image_properties_set(caller, &image.id, properties).await?.properties)
}

async fn metadata_add(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    Path(id): Path<String>,
    Json(body): Json<MetadataBody>,
) -> Result<Json<Value>> {
    let image = found(&compute, &caller, version, LAST_METADATA, &id).await?;
    let mut properties = image.properties.clone();
    properties.extend(body.metadata);
    Ok(Json(json!({"metadata": write(&compute, &caller, &image, properties).await?})))
}

async fn metadata_set(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    Path(id): Path<String>,
    Json(body): Json<MetadataBody>,
) -> Result<Json<Value>> {
    let image = found(&compute, &caller, version, LAST_METADATA, &id).await?;
    Ok(Json(json!({"metadata": write(&compute, &caller, &image, body.metadata).await?})))
}

async fn item_show(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    Path((id, key)): Path<(String, String)>,
) -> Result<Json<Value>> {
    let image = found(&compute, &caller, version, LAST_METADATA, &id).await?;
    let value = image.properties.get(&key).ok_or_else(|| no_item(&key))?;
    Ok(Json(json!({"meta": {key: value}})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ItemBody {
    meta: BTreeMap<String, String>,
}

async fn item_set(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    Path((id, key)): Path<(String, String)>,
    Json(body): Json<ItemBody>,
) -> Result<Json<Value>> {
    let image = found(&compute, &caller, version, LAST_METADATA, &id).await?;
    if body.meta.len() != 1 || !body.meta.contains_key(&key) {
        return Err(Error::bad_request(format!(
            "Request body and URI mismatch: the body must have {key} and nothing else."
        )));
    }
    let mut properties = image.properties.clone();
    properties.extend(body.meta.clone());
    write(&compute, &caller, &image, properties).await?;
    Ok(Json(json!({"meta": body.meta})))
}

async fn item_delete(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    Path((id, key)): Path<(String, String)>,
) -> Result<StatusCode> {
    let image = found(&compute, &caller, version, LAST_METADATA, &id).await?;
    let mut properties = image.properties.clone();
    properties.remove(&key).ok_or_else(|| no_item(&key))?;
    write(&compute, &caller, &image, properties).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn no_item(key: &str) -> Error {
    Error::not_found(format!("Invalid metadata key: the image has no {key}."))
}
