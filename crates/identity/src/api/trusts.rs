//! `/v3/OS-TRUST/trusts`.

use api::{Error, Json, Links, Result};
use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use http::StatusCode;
use policy::Target;
use serde_json::{Value, json};

use super::call::{Body, Call, created, done, shown};
use super::list::Listing;
use super::shapes;
use crate::fields::missing;
use crate::store::role::Role;
use crate::store::trust::Trust;
use crate::{Caller, Identity};

pub(super) fn routes() -> Router<Identity> {
    Router::new()
        .route("/v3/OS-TRUST/trusts", get(trust_list).post(trust_create))
        .route("/v3/OS-TRUST/trusts/{trust}", get(trust_show).delete(trust_delete))
        .route("/v3/OS-TRUST/trusts/{trust}/roles", get(role_list))
        .route("/v3/OS-TRUST/trusts/{trust}/roles/{role}", get(role_show))
}

fn target(trust: &Trust) -> Target<'_> {
    Target::new()
        .with("target.trust.trustor_user_id", &trust.trustor_user_id)
        .with("target.trust.trustee_user_id", &trust.trustee_user_id)
}

/// A program must not widen by a trust what its application credential gives.
fn application_refused(caller: &Caller) -> Result<()> {
    if caller.token.application.is_none() {
        return Ok(());
    }
    Err(Error::forbidden(
        "Using method 'application_credential' is not allowed for managing trusts; use the user's password.",
    ))
}

/// The trust, if the caller may do to it what the rule guards. One that is not there is 404 for everybody.
async fn allowed(call: &Call, rule: &str, id: &str) -> Result<Trust> {
    let trust = call.identity.trust_find(id).await?.ok_or_else(|| missing("trust", id))?;
    call.allow(rule, &target(&trust))?;
    application_refused(&call.caller)?;
    Ok(trust)
}

fn shape(links: &Links, trust: &Trust) -> Value {
    let mut shown = trust.extra.0.clone();
    let known = json!({
        "id": trust.id,
        "trustor_user_id": trust.trustor_user_id,
        "trustee_user_id": trust.trustee_user_id,
        "project_id": trust.project_id,
        "impersonation": trust.impersonation,
        "expires_at": trust.expires_at.map(api::time::micros),
        "remaining_uses": trust.remaining_uses,
        "redelegated_trust_id": trust.redelegated_trust_id,
        "redelegation_count": trust.redelegation_count,
        "deleted_at": null,
        "links": {"self": links.to(&format!("/v3/OS-TRUST/trusts/{}", trust.id))},
    });
    if let Value::Object(known) = known {
        shown.extend(known);
    }
    Value::Object(shown)
}

fn role_links(links: &Links, id: &str) -> Value {
    json!({"self": links.to(&format!("/v3/OS-TRUST/trusts/{id}/roles")), "next": null, "previous": null})
}

/// The trust with its roles.
fn details(links: &Links, trust: &Trust, roles: &[Role]) -> Value {
    let mut shown = shape(links, trust);
    shown["roles"] = roles.iter().map(|role| shapes::role(links, role)).collect();
    shown["roles_links"] = role_links(links, &trust.id);
    shown
}

async fn trust_list(call: Call, list: Listing) -> Result<Json<Value>> {
    let (trustor, trustee) = (list.query.get("trustor_user_id"), list.query.get("trustee_user_id"));
    match (trustor, trustee) {
        (Some(id), _) => {
            call.allow("identity:list_trusts_for_trustor", &Target::new().with("target.trust.trustor_user_id", id))?
        }
        (None, Some(id)) => {
            call.allow("identity:list_trusts_for_trustee", &Target::new().with("target.trust.trustee_user_id", id))?
        }
        (None, None) => call.allow("identity:list_trusts", &Target::new())?,
    }
    application_refused(&call.caller)?;
    let trusts = call.identity.trust_list(trustor, trustee).await?;
    let trusts = list.behind_marker(trusts, |trust| &trust.id);
    Ok(list.answer("trusts", trusts, |trust| &trust.id, |trust| shape(&call.links, trust)))
}

async fn trust_create(call: Call, body: Body) -> Result<(StatusCode, Json<Value>)> {
    let fields = body.fields("trust")?;
    let trustor = fields.peek("trustor_user_id").to_owned();
    call.allow("identity:create_trust", &Target::new().with("target.trust.trustor_user_id", &trustor))?;
    application_refused(&call.caller)?;
    if call.caller.token.user_id != trustor {
        return Err(Error::forbidden("The authenticated user should match the trustor: make trusts of your own."));
    }
    let trust = call.identity.trust_create(&call.caller, fields).await?;
    let roles = call.identity.trust_roles(&trust.id).await?;
    created("trust", details(&call.links, &trust, &roles))
}

async fn trust_show(call: Call, Path(id): Path<String>) -> Result<Json<Value>> {
    let trust = allowed(&call, "identity:get_trust", &id).await?;
    let roles = call.identity.trust_roles(&trust.id).await?;
    shown("trust", details(&call.links, &trust, &roles))
}

async fn trust_delete(call: Call, Path(id): Path<String>) -> Result<StatusCode> {
    allowed(&call, "identity:delete_trust", &id).await?;
    call.identity.trust_delete(&id).await?;
    done()
}

async fn role_list(call: Call, Path(id): Path<String>) -> Result<Json<Value>> {
    allowed(&call, "identity:list_roles_for_trust", &id).await?;
    let roles = call.identity.trust_roles(&id).await?;
    let roles: Vec<Value> = roles.iter().map(|role| shapes::role(&call.links, role)).collect();
    Ok(Json(json!({"roles": roles, "links": role_links(&call.links, &id)})))
}

async fn role_show(call: Call, Path((id, role_id)): Path<(String, String)>) -> Result<Json<Value>> {
    allowed(&call, "identity:get_role_for_trust", &id).await?;
    let roles = call.identity.trust_roles(&id).await?;
    let role = roles.iter().find(|role| role.id == role_id).ok_or_else(|| missing("role", &role_id))?;
    shown("role", shapes::role(&call.links, role))
}
