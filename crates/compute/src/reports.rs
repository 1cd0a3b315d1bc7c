//! Hears the agents, and says that this process is alive.

use std::sync::Arc;
use std::time::Duration;

use protocol::{CONTROL_QUEUE, Report, ReportAnswer};

use crate::Compute;

/// What a control process does, by the names that OpenStack's processes have.
const SERVICES: &[&str] = &["nova-conductor", "nova-scheduler"];

/// How often it is looked for servers that have waited long enough, and for ports that were deleted elsewhere.
const WAITING_LOOK: Duration = Duration::from_secs(10);

impl Compute {
    /// Makes the work on servers runnable and starts hearing the agents.
    pub async fn start(&self) -> ::api::Result<()> {
        self.quota_start().await?;
        crate::work::register(self);
        let compute = self.clone();
        self.runtime().tasks.spawn_until_stop("compute services", async move { compute.stay_alive().await });
        let compute = self.clone();
        self.runtime().tasks.spawn_until_stop("servers in waiting", async move { compute.waiting_always().await });
        self.runtime().tasks.spawn_until_stop("leftovers", self.clone().leftovers_remove_always());
        let compute = self.clone();
        bus::rpc::serve(Arc::clone(&self.0.deps.bus), self.runtime(), CONTROL_QUEUE, move |report: Report| {
            let compute = compute.clone();
            async move { compute.report(report).await }
        })
        .await
        .map_err(::api::Error::internal)
    }

    /// Keeps the services of this process up in the list of services.
    async fn stay_alive(&self) {
        let mut turn = tokio::time::interval(self.options().service_down_after / 6);
        loop {
            turn.tick().await;
            if let Err(error) = self.services_seen(&self.options().host, SERVICES).await {
                tracing::warn!(%error, cause = ?error.cause, "the services of this process cannot be marked as alive");
            }
        }
    }

    /// Goes on with servers that have waited for as long as the operator lets them, and with those whose ports were deleted.
    async fn waiting_always(&self) {
        let mut turn = tokio::time::interval(WAITING_LOOK);
        loop {
            tokio::select! {
                _ = turn.tick() => {}
                () = self.0.deps.network.port_gone() => {}
            }
            for (what, done) in [
                ("detaching deleted ports", self.ports_gone_detach().await),
                ("confirming resizes", self.resizes_confirm().await),
                ("offloading shelved servers", self.shelved_offload().await),
                ("reclaiming deleted servers", self.deleted_reclaim().await),
            ] {
                if let Err(error) = done {
                    tracing::warn!(%error, cause = ?error.cause, "{what} failed; it is tried again");
                }
            }
        }
    }

    async fn report(&self, report: Report) -> ReportAnswer {
        match report {
            Report::Node(report) => self.node_report(&report).await.unwrap_or_else(|error| {
                tracing::warn!(host = report.host, %error, cause = ?error.cause, "a node's report is lost");
                ReportAnswer::default()
            }),
            Report::Server { host, server } => {
                if let Err(error) = self.server_report(&host, &server).await {
                    // The node's next whole report says the same.
                    tracing::warn!(host, %error, cause = ?error.cause, "a server's report is lost");
                }
                ReportAnswer::default()
            }
        }
    }
}
