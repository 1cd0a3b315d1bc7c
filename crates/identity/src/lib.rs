//! Who may do what: domains, projects, users, roles, tokens and the catalog; the OpenStack identity API v3.

mod api;
mod assignment;
mod audit;
mod authentication;
mod bootstrap;
mod caller;
mod catalog;
mod directory;
mod domain;
mod domain_config;
mod endpoint_filter;
mod fields;
mod group;
mod immutable;
mod limit;
mod password;
mod policies;
mod policy_document;
mod project;
mod role;
mod rules;
mod store;
mod throttle;
mod token;
mod user;

pub use bootstrap::{Bootstrap, BootstrapNames, BootstrapService, Bootstrapped};
pub use caller::{Caller, TokenData};
pub use limit::{Limits, Model as LimitModel};
pub use policies::RULES;
pub use rules::BASE_RULES;
pub use throttle::Allowance;
pub use token::keys::{rotate as keys_rotate, setup as keys_setup};

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ::api::{Error, Result};
use db::{Db, Migration, Tx};
use policy::Policy;
use runtime::Runtime;

/// The schema of identity.
pub const MIGRATIONS: &[Migration] = &[
    Migration { service: "identity", version: 1, sql: include_str!("../migrations/0001.sql") },
    Migration { service: "identity", version: 10, sql: include_str!("../migrations/0010.sql") },
    Migration { service: "identity", version: 11, sql: include_str!("../migrations/0011.sql") },
    Migration { service: "identity", version: 12, sql: include_str!("../migrations/0012.sql") },
    Migration { service: "identity", version: 13, sql: include_str!("../migrations/0013.sql") },
];

/// How identity works.
#[derive(Clone, Debug)]
pub struct Options {
    /// The directory of the token keys; every copy of the control plane needs the same keys in it.
    pub key_dir: PathBuf,
    /// The cost of a password hash, as bcrypt counts it (4 to 31).
    pub bcrypt_rounds: u32,
    /// How long a token is valid.
    pub token_expiry: Duration,
    /// How many validated tokens a process remembers.
    pub token_cache: usize,
    /// The most items that a list returns at once; the rest follows page by page.
    pub list_limit: i64,
    /// The region of this cloud.
    pub region: String,
    /// How limits of projects and of their domain go together.
    pub limit_model: LimitModel,
    /// How long the audit trail goes back.
    pub audit_retention: Duration,
    /// How many failed logins a source address has free; this machine's own addresses have no end of them.
    pub failures_of_source: Allowance,
    /// How many failed logins an account has free.
    pub failures_of_account: Allowance,
}

impl Options {
    /// Keystone's defaults, with the keys in that directory.
    pub fn new(key_dir: impl Into<PathBuf>) -> Self {
        Self {
            key_dir: key_dir.into(),
            bcrypt_rounds: 12,
            token_expiry: Duration::from_secs(3600),
            token_cache: 20_000,
            list_limit: 10_000,
            region: "RegionOne".to_owned(),
            limit_model: LimitModel::default(),
            audit_retention: Duration::from_secs(90 * 24 * 3600),
            failures_of_source: Allowance { burst: 100, seconds: 1 },
            failures_of_account: Allowance { burst: 20, seconds: 3 },
        }
    }
}

/// The identity service; a cheap handle, for changes by whoever it names.
#[derive(Clone)]
pub struct Identity(Arc<Inner>, Option<Arc<audit::By>>);

struct Inner {
    db: Db,
    runtime: Runtime,
    policy: Arc<Policy>,
    options: Options,
    keys: token::keys::Keys,
    passwords: password::Passwords,
    tokens: token::Cache,
    throttle: throttle::Throttle,
    directory: Mutex<Option<(i64, Arc<directory::Directory>)>>,
}

impl Identity {
    /// Identity over a database that has its schema. Makes the first token keys if the directory has none.
    pub fn new(db: Db, runtime: Runtime, policy: Arc<Policy>, options: Options) -> Result<Self> {
        let keys = token::keys::Keys::open(&options.key_dir, &runtime).map_err(|error| {
            let place = options.key_dir.display();
            Error::new(::api::Kind::Internal, format!("The token keys in {place} cannot be used: {error}"))
        })?;
        let inner = Inner {
            keys,
            passwords: password::Passwords::new(options.bcrypt_rounds),
            tokens: token::Cache::new(options.token_cache / 2),
            directory: Mutex::default(),
            db,
            runtime,
            policy,
            throttle: throttle::Throttle::new(options.failures_of_source, options.failures_of_account),
            options,
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
