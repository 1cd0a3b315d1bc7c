//! `/os-volumes`, `/os-snapshots` and `/os-baremetal-nodes`, as clients before microversion 2.36 know them. There is neither
//! block storage nor bare metal yet: lists are empty, and the rest says so.

use ::api::{Error, Json, Microversion, Result};
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::{MethodRouter, get, post};
use identity::Caller;
use policy::Target;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::common::{self, Flag, Whole};
use crate::Compute;

pub(super) fn routes() -> Router<Compute> {
    let (volumes, snapshots) = ("os-volumes", "os-volumes:snapshots");
    Router::new()
        .route("/v2.1/os-volumes", list(volumes, "list", "volumes").post(volume_create))
        .route("/v2.1/os-volumes/detail", list(volumes, "detail", "volumes"))
        .route("/v2.1/os-volumes/{id}", one(volumes, "Volume"))
        .route("/v2.1/os-snapshots", list(snapshots, "list", "snapshots").post(snapshot_create))
        .route("/v2.1/os-snapshots/detail", list(snapshots, "detail", "snapshots"))
        .route("/v2.1/os-snapshots/{id}", one(snapshots, "Snapshot"))
        .route("/v2.1/os-baremetal-nodes", list("os-baremetal-nodes", "list", "nodes").post(node_create))
        .route("/v2.1/os-baremetal-nodes/{id}", get(node_show).delete(node_delete))
        .route("/v2.1/os-baremetal-nodes/{id}/action", post(node_create))
}

/// Asks whether the caller may, in a microversion that has it.
fn allowed(caller: &Caller, version: Microversion, rules: &str, rule: &str) -> Result<()> {
    common::until(version, 35, "Use the API of block storage or of bare metal.")?;
    let target = Target::new().with("project_id", caller.project_id()?);
    caller.allow(&format!("os_compute_api:{rules}:{rule}"), &target).map(drop)
}

/// The list of what there is none of.
fn list(rules: &'static str, rule: &'static str, name: &'static str) -> MethodRouter<Compute> {
    get(async move |caller: Caller, version: Microversion| -> Result<Json<Value>> {
        allowed(&caller, version, rules, rule)?;
        Ok(Json(json!({name: []})))
    })
}

/// What is not there to be shown or deleted.
fn one(rules: &'static str, what: &'static str) -> MethodRouter<Compute> {
    let missing = async move |rule: &str, caller: Caller, version: Microversion, id: String| -> Result<()> {
        allowed(&caller, version, rules, rule)?;
        Err(Error::not_found(format!("{what} {id} could not be found: there are no volumes in this cloud yet.")))
    };
    get(async move |caller: Caller, version: Microversion, Path(id): Path<String>| {
        missing("show", caller, version, id).await
    })
    .delete(async move |caller: Caller, version: Microversion, Path(id): Path<String>| {
        missing("delete", caller, version, id).await
    })
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
    allowed(&caller, version, "os-volumes", "create")?;
    Err(Error::bad_request("A volume cannot be made: there is no block storage in this cloud yet."))
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
    allowed(&caller, version, "os-volumes:snapshots", "create")?;
    let id = asked.snapshot.volume_id;
    Err(Error::bad_request(format!("Volume {id} could not be found: there are no volumes in this cloud yet.")))
}

async fn node_show(
    State(_): State<Compute>,
    caller: Caller,
    version: Microversion,
    Path(id): Path<String>,
) -> Result<()> {
    allowed(&caller, version, "os-baremetal-nodes", "show")?;
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
