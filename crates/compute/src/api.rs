//! The HTTP API: one file per resource.

pub(crate) mod common;

mod extensions;
mod flavor_extras;
mod flavors;
mod hypervisors;
mod key_pairs;
mod quotas;
mod services;
mod versions;
mod zones;

use axum::Router;

use crate::Compute;

/// Every route.
pub(crate) fn routes() -> Router<Compute> {
    Router::new()
        .merge(versions::routes())
        .merge(flavors::routes())
        .merge(flavor_extras::routes())
        .merge(key_pairs::routes())
        .merge(quotas::routes())
        .merge(services::routes())
        .merge(hypervisors::routes())
        .merge(zones::routes())
        .merge(extensions::routes())
}
