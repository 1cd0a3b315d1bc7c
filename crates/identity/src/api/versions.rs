//! The version documents, by which clients find the API.

use api::{Json, Links};
use axum::Router;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http::StatusCode;
use serde_json::{Value, json};

use crate::Identity;

pub(super) fn routes() -> Router<Identity> {
    Router::new().route("/", get(version_list)).route("/v3", get(version_show))
}

async fn version_list(links: Links) -> Response {
    (StatusCode::MULTIPLE_CHOICES, Json(json!({"versions": {"values": [version(&links)]}}))).into_response()
}

async fn version_show(links: Links) -> Json<Value> {
    Json(json!({"version": version(&links)}))
}

fn version(links: &Links) -> Value {
    json!({
        "id": "v3.14",
        "status": "stable",
        "updated": "2020-04-07T00:00:00Z",
        "links": [{"rel": "self", "href": links.to("/v3/")}],
        "media-types": [{"base": "application/json", "type": "application/vnd.openstack.identity-v3+json"}],
    })
}
