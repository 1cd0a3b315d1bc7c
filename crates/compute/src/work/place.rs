//! Choosing a node for a new server and claiming what it takes there.

use std::time::Duration;

use ::work::{Failure, Progress, Step};
use async_trait::async_trait;
use jiff::SignedDuration;

use super::create::{ServerCreate, task_set};
use super::{failure, retry};
use crate::scheduling::Choice;
use crate::{Compute, store};

/// How long the first server of a cloud waits for the first node: libvirt looks at QEMU for seconds when it is new.
const FIRST_NODE: SignedDuration = SignedDuration::from_secs(60);

/// Chooses a node and claims it.
pub(super) struct Place;

#[async_trait]
impl Step<ServerCreate> for Place {
    fn name(&self) -> &'static str {
        "place"
    }

    async fn run(&self, compute: &Compute, operation: &mut ServerCreate, to: &mut Progress) -> Result<(), Failure> {
        let server = super::server(compute, &operation.server_id).await?;
        // A process that died here may have claimed a node that nobody remembers.
        compute.allocation_release(&server.id).await.map_err(failure)?;
        task_set(compute, &server.id, "scheduling").await?;
        let age = compute.runtime().clock.now().duration_since(server.created_at);
        if age < FIRST_NODE && !compute.has_nodes().await.map_err(failure)? {
            let reason = "no compute node has reported yet".to_owned();
            return Err(Failure::Wait { reason, after: Duration::from_millis(250) });
        }
        match compute.node_choose(&server, &operation.excluded).await.map_err(failure)? {
            Choice::Node { host } => {
                to.host = Some(host.clone());
                operation.host = Some(host);
                Ok(())
            }
            Choice::Raced => Err(Failure::Retry(
                "All suitable hosts were taken at the same moment, or have something of the server to remove first."
                    .to_owned(),
            )),
            Choice::Refused(refusal) => {
                operation.details = refusal.details();
                let mut message = refusal.message();
                if !operation.excluded.is_empty() {
                    message = format!("{message} The last host that was tried said: {}", operation.reason);
                }
                Err(Failure::Fatal(message))
            }
        }
    }

    async fn undo(&self, compute: &Compute, operation: &mut ServerCreate, _: &mut Progress) -> Result<(), Failure> {
        compute.allocation_release(&operation.server_id).await.map_err(retry)?;
        let mut tx = compute.db().begin().await?;
        let now = compute.runtime().clock.now();
        store::servers::host_set(&mut tx, &operation.server_id, "", "", now).await?;
        // A node that failed is avoided until a server comes up there.
        if let Some(failed) = operation.host.take().filter(|host| operation.excluded.contains(host)) {
            store::fleet::build_failed(&mut tx, &failed).await?;
        }
        tx.commit().await?;
        Ok(())
    }
}
