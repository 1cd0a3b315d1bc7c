//! Changes as JSON patch, in the two forms that the image API has.

use api::{Error, Kind, Result};
use serde_json::Value;

/// One change of one field.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Operation {
    pub name: String,
    pub change: Change,
}

/// What happens to the field.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Change {
    Add(Value),
    Replace(Value),
    Remove,
}

/// The media types of a patch.
const CURRENT: &str = "application/openstack-images-v2.1-json-patch";
const OLD: &str = "application/openstack-images-v2.0-json-patch";
const OPERATIONS: [&str; 3] = ["add", "replace", "remove"];

/// Reads a patch of that media type.
pub(crate) fn parse(content_type: &str, body: &Value) -> Result<Vec<Operation>> {
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    let old = match kind {
        CURRENT => false,
        OLD => true,
        _ => {
            return Err(Error::new(
                Kind::UnsupportedMediaType,
                format!("The body is {kind}; send {CURRENT} or {OLD}."),
            ));
        }
    };
    let list =
        body.as_array().ok_or_else(|| Error::bad_request("Request body must be a JSON array of operation objects."))?;
    list.iter().map(|operation| one(operation, old)).collect()
}

fn one(operation: &Value, old: bool) -> Result<Operation> {
    let operation = operation.as_object().ok_or_else(|| Error::bad_request("Operations must be JSON objects."))?;
    let (verb, path) = if old {
        let named = OPERATIONS.iter().filter_map(|verb| Some((*verb, operation.get(*verb)?)));
        let mut named = named.collect::<Vec<_>>();
        match (named.pop(), named.pop()) {
            (Some(only), None) => only,
            _ => return Err(Error::bad_request("Operations must contain exactly one of add, replace and remove.")),
        }
    } else {
        let verb = operation.get("op").and_then(Value::as_str).unwrap_or_default();
        let path = operation.get("path").ok_or_else(|| Error::bad_request("Operations must contain a path."))?;
        (verb, path)
    };
    let name = pointer(path.as_str().ok_or_else(|| Error::bad_request("A path must be a text such as \"/name\"."))?)?;
    let value = || {
        operation
            .get("value")
            .cloned()
            .ok_or_else(|| Error::bad_request(format!("The operation on /{name} needs a value.")))
    };
    let change = match verb {
        "add" => Change::Add(value()?),
        "replace" => Change::Replace(value()?),
        "remove" => Change::Remove,
        other => {
            return Err(Error::bad_request(format!(
                "Unable to find `{other}` in JSON Schema change: use add, replace or remove."
            )));
        }
    };
    Ok(Operation { name, change })
}

/// Reads a JSON pointer to a field of the image itself.
fn pointer(path: &str) -> Result<String> {
    let wrong = |why: &str| Error::bad_request(format!("Pointer `{path}` {why}."));
    let name = path.strip_prefix('/').ok_or_else(|| wrong("does not start with \"/\""))?;
    if name.contains('/') {
        return Err(wrong("reaches into a field, but only whole fields can be changed"));
    }
    if name.trim() != name || name.is_empty() {
        return Err(wrong("contains no name, or one with spaces around it"));
    }
    let mut parts = name.split('~');
    let mut decoded = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (sign, rest) = match part.as_bytes().first() {
            Some(b'0') => ('~', &part[1..]),
            Some(b'1') => ('/', &part[1..]),
            _ => return Err(wrong("contains \"~\" that is not part of an escape sequence (~0 or ~1)")),
        };
        decoded.push(sign);
        decoded.push_str(rest);
    }
    Ok(decoded)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn operation(name: &str, change: Change) -> Operation {
        Operation { name: name.to_owned(), change }
    }

    #[test]
    fn both_forms_say_the_same() {
        let new = json!([
            {"op": "add", "path": "/a~1b~0", "value": "1"}, {"op": "replace", "path": "/name", "value": null},
            {"op": "remove", "path": "/c"},
        ]);
        let old = json!([{"add": "/a~1b~0", "value": "1"}, {"replace": "/name", "value": null}, {"remove": "/c"}]);
        let wanted = vec![
            operation("a/b~", Change::Add(json!("1"))),
            operation("name", Change::Replace(Value::Null)),
            operation("c", Change::Remove),
        ];
        assert_eq!(parse(CURRENT, &new).unwrap(), wanted);
        assert_eq!(parse(&format!("{OLD}; charset=utf-8"), &old).unwrap(), wanted);
    }

    #[test]
    fn what_is_no_patch_is_refused() {
        assert_eq!(parse("application/json", &json!([])).unwrap_err().kind, Kind::UnsupportedMediaType);
        for wrong in [
            json!({}),
            json!(["x"]),
            json!([{"op": "move", "path": "/a", "value": "b"}]),
            json!([{"op": "add", "path": "/a"}]),
            json!([{"op": "add", "path": "a", "value": "b"}]),
            json!([{"op": "add", "path": "/", "value": "b"}]),
            json!([{"op": "add", "path": "/a/b", "value": "b"}]),
            json!([{"op": "add", "path": "/a~2", "value": "b"}]),
            json!([{"op": "add", "path": "/ü~é", "value": "b"}]),
            json!([{"op": "remove"}]),
        ] {
            assert_eq!(parse(CURRENT, &wrong).unwrap_err().kind, Kind::BadRequest, "{wrong}");
        }
        assert!(parse(OLD, &json!([{"add": "/a", "remove": "/b"}])).is_err());
    }
}
