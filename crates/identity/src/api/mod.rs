//! The HTTP face: one file per resource, routes and shapes only.

mod auth;
mod tokens;
mod versions;

use api::{Service, Style};
use axum::Router;

use crate::Identity;

/// Every route of the identity API.
pub(crate) fn router(identity: Identity) -> Router {
    let routes = Router::new().merge(versions::routes()).merge(tokens::routes()).merge(auth::routes());
    Service { prefix: "/identity", style: Style::Identity, negotiation: None }.wrap(routes.with_state(identity))
}
