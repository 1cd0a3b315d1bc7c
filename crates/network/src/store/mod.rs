//! SQL, one file per resource.

pub(crate) mod agent;
pub(crate) mod change;
pub(crate) mod floating_ip;
pub(crate) mod list;
pub(crate) mod network;
pub(crate) mod pool;
pub(crate) mod port;
pub(crate) mod ports_gone;
pub(crate) mod quota;
pub(crate) mod router;
pub(crate) mod security_group;
pub(crate) mod server;
pub(crate) mod subnet;
pub(crate) mod tag;
pub(crate) mod view;

use std::net::IpAddr;
use std::str::FromStr;

use db::{Db, Error, On, Result, Row, Sql, Tx, Value, sql};
use jiff::Timestamp;

use crate::model::Standard;

/// The ids that a statement without parameters finds.
pub(crate) async fn ids(db: &Db, text: &'static str) -> Result<Vec<String>> {
    sql(text).all(db).await
}

/// The same place to run a further statement.
pub(crate) fn again<'b>(on: &'b mut On<'_>) -> On<'b> {
    match on {
        On::Db(db) => On::Db(db),
        On::Tx(tx) => On::Tx(tx),
    }
}

/// A column and its value.
pub(crate) type Field = (&'static str, Value);

/// An `INSERT` of one row.
pub(crate) fn insert(table: &str, fields: Vec<Field>) -> Sql {
    let mut statement = sql("INSERT INTO ");
    statement.push(table).push(" (");
    let names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
    statement.push(&names.join(", ")).push(") VALUES (");
    for (index, (_, value)) in fields.into_iter().enumerate() {
        statement.push(if index == 0 { "" } else { ", " }).push_bind(value);
    }
    statement.push(")");
    statement
}

/// Changes a row of a resource and counts its revision; also without fields, for what lies in other tables.
pub(crate) async fn update(tx: &mut Tx, table: &str, id: &str, now: Timestamp, fields: Vec<Field>) -> Result<bool> {
    let mut statement = sql("UPDATE ");
    statement.push(table).push(" SET revision = revision + 1, updated_at = ").push_bind(now);
    for (name, value) in fields {
        statement.push(", ").push(name).push(" = ").push_bind(value);
    }
    statement.push(" WHERE id = ").push_bind(id);
    Ok(statement.execute(tx).await? == 1)
}

/// Deletes the rows whose `column` has the value.
pub(crate) async fn delete(tx: &mut Tx, table: &str, column: &str, value: &str) -> Result<u64> {
    let mut statement = sql("DELETE FROM ");
    statement.push(table).push(" WHERE ").push(column).push(" = ").push_bind(value);
    statement.execute(tx).await
}

/// The rows of those ids, in no order.
pub(crate) async fn by_ids<T: db::FromRow>(on: On<'_>, table: &str, column: &str, ids: &[String]) -> Result<Vec<T>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut statement = sql("SELECT * FROM ");
    statement.push(table).push(" WHERE ").push(column).push(" IN ").push_list(ids);
    statement.all(on).await
}

impl Standard {
    pub(crate) fn read(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.get("id")?,
            project_id: row.get("project_id")?,
            name: row.get("name")?,
            description: row.get("description")?,
            revision: row.get("revision")?,
            created_at: row.get("created_at")?,
            updated_at: row.get("updated_at")?,
            tags: Vec::new(),
        })
    }

    pub(crate) fn fields(&self) -> Vec<Field> {
        vec![
            ("id", (&self.id).into()),
            ("project_id", (&self.project_id).into()),
            ("name", (&self.name).into()),
            ("description", (&self.description).into()),
            ("revision", self.revision.into()),
            ("created_at", self.created_at.into()),
            ("updated_at", self.updated_at.into()),
        ]
    }
}

/// A column that holds something with a textual form.
pub(crate) fn parsed<T: FromStr>(row: &Row, column: &str) -> Result<T>
where
    T::Err: std::error::Error + Send + Sync + 'static,
{
    row.get::<String>(column)?
        .parse()
        .map_err(|source| Error::Column { column: column.to_owned(), source: Box::new(source) })
}

/// The same, when it may be NULL.
pub(crate) fn parsed_option<T: FromStr>(row: &Row, column: &str) -> Result<Option<T>>
where
    T::Err: std::error::Error + Send + Sync + 'static,
{
    row.get::<Option<String>>(column)?.map(|_| parsed(row, column)).transpose()
}

/// An address as a number.
pub(crate) fn address_number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(u32::from(v4)),
        IpAddr::V6(v6) => u128::from(v6),
    }
}
