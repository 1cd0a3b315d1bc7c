//! What a token is for counts in every service: the administrator's own role on a domain or on the system does not open
//! what belongs to projects. Every refusal by policy names the rule.

use ferrostack::client::Client;
use ferrostack::cloud;
use http::Method;
use policy::Scope;
use serde_json::{Value, json};
use testkit::{TestCloud, expect};

/// A token of the administrator for a scope.
async fn scoped(cloud: &TestCloud, user: &str, password: &str, scope: Value) -> Client {
    let body = json!({"auth": {"identity": {"methods": ["password"], "password": {"user":
        {"id": user, "password": password}}}, "scope": scope}});
    let open = Client::new(&cloud.url);
    let answer = open.request(Method::POST, "/identity/v3/auth/tokens", Some(&body)).await.unwrap();
    assert_eq!(answer.status, 201, "{}", answer.json());
    open.with_header("x-auth-token", answer.headers["x-subject-token"].to_str().unwrap()).unwrap()
}

/// A new user with the role admin on the domain, on the system and on a project.
async fn everywhere(cloud: &TestCloud) -> (String, String) {
    let admin = &cloud.admin;
    let v3 = "/identity/v3";
    let body = json!({"user": {"name": "ada", "password": "a password"}});
    let user = expect(admin, 201, Method::POST, &format!("{v3}/users"), Some(body)).await;
    let user = user["user"]["id"].as_str().unwrap().to_owned();
    let roles = expect(admin, 200, Method::GET, &format!("{v3}/roles?name=admin"), None).await;
    let role = roles["roles"][0]["id"].as_str().unwrap().to_owned();
    let project =
        expect(admin, 201, Method::POST, &format!("{v3}/projects"), Some(json!({"project": {"name": "p"}}))).await;
    let project = project["project"]["id"].as_str().unwrap().to_owned();
    for place in ["domains/default".to_owned(), "system".to_owned(), format!("projects/{project}")] {
        expect(admin, 204, Method::PUT, &format!("{v3}/{place}/users/{user}/roles/{role}"), None).await;
    }
    (user, project)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_another_scope_is_refused_by_every_service() {
    let cloud = TestCloud::start().await;
    let (user, project) = everywhere(&cloud).await;
    let system = scoped(&cloud, &user, "a password", json!({"system": {"all": true}})).await;
    let domain = scoped(&cloud, &user, "a password", json!({"domain": {"id": "default"}})).await;
    let own = scoped(&cloud, &user, "a password", json!({"project": {"id": project}})).await;
    for (path, rule) in [
        ("/compute/v2.1/os-services", "os_compute_api:os-services:list"),
        ("/compute/v2.1/os-hypervisors", "os_compute_api:os-hypervisors:list"),
        ("/network/v2.0/network-ip-availabilities", "get_network_ip_availability"),
        ("/placement/resource_providers", "placement:resource_providers:list"),
        ("/image/v2/images", "get_images"),
    ] {
        expect(&own, 200, Method::GET, path, None).await;
        for client in [&system, &domain] {
            let refused = expect(client, 403, Method::GET, path, None).await;
            assert!(refused.to_string().contains(rule), "{path}: {refused}");
        }
    }
    for (path, rule) in [
        ("/identity/v3/services", "identity:list_services"),
        ("/identity/v3/policies", "identity:list_policies"),
        ("/identity/v3/system/users/x/roles", "identity:list_system_grants_for_user"),
    ] {
        expect(&own, 200, Method::GET, path, None).await;
        expect(&system, 200, Method::GET, path, None).await;
        let refused = expect(&domain, 403, Method::GET, path, None).await;
        assert!(refused.to_string().contains(rule), "{path}: {refused}");
    }
    expect(&domain, 200, Method::GET, "/identity/v3/users", None).await;
    cloud.finish().await;
}

/// A rule that guards an operation says which tokens it is for.
#[test]
fn every_rule_of_an_operation_has_its_scopes() {
    let helpers = identity::BASE_RULES;
    let without = cloud::RULES.iter().copied().flatten().filter(|rule| !helpers.contains(rule));
    let without: Vec<&str> = without.filter(|rule| rule.scopes.is_empty()).map(|rule| rule.name).collect();
    assert!(without.is_empty(), "{without:?}");
    let of_project = [compute::RULES, image::RULES, network::RULES, placement::RULES];
    for rule in of_project.into_iter().flatten() {
        assert_eq!(rule.scopes, [Scope::Project], "{}", rule.name);
    }
}
