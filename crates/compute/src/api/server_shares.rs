//! `/servers/{id}/shares`: a server has no shared file systems as long as the cloud has none; everything says so.

use ::api::{Error, Json, Microversion, Query, Result, fields};
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use http::StatusCode;
use identity::Caller;
use serde::Deserialize;
use serde_json::{Value, json};

use super::common::{known_only, since};
use crate::Compute;

/// The first minor version with shares.
const FIRST: u16 = 97;

pub(super) fn routes() -> Router<Compute> {
    Router::new()
        .route("/v2.1/servers/{id}/shares", get(shares_list).post(share_attach))
        .route("/v2.1/servers/{id}/shares/{share_id}", get(share_show).delete(share_detach))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Attach {
    share: Share,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Share {
    share_id: String,
    #[serde(default)]
    tag: Option<String>,
}

impl Share {
    fn check(&self) -> Result<()> {
        if !fields::is_uuid(&self.share_id) {
            return Err(Error::bad_request("Invalid input for field/attribute share_id: it is not a UUID."));
        }
        let Some(tag) = &self.tag else { return Ok(()) };
        fields::length("tag", tag, 1, 255)?;
        if !tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            return Err(Error::bad_request("A tag may have letters, digits and hyphens."));
        }
        Ok(())
    }
}

async fn shares_list(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    query: Query,
    Path(id): Path<String>,
) -> Result<Json<Value>> {
    since(version, FIRST)?;
    known_only(&query, version, FIRST, &[])?;
    compute.server_for(&caller, "os_compute_api:os-server-shares:index", &id).await?;
    Ok(Json(json!({"shares": []})))
}

async fn share_attach(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    Path(id): Path<String>,
    Json(asked): Json<Attach>,
) -> Result<()> {
    since(version, FIRST)?;
    asked.share.check()?;
    compute.server_for(&caller, "os_compute_api:os-server-shares:create", &id).await?;
    let share_id = asked.share.share_id;
    Err(Error::not_found(format!("Share {share_id} could not be found: there are no shares in this cloud yet.")))
}

async fn share_show(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    query: Query,
    Path((id, share_id)): Path<(String, String)>,
) -> Result<()> {
    since(version, FIRST)?;
    known_only(&query, version, FIRST, &[])?;
    compute.server_for(&caller, "os_compute_api:os-server-shares:show", &id).await?;
    Err(missing(&id, &share_id))
}

async fn share_detach(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    Path((id, share_id)): Path<(String, String)>,
) -> Result<StatusCode> {
    since(version, FIRST)?;
    compute.server_for(&caller, "os_compute_api:os-server-shares:delete", &id).await?;
    Err(missing(&id, &share_id))
}

fn missing(id: &str, share_id: &str) -> Error {
    Error::not_found(format!("Instance {id} has no share {share_id}."))
}
