//! Tags of an image, one by one.

use api::Result;
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::put;
use http::StatusCode;
use identity::Caller;

use crate::Image;

pub(super) fn routes() -> Router<Image> {
    Router::new().route("/v2/images/{id}/tags/{tag}", put(tag_add).delete(tag_remove))
}

async fn tag_add(
    State(image): State<Image>,
    caller: Caller,
    Path((id, tag)): Path<(String, String)>,
) -> Result<StatusCode> {
    image.tag_set(&caller, &id, &tag, true).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn tag_remove(
    State(image): State<Image>,
    caller: Caller,
    Path((id, tag)): Path<(String, String)>,
) -> Result<StatusCode> {
    image.tag_set(&caller, &id, &tag, false).await?;
    Ok(StatusCode::NO_CONTENT)
}
