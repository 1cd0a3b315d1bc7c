//! Lists with Neutron's filters: any field, a repeated value means any of them.

use std::collections::BTreeMap;

use api::{Error, Page, Query};
use db::{Db, Direction, FromRow, Keyset, Sql, sql};

/// How a query parameter selects rows.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Filter {
    /// A TEXT column.
    Text(&'static str),
    /// A BIGINT column.
    Int(&'static str),
    /// A BOOLEAN column.
    Bool(&'static str),
    /// A condition in which `?` stands for the list of values.
    Any(&'static str),
    /// A condition in which `?` stands for one value; it has to hold for any of them.
    Each(&'static str),
}

/// What can be asked of a table.
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) filters: &'static [(&'static str, Filter)],
    pub(crate) sorts: &'static [(&'static str, &'static str)],
}

const STANDARD_FILTERS: &[(&str, Filter)] = &[
    ("id", Filter::Text("id")),
    ("name", Filter::Text("name")),
    ("description", Filter::Text("description")),
    ("project_id", Filter::Text("project_id")),
    ("tenant_id", Filter::Text("project_id")),
    ("revision_number", Filter::Int("revision")),
];

const STANDARD_SORTS: &[(&str, &str)] = &[
    ("id", "id"),
    ("name", "name"),
    ("project_id", "project_id"),
    ("tenant_id", "project_id"),
    ("created_at", "created_at"),
    ("updated_at", "updated_at"),
];

/// Parameters that select no rows.
const OTHERS: &[&str] = &["fields", "limit", "marker", "sort_key", "sort_dir", "sort", "page_reverse", "verbose"];

/// Who sees which rows: a condition in which `?` stands for the project; all rows when there is none.
pub(crate) type Visible<'a> = Option<(&'static str, &'a str)>;

/// The rows of one page, in the asked order.
pub(crate) async fn rows<T: FromRow>(
    db: &Db,
    table: &'static Table,
    query: &Query,
    page: &Page,
    visible: Visible<'_>,
) -> api::Result<Vec<T>> {
    let mut statement = sql("SELECT * FROM ");
    statement.push(table.name).push(" WHERE 1 = 1");
    if let Some((condition, project)) = visible {
        statement.push(" AND (");
        push_condition(&mut statement, condition, |s| {
            s.push_bind(project);
        });
        statement.push(")");
    }
    filters_push(&mut statement, table, query)?;
    let mut sort = Vec::new();
    for (key, descending) in &page.sort {
        sort.push((sort_column(table, key)?, direction(*descending != page.reverse)));
    }
    if !sort.iter().any(|(column, _)| *column == "id") {
        sort.push(("id", direction(page.reverse)));
    }
    if let Some(marker) = &page.marker {
        marker_check(db, table, marker).await?;
    }
    statement.push_keyset(&Keyset {
        table: table.name,
        sort: &sort,
        marker: page.marker.as_deref(),
        limit: page.limit,
    });
    let mut rows = statement.all(db).await?;
    if page.reverse {
        rows.reverse();
    }
    Ok(rows)
}

fn direction(descending: bool) -> Direction {
    if descending { Direction::Descending } else { Direction::Ascending }
}

fn sort_column(table: &Table, key: &str) -> api::Result<&'static str> {
    let found = STANDARD_SORTS.iter().chain(table.sorts).find(|(name, _)| *name == key);
    found.map(|(_, column)| *column).ok_or_else(|| {
        Error::bad_request(format!("The list cannot be sorted by {key}; sort by id, name or created_at."))
    })
}

async fn marker_check(db: &Db, table: &Table, marker: &str) -> api::Result<()> {
    let mut statement = sql("SELECT id FROM ");
    statement.push(table.name).push(" WHERE id = ").push_bind(marker);
    match statement.optional::<String>(db).await? {
        Some(_) => Ok(()),
        None => Err(Error::bad_request(format!("The marker {marker} is not there any more; list again without it."))),
    }
}

