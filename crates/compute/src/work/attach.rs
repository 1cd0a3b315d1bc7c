//! Attaching ports to a server that exists, and detaching them.

use ::work::{Failure, Operation, Progress, Step};
use async_trait::async_trait;
use jiff::{Timestamp, ToSpan as _};
use network::PortGone;
use protocol::Call;
use serde::{Deserialize, Serialize};
use trace::Traced as _;

use super::{failure, retry, steps};
use crate::Compute;
use crate::server::spec::{server_port, server_port_gone};
use crate::server::{Server, Wanted};

/// Attaches a port to a server.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PortAttach {
    pub(crate) server_id: String,
    pub(crate) wanted: Wanted,
    /// The place of the port among the server's.
    pub(crate) position: i64,
}

/// Detaches a port from a server.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PortDetach {
    pub(crate) server_id: String,
    pub(crate) port_id: String,
    /// The port as it was, if the networks have it no more.
    #[serde(default)]
    pub(crate) gone: Option<PortGone>,
}

/// The step that the node does.
pub(crate) const PLUG: &str = "plug";

impl PortAttach {
    /// The port, once it is the server's.
    async fn port_id(&self, compute: &Compute) -> Result<Option<String>, Failure> {
        compute.0.deps.network.server_port_at(&self.server_id, self.position).await.map_err(retry)
    }
}

impl Operation for PortAttach {
    const KIND: &'static str = "port_attach";
    type Context = Compute;

    fn steps() -> &'static [&'static dyn Step<Self>] {
        &[&Take, &Plug]
    }
}

impl Operation for PortDetach {
    const KIND: &'static str = "port_detach";
    type Context = Compute;

    fn steps() -> &'static [&'static dyn Step<Self>] {
        &[&Unplug, &Give]
    }
}

/// Makes or takes the port and binds it to the node.
struct Take;

#[async_trait]
impl Step<PortAttach> for Take {
    fn name(&self) -> &'static str {
        "port"
    }

    async fn run(&self, compute: &Compute, operation: &mut PortAttach, _: &mut Progress) -> Result<(), Failure> {
        let server = super::server(compute, &operation.server_id).await?;
        let request = network::ServerPortsRequest {
            server_id: server.id.clone(),
            project_id: server.project_id.clone(),
            zone: crate::server::spec::zone(compute, &server),
            security_groups: Vec::new(),
            wanted: vec![operation.wanted.clone().into()],
            first: operation.position,
            dns_name: server.host_label().to_owned(),
        };
        let network = &compute.0.deps.network;
        network.server_ports_create(&request).traced("network", "make ports").await.map_err(failure)?;
        network.server_ports_bind(&server.id, &server.host).traced("network", "bind ports").await.map_err(failure)?;
        Ok(())
    }

    async fn undo(&self, compute: &Compute, operation: &mut PortAttach, _: &mut Progress) -> Result<(), Failure> {
        let network = &compute.0.deps.network;
        match operation.port_id(compute).await? {
            Some(port_id) => network.server_port_delete(&operation.server_id, &port_id).await.map_err(retry),
            None => Ok(()),
        }
    }
}

/// Has the port in the server.
struct Plug;

#[async_trait]
impl Step<PortAttach> for Plug {
    fn name(&self) -> &'static str {
        PLUG
    }

    async fn run(&self, compute: &Compute, operation: &mut PortAttach, to: &mut Progress) -> Result<(), Failure> {
        let server = super::server(compute, &operation.server_id).await?;
        let Some(port_id) = operation.port_id(compute).await? else {
            return Err(Failure::Fatal("The port was deleted while it was attached.".to_owned()));
        };
        let call = Call::PortAttach { server: steps::spec(compute, &server).await?, port_id };
        compute.ask_step(&server, &call, to).await.map(drop)
    }

    async fn undo(&self, compute: &Compute, operation: &mut PortAttach, to: &mut Progress) -> Result<(), Failure> {
        let server = super::server(compute, &operation.server_id).await?;
        let Some(port_id) = operation.port_id(compute).await? else { return Ok(()) };
        let Some(call) = detach_call(compute, &server, &port_id).await? else { return Ok(()) };
        compute.ask_undo(&server, &call, to).await.map(drop)
    }
}

/// When it is tried again to take out the card of a port that is gone, which the guest or the node did not let go.
const GONE_AGAIN_MINUTES: i64 = 10;

/// Has the port out of the server. Undone, it is in again; one that is gone is noted to be taken out later.
struct Unplug;

#[async_trait]
impl Step<PortDetach> for Unplug {
    fn name(&self) -> &'static str {
        "unplug"
    }

    async fn run(&self, compute: &Compute, operation: &mut PortDetach, to: &mut Progress) -> Result<(), Failure> {
        let server = super::server(compute, &operation.server_id).await?;
        let call = match &operation.gone {
            Some(gone) => Some(Call::PortDetach { server_id: server.id.clone(), port: server_port_gone(gone) }),
            None => detach_call(compute, &server, &operation.port_id).await?,
        };
        let Some(call) = call else { return Ok(()) };
        compute.ask_step(&server, &call, to).await.map(drop)
    }

    async fn undo(&self, compute: &Compute, operation: &mut PortDetach, to: &mut Progress) -> Result<(), Failure> {
        if let Some(gone) = &operation.gone {
            let pause = if to.cancelled.is_cancelled() { 0 } else { GONE_AGAIN_MINUTES };
            let then = compute.runtime().clock.now().checked_add(pause.minutes()).unwrap_or(Timestamp::MAX);
            return compute.0.deps.network.port_gone_again(gone, then).await.map_err(retry);
        }
        let server = super::server(compute, &operation.server_id).await?;
        let spec = steps::spec(compute, &server).await?;
        if spec.ports.iter().all(|port| port.id != operation.port_id) {
            return Ok(());
        }
        let call = Call::PortAttach { server: spec, port_id: operation.port_id.clone() };
        compute.ask_undo(&server, &call, to).await.map(drop)
    }
}

/// Deletes the port, if it was made for the server, or gives it back.
struct Give;

#[async_trait]
impl Step<PortDetach> for Give {
    fn name(&self) -> &'static str {
        "port"
    }

    async fn run(&self, compute: &Compute, operation: &mut PortDetach, _: &mut Progress) -> Result<(), Failure> {
        let network = &compute.0.deps.network;
        network.server_port_delete(&operation.server_id, &operation.port_id).await.map_err(failure)
    }
}

/// Asks for a port to be taken out of the server; `None` if the server does not have it.
async fn detach_call(compute: &Compute, server: &Server, port_id: &str) -> Result<Option<Call>, Failure> {
    let ports = compute.ports_of(&server.id).await.map_err(failure)?;
    let port = ports.iter().find(|port| port.id == port_id);
    Ok(port.map(|port| Call::PortDetach { server_id: server.id.clone(), port: server_port(port) }))
}
