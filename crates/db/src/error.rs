use rusqlite::{ErrorCode, ffi};
use sqlx::error::ErrorKind;

/// Why a statement failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A unique or primary key is taken; `constraint` is the engine's description of it.
    #[error("duplicate value: {constraint}")]
    Unique {
        /// The constraint's name (PostgreSQL) or its columns (SQLite).
        constraint: String,
    },
    /// A referenced row is missing, or a row that is still referenced was to go.
    #[error("a referenced row is missing or still in use")]
    ForeignKey,
    /// Another writer was in the way; the transaction may be tried again.
    #[error("the database is busy")]
    Busy(#[source] Cause),
    /// The database's disk is full.
    #[error("the database's disk is full")]
    Full(#[source] Cause),
    /// The process is about to end.
    #[error("the database is closed")]
    Closed,
    /// The row that had to be there is not.
    #[error("no such row")]
    NotFound,
    /// A column holds what its reader did not expect.
    #[error("column {column} cannot be read")]
    Column {
        /// The column's name.
        column: String,
        /// What was wrong with it.
        #[source]
        source: Cause,
    },
    /// The configuration names no database that can be opened.
    #[error("invalid database address: {0}")]
    Address(String),
    /// A migration that was applied before reads differently now.
    #[error("migration {service}/{version} was changed after it was applied")]
    Migration {
        /// The service that owns the migration.
        service: &'static str,
        /// Its number.
        version: i64,
    },
    /// Everything else: the engine is gone, the statement is wrong.
    #[error("the database failed")]
    Engine(#[source] Cause),
}

/// What the engine itself says.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

impl Error {
    /// Whether a unique constraint refused the row.
    pub fn is_unique(&self) -> bool {
        matches!(self, Self::Unique { .. })
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        let Some(cause) = error.as_database_error() else {
            return match error {
                sqlx::Error::RowNotFound => Self::NotFound,
                other => Self::Engine(Box::new(other)),
            };
        };
        match cause.kind() {
            ErrorKind::UniqueViolation => Self::Unique {
                constraint: cause.constraint().map_or_else(|| cause.message().to_owned(), str::to_owned),
            },
            ErrorKind::ForeignKeyViolation => Self::ForeignKey,
            // Serialization failure and deadlock.
            _ if matches!(cause.code().as_deref(), Some("40001" | "40P01")) => Self::Busy(Box::new(error)),
            _ if cause.code().as_deref() == Some("53100") => Self::Full(Box::new(error)),
            _ => Self::Engine(Box::new(error)),
        }
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        let rusqlite::Error::SqliteFailure(failure, message) = &error else { return Self::Engine(Box::new(error)) };
        match (failure.code, failure.extended_code) {
            (_, ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY) => {
                Self::Unique { constraint: message.clone().unwrap_or_default() }
            }
            (_, ffi::SQLITE_CONSTRAINT_FOREIGNKEY) => Self::ForeignKey,
            (ErrorCode::DatabaseBusy, _) => Self::Busy(Box::new(error)),
            (ErrorCode::DiskFull, _) => Self::Full(Box::new(error)),
            _ => Self::Engine(Box::new(error)),
        }
    }
}
