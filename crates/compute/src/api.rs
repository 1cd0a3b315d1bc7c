//! The HTTP API: one file per resource.

mod versions;

use axum::Router;

use crate::Compute;

/// Every route.
pub(crate) fn routes() -> Router<Compute> {
    Router::new().merge(versions::routes())
}
