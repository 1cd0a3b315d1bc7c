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
    Busy(#[source] sqlx::Error),
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
        source: Box<dyn std::error::Error + Send + Sync>,
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
    Engine(#[source] sqlx::Error),
}

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
                other => Self::Engine(other),
            };
        };
        match cause.kind() {
            ErrorKind::UniqueViolation => Self::Unique {
                constraint: cause.constraint().map_or_else(|| cause.message().to_owned(), str::to_owned),
            },
            ErrorKind::ForeignKeyViolation => Self::ForeignKey,
            // 40001, 40P01: PostgreSQL's serialization failure and deadlock; 5, 261, 517: SQLite's busy.
            _ if matches!(cause.code().as_deref(), Some("40001" | "40P01" | "5" | "261" | "517")) => Self::Busy(error),
            _ => Self::Engine(error),
        }
    }
}
