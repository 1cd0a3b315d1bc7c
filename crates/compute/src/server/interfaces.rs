//! Ports of a server that exists: attached and detached.

use std::time::Duration;

use ::api::{Error, Kind, Result};
use identity::Caller;
use network::{PortGone, PortInfo};
use trace::Traced as _;

use super::{Server, Wanted};
use crate::Compute;
use crate::state::Action;
use crate::store::servers::server_get;
use crate::work::attach::{PLUG, PortAttach, PortDetach};

const LIMIT_MINUTES: i64 = 10;

/// How long a caller waits for a port to be attached.
const PATIENCE: Duration = Duration::from_secs(100);

impl Compute {
    /// Attaches a port that is made or there already, and waits for it.
    pub(crate) async fn port_attach(&self, caller: &Caller, server: &Server, wanted: Vec<Wanted>) -> Result<PortInfo> {
        let wanted = self.port_wanted(caller, server, wanted).await?;
        let tx = self.server_claim(Some(caller), server, Action::Attach).await?;
        // Later ports come behind earlier ones.
        let position = self.runtime().clock.now().as_microsecond();
        let data = PortAttach { server_id: server.id.clone(), wanted, position };
        let operation = self.server_submit(tx, Some(caller), server, LIMIT_MINUTES, data).await?;
        self.port_attach_wait(server, &operation).await?;
        let port_id = self.0.deps.network.server_port_at(&server.id, position).await?;
        let ports = self.ports_of(&server.id).await?;
        let port = ports.into_iter().find(|port| Some(&port.id) == port_id.as_ref());
        port.ok_or_else(|| Error::conflict("The port was detached again at the same moment."))
    }

    /// The one port that is meant, as far as it can be had.
    async fn port_wanted(&self, caller: &Caller, server: &Server, mut wanted: Vec<Wanted>) -> Result<Wanted> {
        let network = &self.0.deps.network;
        if wanted.is_empty() {
            let mut usable = network.networks_default(&server.project_id).traced("network", "find networks").await?;
            if usable.len() > 1 {
                return Err(Error::conflict("Multiple possible networks found, use a Network ID to be more specific."));
            }
            let network_id = usable.pop().ok_or_else(|| Error::bad_request("The project has no network; name one."))?;
            wanted.push(Wanted { network_id: Some(network_id), ..Wanted::default() });
        }
        let asked: Vec<network::WantedPort> = wanted.iter().cloned().map(Into::into).collect();
        network.networks_check(caller, &asked, &[]).traced("network", "check networks").await?;
        wanted.pop().ok_or_else(|| Error::bad_request("Name a network or a port."))
    }

    /// Promises that a port leaves the server.
    pub(crate) async fn port_detach(&self, caller: &Caller, server: &Server, port_id: &str) -> Result<()> {
        let ports = self.ports_of(&server.id).await?;
        if ports.iter().all(|port| port.id != port_id) {
            return Err(Error::not_found(format!("Port id {port_id} could not be found on instance {}.", server.id)));
        }
        let tx = self.server_claim(Some(caller), server, Action::Detach).await?;
        let data = PortDetach { server_id: server.id.clone(), port_id: port_id.to_owned(), gone: None };
        self.server_submit(tx, Some(caller), server, LIMIT_MINUTES, data).await.map(drop)
    }

    /// Promises that the cards of ports that were deleted leave their guests. What a server's state does not permit now
    /// waits for the next look.
    pub(crate) async fn ports_gone_detach(&self) -> Result<()> {
        for gone in self.0.deps.network.ports_gone().await? {
            if let Err(error) = self.port_gone_detach(&gone).await {
                tracing::warn!(server = gone.server_id, port = gone.port_id, %error, "a deleted port's card stays for now");
            }
        }
        Ok(())
    }

    async fn port_gone_detach(&self, gone: &PortGone) -> Result<()> {
        let network = &self.0.deps.network;
        let server = server_get(self.db(), &gone.server_id).await?;
        let Some(server) = server.filter(|server| !server.host.is_empty()) else {
            // It is on no node. When it comes to one it is told of the ports that there are.
            let mut tx = self.db().begin().await?;
            network.port_gone_take(&mut tx, &gone.port_id).await?;
            return Ok(tx.commit().await?);
        };
        if server.permits(Action::Detach).is_err() || !self.host_is_up(&server.host).await? {
            return Ok(());
        }
        let mut tx = self.server_claim(None, &server, Action::Detach).await?;
        if network.port_gone_take(&mut tx, &gone.port_id).await? {
            let data =
                PortDetach { server_id: server.id.clone(), port_id: gone.port_id.clone(), gone: Some(gone.clone()) };
            self.server_submit(tx, None, &server, LIMIT_MINUTES, data).await?;
        }
        Ok(())
    }

    /// Waits for the operation to end; its failure is the answer: 400 when there is no such port to be had, 500 when the
    /// node could not attach it.
    async fn port_attach_wait(&self, server: &Server, id: &str) -> Result<()> {
        let work = &self.0.deps.work;
        let end = tokio::time::Instant::now() + PATIENCE;
        let mut pause = Duration::from_millis(2);
        loop {
            match work.outcome(id).await? {
                Some(None) => return Ok(()),
                Some(Some(failure)) if work.steps(id).await?.iter().any(|step| step.name == PLUG) => {
                    let message = format!("Failed to attach a network interface to {}: {failure}", server.id);
                    return Err(Error::new(Kind::Internal, message));
                }
                Some(Some(failure)) => return Err(Error::bad_request(failure)),
                None if tokio::time::Instant::now() > end => {
                    return Err(Error::conflict("It takes longer than usual; look at the server's actions."));
                }
                None => tokio::time::sleep(pause).await,
            }
            pause = (pause * 2).min(Duration::from_millis(250));
        }
    }
}
