//! `/v3/auth/...`: what the caller may get a token for.

use api::{Json, Result};
use axum::Router;
use axum::routing::get;
use serde::Serialize;
use serde_json::{Value, json};

use super::call::Call;
use super::list::Listing;
use super::{projects, shapes};
use crate::Identity;
use crate::directory::Catalog;

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

async fn catalog_show(call: Call) -> Result<Json<CatalogBody>> {
    call.allow_plain("identity:get_auth_catalog")?;
    if call.caller.token.roles.is_empty() {
        return Err(api::Error::forbidden("An unscoped token has no catalog; ask for one with a project."));
    }
    let catalog = call.identity.catalog(&call.caller.token).await?;
    Ok(Json(CatalogBody { catalog, links: json!({"self": call.links.to("/v3/auth/catalog")}) }))
}

async fn project_list(call: Call, list: Listing) -> Result<Json<Value>> {
    call.allow_plain("identity:get_auth_projects")?;
    let found = call.identity.project_list_of_user(&call.caller.token.user_id, true).await?;
    let found = list.behind_marker(found, |project| &project.id);
    projects::answer(&call, &list, found).await
}

async fn domain_list(call: Call, list: Listing) -> Result<Json<Value>> {
    call.allow_plain("identity:get_auth_domains")?;
    let domains = call.identity.domain_list_of_user(&call.caller.token.user_id).await?;
    let domains = list.behind_marker(domains, |domain| &domain.id);
    Ok(list.answer("domains", domains, |domain| &domain.id, |domain| shapes::domain(&call.links, domain)))
}

async fn system_list(call: Call) -> Result<Json<Value>> {
    call.allow_plain("identity:get_auth_system")?;
    let system = if call.identity.has_system_role(&call.caller.token.user_id).await? {
        json!([{"all": true}])
    } else {
        json!([])
    };
    Ok(Json(json!({"system": system, "links": {"self": call.links.to("/v3/auth/system")}})))
}