fn filters_push(statement: &mut Sql, table: &Table, query: &Query) -> api::Result<()> {
    let mut done: Vec<&str> = OTHERS.to_vec();
    for (name, _) in query.iter() {
        if done.contains(&name) {
            continue;
        }
        done.push(name);
        let values: Vec<&str> = query.all(name).collect();
        if name == "fixed_ips" {
            parts_push(statement, table, name, &values)?;
            continue;
        }
        if let Some((_, filter)) = STANDARD_FILTERS.iter().chain(table.filters).find(|(known, _)| *known == name) {
            filter_push(statement, *filter, name, &values)?;
        } else if !tag_push(statement, name, &values) {
            return Err(Error::bad_request(format!(
                "['{name}'] is invalid attribute for filtering; filter by fields of the resource."
            ))
            .with_code("HTTPBadRequest"));
        }
    }
    Ok(())
}

/// `fixed_ips=subnet_id=..`: a field within the field.
fn parts_push(statement: &mut Sql, table: &Table, name: &str, values: &[&str]) -> api::Result<()> {
    let mut parts: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for value in values {
        let (part, value) = value.split_once('=').unwrap_or(("", value));
        parts.entry(format!("{name}:{part}")).or_default().push(value);
    }
    for (part, values) in parts {
        let Some((_, filter)) = table.filters.iter().find(|(known, _)| *known == part) else {
            return Err(Error::bad_request(format!(
                "Filter {name} by subnet_id=..., ip_address=... or ip_address_substr=...."
            )));
        };
        filter_push(statement, *filter, &part, &values)?;
    }
    Ok(())
}

fn filter_push(statement: &mut Sql, filter: Filter, name: &str, values: &[&str]) -> api::Result<()> {
    match filter {
        Filter::Text(column) => {
            statement.push(" AND ").push(column).push(" IN ").push_list(values.to_vec());
        }
        Filter::Int(column) => {
            let numbers: Result<Vec<i64>, _> = values.iter().map(|value| value.parse()).collect();
            let numbers = numbers.map_err(|_| Error::bad_request(format!("{name} must be a whole number.")))?;
            statement.push(" AND ").push(column).push(" IN ").push_list(numbers);
        }
        Filter::Bool(column) => {
            let mut flags = Vec::new();
            for value in values {
                flags.push(flag(name, value)?);
            }
            statement.push(" AND ").push(column).push(" IN ").push_list(flags);
        }
        Filter::Any(condition) => {
            statement.push(" AND ");
            push_condition(statement, condition, |s| {
                s.push_list(values.to_vec());
            });
        }
        Filter::Each(condition) => {
            for (index, value) in values.iter().enumerate() {
                statement.push(if index == 0 { " AND (" } else { " OR " });
                push_condition(statement, condition, |s| {
                    s.push_bind(*value);
                });
            }
            statement.push(")");
        }
    }
    Ok(())
}

fn flag(name: &str, value: &str) -> api::Result<bool> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "1" | "t" | "yes" | "on" => Ok(true),
        "false" | "0" | "f" | "no" | "off" => Ok(false),
        _ => Err(Error::bad_request(format!("{name} must be true or false, not \"{value}\"."))),
    }
}

/// `tags` (all of them), `tags-any`, `not-tags`, `not-tags-any`; each a list with commas.
fn tag_push(statement: &mut Sql, name: &str, values: &[&str]) -> bool {
    let tags: Vec<&str> = values.iter().flat_map(|value| value.split(',')).collect();
    let (not, every) = match name {
        "tags" => ("", true),
        "tags-any" => ("", false),
        "not-tags" => ("NOT ", true),
        "not-tags-any" => ("NOT ", false),
        _ => return false,
    };
    statement.push(" AND ").push(not).push("(");
    if every {
        for (index, tag) in tags.iter().enumerate() {
            statement.push(if index == 0 { "" } else { " AND " });
            statement.push("id IN (SELECT resource_id FROM network_tags WHERE tag = ").push_bind(*tag).push(")");
        }
    } else {
        statement.push("id IN (SELECT resource_id FROM network_tags WHERE tag IN ").push_list(tags).push(")");
    }
    statement.push(")");
    true
}

/// Appends a condition in which `?` stands for what `fill` appends.
fn push_condition(statement: &mut Sql, condition: &str, mut fill: impl FnMut(&mut Sql)) {
    for (index, piece) in condition.split('?').enumerate() {
        if index > 0 {
            fill(statement);
        }
        statement.push(piece);
    }
}
