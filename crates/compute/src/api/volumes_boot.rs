//! `/os-volumes_boot`: another name for `/servers` until microversion 2.102.

use ::api::{Microversion, Result};
use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::post;

use super::{actions, common, servers};
use crate::Compute;

pub(super) fn routes() -> Router<Compute> {
    servers::routes_at("/v2.1/os-volumes_boot")
        .route("/v2.1/os-volumes_boot/{id}/action", post(actions::server_action))
        .route_layer(from_fn(old_only))
}

async fn old_only(version: Microversion, request: Request, next: Next) -> Result<Response> {
    common::until(version, 102, "Use /servers.")?;
    Ok(next.run(request).await)
}
