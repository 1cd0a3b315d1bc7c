//! Who may do what: domains, projects, users, roles, tokens and the catalog; the OpenStack identity API v3.

mod access_rule;
mod api;
mod application_credential;
mod assignment;
mod audit;
mod authentication;
mod bootstrap;
mod caller;
mod catalog;
mod compliance;
mod config;
mod credential;
mod directory;
mod domain;
mod domain_config;
mod ec2;
mod endpoint_filter;
mod fields;
mod group;
mod immutable;
mod keys;
mod limit;
mod password;
mod policies;
mod policy_document;
mod project;
mod receipt;
mod role;
mod rules;
mod store;
mod throttle;
mod token;
mod totp;
mod trust;
mod user;
mod user_options;

pub use access_rule::AccessRule;
pub use bootstrap::{Bootstrap, BootstrapNames, BootstrapService, Bootstrapped};
pub use caller::{ApplicationData, Caller, TokenData, TrustData};
pub use config::{Config, Provider as TokenProvider, SecurityCompliance};
pub use limit::{Limits, Model as LimitModel};
pub use policies::RULES;
pub use rules::BASE_RULES;
pub use throttle::Allowance;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use ::api::{Error, Result};
use db::{Db, Migration, Tx};
use policy::Policy;
use runtime::Runtime;

/// The schema of identity.
pub const MIGRATIONS: &[Migration] = &[
    migration(1, include_str!("../migrations/0001.sql")),
    migration(2, include_str!("../migrations/0002_accounts.sql")),
    migration(3, include_str!("../migrations/0003_delegation.sql")),
    migration(4, include_str!("../migrations/0004_credentials.sql")),
    migration(10, include_str!("../migrations/0010.sql")),
    migration(11, include_str!("../migrations/0011.sql")),
    migration(12, include_str!("../migrations/0012.sql")),
    migration(13, include_str!("../migrations/0013.sql")),
];

const fn migration(version: i64, sql: &'static str) -> Migration {
    Migration { service: "identity", version, sql }
}

/// How identity works.
#[derive(Clone, Debug)]
pub struct Options {
    /// The directory of the directories of keys; every copy of the control plane needs the same keys in it.
    pub dir: PathBuf,
    /// What the operator may set.
    pub config: Config,
}

impl Options {
    /// Keystone's defaults, with the keys below that directory.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), config: Config::default() }
    }
}

fn keys_open<C: keys::Cipher>(place: &std::path::Path, runtime: &Runtime) -> Result<keys::Keys<C>> {
    keys::Keys::open(place, runtime).map_err(|error| {
        let place = place.display();
        Error::new(::api::Kind::Internal, format!("The keys in {place} cannot be used: {error}"))
    })
}

/// Makes the staged token keys below the directory the primary ones and stages new ones; at most `most` of each kind stay.
pub fn token_keys_rotate(dir: &std::path::Path, most: usize) -> std::io::Result<()> {
    let ids = runtime::Ids::default();
    keys::rotate::<fernet::MultiFernet>(&dir.join("fernet-keys"), &ids, most)?;
    let signing = dir.join("jws-keys");
    if signing.exists() { keys::rotate::<token::Jws>(&signing, &ids, most) } else { Ok(()) }
}

/// The identity service; a cheap handle, for changes by whoever it names.
#[derive(Clone)]
pub struct Identity(Arc<Inner>, Option<Arc<audit::By>>);

struct Inner {
    db: Db,
    runtime: Runtime,
    policy: Arc<Policy>,
    config: Config,
    keys: keys::Keys,
    /// The keys of tokens, where they are signed instead of encrypted.
    jws_keys: Option<keys::Keys<token::Jws>>,
    credential_keys: keys::Keys,
    password_rule: compliance::PasswordRule,
    passwords: password::Passwords,
    tokens: token::Cache<token::Key, (token::Epoch, Arc<token::Token>)>,
    standings: token::Cache<token::Place, (i64, Arc<token::Standing>)>,
    project_ids: token::Cache<(String, authentication::DomainRef), (i64, String)>,
    throttle: throttle::Throttle,
    directory: Mutex<Option<(i64, Arc<directory::Directory>)>>,
}

impl Identity {
    /// Identity over a database that has its schema. Makes the first token keys if the directory has none.
    pub fn new(db: Db, runtime: Runtime, policy: Arc<Policy>, options: Options) -> Result<Self> {
        let Options { dir, config } = options;
        let is_signed = config.token.provider == config::Provider::Jws;
        let inner = Inner {
            keys: keys_open(&dir.join("fernet-keys"), &runtime)?,
            jws_keys: is_signed.then(|| keys_open(&dir.join("jws-keys"), &runtime)).transpose()?,
            credential_keys: keys_open(&dir.join("credential-keys"), &runtime)?,
            password_rule: compliance::PasswordRule::new(&config)?,
            passwords: password::Passwords::new(config.password_hash_rounds),
            tokens: token::Cache::new(config.token.cache / 2),
            standings: token::Cache::new(config.token.cache / 2),
            project_ids: token::Cache::new(config.token.cache / 2),
            throttle: throttle::Throttle::new(config.failures_of_source, config.failures_of_account),
            directory: Mutex::default(),
            db,
            runtime,
            policy,
            config,
        };
        Ok(Self(Arc::new(inner), None))
    }

    /// The identity API.
    pub fn router(&self) -> axum::Router {
        api::router(self.clone())
    }

    /// Begins a change. Every cached token is looked at again after it.
    async fn write(&self) -> Result<Tx> {
        let mut tx = self.0.db.begin().await?;
        store::revision::bump(&mut tx).await?;
        Ok(tx)
    }
}
