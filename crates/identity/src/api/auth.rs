//! `/v3/auth/...`: what the caller may get a token for.

use api::{Json, Links, Result};
use axum::Router;
use axum::extract::State;
use axum::routing::get;
use policy::Target;
use serde::Serialize;
use serde_json::{Value, json};

use super::list::Listing;
use super::{projects, shapes};
use crate::directory::Catalog;
use crate::{Caller, Identity};

pub(super) fn routes() -> Router<Identity> {
    Router::new()
        .route("/v3/auth/catalog", get(catalog_show))
        .route("/v3/auth/projects", get(project_list))
        .route("/v3/auth/domains", get(domain_list))
        .route("/v3/auth/system", get(system_list))
}

#[derive(Serialize)]
struct CatalogBody {
    catalog: Catalog,
    links: Value,
}

async fn catalog_show(State(identity): State<Identity>, caller: Caller, links: Links) -> Result<Json<CatalogBody>> {
    caller.allow("identity:get_auth_catalog", &Target::new())?;
    if caller.token.roles.is_empty() {
        return Err(api::Error::forbidden("An unscoped token has no catalog; ask for one with a project."));
    }
    let catalog = identity.catalog(&caller.token).await?;
    Ok(Json(CatalogBody { catalog, links: json!({"self": links.to("/v3/auth/catalog")}) }))
}

async fn project_list(
    State(identity): State<Identity>,
    caller: Caller,
    links: Links,
    list: Listing,
) -> Result<Json<Value>> {
    caller.allow("identity:get_auth_projects", &Target::new())?;
    let found = identity.project_list_of_user(&caller.token.user_id, true).await?;
    let found = list.behind_marker(found, |project| &project.id);
    projects::answer(&identity, &links, &list, found).await
}

async fn domain_list(
    State(identity): State<Identity>,
    caller: Caller,
    links: Links,
    list: Listing,
) -> Result<Json<Value>> {
    caller.allow("identity:get_auth_domains", &Target::new())?;
    let domains = identity.domain_list_of_user(&caller.token.user_id).await?;
    let domains = list.behind_marker(domains, |domain| &domain.id);
    Ok(list.answer("domains", domains, |domain| &domain.id, |domain| shapes::domain(&links, domain)))
}

async fn system_list(State(identity): State<Identity>, caller: Caller, links: Links) -> Result<Json<Value>> {
    caller.allow("identity:get_auth_system", &Target::new())?;
    let system =
        if identity.has_system_role(&caller.token.user_id).await? { json!([{"all": true}]) } else { json!([]) };
    Ok(Json(json!({"system": system, "links": {"self": links.to("/v3/auth/system")}})))
}
