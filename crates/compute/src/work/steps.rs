//! What operations on a server that exists share: what they remember of it, and steps.

use std::time::Duration;

use ::work::{Failure, Operation, Progress, Step};
use async_trait::async_trait;
use protocol::{Call, PowerState, ServerSpec};
use serde::{Deserialize, Serialize};

use super::failure;
use crate::server::spec::server_spec;
use crate::server::{Fault, Image, Server};
use crate::store::servers::{Change, state_change};
use crate::{Compute, state};

/// How long a guest may take to shut down by itself.
pub(super) const GRACE_SECONDS: u32 = 60;

/// Why a last step undoes the work after all: the server went on its way out between it and the step before.
pub(super) fn overtaken() -> Failure {
    Failure::Fatal("The server is being deleted.".to_owned())
}

/// What a server was before an operation began.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Before {
    pub(crate) vm_state: String,
    /// Why it cannot be that again; then it ends in ERROR.
    #[serde(default)]
    pub(crate) broken: Option<String>,
}

impl Before {
    pub(crate) fn of(server: &Server) -> Self {
        Self { vm_state: server.vm_state.clone(), broken: None }
    }

    /// Whether its domain ran, as far as anybody knows.
    pub(crate) fn ran(&self) -> bool {
        matches!(self.vm_state.as_str(), state::ACTIVE | state::RESCUED | state::ERROR)
    }

    /// How long its guest may take to shut down: one that does not run cannot.
    pub(super) fn grace_seconds(&self) -> u32 {
        if self.ran() { GRACE_SECONDS } else { 0 }
    }
}

/// An operation on a server that exists.
#[async_trait]
pub(crate) trait OnServer: Operation<Context = Compute> {
    /// The server's id.
    fn server_id(&self) -> &str;

    /// What the server was.
    fn before(&mut self) -> &mut Before;

    /// Makes the row what it was before, for starting the server again as it was.
    fn as_before(&self, _: &mut Server) {}

    /// Forgets what is secret and needed no more, when the operation failed.
    fn forget(&mut self) {}

    /// Gives back what was taken when the operation was promised, when it failed. May be called again.
    async fn give_back(&self, _: &Compute) -> Result<(), Failure> {
        Ok(())
    }
}

/// Begins. Undone last, the server is what it was, or in ERROR when that cannot be; the fault says why.
pub(super) struct Begin;

#[async_trait]
impl<O: OnServer> Step<O> for Begin {
    fn name(&self) -> &'static str {
        "begin"
    }

    async fn run(&self, _: &Compute, _: &mut O, _: &mut Progress) -> Result<(), Failure> {
        Ok(())
    }

    async fn undo(&self, compute: &Compute, operation: &mut O, to: &mut Progress) -> Result<(), Failure> {
        operation.give_back(compute).await?;
        operation.forget();
        let now = compute.runtime().clock.now();
        let message = to.failure.clone().unwrap_or_else(|| "The operation failed.".to_owned());
        let before = operation.before().clone();
        let details = before.broken.clone().unwrap_or_default();
        let fault = Fault { code: 500, message, details, created: now };
        let vm_state = if before.broken.is_some() { state::ERROR } else { &before.vm_state };
        let states =
            Change { vm_state: Some(vm_state), task_state: Some(""), fault: Some(&fault), ..Change::default() };
        change(compute, operation.server_id(), &states).await
    }
}

/// Has the server off. Undone, it runs again if it did.
pub(super) struct PowerOff;

