//! `/servers/{id}/os-volume_attachments`: a server has no volumes as long as there is no block storage; everything says so.

use ::api::{Error, Json, Result};
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use identity::Caller;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Compute;

pub(super) fn routes() -> Router<Compute> {
    Router::new()
        .route("/v2.1/servers/{id}/os-volume_attachments", get(attachments_list).post(attachment_create))
        .route(
            "/v2.1/servers/{id}/os-volume_attachments/{volume_id}",
            get(attachment_show).put(attachment_update).delete(attachment_delete),
        )
}

#[derive(Deserialize)]
struct Attach {
    #[serde(rename = "volumeAttachment")]
    attachment: Attachment,
}

#[derive(Deserialize)]
struct Attachment {
    #[serde(rename = "volumeId")]
    volume_id: String,
}

async fn attachments_list(
    State(compute): State<Compute>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>> {
    compute.server_for(&caller, "os_compute_api:os-volumes-attachments:index", &id).await?;
    Ok(Json(json!({"volumeAttachments": []})))
}

async fn attachment_create(
    State(compute): State<Compute>,
    caller: Caller,
    Path(id): Path<String>,
    Json(asked): Json<Attach>,
) -> Result<()> {
    compute.server_for(&caller, "os_compute_api:os-volumes-attachments:create", &id).await?;
    let volume_id = asked.attachment.volume_id;
    Err(Error::bad_request(format!("Volume {volume_id} cannot be attached: there are no volumes in this cloud yet.")))
}

async fn attachment_show(state: State<Compute>, caller: Caller, path: Path<(String, String)>) -> Result<()> {
    missing(&state, &caller, "os_compute_api:os-volumes-attachments:show", &path).await
}

async fn attachment_update(
    state: State<Compute>,
    caller: Caller,
    path: Path<(String, String)>,
    Json(_): Json<Attach>,
) -> Result<()> {
    missing(&state, &caller, "os_compute_api:os-volumes-attachments:update", &path).await
}

async fn attachment_delete(state: State<Compute>, caller: Caller, path: Path<(String, String)>) -> Result<()> {
    missing(&state, &caller, "os_compute_api:os-volumes-attachments:delete", &path).await
}

async fn missing(compute: &Compute, caller: &Caller, rule: &str, (id, volume_id): &(String, String)) -> Result<()> {
    compute.server_for(caller, rule, id).await?;
    Err(Error::not_found(format!("Instance {id} is not attached to volume {volume_id}.")))
}
