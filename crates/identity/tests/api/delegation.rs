//! Application credentials, access rules and trusts.

use http::Method;
use serde_json::{Value, json};

use crate::cloud::{Cloud, PASSWORD, User, token_of};

/// Makes an application credential of the user and gives its body.
async fn credential(cloud: &Cloud, token: &str, user: &User, body: Value) -> Value {
    let path = format!("/v3/users/{}/application_credentials", user.id);
    let made = cloud.post(token, &path, json!({"application_credential": body})).await.expect(201);
    made["application_credential"].clone()
}

fn by_credential(made: &Value) -> Value {
    let proof = json!({"id": made["id"], "secret": made["secret"]});
    json!({"identity": {"methods": ["application_credential"], "application_credential": proof}})
}

async fn token_by_credential(cloud: &Cloud, made: &Value) -> String {
    token_of(cloud.auth(by_credential(made)).await)
}

fn trust_body(trustor: &User, trustee: &User, project: &str, roles: &[&str]) -> Value {
    let roles: Vec<Value> = roles.iter().map(|name| json!({"name": name})).collect();
    json!({
        "trustor_user_id": trustor.id, "trustee_user_id": trustee.id, "project_id": project,
        "impersonation": true, "roles": roles,
    })
}

async fn trust(cloud: &Cloud, token: &str, body: Value) -> Value {
    cloud.post(token, "/v3/OS-TRUST/trusts", json!({"trust": body})).await.expect(201)["trust"].clone()
}

fn by_trust(user: &User, trust: &Value) -> Value {
    let user = json!({"id": user.id, "password": PASSWORD});
    json!({
        "identity": {"methods": ["password"], "password": {"user": user}},
        "scope": {"OS-TRUST:trust": {"id": trust["id"]}},
    })
}

#[tokio::test]
async fn an_application_credential_gives_its_roles_on_its_project() {
    an_application_credential_gives_its_roles_on_its_project_on(&Cloud::new().await).await;
}

pub async fn an_application_credential_gives_its_roles_on_its_project_on(cloud: &Cloud) {
    let (user, project) = cloud.user("member").await;
    let token = cloud.token(&user, &project).await;
    let made = credential(cloud, &token, &user, json!({"name": "app", "roles": [{"name": "reader"}]})).await;
    assert_eq!(made["project_id"], json!(project));
    assert_eq!(made["unrestricted"], json!(false));
    assert_eq!(made["roles"].as_array().unwrap().len(), 1);
    let answer = cloud.auth(by_credential(&made)).await;
    assert_eq!(answer.body["token"]["application_credential"]["restricted"], json!(true));
    assert_eq!(answer.body["token"]["methods"], json!(["application_credential"]));
    assert_eq!(answer.body["token"]["roles"][0]["name"], json!("reader"));
    assert_eq!(answer.body["token"]["roles"].as_array().unwrap().len(), 1);
    // By its name and its user's.
    let named =
        json!({"name": "app", "secret": made["secret"], "user": {"name": user.name, "domain": {"id": "default"}}});
    let auth = json!({"identity": {"methods": ["application_credential"], "application_credential": named}});
    cloud.auth(auth).await.expect(201);
    let path = format!("/v3/users/{}/application_credentials", user.id);
    let shown = cloud.get(&token, &format!("{path}/{}", made["id"].as_str().unwrap())).await.expect(200);
    assert_eq!(shown["application_credential"].get("secret"), None);
    let listed = cloud.get(&token, &format!("{path}?name=app")).await.expect(200);
    assert_eq!(listed["application_credentials"].as_array().unwrap().len(), 1);
    let body = json!({"application_credential": {"name": "app"}});
    cloud.post(&token, &path, body).await.expect(409);
}

#[tokio::test]
async fn an_application_credential_is_no_way_up() {
    an_application_credential_is_no_way_up_on(&Cloud::new().await).await;
}

