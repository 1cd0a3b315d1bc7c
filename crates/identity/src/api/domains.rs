//! `/v3/domains`.

use api::{Json, Links, Result};
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use http::StatusCode;
use policy::Target;
use serde_json::{Map, Value, json};

use super::list::Listing;
use super::shapes;
use crate::fields::{Fields, missing};
use crate::{Caller, Identity};

pub(super) fn routes() -> Router<Identity> {
    Router::new()
        .route("/v3/domains", get(domain_list).post(domain_create))
        .route("/v3/domains/{domain}", get(domain_show).patch(domain_update).delete(domain_delete))
}

fn target(id: &str) -> Target<'_> {
    Target::new().with("target.domain.id", id)
}

async fn domain_list(
    State(identity): State<Identity>,
    caller: Caller,
    links: Links,
    list: Listing,
) -> Result<Json<Value>> {
    caller.allow("identity:list_domains", &Target::new().with("domain_id", &caller.token.domain_id))?;
    let mut filters = list.filters(&["name", "id"], &["enabled"])?;
    if let (Some(id), false) = (&caller.token.domain_id, caller.has_role("admin")) {
        filters.push(("id", db::Value::from(id)));
    }
    let domains = identity.domain_list(filters, &list.page).await?;
    Ok(list.answer("domains", domains, |domain| &domain.id, |domain| shapes::domain(&links, domain)))
}

async fn domain_create(
    State(identity): State<Identity>,
    caller: Caller,
    links: Links,
    Json(body): Json<Map<String, Value>>,
) -> Result<(StatusCode, Json<Value>)> {
    caller.allow("identity:create_domain", &Target::new())?;
    let domain = identity.domain_create(Fields::of("domain", body)?).await?;
    Ok((StatusCode::CREATED, Json(json!({"domain": shapes::domain(&links, &domain)}))))
}

async fn domain_show(
    State(identity): State<Identity>,
    caller: Caller,
    links: Links,
    Path(id): Path<String>,
) -> Result<Json<Value>> {
    caller.allow("identity:get_domain", &target(&id))?;
    let domain = identity.domain_find(&id).await?.ok_or_else(|| missing("domain", &id))?;
    Ok(Json(json!({"domain": shapes::domain(&links, &domain)})))
}

async fn domain_update(
    State(identity): State<Identity>,
    caller: Caller,
    links: Links,
    Path(id): Path<String>,
    Json(body): Json<Map<String, Value>>,
) -> Result<Json<Value>> {
    caller.allow("identity:update_domain", &target(&id))?;
    let domain = identity.domain_update(&id, Fields::of("domain", body)?).await?;
    Ok(Json(json!({"domain": shapes::domain(&links, &domain)})))
}

async fn domain_delete(State(identity): State<Identity>, caller: Caller, Path(id): Path<String>) -> Result<StatusCode> {
    caller.allow("identity:delete_domain", &target(&id))?;
    identity.domain_delete(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}
