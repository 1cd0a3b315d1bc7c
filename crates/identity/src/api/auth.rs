//! `/v3/auth/...`: what the caller may get a token for.

use api::{Json, Result};
use axum::Router;
use axum::extract::State;
use axum::routing::get;
use serde_json::{Value, json};

use crate::{Caller, Identity};

pub(super) fn routes() -> Router<Identity> {
    Router::new().route("/v3/auth/catalog", get(catalog_show))
}

async fn catalog_show(State(identity): State<Identity>, caller: Caller) -> Result<Json<Value>> {
    Ok(Json(json!({"catalog": identity.catalog(&caller.token).await?, "links": {"next": null}})))
}
