use std::borrow::Cow;

use sqlx::postgres::PgArguments;
use sqlx::{AssertSqlSafe, Postgres};

use crate::engine::Engine;
use crate::{Db, Error, FromRow, Result, Row, Tx, Value, sqlite};

/// A statement and its parameters.
#[derive(Debug, Clone)]
pub struct Sql {
    text: Cow<'static, str>,
    values: Vec<Value>,
}

/// Starts a statement. Parameters stand in the text as `$1`, `$2`, ... and are bound in that order.
pub fn sql(text: &'static str) -> Sql {
    Sql { text: Cow::Borrowed(text), values: Vec::new() }
}

/// Where a statement runs: on the database (reads, each on its own) or inside a transaction.
pub enum On<'a> {
    /// Any connection; only for reading.
    Db(&'a Db),
    /// The transaction's connection.
    Tx(&'a mut Tx),
}

impl<'a> From<&'a Db> for On<'a> {
    fn from(db: &'a Db) -> Self {
        Self::Db(db)
    }
}

impl<'a> From<&'a mut Tx> for On<'a> {
    fn from(tx: &'a mut Tx) -> Self {
        Self::Tx(tx)
    }
}

type PostgresQuery<'q> = sqlx::query::Query<'q, Postgres, PgArguments>;

impl Sql {
    /// Binds the next parameter.
    #[must_use]
    pub fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    /// Appends text.
    pub fn push(&mut self, text: &str) -> &mut Self {
        self.text.to_mut().push_str(text);
        self
    }

    /// Appends a parameter: its placeholder to the text, its value to the list.
    pub fn push_bind(&mut self, value: impl Into<Value>) -> &mut Self {
        self.values.push(value.into());
        let placeholder = format!("${}", self.values.len());
        self.push(&placeholder)
    }

    /// Appends `(a, b, ...)` of parameters, for `IN`. An empty list appends `(NULL)`, which matches nothing.
    pub fn push_list<V: Into<Value>>(&mut self, values: impl IntoIterator<Item = V>) -> &mut Self {
        let mut separator = "(";
        for value in values {
            self.push(separator).push_bind(value);
            separator = ", ";
        }
        if separator == "(" { self.push("(NULL)") } else { self.push(")") }
    }

    /// The text, with placeholders.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Runs the statement and counts the rows that it changed.
    pub async fn execute(self, on: impl Into<On<'_>>) -> Result<u64> {
        Ok(match on.into() {
            On::Db(db) => match db.engine_for_read() {
                Engine::Sqlite(sqlite) => sqlite.read(&self.text, &self.values, sqlite::execute)?,
                Engine::Postgres(pool) => self.postgres().execute(pool).await?.rows_affected(),
            },
            On::Tx(Tx::Sqlite(tx)) => tx.run(&self.text, &self.values, sqlite::execute)?,
            On::Tx(Tx::Postgres(tx)) => self.postgres().execute(&mut **tx).await?.rows_affected(),
        })
    }

    /// All rows.
    pub async fn all<T: FromRow>(self, on: impl Into<On<'_>>) -> Result<Vec<T>> {
        let rows = match on.into() {
            On::Db(db) => match db.engine_for_read() {
                Engine::Sqlite(sqlite) => return sqlite.read(&self.text, &self.values, sqlite::all),
                Engine::Postgres(pool) => self.postgres().fetch_all(pool).await?,
            },
            On::Tx(Tx::Sqlite(tx)) => return tx.run(&self.text, &self.values, sqlite::all),
            On::Tx(Tx::Postgres(tx)) => self.postgres().fetch_all(&mut **tx).await?,
        };
        rows.iter().map(|row| T::from_row(&Row::Postgres(row))).collect()
    }

    /// The first row, if there is one.
    pub async fn optional<T: FromRow>(self, on: impl Into<On<'_>>) -> Result<Option<T>> {
        let row = match on.into() {
            On::Db(db) => match db.engine_for_read() {
                Engine::Sqlite(sqlite) => return sqlite.read(&self.text, &self.values, sqlite::first),
                Engine::Postgres(pool) => self.postgres().fetch_optional(pool).await?,
            },
            On::Tx(Tx::Sqlite(tx)) => return tx.run(&self.text, &self.values, sqlite::first),
            On::Tx(Tx::Postgres(tx)) => self.postgres().fetch_optional(&mut **tx).await?,
        };
        row.map(|row| T::from_row(&Row::Postgres(&row))).transpose()
    }

    /// The first row; [`Error::NotFound`] if there is none.
    pub async fn one<T: FromRow>(self, on: impl Into<On<'_>>) -> Result<T> {
        self.optional(on).await?.ok_or(Error::NotFound)
    }

    fn postgres(self) -> PostgresQuery<'static> {
        let mut query = match self.text {
            Cow::Borrowed(text) => sqlx::query(text),
            Cow::Owned(text) => sqlx::query(AssertSqlSafe(text)),
        };
        for value in self.values {
            query = match value {
                Value::Text(v) => query.bind(v),
                Value::Int(v) => query.bind(v),
                Value::Bool(v) => query.bind(v),
                Value::Real(v) => query.bind(v),
                Value::Bytes(v) => query.bind(v),
            };
        }
        query
    }
}
