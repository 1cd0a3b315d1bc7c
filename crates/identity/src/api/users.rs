//! `/v3/users`.

use api::{Json, Links, Result};
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::{get, post};
use http::StatusCode;
use policy::Target;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::list::Listing;
use super::{projects, shapes};
use crate::fields::{Fields, missing};
use crate::store::user::User;
use crate::{Caller, Identity};

pub(super) fn routes() -> Router<Identity> {
    Router::new()
        .route("/v3/users", get(user_list).post(user_create))
        .route("/v3/users/{user}", get(user_show).patch(user_update).delete(user_delete))
        .route("/v3/users/{user}/password", post(password_change))
        .route("/v3/users/{user}/projects", get(project_list))
        .route("/v3/users/{user}/groups", get(group_list))
}

/// What the policy asks of a user; one that does not exist has nothing.
fn target(user: Option<&User>) -> Target<'_> {
    match user {
        Some(user) => Target::new().with("target.user.id", &user.id).with("target.user.domain_id", &user.domain_id),
        None => Target::new(),
    }
}

/// The user, if the caller may do to it what the rule guards.
async fn allowed(identity: &Identity, caller: &Caller, rule: &str, id: &str) -> Result<User> {
    let user = identity.user_find(id).await?;
    caller.allow(rule, &target(user.as_ref()))?;
    user.ok_or_else(|| missing("user", id))
}

async fn user_list(
    State(identity): State<Identity>,
    caller: Caller,
    links: Links,
    list: Listing,
) -> Result<Json<Value>> {
    let domain_id = list.domain(&caller);
    caller.allow("identity:list_users", &Target::new().with("target.domain_id", &domain_id))?;
    let mut filters = list.filters(&["name", "id"], &["enabled"])?;
    filters.extend(domain_id.map(|id| ("domain_id", db::Value::from(id))));
    let users = identity.user_list(filters, None, &list.page).await?;
    Ok(list.answer("users", users, |user| &user.id, |user| shapes::user(&links, user)))
}

async fn user_create(
    State(identity): State<Identity>,
    caller: Caller,
    links: Links,
    Json(body): Json<Map<String, Value>>,
) -> Result<(StatusCode, Json<Value>)> {
    let mut fields = Fields::of("user", body)?;
    let domain_id = super::domain_or_own(&caller, &mut fields)?;
    caller.allow("identity:create_user", &Target::new().with("target.user.domain_id", &domain_id))?;
    let user = identity.user_create(fields, domain_id).await?;
    Ok((StatusCode::CREATED, Json(json!({"user": shapes::user(&links, &user)}))))
}

async fn user_show(
    State(identity): State<Identity>,
    caller: Caller,
    links: Links,
    Path(id): Path<String>,
) -> Result<Json<Value>> {
    let user = allowed(&identity, &caller, "identity:get_user", &id).await?;
    Ok(Json(json!({"user": shapes::user(&links, &user)})))
}

async fn user_update(
    State(identity): State<Identity>,
    caller: Caller,
    links: Links,
    Path(id): Path<String>,
    Json(body): Json<Map<String, Value>>,
) -> Result<Json<Value>> {
    allowed(&identity, &caller, "identity:update_user", &id).await?;
    let user = identity.user_update(&id, Fields::of("user", body)?).await?;
    Ok(Json(json!({"user": shapes::user(&links, &user)})))
}

async fn user_delete(State(identity): State<Identity>, caller: Caller, Path(id): Path<String>) -> Result<StatusCode> {
    allowed(&identity, &caller, "identity:delete_user", &id).await?;
    identity.user_delete(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
struct PasswordBody {
    user: Passwords,
}

#[derive(Deserialize)]
struct Passwords {
    original_password: String,
    password: String,
}

/// Needs no token: the old password is the proof.
async fn password_change(
    State(identity): State<Identity>,
    Path(id): Path<String>,
    Json(body): Json<PasswordBody>,
) -> Result<StatusCode> {
    identity.user_password_change(&id, &body.user.original_password, &body.user.password).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn project_list(
    State(identity): State<Identity>,
    caller: Caller,
    links: Links,
    Path(id): Path<String>,
    list: Listing,
) -> Result<Json<Value>> {
    allowed(&identity, &caller, "identity:list_user_projects", &id).await?;
    let found = identity.project_list_of_user(&id, false).await?;
    let found = list.behind_marker(found, |project| &project.id);
    projects::answer(&identity, &links, &list, found).await
}

async fn group_list(
    State(identity): State<Identity>,
    caller: Caller,
    links: Links,
    Path(id): Path<String>,
    list: Listing,
) -> Result<Json<Value>> {
    allowed(&identity, &caller, "identity:list_groups_for_user", &id).await?;
    let filters = list.filters(&["name", "id"], &[])?;
    let groups = identity.group_list_of_user(&id, filters, &list.page).await?;
    Ok(list.answer("groups", groups, |group| &group.id, |group| shapes::group(&links, group)))
}
