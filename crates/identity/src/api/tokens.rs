//! `/v3/auth/tokens`: making, showing and ending tokens.

use std::sync::Arc;

use api::{Error, Json, Query, Result};
use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use policy::Target;
use serde::Deserialize;
use serde_json::{Value, json};

use super::call::Anonymous;
use crate::Identity;
use crate::authentication::{DomainRef, Named, Proof, WantedScope};
use crate::token::{Token, refused};

const SUBJECT: HeaderName = HeaderName::from_static("x-subject-token");

pub(super) fn routes() -> Router<Identity> {
    Router::new().route("/v3/auth/tokens", post(token_create).get(token_show).head(token_check).delete(token_revoke))
}

#[derive(Deserialize)]
struct Body {
    auth: Auth,
}

#[derive(Deserialize)]
struct Auth {
    identity: Proofs,
    #[serde(default)]
    scope: Option<Value>,
}

#[derive(Deserialize)]
struct Proofs {
    methods: Vec<String>,
    password: Option<PasswordProof>,
    token: Option<TokenProof>,
}

#[derive(Deserialize)]
struct PasswordProof {
    user: UserRef,
}

#[derive(Deserialize)]
struct UserRef {
    id: Option<String>,
    name: Option<String>,
    domain: Option<NameOrId>,
    password: String,
}

#[derive(Deserialize)]
struct TokenProof {
    id: String,
}

#[derive(Deserialize)]
struct NameOrId {
    id: Option<String>,
    name: Option<String>,
}

#[derive(Deserialize)]
struct ScopeBody {
    project: Option<ProjectRef>,
    domain: Option<NameOrId>,
    system: Option<SystemRef>,
    unscoped: Option<Value>,
}

#[derive(Deserialize)]
struct ProjectRef {
    id: Option<String>,
    name: Option<String>,
    domain: Option<NameOrId>,
}

#[derive(Deserialize)]
struct SystemRef {
    all: bool,
}

async fn token_create(Anonymous(identity): Anonymous, query: Query, Json(body): Json<Body>) -> Result<Response> {
    let scope = scope(body.auth.scope)?;
    let (text, token) = identity.login(proofs(body.auth.identity)?, scope).await?;
    let document = document(&identity, &token, !nocatalog(&query)).await?;
    Ok((StatusCode::CREATED, headers(&text), Json(document)).into_response())
}

async fn token_show(State(identity): State<Identity>, query: Query, request: HeaderMap) -> Result<Response> {
    let (text, token) = subject(&identity, &request, "identity:validate_token").await?;
    let document = document(&identity, &token, !nocatalog(&query)).await?;
    Ok((headers(text), Json(document)).into_response())
}

async fn token_check(State(identity): State<Identity>, request: HeaderMap) -> Result<Response> {
    let (text, _) = subject(&identity, &request, "identity:check_token").await?;
    Ok(headers(text).into_response())
}

async fn token_revoke(State(identity): State<Identity>, request: HeaderMap) -> Result<StatusCode> {
    let (_, token) = subject(&identity, &request, "identity:revoke_token").await?;
    identity.token_revoke(&token).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The token that the request is about, if the caller may do to it what the rule guards; 404 when it is not valid.
/// The caller's token and this one are checked at the same revision, so that services pay for one look at it.
async fn subject<'h>(identity: &Identity, headers: &'h HeaderMap, rule: &str) -> Result<(&'h str, Arc<Token>)> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let own = identity.token_validate(header("x-auth-token").ok_or_else(refused)?).await?;
    let text = header(SUBJECT.as_str());
    let text = text.ok_or_else(|| Error::bad_request("Name the token in the header X-Subject-Token."))?;
    match identity.token_validate_at(text, Some(own.revision)).await {
        Ok(token) => {
            identity.caller_of(&own).allow(rule, &target(&token))?;
            Ok((text, token))
        }
        Err(error) if error.kind == api::Kind::Unauthorized => {
            Err(Error::not_found("Could not find token: it is unknown, has expired or was revoked."))
        }
        Err(error) => Err(error),
    }
}

fn target(token: &Token) -> Target<'_> {
    Target::new().with("target.token.user_id", &token.data.user_id)
}

fn nocatalog(query: &Query) -> bool {
    // Keystone asks only whether it is there.
    query.get("nocatalog").is_some()
}

fn headers(token: &str) -> [(HeaderName, HeaderValue); 2] {
    let mut value = HeaderValue::from_str(token).unwrap_or_else(|_| HeaderValue::from_static(""));
    value.set_sensitive(true);
    [(SUBJECT, value), (header::VARY, HeaderValue::from_static("X-Auth-Token"))]
}

