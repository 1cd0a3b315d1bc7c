//! Images of servers.

use std::collections::BTreeMap;

use ::api::{Error, Json, Microversion, Result};
use axum::response::{IntoResponse as _, Response};
use http::{StatusCode, header};
use serde::Deserialize;
use serde_json::json;

use super::super::common::{Whole, name_check};
use super::Ask;
use crate::server::create::check_metadata;
use crate::server::snapshot::Snapshot;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ImageBody {
    name: String,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BackupBody {
    name: String,
    backup_type: String,
    rotation: Whole,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
}

pub(super) async fn snapshot(mut ask: Ask<'_>) -> Result<Response> {
    let ImageBody { name, metadata } = ask.read()?;
    make(ask, "os_compute_api:servers:create_image", Snapshot { name, metadata, backup: None }).await
}

pub(super) async fn backup(mut ask: Ask<'_>) -> Result<Response> {
    let BackupBody { name, backup_type, rotation, metadata } = ask.read()?;
    let rotation = rotation.within("rotation", 0)?;
    make(ask, "os_compute_api:os-create-backup", Snapshot { name, metadata, backup: Some((backup_type, rotation)) })
        .await
}

async fn make(ask: Ask<'_>, rule: &str, order: Snapshot) -> Result<Response> {
    name_check("name", &order.name)?;
    let server = ask.server(rule).await?;
    // Since 2.39 the image service alone says how many properties an image may have.
    let old = ask.version < Microversion(2, 39);
    let limit = if old { ask.compute.metadata_limit(&server.project_id).await? } else { -1 };
    check_metadata(&order.metadata, limit)?;
    let id = ask.compute.server_snapshot(ask.caller, &server, &order).await?;
    if ask.version >= Microversion(2, 45) {
        return Ok((StatusCode::ACCEPTED, Json(json!({"image_id": id}))).into_response());
    }
    // A backup that keeps nothing has no address.
    if order.backup.is_some_and(|(_, rotation)| rotation == 0) {
        return Ok(StatusCode::ACCEPTED.into_response());
    }
    let location = ask.links.to(&format!("/images/{id}"));
    let location = header::HeaderValue::try_from(location).map_err(Error::internal)?;
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)]).into_response())
}
