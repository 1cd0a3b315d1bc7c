//! What was done to a server: durable work, told as instance actions and their events.

use ::api::{Error, Result};
use work::{Record, StepRecord};

use super::actions::{LOCK, RESET, UNLOCK};
use super::work_target;
use crate::Compute;
use crate::state::Action as Asked;
use crate::work::{attach, create, delete, password, power, rebuild, rescue, resize, shelve, snapshot, soft_delete};

/// One thing that was asked of a server.
pub(crate) struct Action {
    pub(crate) name: &'static str,
    pub(crate) record: Record,
}

impl Compute {
    /// What was asked of the server, newest first. It stays readable after the server is gone.
    pub(crate) async fn actions_of(&self, server_id: &str) -> Result<Vec<Action>> {
        let records = self.0.deps.work.history(&work_target(server_id)).await?;
        Ok(records.into_iter().filter_map(|record| Some(Action { name: name_of(&record)?, record })).collect())
    }

    /// What one request asked of the server, and its steps.
    pub(crate) async fn action_of(&self, server_id: &str, request_id: &str) -> Result<(Action, Vec<StepRecord>)> {
        let found = self.actions_of(server_id).await?.into_iter().find(|action| action.record.request_id == request_id);
        let action = found.ok_or_else(|| {
            Error::not_found(format!("Action for request_id {request_id} on instance {server_id} not found."))
        })?;
        let steps = self.0.deps.work.steps(&action.record.id).await?;
        Ok((action, steps))
    }
}

/// What users know the work as; `None` for what nobody asked for.
fn name_of(record: &Record) -> Option<&'static str> {
    use work::Operation as _;
    let data = |field: &str| {
        let data: serde_json::Value = serde_json::from_str(&record.data).unwrap_or_default();
        !data[field].is_null()
    };
    Some(match record.kind.as_str() {
        create::ServerCreate::KIND if data("shelved") => Asked::Unshelve.name(),
        create::ServerCreate::KIND => "create",
        delete::ServerDelete::KIND => "delete",
        soft_delete::ServerSoftDelete::KIND => Asked::SoftDelete.name(),
        soft_delete::ServerRestore::KIND => Asked::Restore.name(),
        power::ServerPower::KIND => {
            let operation = serde_json::from_str::<power::ServerPower>(&record.data);
            operation.map_or("power", |operation| operation.power.name())
        }
        password::ServerPassword::KIND => Asked::Password.name(),
        rebuild::ServerRebuild::KIND => Asked::Rebuild.name(),
        rescue::ServerRescue::KIND => Asked::Rescue.name(),
        rescue::ServerUnrescue::KIND => Asked::Unrescue.name(),
        snapshot::ServerSnapshot::KIND if data("backup") => Asked::Backup.name(),
        snapshot::ServerSnapshot::KIND => Asked::Snapshot.name(),
        resize::ServerResize::KIND => Asked::Resize.name(),
        resize::ServerResizeConfirm::KIND => Asked::ResizeConfirm.name(),
        resize::ServerResizeRevert::KIND => Asked::ResizeRevert.name(),
        shelve::ServerShelve::KIND => Asked::Shelve.name(),
        shelve::ServerOffload::KIND => Asked::ShelveOffload.name(),
        shelve::ServerUnshelve::KIND => Asked::Unshelve.name(),
        attach::PortAttach::KIND => Asked::Attach.name(),
        attach::PortDetach::KIND => Asked::Detach.name(),
        LOCK => "lock",
        UNLOCK => "unlock",
        RESET => "resetState",
        _ => return None,
    })
}

impl Action {
    /// Whether it is over, and whether it went well.
    pub(crate) fn outcome(&self) -> Option<bool> {
        match self.record.phase.as_str() {
            "done" => Some(true),
            "undone" => Some(false),
            _ => None,
        }
    }

    /// The short word for a failure.
    pub(crate) fn message(&self) -> Option<&'static str> {
        (self.outcome() == Some(false) || self.record.phase == "undo").then_some("Error")
    }
}
