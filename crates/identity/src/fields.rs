//! The attributes of a resource as a client sends them: known ones are taken out and checked, the rest is kept.

use api::{Error, Result};
use serde_json::{Map, Value};

use crate::store::Extra;

/// What is left of a request's attributes.
#[derive(Default)]
pub(crate) struct Fields(Map<String, Value>);

impl Fields {
    /// The attributes in a body such as `{"user": {...}}`; links are not the client's to give.
    pub fn of(kind: &str, body: Map<String, Value>) -> Result<Self> {
        Ok(Self::new(object_in(body, kind)?))
    }

    /// The attributes themselves.
    pub fn new(mut attributes: Map<String, Value>) -> Self {
        attributes.remove("links");
        Self(attributes)
    }

    /// A text of `least` to `most` characters.
    pub fn text(&mut self, name: &str, least: usize, most: usize) -> Result<Option<String>> {
        match self.0.remove(name) {
            None => Ok(None),
            Some(Value::String(text)) => {
                api::fields::length(name, &text, least, most)?;
                if least > 0 && text.trim().is_empty() {
                    return Err(Error::bad_request(format!("{name} must not be blank.")));
                }
                Ok(Some(text))
            }
            Some(other) => Err(wrong(name, "a text", &other)),
        }
    }

    /// A text that must be there.
    pub fn required(&mut self, name: &str, least: usize, most: usize) -> Result<String> {
        self.text(name, least, most)?
            .ok_or_else(|| Error::bad_request(format!("Invalid input: '{name}' is a required property.")))
    }

    /// A text or null; absent is `None`.
    pub fn nullable(&mut self, name: &str, most: usize) -> Result<Option<Option<String>>> {
        if self.is_null(name) {
            self.0.remove(name);
            return Ok(Some(None));
        }
        Ok(self.text(name, 0, most)?.map(Some))
    }

    /// A description: null counts as empty.
    pub fn description(&mut self) -> Result<Option<String>> {
        Ok(self.nullable("description", 65_535)?.map(Option::unwrap_or_default))
    }

    /// True or false.
    pub fn flag(&mut self, name: &str) -> Result<Option<bool>> {
        match self.0.remove(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(flag)),
            Some(other) => Err(wrong(name, "true or false", &other)),
        }
    }

    /// A JSON object.
    pub fn object(&mut self, name: &str) -> Result<Option<Map<String, Value>>> {
        match self.0.remove(name) {
            None => Ok(None),
            Some(Value::Object(map)) => Ok(Some(map)),
            Some(other) => Err(wrong(name, "an object", &other)),
        }
    }

    /// Whether an attribute is there and null.
    pub fn is_null(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(Value::is_null)
    }

    /// A whole number.
    pub fn number(&mut self, name: &str) -> Result<Option<i64>> {
        match self.0.remove(name) {
            None => Ok(None),
            Some(value) => value.as_i64().map(Some).ok_or_else(|| wrong(name, "a whole number", &value)),
        }
    }

    /// Refuses what was not taken, for things that keep nothing beyond what they know.
    pub fn nothing_else(&self) -> Result<()> {
        match self.0.keys().next() {
            None => Ok(()),
            Some(name) => Err(Error::bad_request(format!("{name} is not known or cannot be changed; leave it out."))),
        }
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A list of texts.
    pub fn texts(&mut self, name: &str) -> Result<Option<Vec<String>>> {
        match self.0.remove(name) {
            None => Ok(None),
            Some(value) => {
                serde_json::from_value(value.clone()).map(Some).map_err(|_| wrong(name, "a list of texts", &value))
            }
        }
    }

    /// A value of some type; null counts as absent.
    pub fn typed<T: serde::de::DeserializeOwned>(&mut self, name: &str) -> Result<Option<T>> {
        let Some(value) = self.0.remove(name).filter(|value| !value.is_null()) else { return Ok(None) };
        serde_json::from_value(value)
            .map(Some)
            .map_err(|error| Error::bad_request(format!("Invalid input for field/attribute {name}: {error}.")))
    }

    /// Takes null for an attribute that is not given.
    pub fn null_is_absent(&mut self, name: &str) {
        if self.0.get(name).is_some_and(Value::is_null) {
            self.0.remove(name);
        }
    }

    /// A text, if it is one, that stays to be taken.
    pub fn peek(&self, name: &str) -> &str {
        self.0.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// The options of the resource, if some are given.
    pub fn options(&mut self) -> Result<Map<String, Value>> {
        match self.0.remove("options") {
            None => Ok(Map::new()),
            Some(Value::Object(options)) => Ok(options),
            Some(other) => Err(wrong("options", "an object", &other)),
        }
    }

    /// Refuses another value than the one that stands.
    pub fn fixed(&mut self, name: &str, current: Option<&str>) -> Result<()> {
        match self.0.remove(name) {
            Some(value) if value.as_str() != current => {
                Err(Error::bad_request(format!("{name} cannot be changed; make a new resource instead.")))
            }
            _ => Ok(()),
        }
    }

    /// Gives an attribute that the client named elsewhere, in the path.
    pub fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.0.insert(name.to_owned(), value.into());
    }

    /// Drops an attribute that is not the client's to give.
    pub fn ignore(&mut self, name: &str) {
        self.0.remove(name);
    }

    /// What was not taken, for a new resource.
    pub fn into_extra(self) -> Extra {
        db::Json(self.0)
    }

    /// What was not taken, laid over what is kept.
    pub fn merge_into(self, extra: &mut Extra) {
        extra.0.extend(self.0);
    }
}

/// The object of that name in a body.
pub(crate) fn object_in(mut body: Map<String, Value>, name: &str) -> Result<Map<String, Value>> {
    match body.remove(name) {
        Some(Value::Object(map)) => Ok(map),
        _ => Err(Error::bad_request(format!("The body must be {{\"{name}\": {{...}}}}."))),
    }
}

fn wrong(name: &str, wanted: &str, given: &Value) -> Error {
    Error::bad_request(format!("Invalid input for field/attribute {name}. Value: {given}. It must be {wanted}."))
}

/// 409 for a name that is taken, whatever else it is otherwise.
pub(crate) fn taken(error: db::Error, kind: &str, name: &str) -> Error {
    if error.is_unique() {
        Error::conflict(format!(
            "Conflict occurred attempting to store {kind} - Duplicate entry found with name {name}."
        ))
    } else {
        error.into()
    }
}

/// 404 that names what was not found.
pub(crate) fn missing(kind: &str, id: &str) -> Error {
    Error::not_found(format!("Could not find {kind}: {id}."))
}
