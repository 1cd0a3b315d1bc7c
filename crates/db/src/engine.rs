use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::OpenFlags;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Postgres, Sqlite, Transaction};

use crate::{Error, Result, sql};

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
pub struct Db(Arc<Engine>);

pub(crate) enum Engine {
    /// SQLite has one writer at a time, so writers queue here for one connection instead of failing as busy.
    Sqlite {
        readers: SqlitePool,
        writer: SqlitePool,
        /// For [`Db::number`]: the pools hand every statement to another thread, which costs more than the statement.
        at_once: Mutex<rusqlite::Connection>,
    },
    Postgres(PgPool),
}

/// A transaction that writes. Dropped without a commit it rolls back.
pub enum Tx {
    #[doc(hidden)]
    Sqlite(Transaction<'static, Sqlite>),
    #[doc(hidden)]
    Postgres(Transaction<'static, Postgres>),
}

impl Db {
    /// Opens the database.
    pub async fn open(options: &Options) -> Result<Self> {
        let engine = match options {
            Options::Sqlite(path) => {
                let connect = SqliteConnectOptions::new()
                    .filename(path)
                    .create_if_missing(true)
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(SqliteSynchronous::Normal)
                    .foreign_keys(true)
                    .busy_timeout(Duration::from_secs(10))
                    .statement_cache_capacity(500)
                    .pragma("case_sensitive_like", "ON");
                let writer = SqlitePoolOptions::new()
                    .max_connections(1)
                    .acquire_timeout(Duration::from_secs(60))
                    .test_before_acquire(false)
                    .connect_with(connect.clone())
                    .await?;
                let readers = SqlitePoolOptions::new()
                    .max_connections(4)
                    .acquire_timeout(Duration::from_secs(60))
                    .test_before_acquire(false)
                    .connect_with(connect.read_only(true))
                    .await?;
                Engine::Sqlite { readers, writer, at_once: Mutex::new(at_once(path)?) }
            }
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
        Ok(Self(Arc::new(engine)))
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.0
    }

    /// Begins a transaction that writes.
    ///
    /// SQLite runs one at a time. PostgreSQL runs them at READ COMMITTED: whoever counts and claims makes the claim a
    /// conditional `UPDATE` (or updates the row that all claimants share first), so that the second one waits and
    /// then sees the first one's result.
    pub async fn begin(&self) -> Result<Tx> {
        Ok(match self.engine() {
            Engine::Sqlite { writer, .. } => Tx::Sqlite(writer.begin_with("BEGIN IMMEDIATE").await?),
            Engine::Postgres(pool) => Tx::Postgres(pool.begin().await?),
        })
    }

    /// One number, by a statement without parameters that looks at a row or two: what every request asks. SQLite
    /// answers on this thread, in microseconds; it never waits for a writer.
    pub async fn number(&self, text: &'static str) -> Result<i64> {
        if let Engine::Sqlite { at_once, .. } = self.engine() {
            let connection = at_once.lock().unwrap_or_else(PoisonError::into_inner);
            let found = connection.prepare_cached(text).and_then(|mut one| one.query_row([], |row| row.get(0)));
            if let Ok(number) = found {
                return Ok(number);
            }
        }
        // Where that failed, the usual way says why.
        sql(text).one(self).await
    }

    /// Closes every connection.
    pub async fn close(&self) {
        match self.engine() {
            Engine::Sqlite { readers, writer, .. } => {
                readers.close().await;
                writer.close().await;
            }
            Engine::Postgres(pool) => pool.close().await,
        }
    }
}

fn at_once(path: &Path) -> Result<rusqlite::Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    rusqlite::Connection::open_with_flags(path, flags)
        .map_err(|error| Error::Engine(sqlx::Error::Configuration(Box::new(error))))
}

impl Tx {
    /// Makes the changes last.
    pub async fn commit(self) -> Result<()> {
        match self {
            Self::Sqlite(tx) => tx.commit().await?,
            Self::Postgres(tx) => tx.commit().await?,
        }
        Ok(())
    }

    /// Takes the changes back.
    pub async fn rollback(self) -> Result<()> {
        match self {
            Self::Sqlite(tx) => tx.rollback().await?,
            Self::Postgres(tx) => tx.rollback().await?,
        }
        Ok(())
    }
}
