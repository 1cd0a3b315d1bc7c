//! Tokens: making, checking and ending them.

mod cache;
pub(crate) mod keys;
mod payload;

pub(crate) use cache::Cache;
pub(crate) use payload::{Methods, Payload, Scope};

use std::sync::Arc;

use api::{Error, Result};
use cache::{Epoch, Key};

use crate::directory::Directory;
use crate::store::{assignment, domain, project, revision, user};
use crate::{Caller, Identity, TokenData};

/// Longer texts are no tokens of ours.
const LONGEST: usize = 512;

/// A token whose user, scope and roles stood when it was looked up.
#[derive(Debug)]
pub(crate) struct Token {
    pub data: Arc<TokenData>,
    pub payload: Payload,
    /// The revision at which it was looked up; while the token is served from memory, the current one.
    pub revision: i64,
    pub user_domain_name: String,
    /// The name of the scope's domain, or of the domain that the project is in.
    pub domain_name: Option<String>,
    /// Ids and names.
    pub roles: Vec<(String, String)>,
}

/// The answer to anything wrong with an authentication; what it was is not told.
pub(crate) fn refused() -> Error {
    Error::unauthorized("The request you have made requires authentication.")
}

/// A token that is to be made.
pub(crate) struct NewToken {
    pub methods: Methods,
    pub user_id: String,
    /// The user's token generation when the proof was checked, so that a change since then ends this token too.
    pub generation: i64,
    pub scope: Scope,
    /// The token that it is made from; the new one does not outlive it and joins its chain.
    pub parent: Option<Arc<Token>>,
}

impl Identity {
    /// The caller that a token stands for; 401 when it is not valid.
    pub async fn authenticate(&self, token: &str) -> Result<Caller> {
        let token = self.token_validate(token).await?;
        Ok(self.caller_of(&token))
    }

    /// Whoever holds the token.
    pub(crate) fn caller_of(&self, token: &Token) -> Caller {
        Caller::new(Arc::clone(&token.data), String::new(), Arc::clone(&self.0.policy))
    }

    /// A token of the user on the project, for tests and for the cloud's own use.
    pub async fn token_for_user(&self, user_id: &str, project_id: &str) -> Result<String> {
        let account = user::account(&self.0.db, user_id).await?.ok_or_else(refused)?;
        let (generation, scope) = (account.token_generation, Scope::Project(project_id.to_owned()));
        let (text, _) = self
            .token_issue(NewToken { methods: Methods::PASSWORD, user_id: account.id, generation, scope, parent: None })
            .await?;
        Ok(text)
    }

    /// Makes a token, if the user may have one for that scope.
    pub(crate) async fn token_issue(&self, new: NewToken) -> Result<(String, Arc<Token>)> {
        let runtime = &self.0.runtime;
        let issued_at = runtime.clock.now();
        let payload = Payload {
            methods: new.methods,
            user_id: new.user_id,
            scope: new.scope,
            issued_at,
            expires_at: match &new.parent {
                Some(parent) => parent.payload.expires_at,
                None => issued_at.checked_add(self.0.options.token_expiry).map_err(Error::internal)?,
            },
            audit_id: runtime.ids.bytes(),
            chain_id: new.parent.map(|parent| parent.payload.chain_id.unwrap_or(parent.payload.audit_id)),
            generation: new.generation,
        };
        let ring = self.0.keys.ring();
        let text = ring.seal(&payload.encode());
        let revision = revision::get(&self.0.db).await?;
        let token = Arc::new(self.token_load(payload, revision).await?);
        self.0.tokens.put(cache::key(&text), (revision, ring.version), Arc::clone(&token));
        Ok((text, token))
    }

    /// What a token says, if it is valid now; else 401.
    ///
    /// A token that was checked before costs one tiny query: whether identity has changed since.
    pub(crate) async fn token_validate(&self, text: &str) -> Result<Arc<Token>> {
        self.token_validate_at(text, None).await
    }

