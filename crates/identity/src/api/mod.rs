//! The HTTP face: one file per resource, routes and shapes only.

mod application_credentials;
mod assignments;
mod auth;
mod call;
mod catalog;
mod credentials;
mod document;
mod domain_configs;
mod domains;
mod ec2;
mod endpoint_filters;
mod grants;
mod groups;
mod limits;
mod list;
mod oauth2;
mod policy_documents;
mod projects;
mod revocations;
mod roles;
mod shapes;
mod tokens;
mod trusts;
mod users;
mod versions;

use api::{Result, Service, Style};
use axum::Router;

use crate::fields::Fields;
use crate::{Caller, Identity};

/// Every route of the identity API.
pub(crate) fn router(identity: Identity) -> Router {
    let routes = Router::new()
        .merge(versions::routes())
        .merge(tokens::routes())
        .merge(auth::routes())
        .merge(domains::routes())
        .merge(projects::routes())
        .merge(users::routes())
        .merge(groups::routes())
        .merge(roles::routes())
        .merge(grants::routes())
        .merge(application_credentials::routes())
        .merge(assignments::routes())
        .merge(trusts::routes())
        .merge(credentials::routes())
        .merge(ec2::routes())
        .merge(oauth2::routes())
        .merge(revocations::routes())
        .merge(catalog::routes())
        .merge(policy_documents::routes())
        .merge(endpoint_filters::routes())
        .merge(domain_configs::routes())
        .merge(limits::routes());
    let service = Service { kind: "identity", prefix: "/identity", style: Style::Identity, negotiation: None };
    service.wrap(routes.with_state(identity))
}

/// The domain that a new thing names, or else that of the caller's token.
fn domain_or_own(caller: &Caller, fields: &mut Fields) -> Result<String> {
    Ok(fields.nullable("domain_id", 64)?.flatten().unwrap_or_else(|| domain_of_scope(caller)))
}

/// The domain of what the caller's token is scoped to, or else of the user.
fn domain_of_scope(caller: &Caller) -> String {
    let token = &caller.token;
    let of_scope = token.domain_id.as_ref().or(token.project_domain_id.as_ref());
    of_scope.unwrap_or(&token.user_domain_id).clone()
}