pub async fn an_application_credential_is_no_way_up_on(cloud: &Cloud) {
    let (user, project) = cloud.user("member").await;
    let (other, _) = cloud.user("member").await;
    let token = cloud.token(&user, &project).await;
    let path = format!("/v3/users/{}/application_credentials", user.id);
    for roles in [json!([{"name": "admin"}]), json!([{"name": "manager"}])] {
        let body = json!({"application_credential": {"name": "app", "roles": roles}});
        cloud.post(&token, &path, body).await.expect(400);
    }
    let foreign = format!("/v3/users/{}/application_credentials", other.id);
    cloud.post(&token, &foreign, json!({"application_credential": {"name": "app"}})).await.expect(403);
    let limited = credential(cloud, &token, &user, json!({"name": "limited", "roles": [{"name": "reader"}]})).await;
    let free = credential(cloud, &token, &user, json!({"name": "free", "unrestricted": true})).await;
    let (by_limited, by_free) = (token_by_credential(cloud, &limited).await, token_by_credential(cloud, &free).await);
    let more = json!({"application_credential": {"name": "more"}});
    cloud.post(&by_limited, &path, more.clone()).await.expect(403);
    let one = format!("{path}/{}", free["id"].as_str().unwrap());
    cloud.delete(&by_limited, &one).await.expect(403);
    cloud.post(&by_free, &path, more).await.expect(201);
    // Neither makes trusts, nor keys for EC2 that would outlive it.
    for token in [&by_limited, &by_free] {
        let body = json!({"trust": trust_body(&user, &other, &project, &["reader"])});
        cloud.post(token, "/v3/OS-TRUST/trusts", body).await.expect(403);
        cloud.get(token, &format!("/v3/OS-TRUST/trusts?trustor_user_id={}", user.id)).await.expect(403);
    }
    let pair = json!({"tenant_id": project});
    cloud.post(&by_limited, &format!("/v3/users/{}/credentials/OS-EC2", user.id), pair).await.expect(403);
    // It cannot choose a scope, nor be exchanged for one.
    let mut auth = by_credential(&limited);
    auth["scope"] = json!({"project": {"id": project}});
    cloud.auth(auth).await.expect(401);
    let exchange = json!({"identity": {"methods": ["token"], "token": {"id": by_limited}}});
    let again = cloud.auth(exchange.clone()).await.expect(201);
    assert_eq!(again["token"]["roles"].as_array().unwrap().len(), 1);
    assert_eq!(again["token"]["application_credential"]["id"], limited["id"]);
    let mut auth = exchange;
    auth["scope"] = json!({"project": {"id": project}});
    cloud.auth(auth).await.expect(403);
}

#[tokio::test]
async fn an_application_credential_ends_with_what_it_stands_on() {
    an_application_credential_ends_with_what_it_stands_on_on(&Cloud::new().await).await;
}

pub async fn an_application_credential_ends_with_what_it_stands_on_on(cloud: &Cloud) {
    let (copy, admin) = (cloud.copy(), cloud.admin().await);
    for case in ["delete", "expiry", "role", "user", "password", "project"] {
        let (user, project) = cloud.user("member").await;
        let token = cloud.token(&user, &project).await;
        let mut body = json!({"name": "app"});
        if case == "expiry" {
            body["expires_at"] = json!("2026-11-21T04:10:00");
        }
        let made = credential(cloud, &token, &user, body).await;
        let by_it = token_by_credential(cloud, &made).await;
        assert!(cloud.is_valid(&by_it).await && copy.is_valid(&by_it).await, "{case}");
        let id = made["id"].as_str().unwrap();
        match case {
            "delete" => {
                let path = format!("/v3/users/{}/application_credentials/{id}", user.id);
                drop(cloud.delete(&token, &path).await.expect(204));
            }
            "expiry" => {
                assert_eq!(made["expires_at"], json!("2026-11-21T04:10:00.000000"));
                cloud.later(600);
            }
            "role" => {
                let path = format!("/v3/projects/{project}/users/{}/roles/{}", user.id, cloud.role("member").await);
                drop(cloud.delete(&admin, &path).await.expect(204));
            }
            "user" => {
                for enabled in [false, true] {
                    let body = json!({"user": {"enabled": enabled}});
                    cloud.patch(&admin, &format!("/v3/users/{}", user.id), body).await.expect(200);
                }
            }
            "password" => {
                let body = json!({"user": {"password": "another"}});
                drop(cloud.patch(&admin, &format!("/v3/users/{}", user.id), body).await.expect(200));
            }
            _ => {
                let body = json!({"project": {"enabled": false}});
                drop(cloud.patch(&admin, &format!("/v3/projects/{project}"), body).await.expect(200));
            }
        }
        assert!(!cloud.is_valid(&by_it).await && !copy.is_valid(&by_it).await, "{case}");
        // A new password ends tokens, not the credential.
        let status = if case == "password" { 201 } else { 401 };
        cloud.auth(by_credential(&made)).await.expect(status);
    }
}

