//! From what a user knows to a token: methods of proof, and the scope that is asked for.

use std::sync::Arc;

use api::{Error, Result};
use serde_json::{Map, Value};

use crate::Identity;
use crate::receipt::Receipt;
use crate::store::user::Account;
use crate::store::{application_credential, assignment, domain, project, trust, user};
use crate::token::{Methods, NewToken, Scope, Token, refused};
use crate::user_options::{MethodRules, method_rules};

/// A thing that is named by its id, or by its name in a domain.
#[derive(Clone, Debug)]
pub(crate) enum Named {
    Id(String),
    Name(String, DomainRef),
}

/// A domain by its id or its name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum DomainRef {
    Id(String),
    Name(String),
}

/// One proof of who the user is.
pub(crate) enum Proof {
    Password { user: Named, password: String },
    Token(String),
    Totp { user: Named, passcode: String },
    Application { which: ApplicationRef, secret: String },
}

/// An application credential by its id, or by its name and its user.
pub(crate) enum ApplicationRef {
    Id(String),
    Name(String, Named),
}

/// Who proved to be whom.
pub(crate) struct Proven {
    pub id: String,
    /// The user's token generation at that moment.
    pub generation: i64,
    /// The sets of methods of which the user must use one.
    pub rules: MethodRules,
    pub methods: Methods,
    /// What the proof can only be used for.
    pub scope: Option<Scope>,
}

/// The scope that is asked for.
#[derive(Clone, Debug)]
pub(crate) enum WantedScope {
    /// The user's default project, if there is one and the user has a role on it.
    Default,
    Unscoped,
    Project(Named),
    Domain(DomainRef),
    System,
    /// The id of a trust.
    Trust(String),
}

/// How a login ends.
pub(crate) enum Outcome {
    Token(String, Arc<Token>),
    /// More methods are needed.
    Receipt(String, Box<Receipt>),
}

impl Identity {
    /// Makes a token for whoever all proofs agree on; or a receipt for them, if they are not enough.
    pub(crate) async fn login(
        &self,
        mut proofs: Vec<Proof>,
        wanted: WantedScope,
        receipt: Option<&str>,
    ) -> Result<Outcome> {
        // A passcode is used up when it is looked at, so it comes after what may be wrong without harm.
        proofs.sort_by_key(|proof| matches!(proof, Proof::Totp { .. }));
        let mut proven: Option<Proven> = None;
        let mut parent = None;
        for proof in proofs {
            let user = match proof {
                Proof::Password { user, password } => self.login_by_password(&user, &password).await?,
                Proof::Totp { user, passcode } => self.login_by_totp(&user, &passcode).await?,
                Proof::Application { which, secret } => self.login_by_application(which, &secret, &wanted).await?,
                Proof::Token(text) => {
                    let token = self.token_validate(&text).await.map_err(not_found)?;
                    let user = self.login_by_token(&token, &wanted)?;
                    parent = Some(token);
                    user
                }
            };
            proven = Some(match proven {
                None => user,
                Some(before) if before.id == user.id => before.and(user)?,
                Some(_) => return Err(refused()),
            });
        }
        let mut user = proven.ok_or_else(|| Error::bad_request("auth.identity.methods must name a method."))?;
        if let Some(text) = receipt {
            user.methods = user.methods.and(self.receipt_open(text, &user)?);
        }
        if !is_enough(&user.rules, user.methods) {
            let (text, receipt) = self.receipt_issue(user).await?;
            return Ok(Outcome::Receipt(text, Box::new(receipt)));
        }
        let (text, token) = match (user.scope.clone(), wanted) {
            (Some(scope), _) => self.token_issue(user.into_token(scope, parent)).await?,
            (None, WantedScope::Trust(id)) => self.token_of_trust(&id, user).await?,
            (None, wanted) => {
                let revision = parent.as_ref().map(|token| token.revision);
                let scope = self.scope_resolve(wanted, &user.id, revision).await?;
                self.token_issue(user.into_token(scope, parent)).await?
            }
        };
        Ok(Outcome::Token(text, token))
    }

    /// The account of a user, active or not.
    pub(crate) async fn account(&self, user: &Named) -> Result<Option<Account>> {
        let db = &self.0.db;
        Ok(match user {
            Named::Id(id) => user::account(db, id).await?,
            Named::Name(name, DomainRef::Id(id)) => user::account_by_name(db, name, Some(id), None).await?,
            Named::Name(name, DomainRef::Name(domain)) => user::account_by_name(db, name, None, Some(domain)).await?,
        })
    }

