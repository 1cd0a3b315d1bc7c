//! Images: their records.

use std::collections::BTreeMap;

use api::{Error, Json, Links, Query, Result, time};
use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use http::{HeaderMap, StatusCode, header};
use identity::Caller;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{Image, ImageInfo, patch};

pub(super) fn routes() -> Router<Image> {
    Router::new()
        .route("/v2/images", get(image_list).post(image_create))
        .route("/v2/images/{id}", get(image_show).patch(image_update).delete(image_delete))
        .route("/v2/images/{id}/tasks", get(image_tasks))
        .route("/v2/images/{id}/actions/deactivate", post(image_deactivate))
        .route("/v2/images/{id}/actions/reactivate", post(image_reactivate))
}

/// An image as users see it: its own fields, and its properties beside them.
#[derive(Serialize)]
struct Shape<'a> {
    id: &'a str,
    name: Option<&'a str>,
    owner: &'a str,
    visibility: &'a str,
    status: &'a str,
    disk_format: Option<&'a str>,
    container_format: Option<&'a str>,
    size: Option<i64>,
    virtual_size: Option<i64>,
    checksum: Option<&'a str>,
    os_hash_algo: Option<&'a str>,
    os_hash_value: Option<&'a str>,
    min_disk: i64,
    min_ram: i64,
    protected: bool,
    os_hidden: bool,
    tags: &'a [String],
    created_at: String,
    updated_at: String,
    #[serde(rename = "self")]
    own: String,
    file: String,
    schema: &'a str,
    #[serde(flatten)]
    properties: &'a BTreeMap<String, String>,
}

fn shape(image: &ImageInfo) -> Shape<'_> {
    Shape {
        id: &image.id,
        name: image.name.as_deref(),
        owner: &image.owner,
        visibility: image.visibility.as_str(),
        status: image.status.as_str(),
        disk_format: image.disk_format.as_deref(),
        container_format: image.container_format.as_deref(),
        size: image.size,
        virtual_size: image.virtual_size,
        checksum: image.checksum.as_deref(),
        os_hash_algo: image.os_hash_value.as_ref().map(|_| "sha512"),
        os_hash_value: image.os_hash_value.as_deref(),
        min_disk: image.min_disk,
        min_ram: image.min_ram,
        protected: image.protected,
        os_hidden: image.os_hidden,
        tags: &image.tags,
        created_at: time::seconds(image.created_at),
        updated_at: time::seconds(image.updated_at),
        own: format!("/v2/images/{}", image.id),
        file: format!("/v2/images/{}/file", image.id),
        schema: "/v2/schemas/image",
        properties: &image.properties,
    }
}

#[derive(Serialize)]
struct Page<'a> {
    images: Vec<Shape<'a>>,
    first: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    schema: &'a str,
}

async fn image_list(State(image): State<Image>, caller: Caller, query: Query) -> Result<Response> {
    let (images, more) = image.image_list(&caller, &query).await?;
    let last = images.last().filter(|_| more);
    Ok(Json(Page {
        images: images.iter().map(shape).collect(),
        first: link(&query, None),
        next: last.map(|last| link(&query, Some(&last.id))),
        schema: "/v2/schemas/images",
    })
    .into_response())
}

/// The address of the page behind `marker`, with the same filters.
fn link(query: &Query, marker: Option<&str>) -> String {
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let kept = query.iter().filter(|(name, _)| *name != "marker");
    let mut pairs: Vec<String> = kept.map(|(name, value)| format!("{}={}", plain(name), encode(value))).collect();
    pairs.extend(marker.map(|marker| format!("marker={marker}")));
    if pairs.is_empty() { "/v2/images".to_owned() } else { format!("/v2/images?{}", pairs.join("&")) }
}

const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'_').remove(b'-');

/// The name of a parameter; underscores stay readable.
fn plain(name: &str) -> String {
    utf8_percent_encode(name, PLAIN).to_string()
}

async fn image_create(
    State(image): State<Image>,
    caller: Caller,
    links: Links,
    Json(body): Json<Map<String, Value>>,
) -> Result<Response> {
    let made = image.image_create(&caller, body).await?;
    let location = links.to(&format!("/v2/images/{}", made.id));
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(shape(&made))).into_response())
}

async fn image_show(State(image): State<Image>, caller: Caller, Path(id): Path<String>) -> Result<Response> {
    Ok(Json(shape(&image.image_visible(&caller, &id).await?)).into_response())
}

/// The tasks that work on an image: none, as bytes come by upload only.
async fn image_tasks(State(image): State<Image>, caller: Caller, Path(id): Path<String>) -> Result<Json<Value>> {
    image.image_visible(&caller, &id).await?;
    Ok(Json(serde_json::json!({"tasks": []})))
}

async fn image_update(
    State(image): State<Image>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Result<Response> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let content_type = content_type.ok_or_else(|| Error::bad_request("The body needs a Content-Type."))?;
    let operations = patch::parse(content_type, &body)?;
    Ok(Json(shape(&image.image_update(&caller, &id, &operations).await?)).into_response())
}

async fn image_delete(State(image): State<Image>, caller: Caller, Path(id): Path<String>) -> Result<StatusCode> {
    image.image_delete(&caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn image_deactivate(State(image): State<Image>, caller: Caller, Path(id): Path<String>) -> Result<StatusCode> {
    image.image_activate(&caller, &id, false).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn image_reactivate(State(image): State<Image>, caller: Caller, Path(id): Path<String>) -> Result<StatusCode> {
    image.image_activate(&caller, &id, true).await?;
    Ok(StatusCode::NO_CONTENT)
}
