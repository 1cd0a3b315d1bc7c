//! Making images of servers: snapshots, backups, and what a shelved server is kept in.

use std::time::Duration;

use ::work::{Failure, Operation, Progress, Step};
use async_trait::async_trait;
use protocol::Call;
use serde::{Deserialize, Serialize};
use trace::Traced as _;

use super::steps::{self, Before, Begin, OnServer};
use super::{failure, retry};
use crate::Compute;
use crate::store::servers::Change;

/// How long an upload may take.
const UPLOAD: Duration = Duration::from_secs(12 * 3600);

/// Makes an image of a server's root disk.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ServerSnapshot {
    pub(crate) server_id: String,
    pub(crate) before: Before,
    /// The image that waits for the bytes.
    pub(crate) image_id: String,
    /// Whether the guest's file systems must be at rest.
    pub(crate) quiesce: bool,
    /// For a backup: its type, and how many of that type are kept.
    pub(crate) backup: Option<(String, i64)>,
    /// Whether older backups may be gone: then this one stays, whatever comes.
    #[serde(default)]
    pub(crate) rotated: bool,
}

#[async_trait]
impl OnServer for ServerSnapshot {
    fn server_id(&self) -> &str {
        &self.server_id
    }

    fn before(&mut self) -> &mut Before {
        &mut self.before
    }

    /// There is no such image then, unless it took the place of others.
    async fn give_back(&self, compute: &Compute) -> Result<(), Failure> {
        if self.rotated {
            return Ok(());
        }
        compute.image_discard(&self.image_id).await.map_err(retry)
    }
}

/// An operation that fills an image.
pub(super) trait Uploads: OnServer {
    /// The image's id.
    fn image_id(&self) -> &str;

    /// Whether the guest's file systems must be at rest.
    fn quiesce(&self) -> bool;
}

impl Uploads for ServerSnapshot {
    fn image_id(&self) -> &str {
        &self.image_id
    }

    fn quiesce(&self) -> bool {
        self.quiesce
    }
}

impl Operation for ServerSnapshot {
    const KIND: &'static str = "server_snapshot";
    type Context = Compute;

    fn steps() -> &'static [&'static dyn Step<Self>] {
        &[&Begin, &Upload, &Rotate, &Settle]
    }
}

/// Has the node send the disk to the image.
pub(super) struct Upload;

#[async_trait]
impl<O: Uploads> Step<O> for Upload {
    fn name(&self) -> &'static str {
        "upload"
    }

    async fn run(&self, compute: &Compute, operation: &mut O, to: &mut Progress) -> Result<(), Failure> {
        let server = super::server(compute, operation.server_id()).await?;
        let (image, id) = (&compute.0.deps.image, operation.image_id().to_owned());
        if is_filled(compute, &id).await? {
            return Ok(());
        }
        let change = Change { task_state: Some("image_uploading"), ..Change::default() };
        if matches!(server.task_state.as_str(), "image_snapshot" | "image_backup") {
            steps::change(compute, &server.id, &change).await?;
        }
        let token = image.image_upload_ticket(&id, UPLOAD).await.map_err(failure)?;
        let base = compute.options().image_url.trim_end_matches('/');
        let call = Call::DiskUpload {
            server_id: server.id.clone(),
            url: format!("{base}/v2/images/{id}/file"),
            token,
            quiesce: operation.quiesce(),
        };
        match compute.ask_step(&server, &call, to).await {
            // The upload before it, whose answer was lost, was still going on and has filled the image meanwhile.
            Err(Failure::Fatal(_)) if is_filled(compute, &id).await? => Ok(()),
            outcome => outcome.map(drop),
        }
    }
}

/// Whether the image has its bytes: the answer of an upload that succeeded may have been lost.
async fn is_filled(compute: &Compute, id: &str) -> Result<bool, Failure> {
    let image = compute.0.deps.image.image_get(id).traced("image", "look up").await.map_err(failure)?;
    Ok(image.status == image::Status::Active)
}

/// Deletes the oldest backups of the type, so that no more than asked for are left.
struct Rotate;

#[async_trait]
impl Step<ServerSnapshot> for Rotate {
    fn name(&self) -> &'static str {
        "rotate"
    }

    async fn run(&self, compute: &Compute, operation: &mut ServerSnapshot, _: &mut Progress) -> Result<(), Failure> {
        let Some((backup_type, keep)) = &operation.backup else { return Ok(()) };
        let server = super::server(compute, &operation.server_id).await?;
        let image = &compute.0.deps.image;
        let mine = [("instance_uuid", server.id.as_str()), ("image_type", "backup"), ("backup_type", backup_type)];
        let backups = image.images_with(&server.project_id, &mine).await.map_err(failure)?;
        operation.rotated = true;
        for old in backups.iter().skip(usize::try_from(*keep).unwrap_or(0)) {
            image.image_discard(&old.id).traced("image", "discard").await.map_err(failure)?;
        }
        Ok(())
    }
}

struct Settle;

#[async_trait]
impl Step<ServerSnapshot> for Settle {
    fn name(&self) -> &'static str {
        "settle"
    }

    async fn run(&self, compute: &Compute, operation: &mut ServerSnapshot, _: &mut Progress) -> Result<(), Failure> {
        let change = Change { task_state: Some(""), ..Change::default() };
        steps::change(compute, &operation.server_id, &change).await
    }
}
