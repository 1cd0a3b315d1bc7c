//! What one call to a server's node does: power, pause, suspend, crash dump, password.

use ::work::{Failure, Operation, Progress, Step};
use async_trait::async_trait;
use protocol::{Call, PowerState, RebootKind};
use serde::{Deserialize, Serialize};

use super::steps::{self, GRACE_SECONDS};
use crate::Compute;
use crate::server::Server;
use crate::state::Action;
use crate::store::servers::{Change, From, state_change};

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Power {
    Start,
    Stop,
    RebootSoft,
    RebootHard,
    Pause,
    Unpause,
    Suspend,
    Resume,
    CrashDump,
}

impl Power {
    /// The action whose rules apply.
    pub(crate) fn action(self) -> Action {
        match self {
            Self::Start => Action::Start,
            Self::Stop => Action::Stop,
            Self::RebootSoft => Action::RebootSoft,
            Self::RebootHard => Action::RebootHard,
            Self::Pause => Action::Pause,
            Self::Unpause => Action::Unpause,
            Self::Suspend => Action::Suspend,
            Self::Resume => Action::Resume,
            Self::CrashDump => Action::CrashDump,
        }
    }

    /// Its name in the list of actions.
    pub(crate) fn name(self) -> &'static str {
        self.action().name()
    }

    /// The power that the server has afterwards; `None` if that is what it was.
    fn power_state(self) -> Option<PowerState> {
        match self {
            Self::Stop | Self::Suspend => Some(PowerState::Shutdown),
            Self::Pause => Some(PowerState::Paused),
            Self::CrashDump => None,
            _ => Some(PowerState::Running),
        }
    }

    async fn call(self, compute: &Compute, server: &Server) -> Result<Call, Failure> {
        let server_id = server.id.clone();
        Ok(match self {
            Self::Start => Call::ServerStart { server: steps::spec(compute, server).await? },
            Self::Stop => Call::ServerStop { server_id, grace_seconds: GRACE_SECONDS },
            Self::RebootSoft => {
                Call::ServerReboot { server: steps::spec(compute, server).await?, kind: RebootKind::Soft }
            }
            Self::RebootHard => {
                Call::ServerReboot { server: steps::spec(compute, server).await?, kind: RebootKind::Hard }
            }
            Self::Pause => Call::ServerPause { server_id },
            Self::Unpause => Call::ServerUnpause { server_id },
            Self::Suspend => Call::ServerSuspend { server_id },
            Self::Resume => Call::ServerResume { server: steps::spec(compute, server).await? },
            Self::CrashDump => Call::ServerCrashDump { server_id },
        })
    }
}

/// Changes a server's power.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ServerPower {
    pub(crate) server_id: String,
    pub(crate) power: Power,
}

impl ServerPower {
    pub(crate) fn new(server_id: &str, power: Power) -> Self {
        Self { server_id: server_id.to_owned(), power }
    }
}

impl Operation for ServerPower {
    const KIND: &'static str = "server_power";
    type Context = Compute;

    fn steps() -> &'static [&'static dyn Step<Self>] {
        &[&Switch, &Settle]
    }
}

/// Has the node do it. Undone, the server is as it was before, as far as anybody knows.
struct Switch;

#[async_trait]
impl Step<ServerPower> for Switch {
    fn name(&self) -> &'static str {
        "switch"
    }

    async fn run(&self, compute: &Compute, operation: &mut ServerPower, to: &mut Progress) -> Result<(), Failure> {
        let server = super::server(compute, &operation.server_id).await?;
        let call = operation.power.call(compute, &server).await?;
        compute.ask_step(&server, &call, to).await.map(drop)
    }

    async fn undo(&self, compute: &Compute, operation: &mut ServerPower, to: &mut Progress) -> Result<(), Failure> {
        if to.cancelled.is_cancelled() {
            return Ok(()); // What took its place has the server now.
        }
        let server = super::server(compute, &operation.server_id).await?;
        let now = compute.runtime().clock.now();
        let change = Change { task_state: Some(""), ..Change::default() };
        let from = From { vm_state: &server.vm_state, task_state: operation.power.action().task() };
        let mut tx = compute.db().begin().await?;
        state_change(&mut tx, &server.id, Some(from), &change, now).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// Says what the server is now.
struct Settle;

#[async_trait]
impl Step<ServerPower> for Settle {
    fn name(&self) -> &'static str {
        "settle"
    }

    async fn run(&self, compute: &Compute, operation: &mut ServerPower, _: &mut Progress) -> Result<(), Failure> {
        let server = super::server(compute, &operation.server_id).await?;
        let mut change = Change::default();
        let mut from = None;
        let action = operation.power.action();
        if let Some(power_state) = operation.power.power_state() {
            let (vm_state, power_state) = (Some(action.result()), Some(power_state.number()));
            change = Change { vm_state, task_state: Some(""), power_state, ..change };
            // If something took its place, the server is that one's.
            from = Some(From { vm_state: &server.vm_state, task_state: action.task() });
        }
        let mut tx = compute.db().begin().await?;
        state_change(&mut tx, &operation.server_id, from, &change, compute.runtime().clock.now()).await?;
        tx.commit().await?;
        Ok(())
    }
}