    async fn login_by_password(&self, user: &Named, password: &str) -> Result<Proven> {
        let account = self.password_proof(user, password).await?;
        if self.is_expired(&account) {
            return Err(Error::unauthorized(format!(
                "The password is expired and needs to be changed for user: {}.",
                account.id
            )));
        }
        Ok(Proven::of(account, Methods::PASSWORD))
    }

    /// The account, if the password is its own, expired or not. Every other case takes as long and looks the same.
    pub(crate) async fn password_proof(&self, user: &Named, password: &str) -> Result<Account> {
        let account = self.account(user).await?;
        let hash = account.as_ref().and_then(|account| account.password_hash.as_deref());
        let fits = self.password_fits(account.as_ref(), &format!("{user:?}"), password, hash).await?;
        if account.as_ref().is_some_and(|account| self.is_locked(account)) {
            return Err(refused());
        }
        match account {
            Some(account) if fits => {
                if !self.is_active(&account) {
                    return Err(refused());
                }
                self.login_succeeded(&account).await?;
                Ok(account)
            }
            account => {
                self.login_failed(account.as_ref()).await?;
                Err(refused())
            }
        }
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

    fn login_by_token(&self, token: &Token, wanted: &WantedScope) -> Result<Proven> {
        let scope = match &token.payload.scope {
            Scope::Trust { .. } => return Err(not_exchanged("a token of a trust")),
            Scope::Application(_) if !matches!(wanted, WantedScope::Default) => {
                return Err(not_exchanged("a token of an application credential for one with a scope"));
            }
            Scope::Application(id) => Some(Scope::Application(id.clone())),
            Scope::System if matches!(wanted, WantedScope::Project(_) | WantedScope::Domain(_)) => {
                return Err(not_exchanged("a token of the system for one of a project or domain"));
            }
            Scope::Project(_) | Scope::Domain(_) | Scope::System if !self.0.config.token.allow_rescope_scoped_token => {
                return Err(not_exchanged("a token with a scope"));
            }
            _ => None,
        };
        Ok(Proven {
            id: token.payload.user_id.clone(),
            generation: token.payload.generation,
            rules: token.standing.rules.clone(),
            methods: Methods::TOKEN.and(token.payload.methods),
            scope,
        })
    }

    async fn login_by_application(&self, which: ApplicationRef, secret: &str, wanted: &WantedScope) -> Result<Proven> {
        if !matches!(wanted, WantedScope::Default) {
            return Err(Error::unauthorized(
                "Error authenticating with application credential: Application credentials cannot request a scope.",
            ));
        }
        let db = &self.0.db;
        let credential = match which {
            ApplicationRef::Id(id) => application_credential::get(db, &id).await?,
            ApplicationRef::Name(name, user) => match self.account(&user).await? {
                Some(account) => application_credential::by_name(db, &account.id, &name).await?,
                None => None,
            },
        };
        let hash = credential.as_ref().map(|credential| credential.secret_hash.as_str());
        let name = credential.as_ref().map_or("no application credential", |credential| credential.id.as_str());
        let fits = self.password_fits(None, name, secret, hash).await?;
        let credential = credential.filter(|_| fits).ok_or_else(refused)?;
        let account = user::account(db, &credential.user_id).await?.ok_or_else(refused)?;
        let scope = Some(Scope::Application(credential.id));
        Ok(Proven { scope, ..Proven::of(account, Methods::APPLICATION_CREDENTIAL) })
    }

    /// A token of what a trust hands over, for its trustee; one of its uses is counted.
    pub(crate) async fn token_of_trust(&self, id: &str, trustee: Proven) -> Result<(String, Arc<Token>)> {
        let trust = trust::get(&self.0.db, id).await?.ok_or_else(refused)?;
        if trust.trustee_user_id != trustee.id {
            return Err(Error::forbidden("User is not a trustee. Only the trustee gets a token of a trust."));
        }
        let trustor = user::account(&self.0.db, &trust.trustor_user_id).await?.ok_or_else(refused)?;
        let (user_id, generation, other_generation) = match trust.impersonation {
            true => (trustor.id, trustor.token_generation, trustee.generation),
            false => (trustee.id, trustee.generation, trustor.token_generation),
        };
        let scope = Scope::Trust { id: trust.id, other_generation };
        let new = NewToken { methods: trustee.methods, user_id, generation, scope, parent: None };
        let issued = self.token_issue(new).await?;
        if trust.remaining_uses.is_some() {
            let mut tx = self.0.db.begin().await?;
            if !trust::use_one(&mut tx, id).await? {
                return Err(refused());
            }
            tx.commit().await?;
        }
        Ok(issued)
    }

    /// The scope that is wanted, as of a revision if one is known.
    async fn scope_resolve(&self, wanted: WantedScope, user_id: &str, revision: Option<i64>) -> Result<Scope> {
        let db = &self.0.db;
        Ok(match wanted {
            WantedScope::Unscoped | WantedScope::Trust(_) => Scope::Unscoped,
            WantedScope::System => Scope::System,
            WantedScope::Domain(DomainRef::Id(id)) => Scope::Domain(id),
            WantedScope::Domain(DomainRef::Name(name)) => Scope::Domain(self.domain_named(&name).await?),
            WantedScope::Project(Named::Id(id)) => Scope::Project(id),
            WantedScope::Project(Named::Name(name, domain)) => {
                Scope::Project(self.project_named((name, domain), revision).await?)
            }
            WantedScope::Default => match user::account(db, user_id).await?.and_then(|user| user.default_project_id) {
                Some(id) if self.is_usable(user_id, &id).await? => Scope::Project(id),
                _ => Scope::Unscoped,
            },
        })
    }

    /// The id of the project of that name in that domain. One that was found at a revision is remembered until the next.
    async fn project_named(&self, key: (String, DomainRef), revision: Option<i64>) -> Result<String> {
        if let Some((at, id)) = self.0.project_ids.get(&key)
            && Some(at) == revision
        {
            return Ok(id);
        }
        let domain_id = match &key.1 {
            DomainRef::Id(id) => id.clone(),
            DomainRef::Name(name) => self.domain_named(name).await?,
        };
        let id = project::by_name(&self.0.db, &domain_id, &key.0).await?.ok_or_else(refused)?.id;
        if let Some(revision) = revision {
            self.0.project_ids.put(key, (revision, id.clone()));
        }
        Ok(id)
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

impl Proven {
    pub fn of(account: Account, methods: Methods) -> Self {
        let Account { id, token_generation: generation, options, .. } = account;
        Self { id, generation, rules: rules_of(&options.0), methods, scope: None }
    }

    /// Both proofs of the same user. What one of them is limited to, both are.
    fn and(self, other: Self) -> Result<Self> {
        let scope = match (self.scope, other.scope) {
            (Some(one), Some(two)) if one != two => return Err(refused()),
            (one, two) => one.or(two),
        };
        // The older of two generations: whichever proof has been overtaken, the token has been too.
        let generation = self.generation.min(other.generation);
        Ok(Self { methods: self.methods.and(other.methods), scope, generation, ..self })
    }

    /// The token that is to be made for whoever that is.
    pub fn into_token(self, scope: Scope, parent: Option<Arc<Token>>) -> NewToken {
        NewToken { methods: self.methods, user_id: self.id, generation: self.generation, scope, parent }
    }
}

/// A token in the body is a thing that is looked for, unlike the one that a request comes with.
fn not_found(error: Error) -> Error {
    match error.kind {
        api::Kind::Unauthorized => Error::not_found("Could not find token: it is unknown, has expired or was revoked."),
        _ => error,
    }
}

fn not_exchanged(what: &str) -> Error {
    Error::forbidden(format!("It is not allowed to exchange {what}; log in for the new token instead."))
}

/// The sets of methods that the options name, without the methods that are not there.
pub(crate) fn rules_of(options: &Map<String, Value>) -> MethodRules {
    let known = |rule: Vec<String>| rule.into_iter().filter(|name| Methods::named(name).is_some()).collect();
    method_rules(options).into_iter().map(known).filter(|rule: &Vec<String>| !rule.is_empty()).collect()
}

/// Whether the methods are all of one of the sets, or there are no sets.
fn is_enough(rules: &MethodRules, methods: Methods) -> bool {
    let holds =
        |rule: &Vec<String>| rule.iter().all(|name| Methods::named(name).is_some_and(|method| methods.contain(method)));
    rules.is_empty() || rules.iter().any(holds)
}
