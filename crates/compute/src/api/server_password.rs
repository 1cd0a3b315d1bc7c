//! `/servers/{id}/os-server-password`: the password that a guest made for itself, encrypted with its user's key.

use ::api::{Json, Result};
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use http::StatusCode;
use identity::Caller;
use serde_json::{Value, json};

use super::common::NoParameters;
use crate::Compute;

pub(super) fn routes() -> Router<Compute> {
    Router::new().route("/v2.1/servers/{id}/os-server-password", get(password_show).delete(password_clear))
}

async fn password_show(
    State(compute): State<Compute>,
    caller: Caller,
    _: NoParameters,
    Path(id): Path<String>,
) -> Result<Json<Value>> {
    let server = compute.server_for(&caller, "os_compute_api:os-server-password:show", &id).await?;
    Ok(Json(json!({"password": server.password})))
}

async fn password_clear(State(compute): State<Compute>, caller: Caller, Path(id): Path<String>) -> Result<StatusCode> {
    let server = compute.server_for(&caller, "os_compute_api:os-server-password:clear", &id).await?;
    compute.password_forget(&server.id).await?;
    Ok(StatusCode::NO_CONTENT)
}