    /// The same as of a revision that was just looked up, if it was.
    pub(crate) async fn token_validate_at(&self, text: &str, revision: Option<i64>) -> Result<Arc<Token>> {
        if text.is_empty() || text.len() > LONGEST {
            return Err(refused());
        }
        let key = cache::key(text);
        let ring = self.0.keys.ring();
        let known = self.0.tokens.get(&key).filter(|((_, version), _)| *version == ring.version);
        let fresh = match &known {
            Some(_) => None,
            None => Some(ring.open(text).and_then(|bytes| Payload::decode(&bytes)).ok_or_else(refused)?),
        };
        let expires_at = known.as_ref().map(|(_, token)| token.payload.expires_at);
        let expires_at = expires_at.or(fresh.as_ref().map(|payload| payload.expires_at));
        if expires_at.is_none_or(|at| at <= self.0.runtime.clock.now()) {
            return Err(refused());
        }
        let revision = match revision {
            Some(revision) => revision,
            None => revision::get(&self.0.db).await?,
        };
        match (known, fresh) {
            (Some((epoch, token)), _) if epoch.0 == revision => Ok(token),
            (Some((_, token)), _) => self.token_remember(key, token.payload.clone(), (revision, ring.version)).await,
            (None, Some(payload)) => self.token_remember(key, payload, (revision, ring.version)).await,
            (None, None) => Err(refused()),
        }
    }

    async fn token_remember(&self, key: Key, payload: Payload, epoch: Epoch) -> Result<Arc<Token>> {
        let token = Arc::new(self.token_load(payload, epoch.0).await?);
        self.0.tokens.put(key, epoch, Arc::clone(&token));
        Ok(token)
    }

    /// Looks up all that the token refers to; 401 when any of it is gone, disabled or taken away.
    async fn token_load(&self, payload: Payload, revision: i64) -> Result<Token> {
        let db = &self.0.db;
        let account = user::account(db, &payload.user_id).await?.filter(user::Account::is_active);
        let account = account.filter(|account| account.token_generation == payload.generation).ok_or_else(refused)?;
        if revision::is_revoked(db, &payload.audit_id_text(), &payload.chain_id_text()).await? {
            return Err(refused());
        }
        let directory = self.directory(revision).await?;
        let mut data = TokenData {
            user_id: account.id,
            user_name: account.name,
            user_domain_id: account.domain_id,
            ..TokenData::default()
        };
        let (domain_name, roles) = self.scope_load(&payload.scope, &mut data, &directory).await?;
        if payload.scope != Scope::Unscoped && roles.is_empty() {
            return Err(refused());
        }
        data.roles = roles.iter().map(|(_, name)| name.clone()).collect();
        Ok(Token { data: Arc::new(data), payload, revision, user_domain_name: account.domain_name, domain_name, roles })
    }

    /// Fills in the scope; gives its domain's name and the roles that the user has there.
    async fn scope_load(
        &self,
        scope: &Scope,
        data: &mut TokenData,
        directory: &Directory,
    ) -> Result<(Option<String>, Vec<(String, String)>)> {
        let db = &self.0.db;
        let (domain_name, given) = match scope {
            Scope::Unscoped => return Ok((None, Vec::new())),
            Scope::System => {
                data.system = true;
                (None, assignment::roles_on(db, &data.user_id, "system", "system").await?)
            }
            Scope::Domain(id) => {
                let domain = domain::get(db, id).await?.filter(|domain| domain.enabled).ok_or_else(refused)?;
                data.domain_id = Some(domain.id);
                (Some(domain.name), assignment::roles_on(db, &data.user_id, "domain", id).await?)
            }
            Scope::Project(id) => {
                let project = project::scoped(db, id).await?.filter(|p| p.enabled && p.domain_enabled);
                let project = project.ok_or_else(refused)?;
                let given = assignment::roles_on_project(db, &data.user_id, id, &project.domain_id).await?;
                data.project_id = Some(project.id);
                data.project_name = Some(project.name);
                data.project_domain_id = Some(project.domain_id);
                (Some(project.domain_name), given)
            }
        };
        Ok((domain_name, directory.roles_of_token(&given)))
    }

    /// Ends a token.
    pub(crate) async fn token_revoke(&self, token: &Token) -> Result<()> {
        let mut tx = self.write().await?;
        let payload = &token.payload;
        let now = self.0.runtime.clock.now();
        revision::revoke(&mut tx, &payload.audit_id_text(), false, payload.expires_at, now).await?;
        Ok(tx.commit().await?)
    }

    /// Makes the staged token key the primary one and stages a new one; at most `most` keys (at least 3) stay.
    pub fn keys_rotate(&self, most: usize) -> Result<()> {
        self.0.keys.rotate(most)
    }
}
