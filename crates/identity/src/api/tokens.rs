//! `/v3/auth/tokens`: making, showing and ending tokens.

use std::sync::Arc;

use api::{Error, Json, Query, Result};
use axum::Router;
use axum::extract::{FromRequestParts, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use jiff::SignedDuration;
use policy::Target;
use serde::Deserialize;
use serde_json::Value;

use super::call::Anonymous;
use super::document::{self, Document};
use crate::authentication::{ApplicationRef, DomainRef, Named, Outcome, Proof, WantedScope};
use crate::caller::{access_rules_check, token_in};
use crate::token::{Token, refused};
use crate::{Caller, Identity};

const SUBJECT: HeaderName = HeaderName::from_static("x-subject-token");
const RECEIPT: HeaderName = HeaderName::from_static("openstack-auth-receipt");

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
    totp: Option<TotpProof>,
    application_credential: Option<ApplicationProof>,
}

#[derive(Deserialize)]
struct UserRef {
    id: Option<String>,
    name: Option<String>,
    domain: Option<NameOrId>,
}

#[derive(Deserialize)]
struct PasswordProof {
    user: PasswordUser,
}

#[derive(Deserialize)]
struct PasswordUser {
    #[serde(flatten)]
    user: UserRef,
    password: String,
}

#[derive(Deserialize)]
struct TotpProof {
    user: TotpUser,
}

#[derive(Deserialize)]
struct TotpUser {
    #[serde(flatten)]
    user: UserRef,
    passcode: String,
}

#[derive(Deserialize)]
struct ApplicationProof {
    id: Option<String>,
    name: Option<String>,
    user: Option<UserRef>,
    secret: String,
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
    #[serde(rename = "OS-TRUST:trust")]
    trust: Option<TrustRef>,
}

#[derive(Deserialize)]
struct TrustRef {
    id: String,
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

async fn token_create(
    Anonymous(identity): Anonymous,
    query: Query,
    request: HeaderMap,
    Json(body): Json<Body>,
) -> Result<Response> {
    let scope = scope(body.auth.scope)?;
    let receipt = request.get(RECEIPT).and_then(|value| value.to_str().ok());
    match identity.login(proofs(body.auth.identity)?, scope, receipt).await? {
        Outcome::Token(text, token) => {
            let document = Document::of(&identity, &token, !nocatalog(&query)).await?;
            Ok((StatusCode::CREATED, headers(&text), Json(document)).into_response())
        }
        Outcome::Receipt(text, receipt) => {
            let body = Json(document::receipt(&receipt));
            Ok((StatusCode::UNAUTHORIZED, [(RECEIPT, secret(&text))], body).into_response())
        }
    }
}

async fn token_show(State(identity): State<Identity>, query: Query, subject: Subject) -> Result<Response> {
    let (text, token) = subject.find(&identity, "identity:validate_token", &query).await?;
    let limited = token.standing.data.application.as_ref().is_some_and(|one| one.access_rules.is_some());
    if limited && !subject.knows_access_rules {
        return Err(Error::not_found(
            "Could not find token: it has access rules, and the service that asks does not enforce them.",
        ));
    }
    let document = Document::of(&identity, &token, !nocatalog(&query)).await?;
    Ok((headers(text), Json(document)).into_response())
}

async fn token_check(State(identity): State<Identity>, query: Query, subject: Subject) -> Result<Response> {
    let (text, _) = subject.find(&identity, "identity:check_token", &query).await?;
    Ok(headers(text).into_response())
}

async fn token_revoke(Anonymous(identity): Anonymous, subject: Subject) -> Result<StatusCode> {
    let (_, token) = subject.find(&identity, "identity:revoke_token", &Query::default()).await?;
    identity.by_user(&subject.caller.token.user_id).token_revoke(&token).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Who asks about which token.
struct Subject {
    caller: Caller,
    /// The revision at which the caller's token was found valid.
    revision: i64,
    text: String,
    /// Whether whoever asks will obey the token's access rules.
    knows_access_rules: bool,
}

impl FromRequestParts<Identity> for Subject {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, identity: &Identity) -> Result<Self> {
        let own = identity.token_validate(token_in(&parts.headers).ok_or_else(refused)?).await?;
        access_rules_check(&own.standing.data, parts)?;
        let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let text = header(SUBJECT.as_str());
        let text = text.ok_or_else(|| Error::bad_request("Name the token in the header X-Subject-Token."))?;
        let version = header("openstack-identity-access-rules").and_then(|version| version.parse::<f32>().ok());
        Ok(Self {
            caller: identity.caller_of(&own),
            revision: own.revision,
            text: text.to_owned(),
            knows_access_rules: version.is_some_and(|version| version >= 1.0),
        })
    }
}

impl Subject {
    /// The token, if the caller may do to it what the rule guards; 404 when it is not valid. The caller's token and
    /// this one are checked at the same revision, so that services pay for one look at it.
    async fn find(&self, identity: &Identity, rule: &str, query: &Query) -> Result<(&str, Arc<Token>)> {
        let grace = match query.flag("allow_expired")?.unwrap_or(false) {
            true => SignedDuration::from_secs(identity.0.config.token.allow_expired_window_seconds.into()),
            false => SignedDuration::ZERO,
        };
        match identity.token_validate_at(&self.text, Some(self.revision), grace).await {
            Ok(token) => {
                self.caller.allow(rule, &target(&token))?;
                Ok((&self.text, token))
            }
            Err(error) if error.kind == api::Kind::Unauthorized => {
                Err(Error::not_found("Could not find token: it is unknown, has expired or was revoked."))
            }
            Err(error) => Err(error),
        }
    }
}

fn target(token: &Token) -> Target<'_> {
    Target::new().with("target.token.user_id", &token.standing.data.user_id)
}

