use std::sync::Arc;

use api::{Error, RequestId, Result};
use axum::extract::{FromRef, FromRequestParts};
use http::HeaderValue;
use http::request::Parts;
use policy::{Credentials, Policy, Target};

use crate::Identity;

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

impl<S> FromRequestParts<S> for Caller
where
    S: Send + Sync,
    Identity: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let identity = Identity::from_ref(state);
        let token = parts.headers.get("x-auth-token").map(HeaderValue::to_str);
        let Some(Ok(token)) = token else {
            return Err(Error::unauthorized("The request you have made requires authentication."));
        };
        let mut caller = identity.authenticate(token).await?;
        if let Some(RequestId(id)) = parts.extensions.get::<RequestId>() {
            caller.request_id.clone_from(id);
        }
        Ok(caller)
    }
}
