//! Values, columns and rows (RFC 7047 §5.1).

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::error::{Error, Result};

/// One indivisible value: RFC 7047's `<atom>`.
#[derive(Debug, Clone)]
pub enum Atom {
    /// Text.
    String(String),
    /// A 64-bit integer.
    Integer(i64),
    /// A floating point number.
    Real(f64),
    /// True or false.
    Boolean(bool),
    /// The identity of a row.
    Uuid(Uuid),
    /// A row inserted by the same transaction, under the name given there.
    NamedUuid(String),
}

impl Atom {
    /// Reads an atom from its JSON form.
    pub fn from_json(json: &Json) -> Result<Atom> {
        let wrong = || Error::protocol(format!("{json} is not an atom"));
        match json {
            Json::String(text) => Ok(Atom::String(text.clone())),
            Json::Bool(boolean) => Ok(Atom::Boolean(*boolean)),
            Json::Number(number) => {
                number.as_i64().map(Atom::Integer).or_else(|| number.as_f64().map(Atom::Real)).ok_or_else(wrong)
            }
            Json::Array(pair) => match pair.as_slice() {
                [Json::String(kind), Json::String(text)] if kind == "uuid" => {
                    Uuid::try_parse(text).map(Atom::Uuid).map_err(|_| wrong())
                }
                [Json::String(kind), Json::String(name)] if kind == "named-uuid" => Ok(Atom::NamedUuid(name.clone())),
                _ => Err(wrong()),
            },
            Json::Null | Json::Object(_) => Err(wrong()),
        }
    }

    /// The JSON form of the atom.
    #[must_use]
    pub fn to_json(&self) -> Json {
        match self {
            Atom::String(text) => json!(text),
            Atom::Integer(integer) => json!(integer),
            Atom::Real(real) => json!(real),
            Atom::Boolean(boolean) => json!(boolean),
            Atom::Uuid(uuid) => json!(["uuid", uuid]),
            Atom::NamedUuid(name) => json!(["named-uuid", name]),
        }
    }

    fn as_string(&self) -> Option<&str> {
        if let Atom::String(text) = self { Some(text) } else { None }
    }

    fn as_integer(&self) -> Option<i64> {
        if let Atom::Integer(integer) = self { Some(*integer) } else { None }
    }

    /// The server writes the real 1.0 as 1.
    fn as_real(&self) -> Option<f64> {
        match self {
            Atom::Real(real) => Some(*real),
            Atom::Integer(integer) => Some(*integer as f64),
            _ => None,
        }
    }

    fn as_boolean(&self) -> Option<bool> {
        if let Atom::Boolean(boolean) = self { Some(*boolean) } else { None }
    }

    fn as_uuid(&self) -> Option<Uuid> {
        if let Atom::Uuid(uuid) = self { Some(*uuid) } else { None }
    }

    fn kind(&self) -> u8 {
        match self {
            Atom::String(_) => 0,
            Atom::Integer(_) => 1,
            Atom::Real(_) => 2,
            Atom::Boolean(_) => 3,
            Atom::Uuid(_) => 4,
            Atom::NamedUuid(_) => 5,
        }
    }
}

impl Ord for Atom {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Atom::String(a), Atom::String(b)) | (Atom::NamedUuid(a), Atom::NamedUuid(b)) => a.cmp(b),
            (Atom::Integer(a), Atom::Integer(b)) => a.cmp(b),
            (Atom::Real(a), Atom::Real(b)) => a.total_cmp(b),
            (Atom::Boolean(a), Atom::Boolean(b)) => a.cmp(b),
            (Atom::Uuid(a), Atom::Uuid(b)) => a.cmp(b),
            _ => self.kind().cmp(&other.kind()),
        }
    }
}

