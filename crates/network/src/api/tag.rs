use api::{Json, Result};
use axum::extract::{MatchedPath, Path, State};
use http::StatusCode;
use identity::Caller;
use serde::{Deserialize, Serialize};

use crate::Network;

/// The tags of a resource.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tags {
    tags: Vec<String>,
}

/// The kind of resource, from the route: `/network/v2.0/ports/{id}/tags` is about `ports`.
fn kind(path: &MatchedPath) -> &str {
    let before = path.as_str().split("/{id}").next().unwrap_or_default();
    before.rsplit('/').next().unwrap_or_default()
}

pub(super) async fn list(
    State(x): State<Network>,
    caller: Caller,
    path: MatchedPath,
    Path(id): Path<String>,
) -> Result<Json<Tags>> {
    Ok(Json(Tags { tags: x.tag_list(&caller, kind(&path), &id).await? }))
}

pub(super) async fn set(
    State(x): State<Network>,
    caller: Caller,
    path: MatchedPath,
    Path(id): Path<String>,
    Json(body): Json<Tags>,
) -> Result<Json<Tags>> {
    x.tags_set(&caller, kind(&path), &id, &body.tags).await?;
    Ok(Json(Tags { tags: x.tag_list(&caller, kind(&path), &id).await? }))
}

pub(super) async fn clear(
    State(x): State<Network>,
    caller: Caller,
    path: MatchedPath,
    Path(id): Path<String>,
) -> Result<StatusCode> {
    x.tags_set(&caller, kind(&path), &id, &[]).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn show(
    State(x): State<Network>,
    caller: Caller,
    path: MatchedPath,
    Path((id, tag)): Path<(String, String)>,
) -> Result<StatusCode> {
    x.tag_show(&caller, kind(&path), &id, &tag).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn add(
    State(x): State<Network>,
    caller: Caller,
    path: MatchedPath,
    Path((id, tag)): Path<(String, String)>,
) -> Result<StatusCode> {
    x.tag_add(&caller, kind(&path), &id, &tag).await?;
    Ok(StatusCode::CREATED)
}

pub(super) async fn remove(
    State(x): State<Network>,
    caller: Caller,
    path: MatchedPath,
    Path((id, tag)): Path<(String, String)>,
) -> Result<StatusCode> {
    x.tag_remove(&caller, kind(&path), &id, &tag).await?;
    Ok(StatusCode::NO_CONTENT)
}