#[tokio::test]
async fn access_rules_are_enforced() {
    access_rules_are_enforced_on(&Cloud::new().await).await;
}

pub async fn access_rules_are_enforced_on(cloud: &Cloud) {
    let (user, project) = cloud.user("member").await;
    let token = cloud.token(&user, &project).await;
    let rules = json!([
        {"service": "identity", "method": "GET", "path": "/v3/users/*"},
        {"service": "compute", "method": "GET", "path": "/v3/**"},
    ]);
    let made = credential(cloud, &token, &user, json!({"name": "app", "access_rules": rules})).await;
    assert_eq!(made["access_rules"].as_array().unwrap().len(), 2);
    let by_it = token_by_credential(cloud, &made).await;
    let me = format!("/v3/users/{}", user.id);
    cloud.get(&by_it, &me).await.expect(200);
    cloud.patch(&by_it, &me, json!({"user": {"email": "x"}})).await.expect(401);
    cloud.get(&by_it, &format!("{me}/projects")).await.expect(401);
    cloud.get(&by_it, "/v3/regions").await.expect(401);
    // Whoever has a token may look at it; services that do not know access rules are told nothing.
    let mut headers = vec![("x-auth-token", by_it.as_str()), ("x-subject-token", by_it.as_str())];
    cloud.send(Method::GET, "/v3/auth/tokens", &headers, None).await.expect(404);
    cloud.send(Method::DELETE, "/v3/auth/tokens", &headers, None).await.expect(401);
    headers.push(("openstack-identity-access-rules", "1.0"));
    let shown = cloud.send(Method::GET, "/v3/auth/tokens", &headers, None).await.expect(200);
    assert_eq!(shown["token"]["application_credential"]["access_rules"].as_array().unwrap().len(), 2);
    // An empty list of rules, as the stock client sends it, restricts nothing.
    let none = credential(cloud, &token, &user, json!({"name": "none", "access_rules": []})).await;
    cloud.get(&token_by_credential(cloud, &none).await, &me).await.expect(200);
    // The same rule is kept once, and stays while it is used.
    let again = json!([{"service": "identity", "method": "GET", "path": "/v3/users/*"}]);
    let second = credential(cloud, &token, &user, json!({"name": "second", "access_rules": again})).await;
    let rule = second["access_rules"][0]["id"].as_str().unwrap();
    let listed = cloud.get(&token, &format!("{me}/access_rules?service=identity")).await.expect(200);
    assert_eq!(listed["access_rules"].as_array().unwrap().len(), 1);
    let path = format!("{me}/access_rules/{rule}");
    cloud.get(&token, &path).await.expect(200);
    cloud.delete(&token, &path).await.expect(403);
    for one in [&made, &second] {
        let id = one["id"].as_str().unwrap();
        cloud.delete(&token, &format!("{me}/application_credentials/{id}")).await.expect(204);
    }
    cloud.delete(&token, &path).await.expect(204);
    cloud.get(&token, &path).await.expect(404);
    let (stranger, elsewhere) = cloud.user("member").await;
    let stranger = cloud.token(&stranger, &elsewhere).await;
    cloud.get(&stranger, &format!("{me}/access_rules")).await.expect(403);
}

#[tokio::test]
async fn a_bearer_token_comes_by_oauth2() {
    a_bearer_token_comes_by_oauth2_on(&Cloud::new().await).await;
}

