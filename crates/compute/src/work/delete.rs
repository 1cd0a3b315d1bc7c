//! Removing a server. Its steps are not undone: each is tried until it succeeds.

use ::work::{Failure, Operation, Progress, Step};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::retry;
use crate::store::migrations::migration_status_set;
use crate::{Compute, quota, store};

/// Removes a server.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ServerDelete {
    pub(crate) server_id: String,
}

impl ServerDelete {
    pub(crate) fn new(server_id: &str) -> Self {
        Self { server_id: server_id.to_owned() }
    }
}

impl Operation for ServerDelete {
    const KIND: &'static str = "server_delete";
    const GIVES_UP: bool = false;
    type Context = Compute;

    fn steps() -> &'static [&'static dyn Step<Self>] {
        &[&Terminate, &Ports, &Allocation, &Forget]
    }
}

/// Removes domain, taps and disks. A node that is down does so when it is back.
struct Terminate;

#[async_trait]
impl Step<ServerDelete> for Terminate {
    fn name(&self) -> &'static str {
        "terminate"
    }

    async fn run(&self, compute: &Compute, operation: &mut ServerDelete, to: &mut Progress) -> Result<(), Failure> {
        let server = store::servers::server_get(compute.db(), &operation.server_id).await?;
        let Some(server) = server.filter(|server| !server.host.is_empty()) else { return Ok(()) };
        to.host = Some(server.host.clone());
        compute.sweep(&server.host, &server.id, to.attempts).await
    }
}

/// Deletes the ports that were made for the server and gives the others back.
struct Ports;

#[async_trait]
impl Step<ServerDelete> for Ports {
    fn name(&self) -> &'static str {
        "ports"
    }

    async fn run(&self, compute: &Compute, operation: &mut ServerDelete, _: &mut Progress) -> Result<(), Failure> {
        compute.ports_delete(&operation.server_id).await.map_err(retry)
    }
}

/// Gives the node's resources back.
struct Allocation;

#[async_trait]
impl Step<ServerDelete> for Allocation {
    fn name(&self) -> &'static str {
        "allocation"
    }

    async fn run(&self, compute: &Compute, operation: &mut ServerDelete, _: &mut Progress) -> Result<(), Failure> {
        compute.allocation_release(&operation.server_id).await.map_err(retry)
    }
}

/// Marks the server as gone and gives the quota back, in one transaction.
struct Forget;

#[async_trait]
impl Step<ServerDelete> for Forget {
    fn name(&self) -> &'static str {
        "forget"
    }

    async fn run(&self, compute: &Compute, operation: &mut ServerDelete, _: &mut Progress) -> Result<(), Failure> {
        let Some(server) = store::servers::server_get(compute.db(), &operation.server_id).await? else {
            return Ok(());
        };
        if !server.shelved_image_id.is_empty() {
            compute.image_discard(&server.shelved_image_id).await.map_err(retry)?;
        }
        let now = compute.runtime().clock.now();
        let mut tx = compute.db().begin().await?;
        if let Some(from) = server.resized_from() {
            migration_status_set(&mut tx, &from.migration_id, "finished", "confirmed", now).await?;
        }
        if store::servers::server_bury(&mut tx, &server.id, now).await? {
            quota::release(&mut tx, &compute.0.deps.identity, &server.project_id, &server.quota_held())
                .await
                .map_err(retry)?;
        }
        tx.commit().await?;
        Ok(())
    }
}
