//! `/v3/registered_limits` and `/v3/limits`.

use api::{Error, Json, Result};
use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use http::StatusCode;
use policy::Target;
use serde_json::{Map, Value, json};

use super::call::{Body, Call, done, shown};
use super::list::Listing;
use super::shapes;
use crate::Identity;
use crate::fields::missing;
use crate::store::limit::{Limit, Seen};

pub(super) fn routes() -> Router<Identity> {
    Router::new()
        .route("/v3/registered_limits", get(registered_list).post(registered_create))
        .route("/v3/registered_limits/{limit}", get(registered_show).patch(registered_update).delete(registered_delete))
        .route("/v3/limits/model", get(model_show))
        .route("/v3/limits", get(limit_list).post(limit_create))
        .route("/v3/limits/{limit}", get(limit_show).patch(limit_update).delete(limit_delete))
}

/// The objects in a body such as `{"limits": [{...}, ...]}`.
fn several(body: Body, name: &str) -> Result<Vec<Map<String, Value>>> {
    let all = match body.take(name) {
        Some(Value::Array(all)) if !all.is_empty() => all,
        _ => return Err(Error::bad_request(format!("The body must be {{\"{name}\": [{{...}}, ...]}}."))),
    };
    all.into_iter()
        .map(|one| match one {
            Value::Object(map) => Ok(map),
            _ => Err(Error::bad_request(format!("{name} must be a list of objects."))),
        })
        .collect()
}

async fn registered_list(call: Call, list: Listing) -> Result<Json<Value>> {
    call.allow_plain("identity:list_registered_limits")?;
    let filters = list.filters(&["service_id", "region_id", "resource_name"], &[])?;
    let rows = call.identity.registered_limit_list(filters, &list.page).await?;
    Ok(list.answer("registered_limits", rows, |row| &row.id, |row| shapes::registered_limit(&call.links, row)))
}

async fn registered_create(call: Call, body: Body) -> Result<(StatusCode, Json<Value>)> {
    call.allow_plain("identity:create_registered_limits")?;
    let made = call.identity.registered_limit_create(several(body, "registered_limits")?).await?;
    let made: Vec<Value> = made.iter().map(|limit| shapes::registered_limit(&call.links, limit)).collect();
    Ok((StatusCode::CREATED, Json(json!({"registered_limits": made}))))
}

async fn registered_show(call: Call, Path(id): Path<String>) -> Result<Json<Value>> {
    call.allow_plain("identity:get_registered_limit")?;
    shown("registered_limit", shapes::registered_limit(&call.links, &call.identity.registered_limit_get(&id).await?))
}

async fn registered_update(call: Call, Path(id): Path<String>, body: Body) -> Result<Json<Value>> {
    call.allow_plain("identity:update_registered_limit")?;
    let limit = call.identity.registered_limit_update(&id, body.fields("registered_limit")?).await?;
    shown("registered_limit", shapes::registered_limit(&call.links, &limit))
}

async fn registered_delete(call: Call, Path(id): Path<String>) -> Result<StatusCode> {
    call.allow_plain("identity:delete_registered_limit")?;
    call.identity.registered_limit_delete(&id).await?;
    done()
}

async fn model_show(call: Call) -> Result<Json<Value>> {
    call.allow_plain("identity:get_limit_model")?;
    let model = call.identity.limit_model();
    shown("model", json!({"name": model.name(), "description": model.description()}))
}

async fn limit_list(call: Call, list: Listing) -> Result<Json<Value>> {
    call.allow_plain("identity:list_limits")?;
    let token = &call.caller.token;
    let seen = match (&token.domain_id, &token.project_id) {
        _ if token.system || call.caller.has_role("admin") || call.caller.has_role("service") => Seen::All,
        (Some(id), _) => Seen::Domain(id),
        (None, Some(id)) => Seen::Project(id),
        (None, None) => Seen::None,
    };
    let filters = list.filters(&["service_id", "region_id", "resource_name", "project_id", "domain_id"], &[])?;
    let rows = call.identity.limit_list(seen, filters, &list.page).await?;
    Ok(list.answer("limits", rows, |row| &row.id, |row| shapes::limit(&call.links, row)))
}

async fn limit_create(call: Call, body: Body) -> Result<(StatusCode, Json<Value>)> {
    call.allow_plain("identity:create_limits")?;
    let made = call.identity.limit_create(several(body, "limits")?).await?;
    let made: Vec<Value> = made.iter().map(|limit| shapes::limit(&call.links, limit)).collect();
    Ok((StatusCode::CREATED, Json(json!({"limits": made}))))
}

/// The limit, if the caller may do to it what the rule guards.
async fn allowed(call: &Call, rule: &str, id: &str) -> Result<Limit> {
    let limit = call.identity.limit_find(id).await?;
    let (mut target, mut domain_id) = (Target::new(), None);
    if let Some(limit) = &limit {
        target = target.with("target.limit.project_id", &limit.project_id);
        target = target.with("target.limit.domain.id", &limit.domain_id);
        if let Some(project_id) = &limit.project_id {
            domain_id = call.identity.project_find(project_id).await?.map(|project| project.domain_id);
        }
    }
    call.allow(rule, &target.with("target.limit.project.domain_id", &domain_id))?;
    limit.ok_or_else(|| missing("limit", id))
}

async fn limit_show(call: Call, Path(id): Path<String>) -> Result<Json<Value>> {
    let limit = allowed(&call, "identity:get_limit", &id).await?;
    shown("limit", shapes::limit(&call.links, &limit))
}

async fn limit_update(call: Call, Path(id): Path<String>, body: Body) -> Result<Json<Value>> {
    allowed(&call, "identity:update_limit", &id).await?;
    let limit = call.identity.limit_update(&id, body.fields("limit")?).await?;
    shown("limit", shapes::limit(&call.links, &limit))
}

async fn limit_delete(call: Call, Path(id): Path<String>) -> Result<StatusCode> {
    allowed(&call, "identity:delete_limit", &id).await?;
    call.identity.limit_delete(&id).await?;
    done()
}