pub async fn a_bearer_token_comes_by_oauth2_on(cloud: &Cloud) {
    let (user, project) = cloud.user("member").await;
    let token = cloud.token(&user, &project).await;
    let made = credential(cloud, &token, &user, json!({"name": "app"})).await;
    let (id, secret) = (made["id"].as_str().unwrap(), made["secret"].as_str().unwrap());
    let form = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
    let given = cloud.form("/v3/OS-OAUTH2/token", &[], &form).await.expect(200);
    assert_eq!((&given["token_type"], &given["expires_in"]), (&json!("Bearer"), &json!(3600)));
    let bearer = format!("Bearer {}", given["access_token"].as_str().unwrap());
    let path = format!("/v3/users/{}", user.id);
    cloud.send(Method::GET, &path, &[("authorization", &bearer)], None).await.expect(200);
    use base64::Engine as _;
    let basic = base64::engine::general_purpose::STANDARD.encode(format!("{id}:{secret}"));
    let basic = format!("Basic {basic}");
    let form = "grant_type=client_credentials";
    cloud.form("/v3/OS-OAUTH2/token", &[("authorization", &basic)], form).await.expect(200);
    for (form, status, error) in [
        ("", 400, "invalid_request"),
        ("grant_type=password", 400, "unsupported_grant_type"),
        (form, 401, "invalid_client"),
        ("grant_type=client_credentials&client_id=x&client_secret=y", 401, "invalid_client"),
    ] {
        let body = cloud.form("/v3/OS-OAUTH2/token", &[], form).await.expect(status);
        assert_eq!(body["error"], json!(error));
    }
    let refused = cloud.get(&token, "/v3/OS-OAUTH2/token").await.expect(405);
    assert_eq!(refused["error"], json!("other_error"));
}

#[tokio::test]
async fn a_trust_hands_over_roles() {
    a_trust_hands_over_roles_on(&Cloud::new().await).await;
}

pub async fn a_trust_hands_over_roles_on(cloud: &Cloud) {
    let (alice, project) = cloud.user("member").await;
    let (bob, elsewhere) = cloud.user("reader").await;
    let (carol, _) = cloud.user("reader").await;
    let token = cloud.token(&alice, &project).await;
    let made = trust(cloud, &token, trust_body(&alice, &bob, &project, &["reader"])).await;
    let answer = cloud.auth(by_trust(&bob, &made)).await;
    let said = &answer.body["token"];
    assert_eq!(said["user"]["id"], json!(alice.id));
    assert_eq!(said["project"]["id"], json!(project));
    assert_eq!(said["roles"].as_array().unwrap().len(), 1);
    assert_eq!(said["OS-TRUST:trust"]["trustee_user"]["id"], json!(bob.id));
    let by_it = token_of(answer);
    cloud.auth(by_trust(&carol, &made)).await.expect(403);
    let mut plain = trust_body(&alice, &bob, &project, &["reader"]);
    plain["impersonation"] = json!(false);
    let plain = trust(cloud, &token, plain).await;
    let said = cloud.auth(by_trust(&bob, &plain)).await.expect(201);
    assert_eq!(said["token"]["user"]["id"], json!(bob.id));
    // It is not exchanged, and what it would leave behind is refused.
    let exchange = json!({"identity": {"methods": ["token"], "token": {"id": by_it}}});
    cloud.auth(exchange).await.expect(403);
    let path = format!("/v3/users/{}/application_credentials", alice.id);
    cloud.post(&by_it, &path, json!({"application_credential": {"name": "x"}})).await.expect(403);
    // Nobody gives what it has not, or for another.
    for (body, status) in [
        (trust_body(&alice, &bob, &project, &["admin"]), 404),
        (trust_body(&alice, &bob, &project, &[]), 403),
        (trust_body(&bob, &alice, &project, &["reader"]), 403),
        (trust_body(&alice, &bob, &elsewhere, &["reader"]), 404),
        (json!({"trustor_user_id": alice.id, "trustee_user_id": bob.id}), 400),
    ] {
        cloud.post(&token, "/v3/OS-TRUST/trusts", json!({"trust": body})).await.expect(status);
    }
    let id = made["id"].as_str().unwrap();
    let (of_bob, of_carol) = (cloud.token(&bob, &elsewhere).await, cloud.admin().await);
    let shown = cloud.get(&of_bob, &format!("/v3/OS-TRUST/trusts/{id}")).await.expect(200);
    assert_eq!(shown["trust"]["roles"][0]["name"], json!("reader"));
    let roles = cloud.get(&of_bob, &format!("/v3/OS-TRUST/trusts/{id}/roles")).await.expect(200);
    let role = roles["roles"][0]["id"].as_str().unwrap();
    cloud.head(&of_bob, &format!("/v3/OS-TRUST/trusts/{id}/roles/{role}")).await.expect(200);
    let listed = cloud.get(&of_bob, &format!("/v3/OS-TRUST/trusts?trustee_user_id={}", bob.id)).await.expect(200);
    assert_eq!(listed["trusts"].as_array().unwrap().len(), 2);
    cloud.get(&of_bob, "/v3/OS-TRUST/trusts").await.expect(403);
    cloud.get(&of_carol, "/v3/OS-TRUST/trusts").await.expect(200);
    cloud.get(&token, "/v3/OS-TRUST/trusts/none").await.expect(404);
    cloud.delete(&of_bob, &format!("/v3/OS-TRUST/trusts/{id}")).await.expect(403);
    cloud.delete(&token, &format!("/v3/OS-TRUST/trusts/{id}")).await.expect(204);
}

