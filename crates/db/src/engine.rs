use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{Postgres, Transaction};

use crate::sqlite::{self, Sqlite};
use crate::{Error, Result};

/// Which database to open.
#[derive(Debug, Clone)]
pub enum Options {
    /// A file, made when it is missing.
    Sqlite(PathBuf),
    /// A `postgres://` address.
    Postgres(String),
}

impl FromStr for Options {
    type Err = Error;

    fn from_str(address: &str) -> Result<Self> {
        if let Some(path) = address.strip_prefix("sqlite:") {
            Ok(Self::Sqlite(path.trim_start_matches("//").into()))
        } else if address.starts_with("postgres:") || address.starts_with("postgresql:") {
            Ok(Self::Postgres(address.to_owned()))
        } else {
            Err(Error::Address(format!("{address}: use sqlite:PATH or postgres://USER@HOST/NAME")))
        }
    }
}

/// The database: a cheap handle on its connections.
#[derive(Clone)]
pub struct Db(Arc<Inner>);

struct Inner {
    engine: Engine,
    reads: AtomicU64,
}

pub(crate) enum Engine {
    Sqlite(Sqlite),
    Postgres(PgPool),
}

/// A transaction that writes. Dropped without a commit it rolls back.
pub enum Tx {
    #[doc(hidden)]
    Sqlite(sqlite::Tx),
    #[doc(hidden)]
    Postgres(Transaction<'static, Postgres>),
}

impl Db {
    /// Opens the database.
    pub async fn open(options: &Options) -> Result<Self> {
        let engine = match options {
            Options::Sqlite(path) => Engine::Sqlite(Sqlite::open(path)?),
            Options::Postgres(address) => {
                let connect = PgConnectOptions::from_str(address)?.statement_cache_capacity(500);
                let pool = PgPoolOptions::new()
                    .max_connections(16)
                    .acquire_timeout(Duration::from_secs(60))
                    .test_before_acquire(false)
                    .connect_with(connect)
                    .await?;
                Engine::Postgres(pool)
            }
        };
        Ok(Self(Arc::new(Inner { engine, reads: AtomicU64::new(0) })))
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.0.engine
    }

    /// The engine, for a statement outside transactions.
    pub(crate) fn engine_for_read(&self) -> &Engine {
        self.0.reads.fetch_add(1, Ordering::Relaxed);
        &self.0.engine
    }

    /// How many statements ran outside transactions since it was opened. Whoever lists many things asks a number of
    /// times that does not depend on how many they are; tests count that.
    pub fn reads(&self) -> u64 {
        self.0.reads.load(Ordering::Relaxed)
    }

    /// Begins a transaction that writes.
    ///
    /// SQLite runs one at a time. PostgreSQL runs them at READ COMMITTED: whoever counts and claims makes the claim a
    /// conditional `UPDATE` (or updates the row that all claimants share first), so that the second one waits and
    /// then sees the first one's result.
    pub async fn begin(&self) -> Result<Tx> {
        Ok(match self.engine() {
            Engine::Sqlite(sqlite) => Tx::Sqlite(sqlite.begin().await?),
            Engine::Postgres(pool) => Tx::Postgres(pool.begin().await?),
        })
    }

    /// Closes every connection.
    pub async fn close(&self) {
        match self.engine() {
            Engine::Sqlite(sqlite) => sqlite.close().await,
            Engine::Postgres(pool) => pool.close().await,
        }
    }
}

impl Tx {
    /// Makes the changes last.
    pub async fn commit(self) -> Result<()> {
        match self {
            Self::Sqlite(tx) => tx.commit(),
            Self::Postgres(tx) => Ok(tx.commit().await?),
        }
    }

    /// Takes the changes back.
    pub async fn rollback(self) -> Result<()> {
        match self {
            Self::Sqlite(tx) => tx.rollback(),
            Self::Postgres(tx) => Ok(tx.rollback().await?),
        }
    }
}