impl PartialOrd for Atom {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Atom {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Atom {}

impl From<&str> for Atom {
    fn from(text: &str) -> Self {
        Atom::String(text.to_owned())
    }
}

impl From<String> for Atom {
    fn from(text: String) -> Self {
        Atom::String(text)
    }
}

impl From<&String> for Atom {
    fn from(text: &String) -> Self {
        Atom::String(text.clone())
    }
}

impl From<i64> for Atom {
    fn from(integer: i64) -> Self {
        Atom::Integer(integer)
    }
}

impl From<f64> for Atom {
    fn from(real: f64) -> Self {
        Atom::Real(real)
    }
}

impl From<bool> for Atom {
    fn from(boolean: bool) -> Self {
        Atom::Boolean(boolean)
    }
}

impl From<Uuid> for Atom {
    fn from(uuid: Uuid) -> Self {
        Atom::Uuid(uuid)
    }
}

/// The content of a column: RFC 7047's `<value>`.
///
/// An atom is a set of exactly one element there, and so it is here: two equal values compare equal, whichever
/// way they were written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Any number of atoms; one for a scalar, none for an optional that is absent.
    Set(BTreeSet<Atom>),
    /// Atoms by atoms.
    Map(BTreeMap<Atom, Atom>),
}

impl Value {
    /// A set.
    pub fn set<T: Into<Atom>>(atoms: impl IntoIterator<Item = T>) -> Value {
        Value::Set(atoms.into_iter().map(Into::into).collect())
    }

    /// A map.
    pub fn map<K: Into<Atom>, V: Into<Atom>>(pairs: impl IntoIterator<Item = (K, V)>) -> Value {
        Value::Map(pairs.into_iter().map(|(key, value)| (key.into(), value.into())).collect())
    }

    /// Reads a value from its JSON form.
    pub fn from_json(json: &Json) -> Result<Value> {
        let pair = json.as_array().map(Vec::as_slice);
        match pair {
            Some([Json::String(kind), Json::Array(atoms)]) if kind == "set" => {
                atoms.iter().map(Atom::from_json).collect::<Result<_>>().map(Value::Set)
            }
            Some([Json::String(kind), Json::Array(pairs)]) if kind == "map" => {
                pairs.iter().map(pair_from_json).collect::<Result<_>>().map(Value::Map)
            }
            _ => Ok(Value::from(Atom::from_json(json)?)),
        }
    }

    /// The JSON form of the value.
    #[must_use]
    pub fn to_json(&self) -> Json {
        match self {
            Value::Set(atoms) => match (atoms.len(), atoms.first()) {
                (1, Some(atom)) => atom.to_json(),
                _ => json!(["set", atoms.iter().map(Atom::to_json).collect::<Vec<_>>()]),
            },
            Value::Map(pairs) => {
                json!(["map", pairs.iter().map(|(key, value)| [key.to_json(), value.to_json()]).collect::<Vec<_>>()])
            }
        }
    }
}

impl<T: Into<Atom>> From<T> for Value {
    fn from(atom: T) -> Self {
        Value::Set(BTreeSet::from([atom.into()]))
    }
}

fn pair_from_json(json: &Json) -> Result<(Atom, Atom)> {
    match json.as_array().map(Vec::as_slice) {
        Some([key, value]) => Ok((Atom::from_json(key)?, Atom::from_json(value)?)),
        _ => Err(Error::protocol(format!("{json} is not a pair of a map"))),
    }
}

/// Columns by name: a row as read, or what is to be written of one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Row {
    columns: BTreeMap<String, Value>,
}

impl Row {
    /// A row without columns.
    #[must_use]
    pub fn new() -> Row {
        Row::default()
    }

    /// The row with one more column.
    #[must_use]
    pub fn with(mut self, column: &str, value: impl Into<Value>) -> Row {
        self.insert(column, value);
        self
    }

    /// Sets a column.
    pub fn insert(&mut self, column: &str, value: impl Into<Value>) {
        self.columns.insert(column.to_owned(), value.into());
    }

    /// Reads a row from its JSON form.
    pub fn from_json(json: &Json) -> Result<Row> {
        let object = json.as_object().ok_or_else(|| Error::protocol(format!("{json} is not a row")))?;
        let column = |(name, value): (&String, &Json)| Ok((name.clone(), Value::from_json(value)?));
        Ok(Row { columns: object.iter().map(column).collect::<Result<_>>()? })
    }

    /// The JSON form of the row.
    #[must_use]
    pub fn to_json(&self) -> Json {
        self.columns.iter().map(|(name, value)| (name.clone(), value.to_json())).collect()
    }

