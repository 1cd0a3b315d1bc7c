//! Options of a user: exceptions from the rules for accounts, and which methods it must log in by.

use api::{Error, Result};
use serde_json::{Map, Value};

/// The options that are true or false.
const FLAGS: &[&str] = &[
    "ignore_change_password_upon_first_use",
    "ignore_password_expiry",
    "ignore_lockout_failure_attempts",
    "ignore_user_inactivity",
    "lock_password",
    "multi_factor_auth_enabled",
];
const RULES: &str = "multi_factor_auth_rules";

/// Sets of methods; a user must log in by all of one of them.
pub(crate) type MethodRules = Vec<Vec<String>>;

/// Whether a flag is set.
pub(crate) fn is_set(options: &Map<String, Value>, name: &str) -> bool {
    options.get(name).and_then(Value::as_bool).unwrap_or(false)
}

/// The sets of methods that count; none when the user is free.
pub(crate) fn method_rules(options: &Map<String, Value>) -> MethodRules {
    let enabled = options.get("multi_factor_auth_enabled").and_then(Value::as_bool).unwrap_or(true);
    let rules = options.get(RULES).filter(|_| enabled);
    rules.and_then(|rules| serde_json::from_value(rules.clone()).ok()).unwrap_or_default()
}

/// Lays new options over the old ones; null takes one away.
pub(crate) fn merge(old: &mut Map<String, Value>, new: Map<String, Value>) -> Result<()> {
    for (name, value) in new {
        if value.is_null() && (FLAGS.contains(&name.as_str()) || name == RULES) {
            old.remove(&name);
            continue;
        }
        let right = match name.as_str() {
            RULES => are_rules(&value),
            flag => FLAGS.contains(&flag) && value.is_boolean(),
        };
        if !right {
            return Err(Error::bad_request(format!(
                "Invalid input for field/attribute options.{name}. Value: {value}. Known are {RULES}, a list of lists of \
                 methods without repetitions, and true or false for {}.",
                FLAGS.join(", ")
            )));
        }
        old.insert(name, value);
    }
    Ok(())
}

fn are_rules(value: &Value) -> bool {
    let rules = value.as_array().map(Vec::as_slice);
    rules.is_some_and(|rules| {
        is_unique(rules)
            && rules.iter().all(|rule| {
                let methods = rule.as_array().map(Vec::as_slice).unwrap_or_default();
                !methods.is_empty() && methods.iter().all(Value::is_string) && is_unique(methods)
            })
    })
}

fn is_unique(values: &[Value]) -> bool {
    values.iter().enumerate().all(|(index, value)| !values[..index].contains(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn merged(new: Value) -> Result<Map<String, Value>> {
        let mut options = Map::new();
        options.insert("lock_password".into(), json!(true));
        merge(&mut options, new.as_object().cloned().unwrap())?;
        Ok(options)
    }

    #[test]
    fn options_are_known_and_of_their_type() {
        assert_eq!(merged(json!({"lock_password": null})).unwrap(), Map::new());
        let both = merged(json!({"multi_factor_auth_rules": [["password", "totp"], ["token"]]})).unwrap();
        assert_eq!(method_rules(&both), [vec!["password", "totp"], vec!["token"]]);
        assert!(is_set(&both, "lock_password"));
        for wrong in [
            json!({"lock_password": 1}),
            json!({"nothing": true}),
            json!({"nothing": null}),
            json!({"multi_factor_auth_rules": "password"}),
            json!({"multi_factor_auth_rules": [[]]}),
            json!({"multi_factor_auth_rules": [["a", "a"]]}),
            json!({"multi_factor_auth_rules": [["a"], ["a"]]}),
            json!({"multi_factor_auth_rules": [["a", 1]]}),
        ] {
            assert!(merged(wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn rules_count_while_they_are_enabled() {
        let options = json!({"multi_factor_auth_rules": [["a"]], "multi_factor_auth_enabled": false});
        assert!(method_rules(options.as_object().unwrap()).is_empty());
    }
}
