//! `/v3/roles`, and which implies which.

use api::{Json, Links, Result};
use axum::Router;
use axum::extract::Path;
use axum::routing::{get, put};
use http::StatusCode;
use policy::Target;
use serde_json::{Value, json};

use super::call::{Body, Call, created, done, shown};
use super::list::Listing;
use super::shapes;
use crate::Identity;
use crate::store::Filter;
use crate::store::role::Role;

pub(super) fn routes() -> Router<Identity> {
    Router::new()
        .route("/v3/roles", get(role_list).post(role_create))
        .route("/v3/roles/{role}", get(role_show).patch(role_update).delete(role_delete))
        .route("/v3/roles/{role}/implies", get(implied_list))
        .route(
            "/v3/roles/{role}/implies/{implied}",
            put(implication_create).get(implication_show).head(implication_check).delete(implication_delete),
        )
        .route("/v3/role_inferences", get(inference_list))
}

/// The rule for a role that has a domain or not: `identity:get_domain_role`, `identity:get_role`.
fn rule(verb: &str, role: &Role) -> String {
    format!("identity:{verb}_{}", if role.domain_id.is_some() { "domain_role" } else { "role" })
}

/// The role, if the caller may do to it what the rule guards; 404 for everybody when there is none, since only the role
/// tells which rule that is.
async fn allowed(call: &Call, verb: &str, id: &str) -> Result<Role> {
    let role = call.identity.role_get(id).await?;
    let target =
        Target::new().with("target.role.name", &role.name).with("target.role.domain_id", role.domain_id.as_ref());
    call.allow(&rule(verb, &role), &target)?;
    Ok(role)
}

async fn role_list(call: Call, list: Listing) -> Result<Json<Value>> {
    let domain_id = list.query.get("domain_id");
    call.allow_plain(if domain_id.is_some() { "identity:list_domain_roles" } else { "identity:list_roles" })?;
    let mut filters = list.filters(&["name", "id"], &[])?;
    filters.push(Filter::is("domain_id", domain_id));
    let roles = call.identity.role_list(filters, &list.page).await?;
    Ok(list.answer("roles", roles, |role| &role.id, |role| shapes::role(&call.links, role)))
}

async fn role_create(call: Call, body: Body) -> Result<(StatusCode, Json<Value>)> {
    let mut fields = body.fields("role")?;
    let domain_id = fields.nullable("domain_id", 64)?.flatten();
    call.allow_plain(if domain_id.is_some() { "identity:create_domain_role" } else { "identity:create_role" })?;
    let role = call.identity.role_create(fields, domain_id).await?;
    created("role", shapes::role(&call.links, &role))
}

async fn role_show(call: Call, Path(id): Path<String>) -> Result<Json<Value>> {
    let role = allowed(&call, "get", &id).await?;
    shown("role", shapes::role(&call.links, &role))
}

async fn role_update(call: Call, Path(id): Path<String>, body: Body) -> Result<Json<Value>> {
    allowed(&call, "update", &id).await?;
    let role = call.identity.role_update(&id, body.fields("role")?).await?;
    shown("role", shapes::role(&call.links, &role))
}

async fn role_delete(call: Call, Path(id): Path<String>) -> Result<StatusCode> {
    allowed(&call, "delete", &id).await?;
    call.identity.role_delete(&id).await?;
    done()
}

fn short(links: &Links, role: &Role) -> Value {
    json!({"id": role.id, "name": role.name, "description": role.description,
        "links": {"self": links.to(&format!("/v3/roles/{}", role.id))}})
}

fn inference(links: &Links, (prior, implied): &(Role, Role)) -> Value {
    let here = links.to(&format!("/v3/roles/{}/implies/{}", prior.id, implied.id));
    let both = json!({"prior_role": short(links, prior), "implies": short(links, implied)});
    json!({"role_inference": both, "links": {"self": here}})
}

async fn implied_list(call: Call, Path(id): Path<String>) -> Result<Json<Value>> {
    call.allow_plain("identity:list_implied_roles")?;
    let prior = call.identity.role_get(&id).await?;
    let mut all = inferences(&call).await?;
    let implied = all.iter_mut().find(|one| one["prior_role"]["id"] == id.as_str()).map(|one| one["implies"].take());
    let implied = implied.unwrap_or_else(|| json!([]));
    let here = call.links.to(&format!("/v3/roles/{id}/implies"));
    let both = json!({"prior_role": short(&call.links, &prior), "implies": implied});
    Ok(Json(json!({"role_inference": both, "links": {"self": here}})))
}

/// Every prior role with the roles that it implies.
async fn inferences(call: &Call) -> Result<Vec<Value>> {
    let implications = call.identity.implication_list().await?;
    let roles = call.identity.role_list(Vec::new(), &api::Page::default()).await?;
    let find = |id: &str| roles.iter().find(|role| role.id == id);
    let mut all = Vec::new();
    for prior in &roles {
        let implied = implications.iter().filter(|one| one.prior_id == prior.id);
        let implied: Vec<Value> =
            implied.filter_map(|one| find(&one.implied_id)).map(|role| short(&call.links, role)).collect();
        if !implied.is_empty() {
            all.push(json!({"prior_role": short(&call.links, prior), "implies": implied}));
        }
    }
    Ok(all)
}

async fn inference_list(call: Call) -> Result<Json<Value>> {
    call.allow_plain("identity:list_role_inference_rules")?;
    let all = inferences(&call).await?;
    Ok(Json(json!({"role_inferences": all, "links": {"self": call.links.to("/v3/role_inferences")}})))
}

async fn implication_create(
    call: Call,
    Path((prior, implied)): Path<(String, String)>,
) -> Result<(StatusCode, Json<Value>)> {
    call.allow_plain("identity:create_implied_role")?;
    let made = call.identity.implication_create(&prior, &implied).await?;
    Ok((StatusCode::CREATED, Json(inference(&call.links, &made))))
}

async fn implication_show(call: Call, Path((prior, implied)): Path<(String, String)>) -> Result<Json<Value>> {
    call.allow_plain("identity:get_implied_role")?;
    Ok(Json(inference(&call.links, &call.identity.implication_get(&prior, &implied).await?)))
}

async fn implication_check(call: Call, Path((prior, implied)): Path<(String, String)>) -> Result<StatusCode> {
    call.allow_plain("identity:check_implied_role")?;
    call.identity.implication_get(&prior, &implied).await?;
    done()
}

async fn implication_delete(call: Call, Path((prior, implied)): Path<(String, String)>) -> Result<StatusCode> {
    call.allow_plain("identity:delete_implied_role")?;
    call.identity.implication_delete(&prior, &implied).await?;
    done()
}
