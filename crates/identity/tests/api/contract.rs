//! Every operation of the published specification is served as it says, or listed with the reason why not. Facts about
//! the operations stand in `tests/contract/`; the steps here do each of them once.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;

use http::Method;
use serde_json::{Value, json};

use crate::cloud::{Answer, Cloud, PASSWORD};

const OPERATIONS: &str = include_str!("../contract/operations.txt");
const NOT_SERVED: &str = include_str!("../contract/not_served.txt");
const SCHEMAS: &str = include_str!("../contract/schemas.json");

/// Method and path of an operation.
type Operation = (String, String);

/// The status and the schema of a success.
struct Expected {
    status: u16,
    schema: String,
}

fn facts(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(|line| line.split(' ').collect())
}

fn operations() -> BTreeMap<Operation, Expected> {
    facts(OPERATIONS)
        .map(|words| {
            let expected = Expected { status: words[2].parse().unwrap(), schema: words[3].to_owned() };
            ((words[0].to_owned(), words[1].to_owned()), expected)
        })
        .collect()
}

/// A step: method and path of an operation, the body or nothing, and what to keep of the answer: name and place.
struct Step(&'static str, &'static str, Value, &'static [(&'static str, &'static str)]);

fn create(path: &'static str, body: Value, keep: &'static [(&'static str, &'static str)]) -> Step {
    Step("POST", path, body, keep)
}

fn get(path: &'static str) -> Step {
    Step("GET", path, Value::Null, &[])
}

fn put(path: &'static str, body: Value) -> Step {
    Step("PUT", path, body, &[])
}

fn patch(path: &'static str, body: Value) -> Step {
    Step("PATCH", path, body, &[])
}

/// What the administrator has of its own; all of it is done before there is another user.
fn own_things() -> Vec<Step> {
    let credential = "/v3/credentials/{credential_id}";
    let application = "/v3/users/{user_id}/application_credentials/{application_credential_id}";
    let (rules, rule) = ("/v3/users/{user_id}/access_rules", "/v3/users/{user_id}/access_rules/{access_rule_id}");
    let trust = "/v3/OS-TRUST/trusts/{trust_id}";
    let mut steps = vec![
        create(
            "/v3/credentials",
            json!({"credential": {"type": "cert", "blob": "b", "user_id": "{user_id}"}}),
            &[("credential_id", "/credential/id")],
        ),
        patch(credential, json!({"credential": {"blob": "c"}})),
        create(
            "/v3/users/{user_id}/application_credentials",
            json!({"application_credential": {"name": "a", "access_rules": [
                {"service": "image", "method": "GET", "path": "/v2/images"}]}}),
            &[
                ("application_credential_id", "/application_credential/id"),
                ("access_rule_id", "/application_credential/access_rules/0/id"),
            ],
        ),
        create(
            "/v3/OS-TRUST/trusts",
            json!({"trust": {"trustor_user_id": "{user_id}", "trustee_user_id": "{user_id}", "impersonation": false,
                "project_id": "{project_id}", "roles": [{"name": "reader"}]}}),
            &[("trust_id", "/trust/id"), ("role_id", "/trust/roles/0/id")],
        ),
    ];
    let lists = ["/v3/credentials", "/v3/users/{user_id}/application_credentials", rules, "/v3/OS-TRUST/trusts"];
    let roles = ["/v3/OS-TRUST/trusts/{trust_id}/roles", "/v3/OS-TRUST/trusts/{trust_id}/roles/{role_id}"];
    for path in lists.into_iter().chain([credential, application, rule, trust]).chain(roles) {
        steps.extend([get(path), Step("HEAD", path, Value::Null, &[])]);
    }
    for path in [credential, application, rule, trust] {
        steps.push(Step("DELETE", path, Value::Null, &[]));
    }
    steps
}

fn things() -> Vec<Step> {
    vec![
        get("/"),
        get("/v3"),
        create("/v3/domains", json!({"domain": {"name": "d", "enabled": false}}), &[("domain_id", "/domain/id")]),
        create("/v3/projects", json!({"project": {"name": "p", "tags": ["a"]}}), &[("project_id", "/project/id")]),
        create("/v3/users", json!({"user": {"name": "u", "password": PASSWORD}}), &[("user_id", "/user/id")]),
        create("/v3/groups", json!({"group": {"name": "g"}}), &[("group_id", "/group/id")]),
        create("/v3/roles", json!({"role": {"name": "r"}}), &[("role_id", "/role/id"), ("prior_role_id", "/role/id")]),
        create("/v3/roles", json!({"role": {"name": "i"}}), &[("implied_role_id", "/role/id")]),
        create("/v3/regions", json!({"region": {"id": "R", "description": "far"}}), &[("region_id", "/region/id")]),
        create("/v3/services", json!({"service": {"type": "t", "name": "s"}}), &[("service_id", "/service/id")]),
        create(
            "/v3/endpoints",
            json!({"endpoint": {"service_id": "{service_id}", "region_id": "R", "interface": "public",
                "url": "http://e"}}),
            &[("endpoint_id", "/endpoint/id")],
        ),
        create("/v3/policies", json!({"policy": {"type": "text", "blob": "b"}}), &[("policy_id", "/policy/id")]),
        create(
            "/v3/OS-EP-FILTER/endpoint_groups",
            json!({"endpoint_group": {"name": "e", "filters": {"interface": "public"}}}),
            &[("endpoint_group_id", "/endpoint_group/id")],
        ),
        create(
            "/v3/registered_limits",
            json!({"registered_limits": [{"service_id": "{service_id}", "resource_name": "n", "default_limit": 1}]}),
            &[("registered_limit_id", "/registered_limits/0/id")],
        ),
        create(
            "/v3/limits",
            json!({"limits": [{"service_id": "{service_id}", "resource_name": "n", "resource_limit": 2,
                "project_id": "{project_id}"}]}),
            &[("limit_id", "/limits/0/id")],
        ),
        create(
            "/v3/auth/tokens",
            json!({"auth": {"identity": {"methods": ["password"], "password": {"user":
                {"id": "{user_id}", "password": PASSWORD}}}}}),
            &[],
        ),
        get("/v3/auth/tokens"),
        get("/v3/auth/catalog"),
        get("/v3/auth/projects"),
        get("/v3/auth/domains"),
        get("/v3/auth/system"),
        patch("/v3/domains/{domain_id}", json!({"domain": {"description": "x"}})),
        patch("/v3/projects/{project_id}", json!({"project": {"description": "x"}})),
        patch("/v3/users/{user_id}", json!({"user": {"description": "x"}})),
        patch("/v3/groups/{group_id}", json!({"group": {"description": "x"}})),
        patch("/v3/roles/{role_id}", json!({"role": {"description": "x"}})),
        patch("/v3/regions/{region_id}", json!({"region": {"description": "x"}})),
        patch("/v3/services/{service_id}", json!({"service": {"description": "x"}})),
        patch("/v3/endpoints/{endpoint_id}", json!({"endpoint": {"url": "http://f"}})),
        patch("/v3/policies/{policy_id}", json!({"policy": {"blob": "c"}})),
        patch("/v3/OS-EP-FILTER/endpoint_groups/{endpoint_group_id}", json!({"endpoint_group": {"name": "f"}})),
        patch("/v3/registered_limits/{registered_limit_id}", json!({"registered_limit": {"default_limit": 3}})),
        patch("/v3/limits/{limit_id}", json!({"limit": {"resource_limit": 4}})),
        Step(
            "POST",
            "/v3/users/{user_id}/password",
            json!({"user": {"original_password": PASSWORD, "password": "another one"}}),
            &[],
        ),
        put("/v3/projects/{project_id}/tags/{value}", Value::Null),
        put("/v3/projects/{project_id}/tags", json!({"tags": ["t", "v"]})),
        put("/v3/groups/{group_id}/users/{user_id}", Value::Null),
        put("/v3/roles/{prior_role_id}/implies/{implied_role_id}", Value::Null),
        put("/v3/domains/{domain_id}/config", json!({"config": {"ldap": {"url": "ldap://h", "suffix": "x"}}})),
        patch("/v3/domains/{domain_id}/config", json!({"config": {"ldap": {"url": "ldap://i"}}})),
        patch("/v3/domains/{domain_id}/config/{group}", json!({"config": {"ldap": {"url": "ldap://j"}}})),
        patch("/v3/domains/{domain_id}/config/{group}/{option}", json!({"config": {"url": "ldap://k"}})),
    ]
}

/// A cloud and what the steps have made in it.
struct Contract {
    cloud: Cloud,
    token: String,
    names: BTreeMap<String, String>,
    operations: BTreeMap<Operation, Expected>,
    schemas: Value,
    done: BTreeSet<Operation>,
    wrong: Vec<String>,
    /// Requests and answers are written here, for a check against the specification itself.
    log: Option<std::fs::File>,
}

impl Contract {
    async fn new() -> Self {
        let cloud = Cloud::new().await;
        let token = cloud.admin().await;
        let (user, project) = (cloud.admin.user_id.as_str(), cloud.admin.project_id.as_str());
        let fixed = [("value", "v"), ("group", "ldap"), ("option", "url"), ("user_id", user), ("project_id", project)];
        let names = fixed.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let log = std::env::var("FERROSTACK_CONTRACT_LOG").ok().map(|path| std::fs::File::create(path).unwrap());
        let (operations, schemas) = (operations(), serde_json::from_str(SCHEMAS).unwrap());
        Self { cloud, token, names, operations, schemas, done: BTreeSet::new(), wrong: Vec::new(), log }
    }

    fn fill(&self, text: &str) -> String {
        self.names.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
    }

    async fn step(&mut self, Step(method, path, body, keep): Step) {
        let answer = self.send(method, path, &body).await;
        for (name, place) in keep {
            let found = answer.body.pointer(place).and_then(Value::as_str);
            match found {
                Some(value) => drop(self.names.insert((*name).to_owned(), value.to_owned())),
                None => self.wrong.push(format!("{method} {path}: no {place} in {}", answer.body)),
            }
        }
    }

    async fn send(&mut self, method: &str, path: &str, body: &Value) -> Answer {
        let body = (!body.is_null()).then(|| serde_json::from_str::<Value>(&self.fill(&body.to_string())).unwrap());
        let headers = [("x-auth-token", self.token.as_str()), ("x-subject-token", self.token.as_str())];
        let verb: Method = method.parse().unwrap();
        let answer = self.cloud.send(verb, &self.fill(path), &headers, body.clone()).await;
        if let Some(log) = &mut self.log {
            let line = json!({"method": method, "path": path, "request": body, "status": answer.status.as_u16(),
                "response": answer.body});
            writeln!(log, "{line}").unwrap();
        }
        let operation = (method.to_owned(), path.to_owned());
        match self.operations.get(&operation) {
            None => self.wrong.push(format!("{method} {path}: not in the specification")),
            Some(expected) if expected.status != answer.status.as_u16() => {
                self.wrong.push(format!(
                    "{method} {path}: {} instead of {}: {}",
                    answer.status, expected.status, answer.body
                ));
            }
            Some(expected) => self.wrong.extend(
                wrong_shape(&self.schemas, &expected.schema, &answer.body)
                    .map(|why| format!("{method} {path}: {why} in {}", answer.body)),
            ),
        }
        self.done.insert(operation);
        answer
    }

    /// All reading operations that the steps have not done, by GET and HEAD.
    async fn read_the_rest(&mut self) {
        let reading: Vec<Operation> =
            self.operations.keys().filter(|(method, _)| method == "GET" || method == "HEAD").cloned().collect();
        for (method, path) in reading {
            if !self.done.contains(&(method.clone(), path.clone())) {
                self.send(&method, &path, &Value::Null).await;
            }
        }
    }
}

/// What of an answer is not as its schema says.
fn wrong_shape(schemas: &Value, name: &str, body: &Value) -> Option<String> {
    if name == "-" {
        return (!body.is_null()).then(|| "a body where none belongs".to_owned());
    }
    let mut schema = schemas["answers"][name].clone();
    if schema.is_null() {
        return Some(format!("no schema {name}"));
    }
    schema["$defs"] = schemas["$defs"].clone();
    let validator = jsonschema::validator_for(&schema).unwrap();
    validator.iter_errors(body).next().map(|error| format!("{error} at {}", error.instance_path))
}

#[tokio::test]
async fn every_operation_is_served_as_specified() {
    let mut contract = Contract::new().await;
    for step in own_things().into_iter().chain(things()) {
        contract.step(step).await;
    }
    // What is put is put before it is read, and taken away after.
    let mut members: Vec<String> =
        contract.operations.keys().filter(|(method, _)| method == "PUT").map(|(_, path)| path.clone()).collect();
    members
        .retain(|path| !contract.done.contains(&("PUT".to_owned(), path.clone())) && path != "/v3/regions/{region_id}");
    for path in &members {
        contract.send("PUT", path, &Value::Null).await;
    }
    contract.read_the_rest().await;
    let region = contract.names.insert("region_id".to_owned(), "New".to_owned()).unwrap();
    contract.send("PUT", "/v3/regions/{region_id}", &json!({"region": {}})).await;
    contract.names.insert("region_id".to_owned(), region);
    let mut deleted: Vec<String> =
        contract.operations.keys().filter(|(method, _)| method == "DELETE").map(|(_, path)| path.clone()).collect();
    deleted.retain(|path| !contract.done.contains(&("DELETE".to_owned(), path.clone())));
    // Parts go before what they are part of, endpoints before their region, the caller's token last.
    let last = |path: &str| match path {
        "/v3/auth/tokens" => 3,
        "/v3/registered_limits/{registered_limit_id}" | "/v3/services/{service_id}" => 1,
        "/v3/regions/{region_id}" => 2,
        _ => 0,
    };
    deleted.sort_by_key(|path| (last(path), std::cmp::Reverse(path.matches('/').count()), path.clone()));
    for path in deleted {
        contract.send("DELETE", &path, &Value::Null).await;
    }
    let listed: BTreeSet<Operation> = contract.operations.keys().cloned().collect();
    for (method, path) in listed.difference(&contract.done) {
        contract.wrong.push(format!("{method} {path}: no step does it"));
    }
    assert!(contract.wrong.is_empty(), "{} wrong:\n{}", contract.wrong.len(), contract.wrong.join("\n"));
}

#[tokio::test]
async fn what_is_not_served_is_not_there() {
    let cloud = Cloud::new().await;
    let token = cloud.admin().await;
    let served = operations();
    for words in facts(NOT_SERVED) {
        let operation = (words[0].to_owned(), words[1].to_owned());
        assert!(!served.contains_key(&operation), "{operation:?} is listed as served too");
        let answer = cloud.send(words[0].parse().unwrap(), words[1], &[("x-auth-token", &token)], None).await;
        assert!(matches!(answer.status.as_u16(), 404 | 405), "{operation:?} answers {}", answer.status);
    }
}
