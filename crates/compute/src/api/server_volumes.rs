//! `/servers/{id}/os-volume_attachments`: a server has no volumes as long as there is no block storage; everything says so.

use ::api::{Error, Json, Microversion, Query, Result, fields};
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use identity::Caller;
use serde::Deserialize;
use serde_json::{Value, json};

use super::common::{self, Flag, LAST, NoParameters, fields_check};
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
#[serde(deny_unknown_fields)]
struct Attach {
    #[serde(rename = "volumeAttachment")]
    attachment: Attachment,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Attachment {
    #[serde(rename = "volumeId")]
    volume_id: String,
    #[serde(default)]
    device: Option<String>,
    #[serde(default)]
    tag: Option<String>,
    #[serde(default)]
    delete_on_termination: Option<Flag>,
    #[serde(default, rename = "serverId")]
    server_id: Option<String>,
    #[serde(default)]
    id: Option<String>,
}

impl Attachment {
    /// 400 for what is no volume's id, and for fields that come with a later microversion: (`device`, `tag`,
    /// `delete_on_termination`, those that only an attachment has).
    fn check(&self, version: Microversion, since: [u16; 4]) -> Result<()> {
        let [device, tag, on_termination, attached] = since;
        fields_check(
            version,
            &[
                ("device", self.device.is_some(), device, LAST),
                ("tag", self.tag.is_some(), tag, LAST),
                ("delete_on_termination", self.delete_on_termination.is_some(), on_termination, LAST),
                ("serverId", self.server_id.is_some(), attached, LAST),
                ("id", self.id.is_some(), attached, LAST),
            ],
        )?;
        if !fields::is_uuid(&self.volume_id) {
            return Err(Error::bad_request("Invalid input for field/attribute volumeId: it is not a UUID."));
        }
        Ok(())
    }
}

async fn attachments_list(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    query: Query,
    Path(id): Path<String>,
) -> Result<Json<Value>> {
    common::known_only(&query, version, 75, &["limit", "offset"])?;
    compute.server_for(&caller, "os_compute_api:os-volumes-attachments:index", &id).await?;
    Ok(Json(json!({"volumeAttachments": []})))
}

async fn attachment_create(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    Path(id): Path<String>,
    Json(asked): Json<Attach>,
) -> Result<()> {
    asked.attachment.check(version, [1, 49, 79, LAST])?;
    compute.server_for(&caller, "os_compute_api:os-volumes-attachments:create", &id).await?;
    let volume_id = asked.attachment.volume_id;
    Err(Error::bad_request(format!("Volume {volume_id} cannot be attached: there are no volumes in this cloud yet.")))
}

async fn attachment_show(
    state: State<Compute>,
    caller: Caller,
    _: NoParameters,
    path: Path<(String, String)>,
) -> Result<()> {
    missing(&state, &caller, "os_compute_api:os-volumes-attachments:show", &path).await
}

async fn attachment_update(
    state: State<Compute>,
    caller: Caller,
    version: Microversion,
    path: Path<(String, String)>,
    Json(asked): Json<Attach>,
) -> Result<()> {
    asked.attachment.check(version, [85; 4])?;
    missing(&state, &caller, "os_compute_api:os-volumes-attachments:update", &path).await
}

async fn attachment_delete(state: State<Compute>, caller: Caller, path: Path<(String, String)>) -> Result<()> {
    missing(&state, &caller, "os_compute_api:os-volumes-attachments:delete", &path).await
}

async fn missing(compute: &Compute, caller: &Caller, rule: &str, (id, volume_id): &(String, String)) -> Result<()> {
    compute.server_for(caller, rule, id).await?;
    Err(Error::not_found(format!("Instance {id} is not attached to volume {volume_id}.")))
}