/// The proofs in the order of `methods`.
fn proofs(body: Proofs) -> Result<Vec<Proof>> {
    let mut found = Vec::new();
    let (mut password, mut token) = (body.password, body.token);
    for method in &body.methods {
        let missing = || Error::bad_request(format!("auth.identity.{method} is missing: the methods name it."));
        found.push(match method.as_str() {
            "password" => {
                let PasswordProof { user: UserRef { id, name, domain, password } } =
                    password.take().ok_or_else(missing)?;
                Proof::Password { user: named("auth.identity.password.user", id, name, domain)?, password }
            }
            "token" => Proof::Token(token.take().ok_or_else(missing)?.id),
            _ => return Err(refused()),
        });
    }
    Ok(found)
}

fn scope(body: Option<Value>) -> Result<WantedScope> {
    let invalid = |why: &str| Error::bad_request(format!("Invalid input for field/attribute auth.scope: {why}"));
    let body = match body {
        None | Some(Value::Null) => return Ok(WantedScope::Default),
        Some(Value::String(text)) if text == "unscoped" => return Ok(WantedScope::Unscoped),
        Some(body) => serde_json::from_value(body).map_err(|error| invalid(&error.to_string()))?,
    };
    match body {
        ScopeBody { project: Some(ProjectRef { id, name, domain }), domain: None, system: None, unscoped: None } => {
            Ok(WantedScope::Project(named("auth.scope.project", id, name, domain)?))
        }
        ScopeBody { project: None, domain: Some(domain), system: None, unscoped: None } => {
            Ok(WantedScope::Domain(domain_ref("auth.scope.domain", domain)?))
        }
        ScopeBody { project: None, domain: None, system: Some(SystemRef { all: true }), unscoped: None } => {
            Ok(WantedScope::System)
        }
        ScopeBody { project: None, domain: None, system: None, unscoped: Some(_) } => Ok(WantedScope::Unscoped),
        _ => Err(invalid("name exactly one of project, domain and system ({\"all\": true}).")),
    }
}

fn named(field: &str, id: Option<String>, name: Option<String>, domain: Option<NameOrId>) -> Result<Named> {
    match (id, name, domain) {
        (Some(id), ..) => Ok(Named::Id(id)),
        (None, Some(name), Some(domain)) => Ok(Named::Name(name, domain_ref(&format!("{field}.domain"), domain)?)),
        (None, Some(_), None) => Err(Error::bad_request(format!("{field} has a name; name its domain too."))),
        (None, None, _) => Err(Error::bad_request(format!("{field} needs an id, or a name and a domain."))),
    }
}

fn domain_ref(field: &str, domain: NameOrId) -> Result<DomainRef> {
    match domain {
        NameOrId { id: Some(id), .. } => Ok(DomainRef::Id(id)),
        NameOrId { name: Some(name), .. } => Ok(DomainRef::Name(name)),
        _ => Err(Error::bad_request(format!("{field} needs an id or a name."))),
    }
}

/// What the token says, as clients read it.
async fn document(identity: &Identity, token: &Token, with_catalog: bool) -> Result<Value> {
    let (data, payload) = (&token.data, &token.payload);
    let mut audit_ids = vec![payload.audit_id_text()];
    if payload.chain_id.is_some() {
        audit_ids.push(payload.chain_id_text());
    }
    let mut body = json!({
        "methods": payload.methods.names(),
        "user": {
            "id": data.user_id,
            "name": data.user_name,
            "domain": {"id": data.user_domain_id, "name": token.user_domain_name},
            "password_expires_at": null,
        },
        "audit_ids": audit_ids,
        "expires_at": api::time::micros(payload.expires_at),
        "issued_at": api::time::micros(payload.issued_at),
    });
    if let Some(id) = &data.project_id {
        let domain = json!({"id": data.project_domain_id, "name": token.domain_name});
        body["project"] = json!({"id": id, "name": data.project_name, "domain": domain});
        body["is_domain"] = json!(false);
    }
    if let Some(id) = &data.domain_id {
        body["domain"] = json!({"id": id, "name": token.domain_name});
    }
    if data.system {
        body["system"] = json!({"all": true});
    }
    if !token.roles.is_empty() {
        body["roles"] = token.roles.iter().map(|(id, name)| json!({"id": id, "name": name})).collect();
        if with_catalog {
            body["catalog"] = identity.catalog_at(token.revision, data).await?;
        }
    }
    Ok(json!({"token": body}))
}
