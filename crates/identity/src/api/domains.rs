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

/// 404 for everybody when there is no such domain, as clients know it of changes; 403 unless the rule admits the caller.
async fn allowed(call: &Call, rule: &str, id: &str) -> Result<()> {
    call.identity.domain_find(id).await?.ok_or_else(|| missing("domain", id))?;
    call.allow(rule, &target(id))
}

async fn domain_update(call: Call, Path(id): Path<String>, body: Body) -> Result<Json<Value>> {
    allowed(&call, "identity:update_domain", &id).await?;
    let domain = call.identity.domain_update(&id, body.fields("domain")?).await?;
    shown("domain", shapes::domain(&call.links, &domain))
}

async fn domain_delete(call: Call, Path(id): Path<String>) -> Result<StatusCode> {
    allowed(&call, "identity:delete_domain", &id).await?;
    call.identity.domain_delete(&id).await?;
    done()
}