#[async_trait]
impl<O: OnServer> Step<O> for PowerOff {
    fn name(&self) -> &'static str {
        "power_off"
    }

    async fn run(&self, compute: &Compute, operation: &mut O, to: &mut Progress) -> Result<(), Failure> {
        let server = super::server(compute, operation.server_id()).await?;
        let grace_seconds = operation.before().grace_seconds();
        let call = Call::ServerStop { server_id: server.id.clone(), grace_seconds };
        compute.ask_step(&server, &call, to).await?;
        // What was paused is gone with its memory.
        if operation.before().vm_state == state::PAUSED {
            operation.before().vm_state = state::STOPPED.to_owned();
        }
        Ok(())
    }

    async fn undo(&self, compute: &Compute, operation: &mut O, to: &mut Progress) -> Result<(), Failure> {
        if !operation.before().ran() || operation.before().broken.is_some() {
            return Ok(());
        }
        let mut server = super::server(compute, operation.server_id()).await?;
        operation.as_before(&mut server);
        let call = Call::ServerStart { server: spec(compute, &server).await? };
        operation.before().broken = compute.ask_undo(&server, &call, to).await?;
        Ok(())
    }
}

/// Has the server running as its row says, if it ran before. Undone, it is off.
pub(super) struct PowerOn;

#[async_trait]
impl<O: OnServer> Step<O> for PowerOn {
    fn name(&self) -> &'static str {
        "power_on"
    }

    async fn run(&self, compute: &Compute, operation: &mut O, to: &mut Progress) -> Result<(), Failure> {
        if !operation.before().ran() {
            return Ok(());
        }
        power_on(compute, operation, to).await
    }

    async fn undo(&self, compute: &Compute, operation: &mut O, to: &mut Progress) -> Result<(), Failure> {
        power_off_at_once(compute, operation, to).await
    }
}

/// Has the server running as its row says.
pub(super) async fn power_on<O: OnServer>(
    compute: &Compute,
    operation: &mut O,
    to: &mut Progress,
) -> Result<(), Failure> {
    let server = super::server(compute, operation.server_id()).await?;
    let call = Call::ServerStart { server: spec(compute, &server).await? };
    compute.ask_step(&server, &call, to).await.map(drop)
}

/// Switches the server off while something is undone.
pub(super) async fn power_off_at_once<O: OnServer>(
    compute: &Compute,
    operation: &mut O,
    to: &mut Progress,
) -> Result<(), Failure> {
    let server = super::server(compute, operation.server_id()).await?;
    let call = Call::ServerStop { server_id: server.id.clone(), grace_seconds: 0 };
    if let Some(left) = compute.ask_undo(&server, &call, to).await? {
        operation.before().broken = Some(left);
    }
    Ok(())
}

/// Has an image on the server's node.
pub(super) async fn image_on_node(
    compute: &Compute,
    server: &Server,
    image_id: &str,
    image: &Image,
    to: &mut Progress,
) -> Result<(), Failure> {
    let call = compute.image_fetch(image_id, image, Duration::from_secs(3600));
    compute.ask_step(server, &call, to).await.map(drop)
}

/// The server as its node needs to know it.
pub(super) async fn spec(compute: &Compute, server: &Server) -> Result<ServerSpec, Failure> {
    spec_telling(compute, server, None).await
}

/// The same with a password that the guest is told.
pub(super) async fn spec_telling(
    compute: &Compute,
    server: &Server,
    admin_pass: Option<&str>,
) -> Result<ServerSpec, Failure> {
    let ports = compute.ports_of(&server.id).await.map_err(failure)?;
    Ok(server_spec(compute, server, &ports, admin_pass))
}

/// Changes the server's row.
pub(super) async fn change(compute: &Compute, id: &str, change: &Change<'_>) -> Result<(), Failure> {
    let mut tx = compute.db().begin().await?;
    state_change(&mut tx, id, None, change, compute.runtime().clock.now()).await?;
    tx.commit().await?;
    Ok(())
}

/// The state and power of a server whose domain runs or not.
pub(super) fn settled(runs: bool) -> Change<'static> {
    let (vm_state, power) =
        if runs { (state::ACTIVE, PowerState::Running) } else { (state::STOPPED, PowerState::Shutdown) };
    Change { vm_state: Some(vm_state), task_state: Some(""), power_state: Some(power.number()), ..Change::default() }
}
