//! Tokens: making, checking and ending them.

mod cache;
mod jws;
mod payload;
mod standing;

pub(crate) use cache::Cache;
pub(crate) use jws::Jws;
pub(crate) use payload::{Methods, Payload, Scope, put_id, take_id};
pub(crate) use standing::{Place, Standing};

use std::sync::Arc;

use api::{Error, Result};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};

use crate::audit::{Action, Change};
use crate::keys::Ring;
use crate::store::{revision, user};
use crate::{Caller, Identity};

/// The hash under which a token is remembered; the token itself is not kept.
pub(crate) type Key = [u8; 32];

/// The state of the world that an answer holds for: identity's revision and the version of the keys.
pub(crate) type Epoch = (i64, i64);

/// Longer texts are no tokens of ours.
const LONGEST: usize = 2048;

/// A token whose user, scope and roles stood when it was looked up.
#[derive(Debug)]
pub(crate) struct Token {
    pub payload: Payload,
    pub standing: Arc<Standing>,
    /// The revision at which it was looked up; while the token is served from memory, the current one.
    pub revision: i64,
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

fn key(token: &str) -> Key {
    Sha256::digest(token.as_bytes()).into()
}

impl Identity {
    /// The caller that a token stands for; 401 when it is not valid.
    pub async fn authenticate(&self, token: &str) -> Result<Caller> {
        let token = self.token_validate(token).await?;
        Ok(self.caller_of(&token))
    }

    /// Whoever holds the token.
    pub(crate) fn caller_of(&self, token: &Token) -> Caller {
        Caller::new(Arc::clone(&token.standing.data), String::new(), Arc::clone(&self.0.policy))
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
        // A parent that was found valid at a revision belongs to no chain that was ended until then.
        let revision = match &new.parent {
            Some(parent) => parent.revision,
            None => revision::get(&self.0.db).await?,
        };
        let standing = self.standing(&new.user_id, &new.scope, revision).await?;
        let latest = match &new.parent {
            Some(parent) => parent.payload.expires_at,
            None => issued_at.checked_add(self.0.config.token.expiration()).map_err(Error::internal)?,
        };
        let expires_at = standing.ends_at.map_or(latest, |end| end.min(latest));
        if standing.generation != new.generation || expires_at <= issued_at {
            return Err(refused());
        }
        let payload = Payload {
            methods: new.methods,
            user_id: new.user_id,
            scope: new.scope,
            issued_at,
            expires_at,
            audit_id: runtime.ids.bytes(),
            chain_id: new.parent.map(|parent| parent.payload.chain_id.unwrap_or(parent.payload.audit_id)),
            generation: new.generation,
        };
        let (text, version) = match &self.0.jws_keys {
            None => {
                let ring = self.0.keys.ring();
                (ring.seal(&payload.encode()), ring.version)
            }
            Some(keys) => {
                let ring = keys.ring();
                (ring.sign(&payload), ring.version)
            }
        };
        let token = Arc::new(Token { payload, standing, revision });
        self.0.tokens.put(key(&text), ((revision, version), Arc::clone(&token)));
        Ok((text, token))
    }

    /// What a token says, if it is valid now; else 401.
    ///
    /// A token that was checked before costs one tiny query: whether identity has changed since.
    pub(crate) async fn token_validate(&self, text: &str) -> Result<Arc<Token>> {
        self.token_validate_at(text, None, SignedDuration::ZERO).await
    }

    /// The same as of a revision that was just looked up, if it was; and for a token that ended, but not long ago.
    pub(crate) async fn token_validate_at(
        &self,
        text: &str,
        revision: Option<i64>,
        grace: SignedDuration,
    ) -> Result<Arc<Token>> {
        if text.is_empty() || text.len() > LONGEST {
            return Err(refused());
        }
        let key = key(text);
        let reader = self.reader();
        let known = self.0.tokens.get(&key).filter(|((_, version), _)| *version == reader.version());
        let fresh = match &known {
            Some(_) => None,
            None => Some(reader.read(text).ok_or_else(refused)?),
        };
        let expires_at = known.as_ref().map(|(_, token)| token.payload.expires_at);
        let expires_at = expires_at.or(fresh.as_ref().map(|payload| payload.expires_at));
        if expires_at.is_none_or(|at| self.0.runtime.clock.now().duration_since(at) >= grace) {
            return Err(refused());
        }
        let revision = match revision {
            Some(revision) => revision,
            None => revision::get(&self.0.db).await?,
        };
        match (known, fresh) {
            (Some((epoch, token)), _) if epoch.0 == revision => Ok(token),
            (Some((_, token)), _) => {
                self.token_remember(key, token.payload.clone(), (revision, reader.version())).await
            }
            (None, Some(payload)) => self.token_remember(key, payload, (revision, reader.version())).await,
            (None, None) => Err(refused()),
        }
    }

    /// Looks up all that the token refers to; 401 when any of it is gone, disabled or taken away.
    async fn token_remember(&self, key: Key, payload: Payload, epoch: Epoch) -> Result<Arc<Token>> {
        let standing = self.standing(&payload.user_id, &payload.scope, epoch.0).await.map_err(|error| {
            // Whatever was taken away: who comes with the token has to log in again.
            if error.status().is_client_error() { refused() } else { error }
        })?;
        let ended = revision::is_revoked(&self.0.db, &payload.audit_id_text(), &payload.chain_id_text()).await?;
        if ended || standing.generation != payload.generation {
            return Err(refused());
        }
        let token = Arc::new(Token { payload, standing, revision: epoch.0 });
        self.0.tokens.put(key, (epoch, Arc::clone(&token)));
        Ok(token)
    }

    /// Ends a token.
    pub(crate) async fn token_revoke(&self, token: &Token) -> Result<()> {
        let mut tx = self.write().await?;
        let payload = &token.payload;
        let now = self.0.runtime.clock.now();
        let id = payload.audit_id_text();
        revision::revoke(&mut tx, &id, false, payload.expires_at, now).await?;
        let details = &[("user_id", payload.user_id.as_str())];
        self.commit_change(tx, &Change { details, ..Change::new(Action::Deleted, "token", &id) }).await
    }

    /// Which tokens were ended one by one since then.
    pub(crate) async fn revocation_list(&self, since: Option<Timestamp>) -> Result<Vec<revision::Revocation>> {
        let since = since.unwrap_or(Timestamp::UNIX_EPOCH);
        Ok(revision::revocations(&self.0.db, self.0.runtime.clock.now(), since).await?)
    }

    fn reader(&self) -> Reader {
        match &self.0.jws_keys {
            None => Reader::Fernet(self.0.keys.ring()),
            Some(keys) => Reader::Jws(keys.ring()),
        }
    }

    /// Makes the staged token key the primary one and stages a new one; at most `most` keys (at least 3) stay.
    pub fn keys_rotate(&self, most: usize) -> Result<()> {
        self.0.keys.rotate(most)?;
        self.0.jws_keys.as_ref().map_or(Ok(()), |keys| keys.rotate(most))
    }
}

/// What reads tokens, by the provider that is configured.
enum Reader {
    Fernet(Ring),
    Jws(Ring<Jws>),
}

impl Reader {
    fn version(&self) -> i64 {
        match self {
            Self::Fernet(ring) => ring.version,
            Self::Jws(ring) => ring.version,
        }
    }

    fn read(&self, text: &str) -> Option<Payload> {
        match self {
            Self::Fernet(ring) => Payload::decode(&ring.open(text)?),
            Self::Jws(ring) => ring.verify(text),
        }
    }
}
