//! Resources that refuse to be changed: those with the option `immutable`.

use api::{Error, Result};
use serde_json::{Map, Value};

use crate::fields::Fields;
use crate::store::Extra;

/// Whether the option is set.
pub(crate) fn is_immutable(options: &Extra) -> bool {
    options.0.get("immutable") == Some(&Value::Bool(true))
}

/// The options of a new resource.
pub(crate) fn options(fields: &mut Fields) -> Result<Extra> {
    let mut options = Extra::default();
    merge(&mut options, given(fields)?.unwrap_or_default());
    Ok(options)
}

/// Takes over the options in a change; refuses the change of an immutable resource unless it only makes it mutable.
pub(crate) fn update(kind: &str, id: &str, fields: &mut Fields, options: &mut Extra) -> Result<()> {
    let given = given(fields)?;
    if is_immutable(options) {
        let unset = given
            .as_ref()
            .is_some_and(|given| matches!(given.get("immutable"), Some(Value::Bool(false) | Value::Null)));
        if !unset || !fields.is_empty() {
            return Err(refused(kind, id));
        }
    }
    merge(options, given.unwrap_or_default());
    Ok(())
}

/// The answer to a change of an immutable resource.
pub(crate) fn refused(kind: &str, id: &str) -> Error {
    Error::forbidden(format!(
        "Unable to update immutable {kind} resource: {id}. Set its option immutable to false first, by itself."
    ))
}

/// Refuses to delete an immutable resource.
pub(crate) fn delete(kind: &str, id: &str, options: &Extra) -> Result<()> {
    if is_immutable(options) {
        return Err(Error::forbidden(format!(
            "Unable to delete immutable {kind} resource: {id}. Set its option immutable to false first."
        )));
    }
    Ok(())
}

fn given(fields: &mut Fields) -> Result<Option<Map<String, Value>>> {
    let Some(options) = fields.object("options")? else { return Ok(None) };
    for (name, value) in &options {
        if name != "immutable" || !matches!(value, Value::Bool(_) | Value::Null) {
            return Err(Error::bad_request(format!(
                "Invalid input for field/attribute options: {name} is not known or not a flag; there is only immutable."
            )));
        }
    }
    Ok(Some(options))
}

/// A null takes an option back.
fn merge(options: &mut Extra, given: Map<String, Value>) {
    for (name, value) in given {
        if value.is_null() {
            options.0.remove(&name);
        } else {
            options.0.insert(name, value);
        }
    }
}
