//! SQL, one file per resource. Functions take the database or the transaction to run on; rules stand elsewhere.

pub(crate) mod application_credential;
pub(crate) mod assignment;
pub(crate) mod catalog;
pub(crate) mod credential;
pub(crate) mod domain;
pub(crate) mod group;
pub(crate) mod project;
pub(crate) mod revision;
pub(crate) mod role;
pub(crate) mod trust;
pub(crate) mod user;

use api::Page;
use db::{Direction, Json, Keyset, Sql};
use serde_json::{Map, Value};

/// Attributes that the service keeps for clients without knowing them.
pub(crate) type Extra = Json<Map<String, Value>>;

const BY_NAME: &[(&str, Direction)] = &[("name", Direction::Ascending), ("id", Direction::Ascending)];
const BY_ID: &[(&str, Direction)] = &[("id", Direction::Ascending)];

/// One condition of a list: a column equals a value.
pub(crate) type Filter = (&'static str, db::Value);

/// Appends the conditions to a text that ends in a WHERE clause.
fn push_filters(sql: &mut Sql, table: &str, filters: Vec<Filter>) {
    for (column, value) in filters {
        let null = matches!(value, db::Value::Text(None));
        sql.push(&format!(" AND {table}.{column} "));
        if null {
            sql.push("IS NULL")
        } else {
            sql.push("= ").push_bind(value)
        };
    }
}

/// Appends marker, order and limit.
fn push_page(sql: &mut Sql, table: &'static str, sort: &[(&'static str, Direction)], page: &Page) {
    sql.push_keyset(&Keyset { table, sort, marker: page.marker.as_deref(), limit: page.limit });
}
