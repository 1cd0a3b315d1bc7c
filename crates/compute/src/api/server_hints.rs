//! What users may hint to the scheduler, checked before anything is promised.

use std::net::IpAddr;

use ::api::{Error, Result, fields};
use serde_json::{Map, Value};

/// Checks the hints that mean something here; others are kept and mean nothing.
pub(super) fn check(hints: &Map<String, Value>) -> Result<()> {
    for name in ["group", "same_host", "different_host"] {
        let Some(value) = hints.get(name) else { continue };
        let ids: Vec<&Value> = value.as_array().map_or_else(|| vec![value], |ids| ids.iter().collect());
        if !ids.iter().all(|id| id.as_str().is_some_and(fields::is_uuid)) {
            return Err(invalid(name, value, "the id of a server (or a list of them), or for group of a server group"));
        }
    }
    if let Some(value) = hints.get("query") {
        let condition = match value {
            Value::String(text) => serde_json::from_str::<Value>(text).is_ok(),
            other => other.is_object() || other.is_array(),
        };
        if !condition {
            return Err(invalid("query", value, "a condition in JSON, such as [\">=\", \"$free_ram_mb\", 1024]"));
        }
    }
    if let Some(value) = hints.get("build_near_host_ip") {
        let address = value.as_str().or_else(|| value.as_array()?.first()?.as_str());
        if address.is_none_or(|text| text.parse::<IpAddr>().is_err()) {
            return Err(invalid("build_near_host_ip", value, "an IP address"));
        }
    }
    if let Some(value) = hints.get("cidr") {
        let length = value.as_str().and_then(|text| text.strip_prefix('/')?.parse::<u8>().ok());
        if length.is_none_or(|length| length > 128) {
            return Err(invalid("cidr", value, "the length of a prefix, such as /24"));
        }
    }
    Ok(())
}

fn invalid(name: &str, value: &Value, wanted: &str) -> Error {
    Error::bad_request(format!("Invalid scheduler hint {name}: {value}. It must be {wanted}."))
}
