//! Durable operations on servers.

pub(crate) mod agent;
pub(crate) mod attach;
pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod images_cache;
pub(crate) mod password;
mod place;
pub(crate) mod power;
pub(crate) mod rebuild;
pub(crate) mod rescue;
pub(crate) mod resize;
mod services;
pub(crate) mod shelve;
pub(crate) mod snapshot;
pub(crate) mod soft_delete;
pub(crate) mod steps;

use std::sync::Arc;

use ::work::Failure;

use crate::{Compute, server};

/// Makes this crate's kinds of work runnable.
pub(crate) fn register(compute: &Compute) {
    let work = &compute.0.deps.work;
    let context = Arc::new(compute.clone());
    work.register::<create::ServerCreate>(Arc::clone(&context));
    work.register::<delete::ServerDelete>(Arc::clone(&context));
    work.register::<soft_delete::ServerSoftDelete>(Arc::clone(&context));
    work.register::<soft_delete::ServerRestore>(Arc::clone(&context));
    work.register::<power::ServerPower>(Arc::clone(&context));
    work.register::<password::ServerPassword>(Arc::clone(&context));
    work.register::<rebuild::ServerRebuild>(Arc::clone(&context));
    work.register::<rescue::ServerRescue>(Arc::clone(&context));
    work.register::<rescue::ServerUnrescue>(Arc::clone(&context));
    work.register::<snapshot::ServerSnapshot>(Arc::clone(&context));
    work.register::<resize::ServerResize>(Arc::clone(&context));
    work.register::<resize::ServerResizeConfirm>(Arc::clone(&context));
    work.register::<resize::ServerResizeRevert>(Arc::clone(&context));
    work.register::<shelve::ServerShelve>(Arc::clone(&context));
    work.register::<shelve::ServerOffload>(Arc::clone(&context));
    work.register::<shelve::ServerUnshelve>(Arc::clone(&context));
    work.register::<shelve::ShelvedImageDiscard>(Arc::clone(&context));
    work.register::<attach::PortAttach>(Arc::clone(&context));
    work.register::<attach::PortDetach>(Arc::clone(&context));
    work.register::<images_cache::ImagesCache>(context);
}

/// What another service's error means for a step: its own trouble passes, a refusal does not.
fn failure(error: ::api::Error) -> Failure {
    if error.status().is_server_error() {
        tracing::warn!(cause = ?error.cause, "{error}");
        Failure::Retry(error.message)
    } else {
        Failure::Fatal(error.message)
    }
}

/// The same where a refusal must not end the operation: undoing and deleting go on until they succeed.
fn retry(error: ::api::Error) -> Failure {
    tracing::warn!(cause = ?error.cause, "{error}");
    Failure::Retry(error.message)
}

/// The server, which is there as long as work on it is.
async fn server(compute: &Compute, id: &str) -> Result<server::Server, Failure> {
    crate::store::servers::server_get(compute.db(), id)
        .await?
        .ok_or_else(|| Failure::Fatal(format!("Instance {id} could not be found.")))
}
