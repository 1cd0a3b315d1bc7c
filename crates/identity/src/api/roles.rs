//! `/v3/roles`, and which implies which.

use api::{Json, Links, Result};
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::{get, put};
use http::StatusCode;
use policy::Target;
use serde_json::{Map, Value, json};

use super::list::Listing;
use super::shapes;
use crate::fields::Fields;
use crate::store::role::Role;
use crate::{Caller, Identity};

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

async fn role_list(
    State(identity): State<Identity>,
    caller: Caller,
    links: Links,
    list: Listing,
) -> Result<Json<Value>> {
    caller.allow("identity:list_roles", &Target::new())?;
    let mut filters = list.filters(&["name", "id"], &[])?;
    filters.push(("domain_id", db::Value::from(list.query.get("domain_id"))));
    let roles = identity.role_list(filters, &list.page).await?;
    Ok(list.answer("roles", roles, |role| &role.id, |role| shapes::role(&links, role)))
}

async fn role_create(
    State(identity): State<Identity>,
    caller: Caller,
    links: Links,
    Json(body): Json<Map<String, Value>>,
) -> Result<(StatusCode, Json<Value>)> {
    caller.allow("identity:create_role", &Target::new())?;
    let role = identity.role_create(Fields::of("role", body)?).await?;
    Ok((StatusCode::CREATED, Json(json!({"role": shapes::role(&links, &role)}))))
}

async fn role_show(
    State(identity): State<Identity>,
    caller: Caller,
    links: Links,
    Path(id): Path<String>,
) -> Result<Json<Value>> {
    caller.allow("identity:get_role", &Target::new())?;
    Ok(Json(json!({"role": shapes::role(&links, &identity.role_get(&id).await?)})))
}

async fn role_update(
    State(identity): State<Identity>,
    caller: Caller,
    links: Links,
    Path(id): Path<String>,
    Json(body): Json<Map<String, Value>>,
) -> Result<Json<Value>> {
    caller.allow("identity:update_role", &Target::new())?;
    let role = identity.role_update(&id, Fields::of("role", body)?).await?;
    Ok(Json(json!({"role": shapes::role(&links, &role)})))
}

async fn role_delete(State(identity): State<Identity>, caller: Caller, Path(id): Path<String>) -> Result<StatusCode> {
    caller.allow("identity:delete_role", &Target::new())?;
    identity.role_delete(&id).await?;
    Ok(StatusCode::NO_CONTENT)
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

async fn implied_list(
    State(identity): State<Identity>,
    caller: Caller,
    links: Links,
    Path(id): Path<String>,
) -> Result<Json<Value>> {
    caller.allow("identity:list_implied_roles", &Target::new())?;
    let prior = identity.role_get(&id).await?;
    let mut all = inferences(&identity, &links).await?;
    let implied = all.iter_mut().find(|one| one["prior_role"]["id"] == id.as_str()).map(|one| one["implies"].take());
    let implied = implied.unwrap_or_else(|| json!([]));
    let here = links.to(&format!("/v3/roles/{id}/implies"));
    let both = json!({"prior_role": short(&links, &prior), "implies": implied});
    Ok(Json(json!({"role_inference": both, "links": {"self": here}})))
}

/// Every prior role with the roles that it implies.
async fn inferences(identity: &Identity, links: &Links) -> Result<Vec<Value>> {
    let implications = identity.implication_list().await?;
    let roles = identity.role_list(Vec::new(), &api::Page::default()).await?;
    let find = |id: &str| roles.iter().find(|role| role.id == id);
    let mut all = Vec::new();
    for prior in &roles {
        let implied = implications.iter().filter(|one| one.prior_id == prior.id);
        let implied: Vec<Value> =
            implied.filter_map(|one| find(&one.implied_id)).map(|role| short(links, role)).collect();
        if !implied.is_empty() {
            all.push(json!({"prior_role": short(links, prior), "implies": implied}));
        }
    }
    Ok(all)
}

async fn inference_list(State(identity): State<Identity>, caller: Caller, links: Links) -> Result<Json<Value>> {
    caller.allow("identity:list_role_inference_rules", &Target::new())?;
    let all = inferences(&identity, &links).await?;
    Ok(Json(json!({"role_inferences": all, "links": {"self": links.to("/v3/role_inferences")}})))
}

async fn implication_create(
    State(identity): State<Identity>,
    caller: Caller,
    links: Links,
    Path((prior, implied)): Path<(String, String)>,
) -> Result<(StatusCode, Json<Value>)> {
    caller.allow("identity:create_implied_role", &Target::new())?;
    let made = identity.implication_create(&prior, &implied).await?;
    Ok((StatusCode::CREATED, Json(inference(&links, &made))))
}

async fn implication_show(
    State(identity): State<Identity>,
    caller: Caller,
    links: Links,
    Path((prior, implied)): Path<(String, String)>,
) -> Result<Json<Value>> {
    caller.allow("identity:get_implied_role", &Target::new())?;
    Ok(Json(inference(&links, &identity.implication_get(&prior, &implied).await?)))
}

async fn implication_check(
    State(identity): State<Identity>,
    caller: Caller,
    Path((prior, implied)): Path<(String, String)>,
) -> Result<StatusCode> {
    caller.allow("identity:check_implied_role", &Target::new())?;
    identity.implication_get(&prior, &implied).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn implication_delete(
    State(identity): State<Identity>,
    caller: Caller,
    Path((prior, implied)): Path<(String, String)>,
) -> Result<StatusCode> {
    caller.allow("identity:delete_implied_role", &Target::new())?;
    identity.implication_delete(&prior, &implied).await?;
    Ok(StatusCode::NO_CONTENT)
}
