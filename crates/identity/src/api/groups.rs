//! `/v3/groups` and who is in them.

use api::{Json, Result};
use axum::Router;
use axum::extract::Path;
use axum::routing::{get, put};
use http::StatusCode;
use policy::Target;
use serde_json::Value;

use super::call::{Body, Call, created, done, shown};
use super::list::{Listing, own_domain};
use super::{shapes, users};
use crate::Identity;
use crate::fields::missing;
use crate::store::group::Group;

pub(super) fn routes() -> Router<Identity> {
    Router::new()
        .route("/v3/groups", get(group_list).post(group_create))
        .route("/v3/groups/{group}", get(group_show).patch(group_update).delete(group_delete))
        .route("/v3/groups/{group}/users", get(member_list))
        .route("/v3/groups/{group}/users/{user}", put(member_add).get(member_check).delete(member_remove))
}

/// The group, if the caller may do to it what the rule guards.
async fn allowed(call: &Call, rule: &str, id: &str) -> Result<Group> {
    let group = call.identity.group_find(id).await?;
    let domain_id = group.as_ref().map(|group| group.domain_id.as_str());
    call.allow(rule, &Target::new().with("target.group.id", id).with("target.group.domain_id", domain_id))?;
    group.ok_or_else(|| missing("group", id))
}

/// The same for a rule about a group and a user.
async fn allowed_with(call: &Call, rule: &str, id: &str, user_id: &str) -> Result<()> {
    let (group, user) = (call.identity.group_find(id).await?, call.identity.user_find(user_id).await?);
    let group_domain = group.as_ref().map(|group| group.domain_id.as_str());
    let user_domain = user.as_ref().map(|user| user.domain_id.as_str());
    let target = Target::new()
        .with("target.group.domain_id", group_domain)
        .with("target.user.id", user_id)
        .with("target.user.domain_id", user_domain);
    call.allow(rule, &target)?;
    group.ok_or_else(|| missing("group", id))?;
    user.ok_or_else(|| missing("user", user_id)).map(drop)
}

async fn group_list(call: Call, list: Listing) -> Result<Json<Value>> {
    call.allow("identity:list_groups", &Target::new().with("target.group.domain_id", &call.caller.token.domain_id))?;
    let mut filters = list.filters(&["name", "id"], &[])?;
    filters.extend(list.domain(&call.caller));
    let groups = call.identity.group_list(filters, &list.page).await?;
    Ok(list.answer("groups", groups, |group| &group.id, |group| shapes::group(&call.links, group)))
}

async fn group_create(call: Call, body: Body) -> Result<(StatusCode, Json<Value>)> {
    let mut fields = body.fields("group")?;
    let domain_id = super::domain_or_own(&call.caller, &mut fields)?;
    call.allow("identity:create_group", &Target::new().with("target.group.domain_id", &domain_id))?;
    let group = call.identity.group_create(fields, domain_id).await?;
    created("group", shapes::group(&call.links, &group))
}

async fn group_show(call: Call, Path(id): Path<String>) -> Result<Json<Value>> {
    let group = allowed(&call, "identity:get_group", &id).await?;
    shown("group", shapes::group(&call.links, &group))
}

async fn group_update(call: Call, Path(id): Path<String>, body: Body) -> Result<Json<Value>> {
    allowed(&call, "identity:update_group", &id).await?;
    let group = call.identity.group_update(&id, body.fields("group")?).await?;
    shown("group", shapes::group(&call.links, &group))
}

/// Unlike the others, this answers 404 to everybody when there is no such group: clients know it so.
async fn group_delete(call: Call, Path(id): Path<String>) -> Result<StatusCode> {
    call.identity.group_find(&id).await?.ok_or_else(|| missing("group", &id))?;
    allowed(&call, "identity:delete_group", &id).await?;
    call.identity.group_delete(&id).await?;
    done()
}

async fn member_list(call: Call, Path(id): Path<String>, list: Listing) -> Result<Json<Value>> {
    allowed(&call, "identity:list_users_in_group", &id).await?;
    let mut filters = list.filters(&["name", "id"], &["enabled"])?;
    filters.extend(own_domain(&call.caller, "domain_id"));
    users::answer(&call, &list, Some(&id), filters).await
}

async fn member_add(call: Call, Path((id, user_id)): Path<(String, String)>) -> Result<StatusCode> {
    allowed_with(&call, "identity:add_user_to_group", &id, &user_id).await?;
    call.identity.member_add(&id, &user_id).await?;
    done()
}

async fn member_check(call: Call, Path((id, user_id)): Path<(String, String)>) -> Result<StatusCode> {
    allowed_with(&call, "identity:check_user_in_group", &id, &user_id).await?;
    call.identity.member_check(&id, &user_id).await?;
    done()
}

async fn member_remove(call: Call, Path((id, user_id)): Path<(String, String)>) -> Result<StatusCode> {
    allowed_with(&call, "identity:remove_user_from_group", &id, &user_id).await?;
    call.identity.member_remove(&id, &user_id).await?;
    done()
}