#[tokio::test]
async fn a_trust_ends_with_what_it_stands_on() {
    a_trust_ends_with_what_it_stands_on_on(&Cloud::new().await).await;
}

pub async fn a_trust_ends_with_what_it_stands_on_on(cloud: &Cloud) {
    let (copy, admin) = (cloud.copy(), cloud.admin().await);
    for case in ["delete", "expiry", "role", "trustor", "trustee", "trustee's password"] {
        let (alice, project) = cloud.user("member").await;
        let (bob, _) = cloud.user("reader").await;
        let token = cloud.token(&alice, &project).await;
        let mut body = trust_body(&alice, &bob, &project, &["member"]);
        if case == "expiry" {
            body["expires_at"] = json!("2026-11-21T04:10:00.000000Z");
        }
        let made = trust(cloud, &token, body).await;
        let by_it = token_of(cloud.auth(by_trust(&bob, &made)).await);
        assert!(copy.is_valid(&by_it).await, "{case}");
        match case {
            "delete" => {
                let path = format!("/v3/OS-TRUST/trusts/{}", made["id"].as_str().unwrap());
                drop(cloud.delete(&token, &path).await.expect(204));
            }
            "expiry" => cloud.later(600),
            "role" => {
                let (member, reader) = (cloud.role("member").await, cloud.role("reader").await);
                let path = format!("/v3/projects/{project}/users/{}/roles", alice.id);
                cloud.put(&admin, &format!("{path}/{reader}")).await.expect(204);
                drop(cloud.delete(&admin, &format!("{path}/{member}")).await.expect(204));
            }
            "trustee's password" => {
                let body = json!({"user": {"password": PASSWORD}});
                drop(cloud.patch(&admin, &format!("/v3/users/{}", bob.id), body).await.expect(200));
            }
            who => {
                let user = if who == "trustor" { &alice } else { &bob };
                let body = json!({"user": {"enabled": false}});
                drop(cloud.patch(&admin, &format!("/v3/users/{}", user.id), body).await.expect(200));
            }
        }
        assert!(!cloud.is_valid(&by_it).await && !copy.is_valid(&by_it).await, "{case}");
        let status = cloud.auth(by_trust(&bob, &made)).await.status.as_u16();
        let right = match case {
            "trustee's password" => status == 201,
            "role" => status == 403,
            _ => status == 401,
        };
        assert!(right, "{case}: {status}");
    }
}

#[tokio::test]
async fn uses_of_a_trust_are_counted_exactly() {
    uses_of_a_trust_are_counted_exactly_on(&Cloud::new().await).await;
}

