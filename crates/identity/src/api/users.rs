//! `/v3/users`.

use api::{Error, Json, Result};
use axum::Router;
use axum::extract::Path;
use axum::routing::{get, post};
use http::StatusCode;
use policy::Target;
use serde::Deserialize;
use serde_json::Value;

use super::call::{Anonymous, Body, Call, created, done, shown};
use super::list::{Listing, own_domain};
use super::{projects, shapes};
use crate::Identity;
use crate::fields::missing;
use crate::store::Filter;
use crate::store::user::{Expiry, User};

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
async fn allowed(call: &Call, rule: &str, id: &str) -> Result<User> {
    let user = call.identity.user_find(id).await?;
    call.allow(rule, &target(user.as_ref()))?;
    user.ok_or_else(|| missing("user", id))
}

async fn user_list(call: Call, list: Listing) -> Result<Json<Value>> {
    call.allow("identity:list_users", &Target::new().with("target.domain_id", &call.caller.token.domain_id))?;
    let mut filters = list.filters(&["name", "id"], &["enabled"])?;
    filters.extend(list.domain(&call.caller));
    answer(&call, &list, None, filters).await
}

/// The users that a list asks for, of a group if one is named.
pub(super) async fn answer(
    call: &Call,
    list: &Listing,
    group_id: Option<&str>,
    filters: Vec<Filter>,
) -> Result<Json<Value>> {
    let expiry = list.query.get("password_expires_at").map(expiry).transpose()?;
    let users = call.identity.user_list(group_id, filters, expiry.as_ref(), &list.page).await?;
    Ok(list.answer("users", users, |user| &user.id, |user| shapes::user(call, user)))
}

/// A comparison such as `lt:2027-01-31T12:00:00Z` with the end of the password.
fn expiry(text: &str) -> Result<Expiry> {
    let (way, time) = text.split_once(':').unwrap_or_default();
    let comparison = match way {
        "lt" => "<",
        "lte" => "<=",
        "gt" => ">",
        "gte" => ">=",
        "eq" => "=",
        "neq" => "<>",
        _ => "",
    };
    match api::time::parse(time).filter(|_| !comparison.is_empty()) {
        Some(at) => Ok(Expiry { comparison, at }),
        None => Err(Error::bad_request(
            "password_expires_at must be lt, lte, gt, gte, eq or neq, a colon, and a time such as 2027-01-31T12:00:00Z.",
        )),
    }
}

async fn user_create(call: Call, body: Body) -> Result<(StatusCode, Json<Value>)> {
    let mut fields = body.fields("user")?;
    // The rule asks for the domain that the caller named, and not for the one that the token would give.
    let named = fields.nullable("domain_id", 64)?.flatten();
    call.allow("identity:create_user", &Target::new().with("target.user.domain_id", &named))?;
    let domain_id = named.unwrap_or_else(|| super::domain_of_scope(&call.caller));
    let user = call.identity.user_create(fields, domain_id).await?;
    created("user", shapes::user(&call, &user))
}

async fn user_show(call: Call, Path(id): Path<String>) -> Result<Json<Value>> {
    let user = allowed(&call, "identity:get_user", &id).await?;
    shown("user", shapes::user(&call, &user))
}

async fn user_update(call: Call, Path(id): Path<String>, body: Body) -> Result<Json<Value>> {
    allowed(&call, "identity:update_user", &id).await?;
    let user = call.identity.user_update(&id, body.fields("user")?).await?;
    shown("user", shapes::user(&call, &user))
}

async fn user_delete(call: Call, Path(id): Path<String>) -> Result<StatusCode> {
    allowed(&call, "identity:delete_user", &id).await?;
    call.identity.user_delete(&id).await?;
    done()
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
    Anonymous(identity): Anonymous,
    Path(id): Path<String>,
    Json(body): Json<PasswordBody>,
) -> Result<StatusCode> {
    identity.user_password_change(&id, &body.user.original_password, &body.user.password).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn project_list(call: Call, Path(id): Path<String>, list: Listing) -> Result<Json<Value>> {
    allowed(&call, "identity:list_user_projects", &id).await?;
    let mut found = call.identity.project_list_of_user(&id, false).await?;
    let (name, domain_id, enabled) = (list.query.get("name"), list.query.get("domain_id"), list.query.flag("enabled")?);
    found.retain(|project| {
        name.is_none_or(|name| project.name == name)
            && domain_id.is_none_or(|id| project.domain_id == id)
            && enabled.is_none_or(|enabled| project.enabled == enabled)
    });
    let found = list.behind_marker(found, |project| &project.id);
    projects::answer(&call, &list, found).await
}

async fn group_list(call: Call, Path(id): Path<String>, list: Listing) -> Result<Json<Value>> {
    allowed(&call, "identity:list_groups_for_user", &id).await?;
    let mut filters = list.filters(&["name", "id"], &[])?;
    filters.extend(own_domain(&call.caller, "domain_id"));
    let groups = call.identity.group_list_of_user(&id, filters, &list.page).await?;
    Ok(list.answer("groups", groups, |group| &group.id, |group| shapes::group(&call.links, group)))
}
