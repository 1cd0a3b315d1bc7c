//! Making a server's disks anew, from another image or the same.

use ::work::{Failure, Operation, Progress, Step};
use async_trait::async_trait;
use protocol::Call;
use serde::{Deserialize, Serialize};

use super::steps::{self, Before, Begin, OnServer, PowerOff, PowerOn};
use crate::Compute;
use crate::scheduler::Another;
use crate::server::{Image, Server};
use crate::store::servers::Change;

/// Rebuilds a server.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ServerRebuild {
    pub(crate) server_id: String,
    pub(crate) before: Before,
    pub(crate) image_id: String,
    pub(crate) image: Image,
    pub(crate) old_image_id: String,
    pub(crate) old_image: Image,
    pub(crate) preserve_ephemeral: bool,
    /// For the config drive; gone when the server is there.
    pub(crate) admin_pass: String,
}

#[async_trait]
impl OnServer for ServerRebuild {
    fn server_id(&self) -> &str {
        &self.server_id
    }

    fn before(&mut self) -> &mut Before {
        &mut self.before
    }

    fn as_before(&self, server: &mut Server) {
        server.image_id.clone_from(&self.old_image_id);
        server.image = db::Json(self.old_image.clone());
    }

    fn forget(&mut self) {
        self.admin_pass.clear();
    }

    /// It is made from the image from before, unless its disks are not that any more.
    async fn give_back(&self, compute: &Compute) -> Result<(), Failure> {
        if self.before.broken.is_some() {
            return Ok(());
        }
        let image = Some((self.old_image_id.as_str(), &self.old_image));
        steps::change(compute, &self.server_id, &Change { image, ..Change::default() }).await
    }
}

impl Operation for ServerRebuild {
    const KIND: &'static str = "server_rebuild";
    type Context = Compute;

    fn steps() -> &'static [&'static dyn Step<Self>] {
        &[&Begin, &Check, &Fetch, &PowerOff, &Replace, &PowerOn, &Settle]
    }
}

/// Asks whether the node can run what the image is made for.
struct Check;

#[async_trait]
impl Step<ServerRebuild> for Check {
    fn name(&self) -> &'static str {
        "check"
    }

    async fn run(&self, compute: &Compute, operation: &mut ServerRebuild, _: &mut Progress) -> Result<(), Failure> {
        let server = super::server(compute, &operation.server_id).await?;
        if operation.image_id == operation.old_image_id {
            return Ok(());
        }
        match compute.node_check(&server, Another::Image).await.map_err(super::failure)? {
            None => Ok(()),
            Some(refusal) => Err(Failure::Fatal(refusal.message())),
        }
    }
}

struct Fetch;

#[async_trait]
impl Step<ServerRebuild> for Fetch {
    fn name(&self) -> &'static str {
        "image"
    }

    async fn run(&self, compute: &Compute, operation: &mut ServerRebuild, to: &mut Progress) -> Result<(), Failure> {
        let server = super::server(compute, &operation.server_id).await?;
        steps::image_on_node(compute, &server, &operation.image_id, &operation.image, to).await
    }
}

/// Makes the disks anew. What they had is gone then, so that this is not undone.
struct Replace;

#[async_trait]
impl Step<ServerRebuild> for Replace {
    fn name(&self) -> &'static str {
        "disks"
    }

    async fn run(&self, compute: &Compute, operation: &mut ServerRebuild, to: &mut Progress) -> Result<(), Failure> {
        let server = super::server(compute, &operation.server_id).await?;
        let spec = steps::spec_telling(compute, &server, Some(&operation.admin_pass)).await?;
        let call = Call::DisksRebuild { server: spec, preserve_ephemeral: operation.preserve_ephemeral };
        compute.ask_step(&server, &call, to).await.map(drop)
    }

    async fn undo(&self, _: &Compute, operation: &mut ServerRebuild, _: &mut Progress) -> Result<(), Failure> {
        operation.before.broken = Some("The disks were being made anew; rebuild the server again.".to_owned());
        Ok(())
    }
}

struct Settle;

#[async_trait]
impl Step<ServerRebuild> for Settle {
    fn name(&self) -> &'static str {
        "settle"
    }

    async fn run(&self, compute: &Compute, operation: &mut ServerRebuild, _: &mut Progress) -> Result<(), Failure> {
        operation.admin_pass.clear();
        let mut change = steps::settled(operation.before.ran());
        change.launched_at = Some(compute.runtime().clock.now());
        steps::change(compute, &operation.server_id, &change).await
    }
}
