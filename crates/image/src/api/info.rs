//! What clients ask before they choose how to bring an image: nothing but a plain upload is offered.

use api::{Error, Json, Result};
use axum::Router;
use axum::extract::State;
use axum::routing::get;
use identity::Caller;
use serde_json::{Value, json};

use crate::Image;

pub(super) fn routes() -> Router<Image> {
    Router::new()
        .route("/v2/info/import", get(import_show))
        .route("/v2/info/stores", get(store_list))
        .route("/v2/info/usage", get(usage_show))
}

async fn import_show(_: Caller) -> Json<Value> {
    Json(json!({"import-methods": {"description": "Import methods available.", "type": "array", "value": []}}))
}

async fn store_list(_: Caller) -> Result<Json<Value>> {
    Err(Error::not_found("Multi backend is not supported at this site. All images are in one store."))
}

async fn usage_show(State(image): State<Image>, caller: Caller) -> Result<Json<Value>> {
    Ok(Json(json!({"usage": image.quota_usage(caller.project_id()?).await?})))
}
