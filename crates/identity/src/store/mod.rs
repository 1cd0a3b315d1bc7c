//! SQL, one file per resource. Functions take the database or the transaction to run on; rules stand elsewhere.

pub(crate) mod application_credential;
pub(crate) mod assignment;
pub(crate) mod audit;
pub(crate) mod catalog;
pub(crate) mod credential;
pub(crate) mod domain;
pub(crate) mod domain_config;
pub(crate) mod endpoint_filter;
pub(crate) mod group;
pub(crate) mod limit;
pub(crate) mod policy_document;
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
/// What lists may be sorted by, where they have it.
const SORTABLE: &[&str] = &["name", "id"];
const BY_ID: &[(&str, Direction)] = &[("id", Direction::Ascending)];

/// One condition of a list.
#[derive(Debug)]
pub(crate) struct Filter {
    column: &'static str,
    test: Test,
}

#[derive(Debug)]
enum Test {
    Equals(db::Value),
    /// A text like the pattern of `LIKE`.
    Like {
        pattern: String,
        ignoring_case: bool,
    },
}

impl Filter {
    /// The column has that value; null is a value too.
    pub fn is(column: &'static str, value: impl Into<db::Value>) -> Self {
        Self { column, test: Test::Equals(value.into()) }
    }

    /// The column's text fits in the way of `name__contains` and its siblings; `None` for a way that there is not.
    pub fn inexact(column: &'static str, way: &str, text: &str) -> Option<Self> {
        let ignoring_case = way.starts_with('i');
        let text = text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        let pattern = match way.strip_prefix('i').unwrap_or(way) {
            "contains" => format!("%{text}%"),
            "startswith" => format!("{text}%"),
            "endswith" => format!("%{text}"),
            _ => return None,
        };
        Some(Self { column, test: Test::Like { pattern, ignoring_case } })
    }
}

/// Appends the conditions to a text that ends in a WHERE clause.
fn push_filters(sql: &mut Sql, table: &str, filters: Vec<Filter>) {
    for Filter { column, test } in filters {
        match test {
            Test::Equals(db::Value::Text(None)) => sql.push(&format!(" AND {table}.{column} IS NULL")),
            Test::Equals(value) => sql.push(&format!(" AND {table}.{column} = ")).push_bind(value),
            Test::Like { pattern, ignoring_case: true } => {
                sql.push(&format!(" AND LOWER({table}.{column}) LIKE LOWER(")).push_bind(pattern).push(") ESCAPE '\\'")
            }
            Test::Like { pattern, ignoring_case: false } => {
                sql.push(&format!(" AND {table}.{column} LIKE ")).push_bind(pattern).push(" ESCAPE '\\'")
            }
        };
    }
}

/// Appends marker, order and limit. What the page asks to be sorted by and may be comes first.
fn push_page(sql: &mut Sql, table: &'static str, sort: &[(&'static str, Direction)], page: &Page) {
    let asked = page.sort.iter().filter_map(|(key, descending)| {
        let column = SORTABLE.iter().find(|column| *column == key && sort.iter().any(|(known, _)| known == *column))?;
        Some((*column, if *descending { Direction::Descending } else { Direction::Ascending }))
    });
    let mut order: Vec<(&'static str, Direction)> = asked.collect();
    for one in sort {
        if !order.iter().any(|(column, _)| *column == one.0) {
            order.push(*one);
        }
    }
    sql.push_keyset(&Keyset { table, sort: &order, marker: page.marker.as_deref(), limit: page.limit });
}
