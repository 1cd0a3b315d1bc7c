//! Hears the agents.

use std::sync::Arc;

use protocol::{CONTROL_QUEUE, Report, ReportAnswer};

use crate::Compute;

impl Compute {
    /// Makes the work on servers runnable and starts hearing the agents.
    pub async fn start(&self) -> Result<(), bus::Error> {
        crate::work::register(self);
        let compute = self.clone();
        bus::rpc::serve(Arc::clone(&self.0.deps.bus), self.runtime(), CONTROL_QUEUE, move |report: Report| {
            let compute = compute.clone();
            async move { compute.report(report).await }
        })
        .await
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
