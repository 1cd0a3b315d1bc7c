//! What a database's schema says about its columns (RFC 7047 §3.2), as far as a replica needs it.

use std::collections::HashMap;

use serde_json::Value as Json;
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::value::{Atom, Value};

/// The columns of the tables of one database.
#[derive(Debug, Default)]
pub(crate) struct Schema {
    tables: HashMap<String, HashMap<String, Column>>,
}

/// One column: how changes of it are written, and what it holds when nothing is said.
#[derive(Debug)]
pub(crate) struct Column {
    /// It may hold more than one element: changes come as differences, not as the new value.
    pub(crate) many: bool,
    /// What it holds when the server leaves it out.
    pub(crate) default: Value,
}

impl Schema {
    pub(crate) fn from_json(json: &Json) -> Result<Schema> {
        let tables = object(json, "tables")?;
        let tables = tables.iter().map(|(name, table)| {
            let columns = object(table, "columns")?;
            let columns = columns.iter().map(|(name, column)| Ok((name.clone(), Column::from_json(column)?)));
            Ok((name.clone(), columns.collect::<Result<_>>()?))
        });
        Ok(Schema { tables: tables.collect::<Result<_>>()? })
    }

    pub(crate) fn column(&self, table: &str, column: &str) -> Option<&Column> {
        self.tables.get(table)?.get(column)
    }

    pub(crate) fn columns(&self, table: &str) -> impl Iterator<Item = (&str, &Column)> {
        self.tables.get(table).into_iter().flatten().map(|(name, column)| (name.as_str(), column))
    }
}

impl Column {
    fn from_json(json: &Json) -> Result<Column> {
        let kind = json.get("type").ok_or_else(|| Error::protocol("a column without a type"))?;
        let bound = |name: &str| kind.get(name).map_or(Some(1), Json::as_u64);
        let default = if kind.get("value").is_some() {
            Value::Map(Default::default())
        } else if bound("min") == Some(0) {
            Value::Set(Default::default())
        } else {
            let key = kind.get("key").unwrap_or(kind);
            Value::from(default_atom(key.get("type").unwrap_or(key))?)
        };
        // "unlimited" is not a number.
        Ok(Column { many: bound("max") != Some(1), default })
    }
}

fn default_atom(kind: &Json) -> Result<Atom> {
    match kind.as_str() {
        Some("string") => Ok(Atom::String(String::new())),
        Some("integer") => Ok(Atom::Integer(0)),
        Some("real") => Ok(Atom::Real(0.0)),
        Some("boolean") => Ok(Atom::Boolean(false)),
        Some("uuid") => Ok(Atom::Uuid(Uuid::nil())),
        _ => Err(Error::protocol(format!("{kind} is not an atomic type"))),
    }
}

fn object<'a>(json: &'a Json, member: &str) -> Result<&'a serde_json::Map<String, Json>> {
    let object = json.get(member).and_then(Json::as_object);
    object.ok_or_else(|| Error::protocol(format!("a schema without {member}")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn columns_know_their_default() {
        let columns = json!({
            "name": {"type": "string"},
            "up": {"type": {"key": "boolean", "min": 0, "max": 1}},
            "ports": {"type": {"key": {"type": "uuid", "refTable": "P"}, "min": 0, "max": "unlimited"}},
            "priority": {"type": {"key": {"type": "integer", "minInteger": 0}}},
            "ids": {"type": {"key": "string", "value": "string", "min": 0, "max": "unlimited"}},
        });
        let schema = Schema::from_json(&json!({"tables": {"T": {"columns": columns}}})).unwrap();
        let column = |name| {
            let column = schema.column("T", name).unwrap();
            (column.many, column.default.clone())
        };
        assert_eq!(column("name"), (false, Value::from("")));
        assert_eq!(column("up"), (false, Value::set([] as [bool; 0])));
        assert_eq!(column("ports"), (true, Value::set([] as [Uuid; 0])));
        assert_eq!(column("priority"), (false, Value::from(0)));
        assert_eq!(column("ids"), (true, Value::map([] as [(&str, &str); 0])));
    }
}
