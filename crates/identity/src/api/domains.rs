//! `/v3/domains`.

use api::{Json, Result};
use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use http::StatusCode;
use policy::Target;
use serde_json::Value;

use super::call::{Body, Call, created, done, shown};
use super::list::{Listing, own_domain};
use super::shapes;
use crate::Identity;
use crate::fields::missing;

pub(super) fn routes() -> Router<Identity> {
    Router::new()
        .route("/v3/domains", get(domain_list).post(domain_create))
        .route("/v3/domains/{domain}", get(domain_show).patch(domain_update).delete(domain_delete))
}

fn target(id: &str) -> Target<'_> {
    Target::new().with("target.domain.id", id)
}

async fn domain_list(call: Call, list: Listing) -> Result<Json<Value>> {
    call.allow("identity:list_domains", &Target::new().with("target.domain.id", &call.caller.token.domain_id))?;
    let mut filters = list.filters(&["name", "id"], &["enabled"])?;
    filters.extend(own_domain(&call.caller, "id"));
    let domains = call.identity.domain_list(filters, &list.page).await?;
    Ok(list.answer("domains", domains, |domain| &domain.id, |domain| shapes::domain(&call.links, domain)))
}

async fn domain_create(call: Call, body: Body) -> Result<(StatusCode, Json<Value>)> {
    call.allow_plain("identity:create_domain")?;
    let domain = call.identity.domain_create(body.fields("domain")?).await?;
    created("domain", shapes::domain(&call.links, &domain))
}

async fn domain_show(call: Call, Path(id): Path<String>) -> Result<Json<Value>> {
    call.allow("identity:get_domain", &target(&id))?;
    let domain = call.identity.domain_find(&id).await?.ok_or_else(|| missing("domain", &id))?;
    shown("domain", shapes::domain(&call.links, &domain))
}

async fn domain_update(call: Call, Path(id): Path<String>, body: Body) -> Result<Json<Value>> {
    call.allow("identity:update_domain", &target(&id))?;
    let domain = call.identity.domain_update(&id, body.fields("domain")?).await?;
    shown("domain", shapes::domain(&call.links, &domain))
}

async fn domain_delete(call: Call, Path(id): Path<String>) -> Result<StatusCode> {
    call.allow("identity:delete_domain", &target(&id))?;
    call.identity.domain_delete(&id).await?;
    done()
}
