//! `/v3/credentials`.

use api::{Json, Links, Result};
use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use http::StatusCode;
use policy::Target;
use serde_json::{Value, json};

use super::call::{Body, Call, created, done, shown};
use super::list::Listing;
use super::shapes;
use crate::Identity;
use crate::credential::{EC2, Open, reach_check};
use crate::fields::missing;
use crate::store::Filter;

pub(super) fn routes() -> Router<Identity> {
    Router::new()
        .route("/v3/credentials", get(credential_list).post(credential_create))
        .route("/v3/credentials/{credential}", get(credential_show).patch(credential_update).delete(credential_delete))
}

fn target(user_id: &str) -> Target<'_> {
    Target::new().with("target.credential.user_id", user_id)
}

/// The credential, if the caller may do to it what the rule guards.
async fn allowed(call: &Call, rule: &str, id: &str) -> Result<Open> {
    let found = call.identity.credential_find(id).await?;
    match &found {
        Some(open) => call.allow(rule, &target(&open.credential.user_id))?,
        None => call.allow_plain(rule)?,
    }
    let open = found.ok_or_else(|| missing("credential", id))?;
    reach_check(&call.caller, open.credential.project_id.as_deref())?;
    Ok(open)
}

fn shape(links: &Links, open: &Open) -> Value {
    let one = &open.credential;
    let known = json!({
        "user_id": one.user_id, "project_id": one.project_id, "type": one.kind, "blob": open.blob,
    });
    shapes::shape(links, "credentials", &one.id, &one.extra.0, known)
}

async fn credential_list(call: Call, list: Listing) -> Result<Json<Value>> {
    let token = &call.caller.token;
    call.allow("identity:list_credentials", &target(&token.user_id))?;
    let mut filters = list.filters(&["user_id"], &[])?;
    filters.extend(list.filter("type", "kind"));
    // Whoever may not see everybody's sees its own.
    if !call.caller.may("identity:get_credential", &Target::new()) {
        filters.push(Filter::is("user_id", &token.user_id));
    }
    // A token by delegation is for one project.
    if token.trust.is_some() || token.application.is_some() {
        filters.push(Filter::is("project_id", token.project_id.clone().unwrap_or_default()));
    }
    let found = call.identity.credential_list(filters, &list.page).await?;
    Ok(list.answer("credentials", found, |open| &open.credential.id, |open| shape(&call.links, open)))
}

async fn credential_create(call: Call, body: Body) -> Result<(StatusCode, Json<Value>)> {
    let fields = body.fields("credential")?;
    call.allow("identity:create_credential", &target(fields.peek("user_id")))?;
    if fields.peek("type").eq_ignore_ascii_case(EC2) {
        call.caller.unrestricted("EC2 credentials")?;
    }
    reach_check(&call.caller, Some(fields.peek("project_id")).filter(|id| !id.is_empty()))?;
    let open = call.identity.credential_create(&call.caller, fields).await?;
    created("credential", shape(&call.links, &open))
}

async fn credential_show(call: Call, Path(id): Path<String>) -> Result<Json<Value>> {
    let open = allowed(&call, "identity:get_credential", &id).await?;
    shown("credential", shape(&call.links, &open))
}

async fn credential_update(call: Call, Path(id): Path<String>, body: Body) -> Result<Json<Value>> {
    let old = allowed(&call, "identity:update_credential", &id).await?;
    let new = call.identity.credential_changed(&old, body.fields("credential")?)?;
    // Nobody may give a credential to a user, or move it to a project, where it could not make one.
    call.allow("identity:update_credential", &target(&new.credential.user_id))?;
    reach_check(&call.caller, new.credential.project_id.as_deref())?;
    call.identity.credential_update(&new).await?;
    shown("credential", shape(&call.links, &new))
}

async fn credential_delete(call: Call, Path(id): Path<String>) -> Result<StatusCode> {
    allowed(&call, "identity:delete_credential", &id).await?;
    call.identity.credential_delete(&id).await?;
    done()
}
