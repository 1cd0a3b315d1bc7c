//! From what a user knows to a token: methods of proof, and the scope that is asked for.

use std::sync::Arc;

use api::{Error, Result};

use crate::Identity;
use crate::store::user::Account;
use crate::store::{assignment, domain, project, user};
use crate::token::{Methods, NewToken, Scope, Token, refused};

/// A thing that is named by its id, or by its name in a domain.
#[derive(Clone, Debug)]
pub(crate) enum Named {
    Id(String),
    Name(String, DomainRef),
}

/// A domain by its id or its name.
#[derive(Clone, Debug)]
pub(crate) enum DomainRef {
    Id(String),
    Name(String),
}

/// One proof of who the user is.
pub(crate) enum Proof {
    Password { user: Named, password: String },
    Token(String),
}

/// The scope that is asked for.
pub(crate) enum WantedScope {
    /// The user's default project, if there is one and the user has a role on it.
    Default,
    Unscoped,
    Project(Named),
    Domain(DomainRef),
    System,
}

impl Identity {
    /// Makes a token for whoever all proofs agree on.
    pub(crate) async fn login(&self, proofs: Vec<Proof>, wanted: WantedScope) -> Result<(String, Arc<Token>)> {
        let mut methods = Methods::default();
        let mut proven: Option<Account> = None;
        let mut parent = None;
        for proof in proofs {
            let account = match proof {
                Proof::Password { user, password } => {
                    methods = methods.and(Methods::PASSWORD);
                    self.login_by_password(&user, &password).await?
                }
                Proof::Token(text) => {
                    let token = self.token_validate(&text).await?;
                    methods = methods.and(Methods::TOKEN).and(token.payload.methods);
                    let mut account = user::account(&self.0.db, &token.data.user_id).await?.ok_or_else(refused)?;
                    account.token_generation = token.payload.generation;
                    parent = Some(token);
                    account
                }
            };
            if proven.as_ref().is_some_and(|other| other.id != account.id) {
                return Err(refused());
            }
            proven = Some(account);
        }
        let account = proven.ok_or_else(|| Error::bad_request("auth.identity.methods must name a method."))?;
        let scope = self.scope_resolve(wanted, &account, parent.is_some()).await?;
        let (user_id, generation) = (account.id, account.token_generation);
        self.token_issue(NewToken { methods, user_id, generation, scope, parent }).await
    }

    /// The account, if the password is its own. Every other case takes as long and looks the same.
    async fn login_by_password(&self, user: &Named, password: &str) -> Result<Account> {
        let db = &self.0.db;
        let account = match user {
            Named::Id(id) => user::account(db, id).await?,
            Named::Name(name, DomainRef::Id(id)) => user::account_by_name(db, name, Some(id), None).await?,
            Named::Name(name, DomainRef::Name(domain)) => user::account_by_name(db, name, None, Some(domain)).await?,
        };
        let hash = account.as_ref().and_then(|account| account.password_hash.as_deref());
        let fits = self.password_fits(account.as_ref(), &format!("{user:?}"), password, hash).await?;
        account.filter(|account| fits && account.is_active()).ok_or_else(refused)
    }

    /// Whether the password fits; 429 without looking at it when too many did not. `name` stands for an account that
    /// is not there.
    pub(crate) async fn password_fits(
        &self,
        account: Option<&Account>,
        name: &str,
        password: &str,
        hash: Option<&str>,
    ) -> Result<bool> {
        let key = account.map_or(name, |account| account.id.as_str());
        self.0.throttle.check(self.source(), key, self.0.runtime.clock.now())?;
        let fits = self.0.passwords.verify(password, hash).await?;
        if !fits {
            self.0.throttle.failed(self.source(), key, self.0.runtime.clock.now());
        }
        Ok(fits)
    }

    async fn scope_resolve(&self, wanted: WantedScope, account: &Account, rescoping: bool) -> Result<Scope> {
        let db = &self.0.db;
        Ok(match wanted {
            WantedScope::Unscoped => Scope::Unscoped,
            WantedScope::System => Scope::System,
            WantedScope::Domain(DomainRef::Id(id)) => Scope::Domain(id),
            WantedScope::Domain(DomainRef::Name(name)) => Scope::Domain(self.domain_named(&name).await?),
            WantedScope::Project(Named::Id(id)) => Scope::Project(id),
            WantedScope::Project(Named::Name(name, domain)) => {
                let domain_id = match domain {
                    DomainRef::Id(id) => id,
                    DomainRef::Name(name) => self.domain_named(&name).await?,
                };
                Scope::Project(project::by_name(db, &domain_id, &name).await?.ok_or_else(refused)?.id)
            }
            WantedScope::Default => match &account.default_project_id {
                Some(id) if !rescoping && self.is_usable(&account.id, id).await? => Scope::Project(id.clone()),
                _ => Scope::Unscoped,
            },
        })
    }

    async fn domain_named(&self, name: &str) -> Result<String> {
        Ok(domain::by_name(&self.0.db, name).await?.ok_or_else(refused)?.id)
    }

    /// Whether the user can have a token of the project.
    async fn is_usable(&self, user_id: &str, project_id: &str) -> Result<bool> {
        let db = &self.0.db;
        let Some(project) = project::scoped(db, project_id).await?.filter(|p| p.enabled && p.domain_enabled) else {
            return Ok(false);
        };
        Ok(!assignment::roles_on_project(db, user_id, project_id, &project.domain_id).await?.is_empty())
    }
}