    /// All columns with their names.
    pub fn columns(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.columns.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// A column's value, whatever its type.
    pub fn value(&self, column: &str) -> Result<&Value> {
        self.columns.get(column).ok_or_else(|| Error::NoColumn(column.to_owned()))
    }

    /// A column of one string.
    pub fn string(&self, column: &str) -> Result<&str> {
        self.one(column, "a string", Atom::as_string)
    }

    /// A column of one integer.
    pub fn integer(&self, column: &str) -> Result<i64> {
        self.one(column, "an integer", Atom::as_integer)
    }

    /// A column of one real number.
    pub fn real(&self, column: &str) -> Result<f64> {
        self.one(column, "a real", Atom::as_real)
    }

    /// A column of one boolean.
    pub fn boolean(&self, column: &str) -> Result<bool> {
        self.one(column, "a boolean", Atom::as_boolean)
    }

    /// A column of one reference to a row; `_uuid` is the row itself.
    pub fn uuid(&self, column: &str) -> Result<Uuid> {
        self.one(column, "a uuid", Atom::as_uuid)
    }

    /// A column of at most one string.
    pub fn optional_string(&self, column: &str) -> Result<Option<&str>> {
        self.optional(column, "an optional string", Atom::as_string)
    }

    /// A column of at most one integer.
    pub fn optional_integer(&self, column: &str) -> Result<Option<i64>> {
        self.optional(column, "an optional integer", Atom::as_integer)
    }

    /// A column of at most one boolean.
    pub fn optional_bool(&self, column: &str) -> Result<Option<bool>> {
        self.optional(column, "an optional boolean", Atom::as_boolean)
    }

    /// A column of at most one reference to a row.
    pub fn optional_uuid(&self, column: &str) -> Result<Option<Uuid>> {
        self.optional(column, "an optional uuid", Atom::as_uuid)
    }

    /// A column of any number of strings.
    pub fn set_string(&self, column: &str) -> Result<BTreeSet<&str>> {
        self.set(column, "a set of strings", Atom::as_string)
    }

    /// A column of any number of integers.
    pub fn set_integer(&self, column: &str) -> Result<BTreeSet<i64>> {
        self.set(column, "a set of integers", Atom::as_integer)
    }

    /// A column of any number of references to rows.
    pub fn set_uuid(&self, column: &str) -> Result<BTreeSet<Uuid>> {
        self.set(column, "a set of uuids", Atom::as_uuid)
    }

    /// A column that maps strings to strings.
    pub fn map(&self, column: &str) -> Result<BTreeMap<&str, &str>> {
        let expected = "a map of strings";
        let Value::Map(pairs) = self.value(column)? else {
            return Err(wrong_type(column, expected));
        };
        pairs
            .iter()
            .map(|(key, value)| Some((key.as_string()?, value.as_string()?)))
            .collect::<Option<_>>()
            .ok_or_else(|| wrong_type(column, expected))
    }

    /// One entry of a column that maps strings to strings.
    pub fn map_value(&self, column: &str, key: &str) -> Result<Option<&str>> {
        let expected = "a map of strings";
        let Value::Map(pairs) = self.value(column)? else {
            return Err(wrong_type(column, expected));
        };
        let value = pairs.get(&Atom::from(key));
        value.map(|value| value.as_string().ok_or_else(|| wrong_type(column, expected))).transpose()
    }

    fn set<'a, T: Ord>(
        &'a self,
        column: &str,
        expected: &'static str,
        read: impl Fn(&'a Atom) -> Option<T>,
    ) -> Result<BTreeSet<T>> {
        let Value::Set(atoms) = self.value(column)? else {
            return Err(wrong_type(column, expected));
        };
        atoms.iter().map(read).collect::<Option<_>>().ok_or_else(|| wrong_type(column, expected))
    }

    fn optional<'a, T>(
        &'a self,
        column: &str,
        expected: &'static str,
        read: impl Fn(&'a Atom) -> Option<T>,
    ) -> Result<Option<T>> {
        let Value::Set(atoms) = self.value(column)? else {
            return Err(wrong_type(column, expected));
        };
        let mut atoms = atoms.iter();
        match (atoms.next(), atoms.next()) {
            (None, _) => Ok(None),
            (Some(atom), None) => read(atom).map(Some).ok_or_else(|| wrong_type(column, expected)),
            (Some(_), Some(_)) => Err(wrong_type(column, expected)),
        }
    }

    fn one<'a, T>(&'a self, column: &str, expected: &'static str, read: impl Fn(&'a Atom) -> Option<T>) -> Result<T> {
        self.optional(column, expected, read)?.ok_or_else(|| wrong_type(column, expected))
    }
}

