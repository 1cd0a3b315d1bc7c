//! `/v3/users/{user}/application_credentials` and `/v3/users/{user}/access_rules`.

use api::{Error, Json, Links, Result};
use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use http::StatusCode;
use policy::Target;
use serde::Deserialize;
use serde_json::{Value, json};

use super::call::{Call, created, done, shown};
use super::list::Listing;
use super::shapes;
use crate::application_credential::{Details, Wanted};
use crate::fields::missing;
use crate::store::application_credential::AccessRule;
use crate::{Caller, Identity};

pub(super) fn routes() -> Router<Identity> {
    let base = "/v3/users/{user}/application_credentials";
    Router::new()
        .route(base, get(credential_list).post(credential_create))
        .route(&format!("{base}/{{id}}"), get(credential_show).delete(credential_delete))
        .route("/v3/users/{user}/access_rules", get(rule_list))
        .route("/v3/users/{user}/access_rules/{id}", get(rule_show).delete(rule_delete))
}

/// What a trust hands over must not outlive it in an application credential.
fn trust_refused(caller: &Caller) -> Result<()> {
    if caller.token.trust.is_none() {
        return Ok(());
    }
    Err(Error::forbidden("A token of a trust cannot manage application credentials; use one of the user itself."))
}

fn target(user_id: &str) -> Target<'_> {
    Target::new().with("user_id", user_id)
}

fn shape(links: &Links, details: &Details) -> Value {
    let one = &details.credential;
    let path = format!("/v3/users/{}/application_credentials/{}", one.user_id, one.id);
    let mut shown = json!({
        "id": one.id,
        "name": one.name,
        "description": one.description,
        "user_id": one.user_id,
        "project_id": one.project_id,
        "system": null,
        "expires_at": one.expires_at.map(api::time::naive_micros),
        "unrestricted": one.unrestricted,
        "roles": details.roles.iter().map(shapes::role_plain).collect::<Vec<_>>(),
        "links": {"self": links.to(&path)},
    });
    if one.restricted_to_rules {
        let rule = |rule: &crate::AccessRule| json!({"id": rule.id, "service": rule.service, "method": rule.method, "path": rule.path});
        shown["access_rules"] = details.rules.iter().map(rule).collect();
    }
    shown
}

async fn credential_list(call: Call, Path(user_id): Path<String>, list: Listing) -> Result<Json<Value>> {
    call.allow("identity:list_application_credentials", &target(&user_id))?;
    trust_refused(&call.caller)?;
    let found = call.identity.application_credential_list(&user_id, list.query.get("name")).await?;
    let found = list.behind_marker(found, |one| &one.credential.id);
    Ok(list.answer("application_credentials", found, |one| &one.credential.id, |one| shape(&call.links, one)))
}

#[derive(Deserialize)]
struct CreateBody {
    application_credential: Wanted,
}

async fn credential_create(
    call: Call,
    Path(user_id): Path<String>,
    Json(body): Json<CreateBody>,
) -> Result<(StatusCode, Json<Value>)> {
    call.allow("identity:create_application_credential", &target(&user_id))?;
    trust_refused(&call.caller)?;
    call.caller.unrestricted("application credentials")?;
    if call.caller.token.user_id != user_id {
        return Err(Error::forbidden("Nobody can make an application credential for another user."));
    }
    let (details, secret) =
        call.identity.application_credential_create(&call.caller, body.application_credential).await?;
    let mut shown = shape(&call.links, &details);
    shown["secret"] = json!(secret);
    created("application_credential", shown)
}

async fn credential_show(call: Call, Path((user_id, id)): Path<(String, String)>) -> Result<Json<Value>> {
    // The owner counts, not whom the path names.
    let found = call.identity.application_credential_find(&id).await?;
    let owner = found.as_ref().map_or(&user_id, |one| &one.user_id);
    call.allow("identity:get_application_credential", &target(owner))?;
    trust_refused(&call.caller)?;
    let found = found.ok_or_else(|| missing("application credential", &id))?;
    let details = call.identity.application_credential_show(found).await?;
    shown("application_credential", shape(&call.links, &details))
}

async fn credential_delete(call: Call, Path((user_id, id)): Path<(String, String)>) -> Result<StatusCode> {
    let found = call.identity.application_credential_find(&id).await?;
    let owner = found.as_ref().map_or(&user_id, |one| &one.user_id);
    call.allow("identity:delete_application_credential", &target(owner))?;
    trust_refused(&call.caller)?;
    call.caller.unrestricted("application credentials")?;
    call.identity.application_credential_delete(&id).await?;
    done()
}

fn rule_shown(links: &Links, rule: &AccessRule) -> Value {
    let path = format!("/v3/users/{}/access_rules/{}", rule.user_id, rule.id);
    json!({
        "id": rule.id, "service": rule.service, "method": rule.method, "path": rule.path,
        "links": {"self": links.to(&path)},
    })
}

fn rule_target(user_id: &str) -> Target<'_> {
    Target::new().with("target.user.id", user_id)
}

async fn rule_list(call: Call, Path(user_id): Path<String>, list: Listing) -> Result<Json<Value>> {
    call.allow("identity:list_access_rules", &rule_target(&user_id))?;
    trust_refused(&call.caller)?;
    let found = call.identity.access_rule_list(&user_id, list.filters(&["service", "path", "method"], &[])?).await?;
    let found = list.behind_marker(found, |rule| &rule.id);
    Ok(list.answer("access_rules", found, |rule| &rule.id, |rule| rule_shown(&call.links, rule)))
}

async fn rule_show(call: Call, Path((user_id, id)): Path<(String, String)>) -> Result<Json<Value>> {
    call.allow("identity:get_access_rule", &rule_target(&user_id))?;
    trust_refused(&call.caller)?;
    let rule = call.identity.access_rule_get(&user_id, &id).await?;
    shown("access_rule", rule_shown(&call.links, &rule))
}

async fn rule_delete(call: Call, Path((user_id, id)): Path<(String, String)>) -> Result<StatusCode> {
    call.allow("identity:delete_access_rule", &rule_target(&user_id))?;
    trust_refused(&call.caller)?;
    call.identity.access_rule_delete(&user_id, &id).await?;
    done()
}