pub async fn uses_of_a_trust_are_counted_exactly_on(cloud: &Cloud) {
    let (alice, project) = cloud.user("member").await;
    let (bob, _) = cloud.user("reader").await;
    let token = cloud.token(&alice, &project).await;
    let mut body = trust_body(&alice, &bob, &project, &["reader"]);
    body["remaining_uses"] = json!(3);
    let made = trust(cloud, &token, body.clone()).await;
    let auth = by_trust(&bob, &made);
    let tries = (0..8).map(|_| cloud.auth(auth.clone()));
    let answers = futures_util::future::join_all(tries).await;
    let given: Vec<_> = answers.into_iter().filter(|answer| answer.status == 201).collect();
    assert_eq!(given.len(), 3);
    // What was given stays good; the trust itself is used up.
    for answer in given {
        assert!(cloud.is_valid(&token_of(answer)).await);
    }
    cloud.get(&token, &format!("/v3/OS-TRUST/trusts/{}", made["id"].as_str().unwrap())).await.expect(404);
    body["remaining_uses"] = json!(0);
    cloud.post(&token, "/v3/OS-TRUST/trusts", json!({"trust": body.clone()})).await.expect(400);
    body["remaining_uses"] = json!(1);
    body["allow_redelegation"] = json!(true);
    cloud.post(&token, "/v3/OS-TRUST/trusts", json!({"trust": body})).await.expect(400);
}

#[tokio::test]
async fn a_trust_is_handed_on_within_its_bounds() {
    a_trust_is_handed_on_within_its_bounds_on(&Cloud::new().await).await;
}

pub async fn a_trust_is_handed_on_within_its_bounds_on(cloud: &Cloud) {
    let (alice, project) = cloud.user("member").await;
    let ((bob, _), (carol, _)) = (cloud.user("reader").await, cloud.user("reader").await);
    let token = cloud.token(&alice, &project).await;
    let fixed = trust(cloud, &token, trust_body(&alice, &bob, &project, &["reader"])).await;
    let by_fixed = token_of(cloud.auth(by_trust(&bob, &fixed)).await);
    let onward = trust_body(&alice, &carol, &project, &["reader"]);
    cloud.post(&by_fixed, "/v3/OS-TRUST/trusts", json!({"trust": onward.clone()})).await.expect(403);
    let mut body = trust_body(&alice, &bob, &project, &["reader"]);
    body["allow_redelegation"] = json!(true);
    body["redelegation_count"] = json!(4);
    cloud.post(&token, "/v3/OS-TRUST/trusts", json!({"trust": body.clone()})).await.expect(403);
    body["redelegation_count"] = json!(1);
    body["expires_at"] = json!("2026-11-21T04:30:00.000000Z");
    let first = trust(cloud, &token, body).await;
    let by_first = token_of(cloud.auth(by_trust(&bob, &first)).await);
    let mut wider = trust_body(&alice, &carol, &project, &["member"]);
    cloud.post(&by_first, "/v3/OS-TRUST/trusts", json!({"trust": wider.clone()})).await.expect(403);
    wider["roles"] = json!([{"name": "reader"}]);
    wider["expires_at"] = json!("2026-11-21T04:31:00.000000Z");
    cloud.post(&by_first, "/v3/OS-TRUST/trusts", json!({"trust": wider})).await.expect(403);
    let second = trust(cloud, &by_first, onward.clone()).await;
    assert_eq!(second["redelegated_trust_id"], first["id"]);
    assert_eq!(second["expires_at"], first["expires_at"]);
    assert_eq!(second["redelegation_count"], json!(0));
    let by_second = token_of(cloud.auth(by_trust(&carol, &second)).await);
    cloud.post(&by_second, "/v3/OS-TRUST/trusts", json!({"trust": onward})).await.expect(403);
    // The chain ends with its first link.
    cloud.delete(&token, &format!("/v3/OS-TRUST/trusts/{}", first["id"].as_str().unwrap())).await.expect(204);
    assert!(!cloud.is_valid(&by_second).await && !cloud.is_valid(&by_first).await);
    cloud.get(&token, &format!("/v3/OS-TRUST/trusts/{}", second["id"].as_str().unwrap())).await.expect(404);
}
