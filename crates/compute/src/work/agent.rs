//! Asking a node's agent.

use std::time::Duration;

use ::work::{Failure, Progress};
use protocol::{Answer, Call, Problem, agent_queue};

use crate::Compute;
use crate::server::Server;

/// How often an agent is asked before a step fails.
const TRIES: i64 = 3;

/// How often it is looked whether the node of a call still reports, and after how many looks in vain it counts as lost.
const LOOK: Duration = Duration::from_secs(60);
const LOST_LOOKS: u32 = 15;

/// Why an agent did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    /// It did not answer.
    #[error("the node's agent does not answer: {0}")]
    Away(String),
    /// It answered that it could not.
    #[error(transparent)]
    Problem(Problem),
}

impl Trouble {
    /// What it means for a step: what may pass is tried again a few times.
    pub(super) fn in_step(self, to: &Progress) -> Failure {
        match self {
            Self::Problem(Problem::Permanent(reason)) => Failure::Fatal(reason),
            trouble if to.attempts + 1 >= TRIES => Failure::Fatal(trouble.to_string()),
            trouble => trouble.into(),
        }
    }
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        Self::Retry(trouble.to_string())
    }
}

/// How long an agent may take, before it counts as away.
fn limit(call: &Call) -> Duration {
    Duration::from_secs(match call {
        Call::ImageFetch { .. } => 30 * 60,
        Call::DisksCreate { .. } => 10 * 60,
        Call::ServerStop { grace_seconds, .. } => u64::from(*grace_seconds) + 60,
        Call::ServerStart { .. } | Call::ServerReboot { .. } => 5 * 60,
        Call::ServerResume { .. } | Call::ServerSuspend { .. } => 10 * 60,
        Call::DisksRebuild { .. } | Call::DisksResizeRevert { .. } => 30 * 60,
        // These copy whole disks.
        Call::DiskUpload { .. } | Call::DisksResize { .. } => 6 * 3600,
        Call::ServerDelete { .. }
        | Call::PortsPlug { .. }
        | Call::PortAttach { .. }
        | Call::PortDetach { .. }
        | Call::DisksResizeConfirm { .. }
        | Call::RescueEnd { .. } => 2 * 60,
        Call::ServerPause { .. }
        | Call::ServerUnpause { .. }
        | Call::ServerCrashDump { .. }
        | Call::ServerPassword { .. } => 60,
        Call::ServerDiagnostics { .. } => 15,
        Call::ConsoleOutput { .. } | Call::ConsoleAddress { .. } => 15,
    })
}

impl Compute {
    /// Asks the agent of `host`.
    pub(crate) async fn ask(&self, host: &str, call: &Call) -> Result<Answer, Trouble> {
        let limit = limit(call).min(self.options().call_limit);
        let asked = async {
            trace::node(host);
            let queue = agent_queue(host);
            let answer = tokio::select! {
                answer = self.0.deps.rpc.call(&queue, call, limit) => answer.map_err(|error| error.to_string()),
                () = self.host_lost(host) => Err("it does not report any more".to_owned()),
            };
            let trouble = match answer {
                Ok(Answer::Problem(problem)) => Trouble::Problem(problem),
                Ok(answer) => return Ok(answer),
                Err(error) => Trouble::Away(error),
            };
            trace::failed(&trouble);
            Err(trouble)
        };
        trace::span("agent", call.name(), asked).await
    }

    /// Returns when a node has not reported for long: a call that may take hours does not wait that long for it.
    async fn host_lost(&self, host: &str) {
        let mut away = 0;
        while away < LOST_LOOKS {
            tokio::time::sleep(LOOK).await;
            let is_up = self.host_is_up(host).await.unwrap_or(true);
            away = if is_up { 0 } else { away + 1 };
        }
    }

    /// Asks the agent of a server's node within a step: trouble that may pass is tried again a few times.
    pub(crate) async fn ask_step(&self, server: &Server, call: &Call, to: &mut Progress) -> Result<Answer, Failure> {
        to.host = Some(server.host.clone());
        self.ask_for(to, &server.host, call).await.map_err(|trouble| trouble.in_step(to))
    }

    /// Asks the agent while something is undone. What does not work after a few tries, or at once when the node is
    /// away, is left: the answer then says why.
    pub(crate) async fn ask_undo(
        &self,
        server: &Server,
        call: &Call,
        to: &mut Progress,
    ) -> Result<Option<String>, Failure> {
        to.host = Some(server.host.clone());
        let trouble = match self.ask(&server.host, call).await {
            Ok(_) | Err(Trouble::Problem(Problem::NotFound)) => return Ok(None),
            Err(trouble) => trouble,
        };
        let gone = matches!(trouble, Trouble::Away(_)) && !self.host_is_up(&server.host).await.map_err(super::retry)?;
        let hopeless = matches!(trouble, Trouble::Problem(Problem::Permanent(_)));
        if gone || hopeless || to.attempts + 1 >= TRIES {
            tracing::warn!(host = server.host, server = server.id, %trouble, "a node could not take something back");
            return Ok(Some(trouble.to_string()));
        }
        Err(trouble.into())
    }

    /// Asks the agent on behalf of an operation, and stops waiting when something takes the operation's place.
    pub(crate) async fn ask_for(&self, to: &Progress, host: &str, call: &Call) -> Result<Answer, Trouble> {
        tokio::select! {
            answer = self.ask(host, call) => answer,
            () = to.cancelled.cancelled() => {
                Err(Trouble::Problem(Problem::Permanent("a later request took the place of this one".to_owned())))
            }
        }
    }

    /// Leaves nothing of the server on the node. One that is away is asked when it is back.
    pub(crate) async fn sweep(&self, host: &str, server_id: &str, attempts: i64) -> Result<(), Failure> {
        let taps = match self.ports_of(server_id).await {
            Ok(ports) => ports.iter().map(tap_name).collect(),
            Err(error) => return Err(super::retry(error)),
        };
        let call = Call::ServerDelete { server_id: server_id.to_owned(), taps };
        match self.ask(host, &call).await {
            Ok(_) | Err(Trouble::Problem(Problem::NotFound)) => Ok(()),
            Err(trouble @ Trouble::Away(_)) => {
                if attempts > 0 || !self.host_is_up(host).await.map_err(super::retry)? {
                    tracing::warn!(host, server = server_id, "the node is away; it cleans up when it is back");
                    return self.leftover_note(host, server_id).await.map_err(super::retry);
                }
                Err(trouble.into())
            }
            Err(trouble) => Err(trouble.into()),
        }
    }

    /// Whether the agent of the node reports.
    pub(crate) async fn host_is_up(&self, host: &str) -> ::api::Result<bool> {
        let fleet = self.fleet().await?;
        Ok(fleet.of_host(host).is_some_and(|known| self.known_is_up(&fleet, known)))
    }
}

/// The tap of a port, as the node names it.
fn tap_name(port: &network::PortInfo) -> String {
    protocol::ServerPort {
        id: port.id.clone(),
        network_id: port.network_id.clone(),
        mac_address: port.mac_address.clone(),
        mtu: port.mtu,
    }
    .tap_name()
}
