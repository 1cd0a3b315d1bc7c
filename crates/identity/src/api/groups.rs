//! `/v3/groups` and who is in them.

use api::{Json, Links, Result};
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::{get, put};
use http::StatusCode;
use policy::Target;
use serde_json::{Map, Value, json};

use super::list::Listing;
use super::shapes;
use crate::fields::{Fields, missing};
use crate::store::group::Group;
use crate::{Caller, Identity};

pub(super) fn routes() -> Router<Identity> {
    Router::new()
        .route("/v3/groups", get(group_list).post(group_create))
        .route("/v3/groups/{group}", get(group_show).patch(group_update).delete(group_delete))
        .route("/v3/groups/{group}/users", get(member_list))
        .route("/v3/groups/{group}/users/{user}", put(member_add).get(member_check).delete(member_remove))
}

/// The group, if the caller may do to it what the rule guards.
async fn allowed(identity: &Identity, caller: &Caller, rule: &str, id: &str) -> Result<Group> {
    let group = identity.group_find(id).await?;
    let domain_id = group.as_ref().map(|group| group.domain_id.as_str());
    caller.allow(rule, &Target::new().with("target.group.id", id).with("target.group.domain_id", domain_id))?;
    group.ok_or_else(|| missing("group", id))
}

/// The same for a rule about a group and a user.
async fn allowed_with(identity: &Identity, caller: &Caller, rule: &str, id: &str, user_id: &str) -> Result<()> {
    let (group, user) = (identity.group_find(id).await?, identity.user_find(user_id).await?);
    let group_domain = group.as_ref().map(|group| group.domain_id.as_str());
    let user_domain = user.as_ref().map(|user| user.domain_id.as_str());
    let target = Target::new()
        .with("target.group.domain_id", group_domain)
        .with("target.user.id", user_id)
        .with("target.user.domain_id", user_domain);
    caller.allow(rule, &target)?;
    group.ok_or_else(|| missing("group", id))?;
    user.ok_or_else(|| missing("user", user_id)).map(drop)
}

async fn group_list(
    State(identity): State<Identity>,
    caller: Caller,
    links: Links,
    list: Listing,
) -> Result<Json<Value>> {
    let domain_id = list.domain(&caller);
    caller.allow("identity:list_groups", &Target::new().with("target.domain_id", &domain_id))?;
    let mut filters = list.filters(&["name", "id"], &[])?;
    filters.extend(domain_id.map(|id| ("domain_id", db::Value::from(id))));
    let groups = identity.group_list(filters, &list.page).await?;
    Ok(list.answer("groups", groups, |group| &group.id, |group| shapes::group(&links, group)))
}

async fn group_create(
    State(identity): State<Identity>,
    caller: Caller,
    links: Links,
    Json(body): Json<Map<String, Value>>,
) -> Result<(StatusCode, Json<Value>)> {
    let mut fields = Fields::of("group", body)?;
    let domain_id = super::domain_or_own(&caller, &mut fields)?;
    caller.allow("identity:create_group", &Target::new().with("target.group.domain_id", &domain_id))?;
    let group = identity.group_create(fields, domain_id).await?;
    Ok((StatusCode::CREATED, Json(json!({"group": shapes::group(&links, &group)}))))
}

async fn group_show(
    State(identity): State<Identity>,
    caller: Caller,
    links: Links,
    Path(id): Path<String>,
) -> Result<Json<Value>> {
    let group = allowed(&identity, &caller, "identity:get_group", &id).await?;
    Ok(Json(json!({"group": shapes::group(&links, &group)})))
}

async fn group_update(
    State(identity): State<Identity>,
    caller: Caller,
    links: Links,
    Path(id): Path<String>,
    Json(body): Json<Map<String, Value>>,
) -> Result<Json<Value>> {
    allowed(&identity, &caller, "identity:update_group", &id).await?;
    let group = identity.group_update(&id, Fields::of("group", body)?).await?;
    Ok(Json(json!({"group": shapes::group(&links, &group)})))
}

async fn group_delete(State(identity): State<Identity>, caller: Caller, Path(id): Path<String>) -> Result<StatusCode> {
    allowed(&identity, &caller, "identity:delete_group", &id).await?;
    identity.group_delete(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn member_list(
    State(identity): State<Identity>,
    caller: Caller,
    links: Links,
    Path(id): Path<String>,
    list: Listing,
) -> Result<Json<Value>> {
    allowed(&identity, &caller, "identity:list_users_in_group", &id).await?;
    let filters = list.filters(&["name", "id"], &["enabled"])?;
    let users = identity.member_list(&id, filters, &list.page).await?;
    Ok(list.answer("users", users, |user| &user.id, |user| shapes::user(&links, user)))
}

async fn member_add(
    State(identity): State<Identity>,
    caller: Caller,
    Path((id, user_id)): Path<(String, String)>,
) -> Result<StatusCode> {
    allowed_with(&identity, &caller, "identity:add_user_to_group", &id, &user_id).await?;
    identity.member_add(&id, &user_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn member_check(
    State(identity): State<Identity>,
    caller: Caller,
    Path((id, user_id)): Path<(String, String)>,
) -> Result<StatusCode> {
    allowed_with(&identity, &caller, "identity:check_user_in_group", &id, &user_id).await?;
    identity.member_check(&id, &user_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn member_remove(
    State(identity): State<Identity>,
    caller: Caller,
    Path((id, user_id)): Path<(String, String)>,
) -> Result<StatusCode> {
    allowed_with(&identity, &caller, "identity:remove_user_from_group", &id, &user_id).await?;
    identity.member_remove(&id, &user_id).await?;
    Ok(StatusCode::NO_CONTENT)
}
