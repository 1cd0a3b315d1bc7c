//! Conditions that users write in JSON: `[">=", "$free_ram_mb", 1024]`.

use std::cmp::Ordering;

use serde_json::{Value, json};

use super::super::{Config, Node, Request};
use super::Filter;

/// How deep a condition may be nested.
const DEPTH: usize = 32;

/// The node meets the condition of the hint `query`.
pub(super) struct Json;

impl Filter for Json {
    fn name(&self) -> &'static str {
        "JsonFilter"
    }

    fn passes(&self, node: &Node, request: &Request, _: &Config) -> bool {
        request.query.as_ref().is_none_or(|query| match evaluate(query, node, 0) {
            // A list comes of `not`; any of it will do.
            Some(Value::Array(values)) => values.iter().any(truth),
            Some(value) => truth(&value),
            None => false,
        })
    }

    fn change(&self, _: &Node, _: &Request) -> Option<String> {
        Some("no hint query".to_owned())
    }
}

fn truth(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(flag) => *flag,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(values) => !values.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
    }
}

/// What a condition comes to; nothing if it is not understood.
fn evaluate(query: &Value, node: &Node, depth: usize) -> Option<Value> {
    let Value::Array(terms) = query else { return None };
    let Some((operator, terms)) = terms.split_first() else { return Some(json!(true)) };
    let mut values = Vec::new();
    for term in terms {
        match term {
            Value::Array(_) if depth >= DEPTH => return None,
            Value::Array(_) => values.push(evaluate(term, node, depth + 1)?),
            // What the node does not have is left out, as if it had not been written.
            Value::String(text) => match text.strip_prefix('$') {
                Some(name) => values.extend(variable(node, name)),
                None => values.push(term.clone()),
            },
            other => values.push(other.clone()),
        }
    }
    let compare = |fits: fn(Ordering) -> bool| {
        let (first, rest) = values.split_first()?;
        Some(json!(!rest.is_empty() && rest.iter().all(|other| order(first, other).is_some_and(fits))))
    };
    match operator.as_str()? {
        "=" => compare(Ordering::is_eq),
        "<" => compare(Ordering::is_lt),
        ">" => compare(Ordering::is_gt),
        "<=" => compare(Ordering::is_le),
        ">=" => compare(Ordering::is_ge),
        "in" => {
            let (first, rest) = values.split_first()?;
            Some(json!(rest.iter().any(|other| order(first, other).is_some_and(Ordering::is_eq))))
        }
        "not" => Some(Value::Array(values.iter().map(|value| json!(!truth(value))).collect())),
        "or" => Some(json!(values.iter().any(truth))),
        "and" => Some(json!(values.iter().all(truth))),
        _ => None,
    }
}

fn order(one: &Value, other: &Value) -> Option<Ordering> {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64()?.partial_cmp(&other.as_f64()?),
        (Value::String(one), Value::String(other)) => Some(one.cmp(other)),
        (one, other) => (one == other).then_some(Ordering::Equal),
    }
}

fn variable(node: &Node, name: &str) -> Option<Value> {
    Some(match name {
        "free_ram_mb" => json!(node.memory_mb.free()),
        "total_usable_ram_mb" => json!(node.memory_mb.total),
        "free_disk_mb" => json!(node.disk_gb.free() * 1024),
        "total_usable_disk_gb" => json!(node.disk_gb.total),
        "vcpus_total" => json!(node.vcpus.total),
        "vcpus_used" => json!(node.vcpus.used),
        "num_instances" => json!(node.servers),
        "num_io_ops" => json!(node.io_ops),
        "hypervisor_type" => json!(&*node.hypervisor_type),
        "hypervisor_version" => json!(node.hypervisor_version),
        "hypervisor_hostname" | "host" | "nodename" => json!(&*node.host),
        "host_ip" => json!(&*node.address),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::{Capacity, Config, Node, Request};
    use super::super::Filter as _;
    use super::Json;

    #[test]
    fn conditions_compare_and_combine() {
        let node = Node {
            host: "one".into(),
            memory_mb: Capacity { total: 2048, used: 1024 },
            vcpus: Capacity { total: 8, used: 2 },
            ..Node::default()
        };
        for (query, expected) in [
            (json!([]), true),
            (json!([">=", "$free_ram_mb", 1024]), true),
            (json!([">", "$free_ram_mb", 1024]), false),
            (json!(["=", "$host", "one"]), true),
            (json!(["in", "$host", "two", "one"]), true),
            (json!(["not", ["=", "$host", "one"]]), false),
            (json!(["and", [">=", "$free_ram_mb", 512], ["<", "$vcpus_used", 2]]), false),
            (json!(["or", [">=", "$free_ram_mb", 512], ["<", "$vcpus_used", 2]]), true),
            (json!(["=", "$unknown", 1]), false),
            (json!(["~", "$host", 1]), false),
            (json!({"a": 1}), false),
        ] {
            let request = Request { query: Some(query.clone()), ..Request::default() };
            assert_eq!(Json.passes(&node, &request, &Config::default()), expected, "{query}");
        }
    }
}
