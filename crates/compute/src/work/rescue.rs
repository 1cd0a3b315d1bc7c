//! Booting a server from another disk for its repair, and ending that.

use ::work::{Failure, Operation, Progress, Step};
use async_trait::async_trait;
use protocol::{Call, PowerState};
use serde::{Deserialize, Serialize};

use super::steps::{self, Before, Begin, OnServer, PowerOff};
use crate::server::Rescue;
use crate::store::servers::Change;
use crate::{Compute, state};

/// Rescues a server.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ServerRescue {
    pub(crate) server_id: String,
    pub(crate) before: Before,
    pub(crate) rescue: Rescue,
    /// For the config drive; gone when the server is rescued.
    #[serde(default)]
    pub(crate) admin_pass: String,
}

/// Ends it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ServerUnrescue {
    pub(crate) server_id: String,
    pub(crate) before: Before,
    pub(crate) rescue: Option<String>,
}

impl OnServer for ServerRescue {
    fn server_id(&self) -> &str {
        &self.server_id
    }

    fn before(&mut self) -> &mut Before {
        &mut self.before
    }

    fn forget(&mut self) {
        self.admin_pass.clear();
    }
}

impl OnServer for ServerUnrescue {
    fn server_id(&self) -> &str {
        &self.server_id
    }

    fn before(&mut self) -> &mut Before {
        &mut self.before
    }
}

impl Operation for ServerRescue {
    const KIND: &'static str = "server_rescue";
    type Context = Compute;

    fn steps() -> &'static [&'static dyn Step<Self>] {
        &[&Begin, &Fetch, &PowerOff, &Apply, &Disk, &Boot, &Settle]
    }
}

impl Operation for ServerUnrescue {
    const KIND: &'static str = "server_unrescue";
    type Context = Compute;

    fn steps() -> &'static [&'static dyn Step<Self>] {
        &[&Begin, &PowerOff, &Leave, &Boot, &RemoveDisk, &Settle]
    }
}

struct Fetch;

#[async_trait]
impl Step<ServerRescue> for Fetch {
    fn name(&self) -> &'static str {
        "image"
    }

    async fn run(&self, compute: &Compute, operation: &mut ServerRescue, to: &mut Progress) -> Result<(), Failure> {
        let server = super::server(compute, &operation.server_id).await?;
        let Rescue { image_id, image } = &operation.rescue;
        steps::image_on_node(compute, &server, image_id, image, to).await
    }
}

/// Says in the row what the server boots from.
struct Apply;

#[async_trait]
impl Step<ServerRescue> for Apply {
    fn name(&self) -> &'static str {
        "apply"
    }

    async fn run(&self, compute: &Compute, operation: &mut ServerRescue, _: &mut Progress) -> Result<(), Failure> {
        let rescue = serde_json::to_string(&operation.rescue).map_err(|error| Failure::Fatal(error.to_string()))?;
        let change = Change { rescue: Some(Some(rescue)), ..Change::default() };
        steps::change(compute, &operation.server_id, &change).await
    }

    async fn undo(&self, compute: &Compute, operation: &mut ServerRescue, _: &mut Progress) -> Result<(), Failure> {
        let change = Change { rescue: Some(None), ..Change::default() };
        steps::change(compute, &operation.server_id, &change).await
    }
}

/// Has the rescue disk.
struct Disk;

#[async_trait]
impl Step<ServerRescue> for Disk {
    fn name(&self) -> &'static str {
        "disks"
    }

    async fn run(&self, compute: &Compute, operation: &mut ServerRescue, to: &mut Progress) -> Result<(), Failure> {
        let server = super::server(compute, &operation.server_id).await?;
        let spec = steps::spec_telling(compute, &server, Some(&operation.admin_pass)).await?;
        let call = Call::DisksCreate { server: spec };
        compute.ask_step(&server, &call, to).await?;
        operation.admin_pass.clear();
        Ok(())
    }

    async fn undo(&self, compute: &Compute, operation: &mut ServerRescue, to: &mut Progress) -> Result<(), Failure> {
        let server = super::server(compute, &operation.server_id).await?;
        let call = Call::RescueEnd { server_id: server.id.clone() };
        // A disk that stays is in nobody's way: it goes with the server, or is used by the next rescue.
        compute.ask_undo(&server, &call, to).await.map(drop)
    }
}

/// Has the server running as its row says, whether it ran before or not.
struct Boot;

#[async_trait]
impl<O: OnServer> Step<O> for Boot {
    fn name(&self) -> &'static str {
        "power_on"
    }

    async fn run(&self, compute: &Compute, operation: &mut O, to: &mut Progress) -> Result<(), Failure> {
        steps::power_on(compute, operation, to).await
    }

    async fn undo(&self, compute: &Compute, operation: &mut O, to: &mut Progress) -> Result<(), Failure> {
        steps::power_off_at_once(compute, operation, to).await
    }
}

/// Says in the row that the server boots from its own disk again.
struct Leave;

#[async_trait]
impl Step<ServerUnrescue> for Leave {
    fn name(&self) -> &'static str {
        "apply"
    }

    async fn run(&self, compute: &Compute, operation: &mut ServerUnrescue, _: &mut Progress) -> Result<(), Failure> {
        let change = Change { rescue: Some(None), ..Change::default() };
        steps::change(compute, &operation.server_id, &change).await
    }

    async fn undo(&self, compute: &Compute, operation: &mut ServerUnrescue, _: &mut Progress) -> Result<(), Failure> {
        let change = Change { rescue: Some(operation.rescue.clone()), ..Change::default() };
        steps::change(compute, &operation.server_id, &change).await
    }
}

/// Removes the rescue disk, once the server runs without it.
struct RemoveDisk;

#[async_trait]
impl Step<ServerUnrescue> for RemoveDisk {
    fn name(&self) -> &'static str {
        "disks"
    }

    async fn run(&self, compute: &Compute, operation: &mut ServerUnrescue, to: &mut Progress) -> Result<(), Failure> {
        let server = super::server(compute, &operation.server_id).await?;
        let call = Call::RescueEnd { server_id: server.id.clone() };
        compute.ask_step(&server, &call, to).await.map(drop)
    }

    async fn undo(&self, compute: &Compute, operation: &mut ServerUnrescue, to: &mut Progress) -> Result<(), Failure> {
        let mut server = super::server(compute, &operation.server_id).await?;
        server.rescue.clone_from(&operation.rescue);
        let call = Call::DisksCreate { server: steps::spec(compute, &server).await? };
        operation.before.broken = compute.ask_undo(&server, &call, to).await?;
        Ok(())
    }
}

struct Settle;

#[async_trait]
impl Step<ServerRescue> for Settle {
    fn name(&self) -> &'static str {
        "settle"
    }

    async fn run(&self, compute: &Compute, operation: &mut ServerRescue, _: &mut Progress) -> Result<(), Failure> {
        let power_state = Some(PowerState::Running.number());
        let change = Change { vm_state: Some(state::RESCUED), task_state: Some(""), power_state, ..Change::default() };
        steps::change(compute, &operation.server_id, &change).await
    }
}

#[async_trait]
impl Step<ServerUnrescue> for Settle {
    fn name(&self) -> &'static str {
        "settle"
    }

    async fn run(&self, compute: &Compute, operation: &mut ServerUnrescue, _: &mut Progress) -> Result<(), Failure> {
        steps::change(compute, &operation.server_id, &steps::settled(true)).await
    }
}
