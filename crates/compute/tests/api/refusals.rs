//! What only administrators may do, asked by everyone else.

use serde_json::{Value, json};

use crate::cloud::Cloud;

const ID: &str = "00000000-0000-0000-0000-000000000000";

/// Microversion, request, body.
fn for_administrators() -> Vec<(&'static str, String, Value)> {
    let flavor = json!({"flavor": {"name": "a", "ram": 1, "vcpus": 1, "disk": 1}});
    let access = |action: &str| json!({action: {"tenant": "blue"}});
    let quota = json!({"quota_set": {"cores": 1}});
    let class = json!({"quota_class_set": {"cores": 1}});
    let old = json!({"host": "one", "binary": "nova-compute"});
    let requests = [
        ("2.1", "POST /v2.1/flavors", flavor),
        ("2.55", "PUT /v2.1/flavors/1", json!({"flavor": {"description": "x"}})),
        ("2.1", "DELETE /v2.1/flavors/1", Value::Null),
        ("2.1", "POST /v2.1/flavors/1/action", access("addTenantAccess")),
        ("2.1", "POST /v2.1/flavors/1/action", access("removeTenantAccess")),
        ("2.1", "GET /v2.1/flavors/1/os-flavor-access", Value::Null),
        ("2.1", "POST /v2.1/flavors/1/os-extra_specs", json!({"extra_specs": {"a": "b"}})),
        ("2.1", "PUT /v2.1/flavors/1/os-extra_specs/a", json!({"a": "b"})),
        ("2.1", "DELETE /v2.1/flavors/1/os-extra_specs/a", Value::Null),
        ("2.1", "PUT /v2.1/os-quota-sets/red", quota),
        ("2.1", "DELETE /v2.1/os-quota-sets/red", Value::Null),
        ("2.1", "GET /v2.1/os-quota-class-sets/default", Value::Null),
        ("2.1", "PUT /v2.1/os-quota-class-sets/default", class),
        ("2.1", "GET /v2.1/limits?tenant_id=green", Value::Null),
        ("2.1", "GET /v2.1/os-keypairs/a?user_id=admin", Value::Null),
        ("2.1", "GET /v2.1/os-services", Value::Null),
        ("2.1", "PUT /v2.1/os-services/disable", old),
        ("2.53", "PUT /v2.1/os-services/ID", json!({"status": "disabled"})),
        ("2.53", "DELETE /v2.1/os-services/ID", Value::Null),
        ("2.1", "GET /v2.1/os-hypervisors", Value::Null),
        ("2.1", "GET /v2.1/os-hypervisors/detail", Value::Null),
        ("2.1", "GET /v2.1/os-hypervisors/statistics", Value::Null),
        ("2.53", "GET /v2.1/os-hypervisors/ID", Value::Null),
        ("2.53", "GET /v2.1/os-hypervisors/ID/uptime", Value::Null),
        ("2.1", "GET /v2.1/os-hypervisors/one/search", Value::Null),
        ("2.1", "GET /v2.1/os-hypervisors/one/servers", Value::Null),
        ("2.1", "GET /v2.1/os-availability-zone/detail", Value::Null),
        ("2.1", "GET /v2.1/os-aggregates", Value::Null),
    ];
    requests.map(|(version, request, body)| (version, request.replace("ID", ID), body)).into()
}

#[tokio::test]
async fn what_administrators_may_is_refused_to_all_others() {
    let cloud = Cloud::new().await;
    for (version, request, body) in for_administrators() {
        for (name, user) in [("member", &cloud.member), ("reader", &cloud.reader), ("stranger", &cloud.stranger)] {
            let answer = cloud.ask(user, version, &request, body.clone()).await;
            // Before 2.10 the user of a key pair is not looked at.
            let expected = if request.contains("keypairs") { 404 } else { 403 };
            assert_eq!(answer.status, expected, "{name}: {request}: {}", answer.body);
        }
        let answer = cloud.ask(&cloud.nobody(), version, &request, body).await;
        assert_eq!(answer.status, 401, "{request}");
    }
}

#[tokio::test]
async fn other_projects_quotas_are_refused() {
    let cloud = Cloud::new().await;
    for path in ["", "/detail"] {
        let path = format!("/v2.1/os-quota-sets/red{path}");
        cloud.get(&cloud.stranger, "2.1", &path).await.expect(403);
        cloud.get(&cloud.reader, "2.1", &path).await.expect(200);
    }
}

#[tokio::test]
async fn every_rule_can_be_asked() {
    let names: Vec<&str> = compute::RULES.iter().map(|rule| rule.name).collect();
    let unique: std::collections::BTreeSet<&str> = names.iter().copied().collect();
    assert_eq!(names.len(), unique.len());
    assert!(policy::Policy::new(&[identity::BASE_RULES, compute::RULES]).is_ok());
}