fn nocatalog(query: &Query) -> bool {
    // Keystone asks only whether it is there.
    query.get("nocatalog").is_some()
}

fn secret(text: &str) -> HeaderValue {
    let mut value = HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}

pub(super) fn headers(token: &str) -> [(HeaderName, HeaderValue); 2] {
    [(SUBJECT, secret(token)), (header::VARY, HeaderValue::from_static("X-Auth-Token"))]
}

/// The proofs in the order of `methods`.
fn proofs(mut body: Proofs) -> Result<Vec<Proof>> {
    let methods = std::mem::take(&mut body.methods);
    let once = |(at, method): &(usize, &String)| !methods[..*at].contains(method);
    methods.iter().enumerate().filter(once).map(|(_, method)| proof(method, &mut body)).collect()
}

fn proof(method: &str, body: &mut Proofs) -> Result<Proof> {
    let missing = || Error::bad_request(format!("auth.identity.{method} is missing: the methods name it."));
    Ok(match method {
        "password" => {
            let PasswordUser { user, password } = body.password.take().ok_or_else(missing)?.user;
            Proof::Password { user: user_named("auth.identity.password.user", user)?, password }
        }
        "token" => Proof::Token(body.token.take().ok_or_else(missing)?.id),
        "totp" => {
            let TotpUser { user, passcode } = body.totp.take().ok_or_else(missing)?.user;
            Proof::Totp { user: user_named("auth.identity.totp.user", user)?, passcode }
        }
        "application_credential" => {
            let proof = body.application_credential.take().ok_or_else(missing)?;
            let which = match (proof.id, proof.name, proof.user) {
                (Some(id), ..) => ApplicationRef::Id(id),
                (None, Some(name), Some(user)) => {
                    ApplicationRef::Name(name, user_named("auth.identity.application_credential.user", user)?)
                }
                _ => {
                    return Err(Error::bad_request(
                        "auth.identity.application_credential needs an id, or a name and a user.",
                    ));
                }
            };
            Proof::Application { which, secret: proof.secret }
        }
        _ => return Err(refused()),
    })
}

fn user_named(field: &str, user: UserRef) -> Result<Named> {
    named(field, user.id, user.name, user.domain)
}

fn scope(body: Option<Value>) -> Result<WantedScope> {
    let invalid = |why: &str| Error::bad_request(format!("Invalid input for field/attribute auth.scope: {why}"));
    let body = match body {
        None | Some(Value::Null) => return Ok(WantedScope::Default),
        Some(Value::String(text)) if text == "unscoped" => return Ok(WantedScope::Unscoped),
        Some(body) => serde_json::from_value(body).map_err(|error| invalid(&error.to_string()))?,
    };
    let ScopeBody { project, domain, system, unscoped, trust } = body;
    match (project, domain, system, unscoped, trust) {
        (Some(ProjectRef { id, name, domain }), None, None, None, None) => {
            Ok(WantedScope::Project(named("auth.scope.project", id, name, domain)?))
        }
        (None, Some(domain), None, None, None) => Ok(WantedScope::Domain(domain_ref("auth.scope.domain", domain)?)),
        (None, None, Some(SystemRef { all: true }), None, None) => Ok(WantedScope::System),
        (None, None, None, Some(_), None) => Ok(WantedScope::Unscoped),
        (None, None, None, None, Some(TrustRef { id })) => Ok(WantedScope::Trust(id)),
        _ => Err(invalid("name exactly one of project, domain, OS-TRUST:trust and system ({\"all\": true}).")),
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
