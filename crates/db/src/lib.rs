//! SQL on SQLite and PostgreSQL through one text.
//!
//! Services write plain SQL in the common subset of both engines: `$1` parameters, TEXT ids, BIGINT
//! microseconds, BOOLEAN, `RETURNING`, `ON CONFLICT`. This crate alone knows the drivers below.
//!
//! ```no_run
//! # async fn example(db: &db::Db) -> Result<(), db::Error> {
//! use db::sql;
//! db::row! { struct Project { id: String, enabled: bool } }
//! let found: Option<Project> = sql("SELECT id, enabled FROM projects WHERE name = $1").bind("demo").optional(db).await?;
//! let mut tx = db.begin().await?;
//! sql("DELETE FROM projects WHERE id = $1").bind("x").execute(&mut tx).await?;
//! tx.commit().await?;
//! # Ok(()) }
//! ```
//!
//! Sums must be cast (`CAST(SUM(x) AS BIGINT)`), because PostgreSQL widens them.

#[cfg(feature = "testing")]
pub mod testing;

mod engine;
mod error;
mod keyset;
mod migrate;
mod row;
mod sqlite;
mod statement;
mod value;

pub use engine::{Db, Options, Tx};
pub use error::{Cause, Error};
pub use keyset::{Direction, Keyset};
pub use migrate::Migration;
pub use row::{Column, FromRow, Json, Row};
pub use statement::{On, Sql, sql};
pub use value::Value;

/// What statements return.
pub type Result<T, E = Error> = std::result::Result<T, E>;
