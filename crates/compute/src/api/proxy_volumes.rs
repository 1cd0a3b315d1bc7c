//! `/os-volumes`, `/os-snapshots` and `/os-baremetal-nodes`, as clients before microversion 2.36 know them. There is neither
//! block storage nor bare metal yet: lists are empty, and the rest says so.

use ::api::{Error, Json, Microversion, Result};
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::{get, post};
use http::StatusCode;
use identity::Caller;
use policy::Target;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::common::{self, Flag, Whole};
use crate::Compute;

pub(super) fn routes() -> Router<Compute> {
    Router::new()
        .route("/v2.1/os-volumes", get(volumes_list).post(volume_create))
        .route("/v2.1/os-volumes/detail", get(volumes_detail))
        .route("/v2.1/os-volumes/{id}", get(volume_show).delete(volume_delete))
        .route("/v2.1/os-snapshots", get(snapshots_list).post(snapshot_create))
        .route("/v2.1/os-snapshots/detail", get(snapshots_detail))
        .route("/v2.1/os-snapshots/{id}", get(snapshot_show).delete(snapshot_delete))
        .route("/v2.1/os-baremetal-nodes", get(nodes_list).post(node_create))
        .route("/v2.1/os-baremetal-nodes/{id}", get(node_show).delete(node_delete))
        .route("/v2.1/os-baremetal-nodes/{id}/action", post(node_action))
}

/// Asks whether the caller may, in a microversion that has it.
fn allowed(caller: &Caller, version: Microversion, rule: &str) -> Result<()> {
    common::until(version, 35, "Use the block storage API.")?;
    let target = Target::new().with("project_id", caller.project_id()?);
    caller.allow(&format!("os_compute_api:{rule}"), &target).map(drop)
}

fn volume_missing(id: &str) -> Error {
    Error::not_found(format!("Volume {id} could not be found: there are no volumes in this cloud yet."))
}

fn snapshot_missing(id: &str) -> Error {
    Error::not_found(format!("Snapshot {id} could not be found: there are no volumes in this cloud yet."))
}

async fn volumes_list(State(_): State<Compute>, caller: Caller, version: Microversion) -> Result<Json<Value>> {
    allowed(&caller, version, "os-volumes:list")?;
    Ok(Json(json!({"volumes": []})))
}

async fn volumes_detail(State(_): State<Compute>, caller: Caller, version: Microversion) -> Result<Json<Value>> {
    allowed(&caller, version, "os-volumes:detail")?;
    Ok(Json(json!({"volumes": []})))
}

async fn volume_show(
    State(_): State<Compute>,
    caller: Caller,
    version: Microversion,
    Path(id): Path<String>,
) -> Result<()> {
    allowed(&caller, version, "os-volumes:show")?;
    Err(volume_missing(&id))
}

async fn volume_delete(
    State(_): State<Compute>,
    caller: Caller,
    version: Microversion,
    Path(id): Path<String>,
) -> Result<StatusCode> {
    allowed(&caller, version, "os-volumes:delete")?;
    Err(volume_missing(&id))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VolumeBody {
    #[serde(rename = "volume")]
    _volume: NewVolume,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewVolume {
    #[serde(rename = "size")]
    _size: Whole,
    #[serde(default, rename = "volume_type")]
    _type: Option<String>,
    #[serde(default, rename = "metadata")]
    _metadata: Map<String, Value>,
    #[serde(default, rename = "snapshot_id")]
    _snapshot_id: Option<String>,
    #[serde(default, rename = "availability_zone")]
    _zone: Option<String>,
    #[serde(default, rename = "display_name")]
    _name: Option<String>,
    #[serde(default, rename = "display_description")]
    _description: Option<String>,
}

async fn volume_create(
    State(_): State<Compute>,
    caller: Caller,
    version: Microversion,
    Json(_): Json<VolumeBody>,
) -> Result<()> {
    allowed(&caller, version, "os-volumes:create")?;
    Err(Error::bad_request("A volume cannot be made: there is no block storage in this cloud yet."))
}

async fn snapshots_list(State(_): State<Compute>, caller: Caller, version: Microversion) -> Result<Json<Value>> {
    allowed(&caller, version, "os-volumes:snapshots:list")?;
    Ok(Json(json!({"snapshots": []})))
}

async fn snapshots_detail(State(_): State<Compute>, caller: Caller, version: Microversion) -> Result<Json<Value>> {
    allowed(&caller, version, "os-volumes:snapshots:detail")?;
    Ok(Json(json!({"snapshots": []})))
}

async fn snapshot_show(
    State(_): State<Compute>,
    caller: Caller,
    version: Microversion,
    Path(id): Path<String>,
) -> Result<()> {
    allowed(&caller, version, "os-volumes:snapshots:show")?;
    Err(snapshot_missing(&id))
}

async fn snapshot_delete(
    State(_): State<Compute>,
    caller: Caller,
    version: Microversion,
    Path(id): Path<String>,
) -> Result<StatusCode> {
    allowed(&caller, version, "os-volumes:snapshots:delete")?;
    Err(snapshot_missing(&id))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SnapshotBody {
    snapshot: NewSnapshot,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewSnapshot {
    volume_id: String,
    #[serde(default, rename = "force")]
    _force: Option<Flag>,
    #[serde(default, rename = "display_name")]
    _name: Option<String>,
    #[serde(default, rename = "display_description")]
    _description: Option<String>,
}

async fn snapshot_create(
    State(_): State<Compute>,
    caller: Caller,
    version: Microversion,
    Json(asked): Json<SnapshotBody>,
) -> Result<()> {
    allowed(&caller, version, "os-volumes:snapshots:create")?;
    let id = asked.snapshot.volume_id;
    Err(Error::bad_request(format!("Volume {id} could not be found: there are no volumes in this cloud yet.")))
}

async fn nodes_list(State(_): State<Compute>, caller: Caller, version: Microversion) -> Result<Json<Value>> {
    allowed(&caller, version, "os-baremetal-nodes:list")?;
    Ok(Json(json!({"nodes": []})))
}

async fn node_show(
    State(_): State<Compute>,
    caller: Caller,
    version: Microversion,
    Path(id): Path<String>,
) -> Result<()> {
    allowed(&caller, version, "os-baremetal-nodes:show")?;
    Err(Error::not_found(format!("Node {id} could not be found: there is no bare metal in this cloud.")))
}

/// The real service refuses these to everybody, whatever the body.
fn node_refuse(version: Microversion) -> Error {
    let refused = || Error::bad_request("Command not supported: bare metal is not managed by the compute API.");
    common::until(version, 35, "Use the bare metal API.").err().unwrap_or_else(refused)
}

async fn node_create(State(_): State<Compute>, _: Caller, version: Microversion, Json(_): Json<Value>) -> Error {
    node_refuse(version)
}

async fn node_delete(State(_): State<Compute>, _: Caller, version: Microversion) -> Error {
    node_refuse(version)
}

async fn node_action(State(_): State<Compute>, _: Caller, version: Microversion, Json(_): Json<Value>) -> Error {
    node_refuse(version)
}
