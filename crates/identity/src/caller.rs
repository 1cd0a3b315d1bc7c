use std::sync::Arc;

use api::{Arrival, Error, RequestId, Result};
use axum::extract::{FromRef, FromRequestParts};
use http::HeaderMap;
use http::request::Parts;
use policy::{Credentials, Policy, Target};

use crate::token::refused;
use crate::{AccessRule, Identity};

/// Who asks, from a valid token. A handler that has one is authenticated; it is authorised by [`allow`](Self::allow).
#[derive(Clone, Debug)]
pub struct Caller {
    /// What the token says.
    pub token: Arc<TokenData>,
    /// The id of the request.
    pub request_id: String,
    policy: Arc<Policy>,
}

/// What a token says.
#[derive(Clone, Debug, Default)]
pub struct TokenData {
    /// The user.
    pub user_id: String,
    /// The user's name.
    pub user_name: String,
    /// The user's domain.
    pub user_domain_id: String,
    /// The project it is scoped to.
    pub project_id: Option<String>,
    /// That project's name.
    pub project_name: Option<String>,
    /// That project's domain.
    pub project_domain_id: Option<String>,
    /// The domain it is scoped to.
    pub domain_id: Option<String>,
    /// Whether it is scoped to the whole system.
    pub system: bool,
    /// The names of the roles, implied ones included.
    pub roles: Vec<String>,
    /// The trust that it was made from.
    pub trust: Option<TrustData>,
    /// The application credential that it was made from.
    pub application: Option<ApplicationData>,
}

/// A trust, as its tokens carry it.
#[derive(Clone, Debug)]
pub struct TrustData {
    /// Its id.
    pub id: String,
    /// Who gave it.
    pub trustor_id: String,
    /// Who received it.
    pub trustee_id: String,
    /// Whether the token's user is the trustor.
    pub impersonation: bool,
}

/// An application credential, as its tokens carry it.
#[derive(Clone, Debug)]
pub struct ApplicationData {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Whether it may make and delete others of its kind.
    pub unrestricted: bool,
    /// The only requests that it allows, if it is limited to some.
    pub access_rules: Option<Vec<AccessRule>>,
}

impl Caller {
    /// A caller of that token.
    pub fn new(token: Arc<TokenData>, request_id: String, policy: Arc<Policy>) -> Self {
        Self { token, request_id, policy }
    }

    /// Checks a policy rule; 403 names the rule that refused.
    pub fn allow(&self, rule: &str, target: &Target<'_>) -> Result<()> {
        if self.may(rule, target) {
            Ok(())
        } else {
            Err(Error::forbidden(format!(
                "Policy doesn't allow {rule} to be performed. Ask for a role or scope that this rule admits."
            )))
        }
    }

    /// Whether a policy rule admits the caller, for fields and lists that only some may see.
    pub fn may(&self, rule: &str, target: &Target<'_>) -> bool {
        let token = &self.token;
        let credentials = Credentials {
            user_id: &token.user_id,
            user_domain_id: &token.user_domain_id,
            project_id: token.project_id.as_deref(),
            project_domain_id: token.project_domain_id.as_deref(),
            domain_id: token.domain_id.as_deref(),
            system_scope: token.system.then_some("all"),
            roles: &token.roles,
            trust_id: token.trust.as_ref().map(|trust| trust.id.as_str()),
            trustor_id: token.trust.as_ref().map(|trust| trust.trustor_id.as_str()),
            trustee_id: token.trust.as_ref().map(|trust| trust.trustee_id.as_str()),
            ..Credentials::default()
        };
        self.policy.check(rule, &credentials, target).allowed
    }

    /// The caller's project; 403 when the token has none.
    pub fn project_id(&self) -> Result<&str> {
        self.token.project_id.as_deref().ok_or_else(|| {
            Error::forbidden("This needs a token that is scoped to a project; ask for one with a project.")
        })
    }

    /// Whether the caller has the role.
    pub fn has_role(&self, name: &str) -> bool {
        self.token.roles.iter().any(|role| role.eq_ignore_ascii_case(name))
    }
}

impl Caller {
    /// Refuses application credentials that must not manage such things.
    pub(crate) fn unrestricted(&self, what: &str) -> Result<()> {
        if self.token.application.as_ref().is_none_or(|application| application.unrestricted) {
            return Ok(());
        }
        Err(Error::forbidden(format!(
            "Using method 'application_credential' is not allowed for managing additional {what}; use the user's \
             password, or an unrestricted application credential."
        )))
    }
}

/// The token that comes with a request: in its own header, or as a bearer token.
pub(crate) fn token_in(headers: &HeaderMap) -> Option<&str> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = || text("authorization").and_then(|value| value.split_once(' '));
    text("x-auth-token")
        .or_else(|| bearer().filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token.trim()))
}

/// Refuses the holder of an application credential what its access rules do not allow.
pub(crate) fn access_rules_check(token: &TokenData, parts: &Parts) -> Result<()> {
    let Some(rules) = token.application.as_ref().and_then(|application| application.access_rules.as_ref()) else {
        return Ok(());
    };
    let method = parts.method.as_str();
    let allowed = parts.extensions.get::<Arrival>().is_some_and(|Arrival { service, uri }| {
        let path = uri.path();
        // Whoever has a token may always look at it.
        let looking = service.kind == "identity" && method == "GET" && path == "/v3/auth/tokens";
        looking || rules.iter().any(|rule| rule.allows(service.kind, method, service.prefix, path))
    });
    if allowed {
        return Ok(());
    }
    Err(Error::unauthorized("The access rules of the application credential do not allow this request."))
}

impl<S> FromRequestParts<S> for Caller
where
    S: Send + Sync,
    Identity: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let identity = Identity::from_ref(state);
        let token = token_in(&parts.headers).ok_or_else(refused)?;
        let mut caller = identity.authenticate(token).await?;
        access_rules_check(&caller.token, parts)?;
        if let Some(RequestId(id)) = parts.extensions.get::<RequestId>() {
            caller.request_id.clone_from(id);
        }
        Ok(caller)
    }
}
