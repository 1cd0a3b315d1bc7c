//! Starting, stopping and rebooting a server.

use ::work::{Failure, Operation, Progress, Step};
use async_trait::async_trait;
use protocol::{Call, PowerState, Problem, RebootKind};
use serde::{Deserialize, Serialize};

use super::agent::Trouble;
use super::failure;
use crate::Compute;
use crate::server::spec::server_spec;
use crate::state::{self, Action};
use crate::store::servers::{Change, state_change};

/// How long a guest may take to shut down by itself.
const GRACE_SECONDS: u32 = 60;

/// How often an agent is asked before the server is left as it is.
const TRIES: i64 = 3;

/// What is to be done with the power.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Power {
    Start,
    Stop,
    RebootSoft,
    RebootHard,
}

impl Power {
    /// The action whose rules apply.
    pub(crate) fn action(self) -> Action {
        match self {
            Self::Start => Action::Start,
            Self::Stop => Action::Stop,
            Self::RebootSoft => Action::RebootSoft,
            Self::RebootHard => Action::RebootHard,
        }
    }

    /// Its name in the list of actions.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::RebootSoft | Self::RebootHard => "reboot",
        }
    }

    fn outcome(self) -> (&'static str, PowerState) {
        match self {
            Self::Stop => (state::STOPPED, PowerState::Shutdown),
            Self::Start | Self::RebootSoft | Self::RebootHard => (state::ACTIVE, PowerState::Running),
        }
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
        let ports = compute.ports_of(&server.id).await.map_err(failure)?;
        let spec = server_spec(compute, &server, &ports, None);
        let call = match operation.power {
            Power::Start => Call::ServerStart { server: spec },
            Power::Stop => Call::ServerStop { server_id: server.id.clone(), grace_seconds: GRACE_SECONDS },
            Power::RebootSoft => Call::ServerReboot { server: spec, kind: RebootKind::Soft },
            Power::RebootHard => Call::ServerReboot { server: spec, kind: RebootKind::Hard },
        };
        to.host = Some(server.host.clone());
        match compute.ask_for(&server.id, &server.host, &call).await {
            Ok(_) => Ok(()),
            Err(Trouble::Problem(Problem::Permanent(reason))) => Err(Failure::Fatal(reason)),
            Err(trouble) if to.attempts + 1 >= TRIES => Err(Failure::Fatal(trouble.to_string())),
            Err(trouble) => Err(trouble.into()),
        }
    }

    async fn undo(&self, compute: &Compute, operation: &mut ServerPower, _: &mut Progress) -> Result<(), Failure> {
        let change = Change { task_state: Some(""), ..Change::default() };
        let mut tx = compute.db().begin().await?;
        state_change(&mut tx, &operation.server_id, None, &change, compute.runtime().clock.now()).await?;
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
        let (vm_state, power_state) = operation.power.outcome();
        let change = Change {
            vm_state: Some(vm_state),
            task_state: Some(""),
            power_state: Some(power_state.number()),
            ..Change::default()
        };
        let mut tx = compute.db().begin().await?;
        state_change(&mut tx, &operation.server_id, None, &change, compute.runtime().clock.now()).await?;
        tx.commit().await?;
        Ok(())
    }
}
