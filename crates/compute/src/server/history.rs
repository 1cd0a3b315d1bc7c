//! What was done to a server: durable work, told as instance actions and their events.

use ::api::{Error, Result};
use work::{Record, StepRecord};

use super::work_target;
use crate::Compute;
use crate::work::{create::ServerCreate, delete::ServerDelete, power::ServerPower};

/// One thing that was asked of a server.
pub(crate) struct Action {
    pub(crate) name: &'static str,
    pub(crate) record: Record,
}

impl Compute {
    /// What was asked of the server, newest first. It stays readable after the server is gone.
    pub(crate) async fn actions_of(&self, server_id: &str) -> Result<Vec<Action>> {
        let records = self.0.deps.work.history(&work_target(server_id)).await?;
        Ok(records.into_iter().map(|record| Action { name: name_of(&record), record }).collect())
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

fn name_of(record: &Record) -> &'static str {
    use work::Operation as _;
    match record.kind.as_str() {
        ServerCreate::KIND => "create",
        ServerDelete::KIND => "delete",
        ServerPower::KIND => {
            serde_json::from_str::<ServerPower>(&record.data).map_or("power", |operation| operation.power.name())
        }
        _ => "other",
    }
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
