//! The documents by which clients find the API and its versions. They need no token, but for one.

use ::api::{Error, Json, Links, Result};
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use identity::Caller;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{Compute, NEWEST};

pub(super) fn routes() -> Router<Compute> {
    Router::new()
        .route("/", get(versions_list))
        .route("/v2", get(old_show))
        .route("/v2.1", get(version_show))
        .route("/v2.1/", get(version_show))
        .route("/v2.1/versions/{id}", get(version_of_id))
}

#[derive(Serialize)]
struct Version {
    id: &'static str,
    status: &'static str,
    version: String,
    min_version: &'static str,
    updated: &'static str,
    links: Vec<Value>,
    #[serde(rename = "media-types", skip_serializing_if = "Option::is_none")]
    media_types: Option<Value>,
}

fn version(links: &Links) -> Version {
    Version {
        id: "v2.1",
        status: "CURRENT",
        version: NEWEST.to_string(),
        min_version: "2.1",
        updated: "2013-07-23T11:33:21Z",
        links: vec![json!({"rel": "self", "href": links.to("/v2.1/")})],
        media_types: None,
    }
}

/// The version before microversions. Clients expect to find it first; what they know of it they find in v2.1.
fn old(links: &Links) -> Version {
    Version {
        id: "v2.0",
        status: "DEPRECATED",
        version: String::new(),
        min_version: "",
        updated: "2011-01-21T11:33:21Z",
        links: vec![json!({"rel": "self", "href": links.to("/v2/")})],
        media_types: None,
    }
}

async fn versions_list(links: Links) -> Json<Value> {
    Json(json!({"versions": [old(&links), version(&links)]}))
}

async fn version_show(links: Links) -> Json<Value> {
    whole(version(&links), "2.1")
}

async fn old_show(links: Links) -> Json<Value> {
    whole(old(&links), "2")
}

/// Unlike the documents above, this wants a token.
async fn version_of_id(
    State(_): State<Compute>,
    _: Caller,
    links: Links,
    Path(id): Path<String>,
) -> Result<Json<Value>> {
    match id.as_str() {
        "v2.0" => Ok(old_show(links).await),
        "v2.1" => Ok(version_show(links).await),
        _ => Err(Error::not_found(format!("There is no version {id}; there are v2.0 and v2.1."))),
    }
}

/// A version's document, with what lists leave out.
fn whole(mut version: Version, media: &str) -> Json<Value> {
    version.links.push(json!({
        "rel": "describedby", "type": "text/html", "href": "https://docs.openstack.org/api-ref/compute/",
    }));
    let media = format!("application/vnd.openstack.compute+json;version={media}");
    version.media_types = Some(json!([{"base": "application/json", "type": media}]));
    Json(json!({"version": version}))
}
