//! `/v3/users/{user}/credentials/OS-EC2`, `/v3/ec2tokens` and `/v3/s3tokens`.

use api::{Json, Links, Result};
use axum::Router;
use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use http::StatusCode;
use policy::Target;
use serde_json::{Value, json};

use super::call::{Body, Call, created, done, shown};
use super::document::Document;
use super::list::Listing;
use super::tokens;
use crate::Identity;
use crate::credential::{Open, is_in_reach, reach_check};
use crate::ec2::{Signed, Style};
use crate::fields::missing;

pub(super) fn routes() -> Router<Identity> {
    let base = "/v3/users/{user}/credentials/OS-EC2";
    Router::new()
        .route(base, get(pair_list).post(pair_create))
        .route(&format!("{base}/{{access}}"), get(pair_show).delete(pair_delete))
        .route("/v3/ec2tokens", post(ec2_token))
        .route("/v3/s3tokens", post(s3_token))
}

fn shape(links: &Links, open: &Open) -> Value {
    let (access, user_id) = (open.text("access"), &open.credential.user_id);
    let path = format!("/v3/users/{user_id}/credentials/OS-EC2/{}", access.as_deref().unwrap_or_default());
    json!({
        "access": access,
        "secret": open.text("secret"),
        "user_id": user_id,
        "tenant_id": open.credential.project_id,
        "trust_id": open.text("trust_id"),
        "links": {"self": links.to(&path)},
    })
}

fn target(user_id: &str) -> Target<'_> {
    Target::new().with("target.credential.user_id", user_id)
}

/// The pair of keys, if the caller may do to it what the rule guards. The rule is asked about the user whose keys they
/// are; the one in the path says nothing, as clients know it.
async fn allowed(call: &Call, rule: &str, access: &str) -> Result<Open> {
    let open = call.identity.ec2_find(access).await?.ok_or_else(|| missing("credential", access))?;
    call.allow(rule, &target(&open.credential.user_id))?;
    reach_check(&call.caller, open.credential.project_id.as_deref())?;
    Ok(open)
}

async fn pair_list(call: Call, Path(user_id): Path<String>, list: Listing) -> Result<Json<Value>> {
    call.allow("identity:ec2_list_credentials", &Target::new().with("user_id", &user_id))?;
    call.identity.user_find(&user_id).await?.ok_or_else(|| missing("user", &user_id))?;
    let mut found = call.identity.credentials_of_user(&user_id, crate::credential::EC2).await?;
    found.retain(|open| is_in_reach(&call.caller, open.credential.project_id.as_deref()));
    let found = list.behind_marker(found, |open| &open.credential.id);
    Ok(list.answer("credentials", found, |open| &open.credential.id, |open| shape(&call.links, open)))
}

async fn pair_create(call: Call, Path(user_id): Path<String>, body: Body) -> Result<(StatusCode, Json<Value>)> {
    call.allow("identity:ec2_create_credential", &target(&user_id))?;
    call.caller.unrestricted("EC2 credentials")?;
    let project_id = body.fields_bare().required("tenant_id", 1, 64)?;
    reach_check(&call.caller, Some(&project_id))?;
    let open = call.identity.ec2_create(&call.caller, user_id, project_id).await?;
    created("credential", shape(&call.links, &open))
}

async fn pair_show(call: Call, Path((_, access)): Path<(String, String)>) -> Result<Json<Value>> {
    let open = allowed(&call, "identity:ec2_get_credential", &access).await?;
    shown("credential", shape(&call.links, &open))
}

async fn pair_delete(call: Call, Path((_, access)): Path<(String, String)>) -> Result<StatusCode> {
    let open = allowed(&call, "identity:ec2_delete_credential", &access).await?;
    call.identity.credential_delete(&open.credential.id).await?;
    done()
}

/// What was signed stands in the body by one of three names.
fn signed(body: Body) -> Result<Signed> {
    let mut fields = body.fields_bare();
    let names = ["credentials", "credential", "ec2Credentials"];
    let found = names.into_iter().find_map(|name| fields.typed(name).transpose()).transpose()?;
    found.ok_or_else(|| api::Error::bad_request("The body must be {\"credentials\": {...}}."))
}

async fn ec2_token(call: Call, body: Body) -> Result<Response> {
    call.allow_plain("identity:ec2tokens_validate")?;
    let (text, token) = call.identity.login_by_signature(signed(body)?, Style::Ec2).await?;
    let document = Document::of(&call.identity, &token, true).await?;
    Ok((tokens::headers(&text), Json(document)).into_response())
}

/// The service has its answer in what the token says; the token itself stays here.
async fn s3_token(call: Call, body: Body) -> Result<Response> {
    call.allow_plain("identity:s3tokens_validate")?;
    let (_, token) = call.identity.login_by_signature(signed(body)?, Style::S3).await?;
    let document = Document::of(&call.identity, &token, true).await?;
    Ok(Json(document).into_response())
}
