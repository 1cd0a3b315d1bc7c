//! `/os-server-external-events`: what other services tell of servers; and `/os-assisted-volume-snapshots`, by which block
//! storage would ask for snapshots of volumes that servers use.

use ::api::{Error, Json, Microversion, Query, Result, fields};
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::{delete, post};
use http::StatusCode;
use identity::Caller;
use policy::Target;
use serde::Deserialize;
use serde_json::{Value, json};

use super::common;
use crate::Compute;
use crate::events::Event;

pub(super) fn routes() -> Router<Compute> {
    Router::new()
        .route("/v2.1/os-server-external-events", post(events_create))
        .route("/v2.1/os-assisted-volume-snapshots", post(snapshot_create))
        .route("/v2.1/os-assisted-volume-snapshots/{id}", delete(snapshot_delete))
}

/// Events, the first minor version that has them, and whether they need a tag.
const EVENTS: &[(&str, u16, bool)] = &[
    ("network-changed", 1, false),
    ("network-vif-plugged", 1, false),
    ("network-vif-unplugged", 1, false),
    ("network-vif-deleted", 1, false),
    ("volume-extended", 51, true),
    ("power-update", 76, true),
    ("accelerator-request-bound", 82, true),
    ("volume-reimaged", 93, true),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Create {
    events: Vec<NewEvent>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewEvent {
    name: String,
    server_uuid: String,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    tag: Option<String>,
}

impl NewEvent {
    fn check(self, version: Microversion) -> Result<Event> {
        let known = EVENTS.iter().find(|(name, since, _)| *name == self.name && version >= Microversion(2, *since));
        let Some((_, _, needs_tag)) = known else {
            return Err(Error::bad_request(format!("{} is no event of microversion {version}.", self.name)));
        };
        if !fields::is_uuid(&self.server_uuid) {
            return Err(Error::bad_request(format!("{} is not the id of a server.", self.server_uuid)));
        }
        let status = self.status.unwrap_or_else(|| "completed".to_owned());
        if !["failed", "completed", "in-progress"].contains(&status.as_str()) {
            return Err(Error::bad_request("status must be failed, completed or in-progress."));
        }
        fields::length("tag", self.tag.as_deref().unwrap_or_default(), 0, 255)?;
        Ok(Event { name: self.name, server_id: self.server_uuid, status, tag: self.tag, needs_tag: *needs_tag })
    }
}

async fn events_create(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    Json(Create { events }): Json<Create>,
) -> Result<(StatusCode, Json<Value>)> {
    caller.allow("os_compute_api:os-server-external-events:create", &Target::new())?;
    if events.is_empty() {
        return Err(Error::bad_request("events must have at least one."));
    }
    let events: Vec<Event> = events.into_iter().map(|event| event.check(version)).collect::<Result<_>>()?;
    let codes = compute.events_take(&events).await?;
    let shown: Vec<Value> = events
        .iter()
        .zip(&codes)
        .map(|(event, code)| {
            let status = if *code == 200 { "completed" } else { "failed" };
            let mut view = json!({
                "name": event.name, "server_uuid": event.server_id, "status": status, "code": code,
            });
            if let Some(tag) = &event.tag {
                view["tag"] = json!(tag);
            }
            view
        })
        .collect();
    let all = codes.iter().all(|code| *code == 200);
    let status = if all { StatusCode::OK } else { StatusCode::MULTI_STATUS };
    Ok((status, Json(json!({"events": shown}))))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SnapshotCreate {
    snapshot: NewSnapshot,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewSnapshot {
    volume_id: String,
    create_info: CreateInfo,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateInfo {
    snapshot_id: String,
    r#type: String,
    new_file: String,
    #[serde(default)]
    id: Option<String>,
}

/// No server has a volume, so none of them can be meant.
fn no_volume(id: &str) -> Error {
    Error::bad_request(format!("No volume Block Device Mapping with id {id}: no server of this cloud has that volume."))
}

async fn snapshot_create(
    caller: Caller,
    Json(SnapshotCreate { snapshot }): Json<SnapshotCreate>,
) -> Result<StatusCode> {
    caller.allow("os_compute_api:os-assisted-volume-snapshots:create", &Target::new())?;
    let CreateInfo { snapshot_id, r#type, new_file, id } = &snapshot.create_info;
    if r#type != "qcow2" {
        return Err(Error::bad_request(format!("type must be qcow2, not {}.", r#type)));
    }
    for text in [&snapshot.volume_id, snapshot_id, new_file].into_iter().chain(id) {
        fields::length("Each field of the snapshot", text, 1, 255)?;
    }
    Err(no_volume(&snapshot.volume_id))
}

async fn snapshot_delete(
    caller: Caller,
    version: Microversion,
    query: Query,
    Path(_): Path<String>,
) -> Result<StatusCode> {
    caller.allow("os_compute_api:os-assisted-volume-snapshots:delete", &Target::new())?;
    common::known_only(&query, version, 75, &["delete_info"])?;
    let info = query.get("delete_info").and_then(|text| serde_json::from_str::<Value>(text).ok());
    let volume = info.as_ref().and_then(|info| info["volume_id"].as_str());
    let volume = volume.ok_or_else(|| Error::bad_request("delete_info must be JSON that has a volume_id."))?;
    Err(no_volume(volume))
}
