//! The version documents, by which clients find the API.

use api::{Json, Links};
use axum::Router;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http::StatusCode;
use serde_json::{Value, json};

use crate::Image;

/// 2.8 is about several stores; there is one here.
const VERSIONS: &[&str] = &["v2.9", "v2.7", "v2.6", "v2.5", "v2.4", "v2.3", "v2.2", "v2.1", "v2.0"];

pub(super) fn routes() -> Router<Image> {
    Router::new().route("/", get(version_choices)).route("/versions", get(version_list))
}

async fn version_choices(links: Links) -> Response {
    (StatusCode::MULTIPLE_CHOICES, Json(versions(&links))).into_response()
}

async fn version_list(links: Links) -> Json<Value> {
    Json(versions(&links))
}

fn versions(links: &Links) -> Value {
    let version = |(index, id): (usize, &&str)| {
        json!({
            "id": id,
            "status": if index == 0 { "CURRENT" } else { "SUPPORTED" },
            "links": [{"rel": "self", "href": links.to("/v2/")}],
        })
    };
    json!({"versions": VERSIONS.iter().enumerate().map(version).collect::<Vec<_>>()})
}