fn wrong_type(column: &str, expected: &'static str) -> Error {
    Error::ColumnType { column: column.to_owned(), expected }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_atom() -> impl Strategy<Value = Atom> {
        prop_oneof![
            "\\PC{0,6}".prop_map(Atom::String),
            any::<i64>().prop_map(Atom::Integer),
            any::<i32>().prop_map(|number| Atom::Real(f64::from(number) + 0.5)),
            any::<bool>().prop_map(Atom::Boolean),
            any::<u128>().prop_map(|bits| Atom::Uuid(Uuid::from_u128(bits))),
            "[a-z]{1,4}".prop_map(Atom::NamedUuid),
        ]
    }

    fn any_value() -> impl Strategy<Value = Value> {
        prop_oneof![
            proptest::collection::btree_set(any_atom(), 0..4).prop_map(Value::Set),
            proptest::collection::btree_map(any_atom(), any_atom(), 0..4).prop_map(Value::Map),
        ]
    }

    fn any_json() -> impl Strategy<Value = Json> {
        let word = prop_oneof![Just("set"), Just("map"), Just("uuid"), Just("named-uuid"), Just("x")];
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::from),
            any::<u64>().prop_map(Json::from),
            any::<f64>().prop_map(Json::from),
            word.prop_map(Json::from),
        ];
        leaf.prop_recursive(4, 32, 3, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..3).prop_map(Json::from),
                proptest::collection::btree_map("[a-z]", inner, 0..3)
                    .prop_map(|object| object.into_iter().collect::<Json>()),
            ]
        })
    }

    proptest! {
        #[test]
        fn value_survives_the_wire(value in any_value()) {
            let text = value.to_json().to_string();
            prop_assert_eq!(Value::from_json(&serde_json::from_str(&text).unwrap()).unwrap(), value);
        }

        #[test]
        fn any_json_is_a_value_or_an_error(json in any_json()) {
            let _ = Row::from_json(&json);
            if let Ok(value) = Value::from_json(&json) {
                let row = Row::new().with("c", value);
                let _ = (row.string("c"), row.integer("c"), row.real("c"), row.boolean("c"), row.uuid("c"));
                let _ = (row.set_uuid("c"), row.map("c"), row.map_value("c", "x"), row.optional_bool("c"));
            }
        }
    }

    #[test]
    fn columns_are_read_by_type() {
        let uuid = Uuid::from_u128(7);
        let json = json!({
            "name": "n", "up": ["set", []], "ports": ["uuid", uuid], "tag": 5, "load": 1,
            "external_ids": ["map", [["k", "v"]]],
        });
        let row = Row::from_json(&json).unwrap();
        assert_eq!(row.string("name").unwrap(), "n");
        assert_eq!(row.optional_bool("up").unwrap(), None);
        assert_eq!(row.set_uuid("ports").unwrap(), BTreeSet::from([uuid]));
        assert_eq!(row.optional_integer("tag").unwrap(), Some(5));
        assert!((row.real("load").unwrap() - 1.0).abs() < f64::EPSILON);
        assert_eq!(row.map("external_ids").unwrap(), BTreeMap::from([("k", "v")]));
        assert_eq!(row.map_value("external_ids", "k").unwrap(), Some("v"));
        assert_eq!(row.to_json(), json);
        assert_eq!(row.string("nothing"), Err(Error::NoColumn("nothing".into())));
        assert_eq!(row.string("up"), Err(wrong_type("up", "a string")));
        assert_eq!(row.integer("external_ids"), Err(wrong_type("external_ids", "an integer")));
    }
}
