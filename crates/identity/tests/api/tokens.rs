use proptest::prelude::*;
use serde_json::{Value, json};

use crate::cloud::{Cloud, PASSWORD, bootstrap, by_password, token_of};

#[tokio::test]
async fn a_password_gives_a_token_that_others_accept() {
    a_password_gives_a_token_that_others_accept_on(&Cloud::new().await).await;
}

pub async fn a_password_gives_a_token_that_others_accept_on(cloud: &Cloud) {
    let scope = json!({"project": {"name": "admin", "domain": {"name": "Default"}}});
    let answer = cloud.login("admin", PASSWORD, scope).await;
    assert_eq!(answer.headers["vary"], "X-Auth-Token");
    let body = answer.body["token"].clone();
    let token = token_of(answer);
    assert!(token.len() < 255, "{}", token.len());
    assert_eq!(body["project"]["id"], json!(cloud.admin.project_id));
    assert_eq!(body["expires_at"], "2026-11-21T05:00:00.000000Z");
    let roles: Vec<&str> = body["roles"].as_array().unwrap().iter().map(|r| r["name"].as_str().unwrap()).collect();
    assert_eq!(roles, ["admin", "manager", "member", "reader"]);
    assert_eq!(body["catalog"].as_array().unwrap().len(), 3);
    let caller = cloud.copy().identity.authenticate(&token).await.unwrap();
    assert_eq!(caller.token.project_id.as_ref(), Some(&cloud.admin.project_id));
    assert!(caller.has_role("reader"));
}

#[tokio::test]
async fn bootstrap_twice_changes_only_what_differs() {
    bootstrap_twice_changes_only_what_differs_on(&Cloud::new().await).await;
}

pub async fn bootstrap_twice_changes_only_what_differs_on(cloud: &Cloud) {
    let token = cloud.admin().await;
    let again = cloud.identity.bootstrap(&bootstrap()).await.unwrap();
    assert_eq!(again.user_id, cloud.admin.user_id);
    assert!(cloud.is_valid(&token).await);
    let mut moved = bootstrap();
    moved.base_url = "https://cloud.example".into();
    moved.admin_password = "another".into();
    cloud.identity.bootstrap(&moved).await.unwrap();
    assert!(!cloud.is_valid(&token).await);
    cloud.login("admin", PASSWORD, Value::Null).await.expect(401);
    let body = cloud.login("admin", "another", Value::Null).await.expect(201);
    let urls: Vec<&str> = body["token"]["catalog"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|service| service["endpoints"].as_array().unwrap())
        .map(|endpoint| endpoint["url"].as_str().unwrap())
        .collect();
    assert_eq!(urls.len(), 9);
    assert!(urls.iter().all(|url| url.starts_with("https://cloud.example/")), "{urls:?}");
}

#[tokio::test]
async fn every_scope_says_what_it_is() {
    every_scope_says_what_it_is_on(&Cloud::new().await).await;
}

pub async fn every_scope_says_what_it_is_on(cloud: &Cloud) {
    let unscoped = cloud.login("admin", PASSWORD, json!("unscoped")).await;
    assert_eq!(unscoped.body["token"].get("roles"), None);
    assert_eq!(unscoped.body["token"].get("catalog"), None);
    let system = cloud.login("admin", PASSWORD, json!({"system": {"all": true}})).await.expect(201);
    assert_eq!(system["token"]["system"], json!({"all": true}));
    // The endpoint that needs a project's id has no place in the system's catalog.
    let volume = system["token"]["catalog"].as_array().unwrap().iter().find(|s| s["type"] == "volumev3").unwrap();
    assert_eq!(volume["endpoints"], json!([]));
    let domain = json!({"domain": {"id": "default"}});
    cloud.login("admin", PASSWORD, domain.clone()).await.expect(401);
    let admin = cloud.admin().await;
    let path = format!("/v3/domains/default/users/{}/roles/{}", cloud.admin.user_id, cloud.admin.role_id);
    cloud.put(&admin, &path).await.expect(204);
    let body = cloud.login("admin", PASSWORD, domain).await.expect(201);
    assert_eq!(body["token"]["domain"], json!({"id": "default", "name": "Default"}));
    // Without a scope the default project counts.
    let body = cloud.login("admin", PASSWORD, Value::Null).await.expect(201);
    assert_eq!(body["token"]["project"]["id"], json!(cloud.admin.project_id));
}

#[tokio::test]
async fn refusals_look_the_same() {
    refusals_look_the_same_on(&Cloud::new().await).await;
}

pub async fn refusals_look_the_same_on(cloud: &Cloud) {
    let (user, project) = cloud.user("member").await;
    let admin = cloud.admin().await;
    let wrong = cloud.login("admin", "wrong", Value::Null).await;
    let text = wrong.body["error"]["message"].clone();
    assert!(wrong.headers.contains_key("www-authenticate"));
    for auth in [
        by_password("nobody", PASSWORD, Value::Null),
        by_password(&user.name, PASSWORD, json!({"project": {"id": cloud.admin.project_id}})),
        by_password(&user.name, PASSWORD, json!({"project": {"id": "none"}})),
        by_password(&user.name, PASSWORD, json!({"system": {"all": true}})),
        json!({"identity": {"methods": ["carrier-pigeon"]}}),
    ] {
        let body = cloud.auth(auth).await.expect(401);
        assert_eq!(body["error"]["message"], text);
    }
    // A token that is exchanged is a thing that is looked for.
    cloud.auth(json!({"identity": {"methods": ["token"], "token": {"id": "nonsense"}}})).await.expect(404);
    cloud.patch(&admin, &format!("/v3/users/{}", user.id), json!({"user": {"enabled": false}})).await.expect(200);
    let scope = json!({"project": {"id": project}});
    assert_eq!(cloud.login(&user.name, PASSWORD, scope).await.expect(401)["error"]["message"], text);
}

#[tokio::test]
async fn malformed_requests_name_the_field() {
    malformed_requests_name_the_field_on(&Cloud::new().await).await;
}

pub async fn malformed_requests_name_the_field_on(cloud: &Cloud) {
    for (auth, field) in [
        (json!({"identity": {"methods": ["password"]}}), "auth.identity.password"),
        (json!({"identity": {"methods": []}}), "methods"),
        (json!({"identity": {"methods": "password"}}), "auth.identity.methods"),
        (by_password("admin", PASSWORD, json!({"project": {"name": "admin"}})), "domain"),
        (by_password("admin", PASSWORD, json!({"project": {}})), "auth.scope.project"),
        (by_password("admin", PASSWORD, json!({"system": {"all": false}})), "auth.scope"),
        (by_password("admin", PASSWORD, json!({"domain": {"id": "x"}, "project": {"id": "y"}})), "auth.scope"),
    ] {
        let body = cloud.auth(auth).await.expect(400);
        let message = body["error"]["message"].as_str().unwrap();
        assert!(message.contains(field), "{message}");
    }
}

#[tokio::test]
async fn a_token_made_from_a_token_joins_its_chain_and_does_not_outlive_it() {
    a_token_made_from_a_token_joins_its_chain_and_does_not_outlive_it_on(&Cloud::new().await).await;
}

pub async fn a_token_made_from_a_token_joins_its_chain_and_does_not_outlive_it_on(cloud: &Cloud) {
    let first = cloud.login("admin", PASSWORD, json!("unscoped")).await;
    let audit = first.body["token"]["audit_ids"][0].clone();
    let first = token_of(first);
    cloud.later(600);
    let scope = json!({"project": {"id": cloud.admin.project_id}});
    let auth = json!({"identity": {"methods": ["token"], "token": {"id": first}}, "scope": scope});
    let second = cloud.auth(auth).await;
    assert_eq!(second.body["token"]["expires_at"], "2026-11-21T05:00:00.000000Z");
    assert_eq!(second.body["token"]["issued_at"], "2026-11-21T04:10:00.000000Z");
    assert_eq!(second.body["token"]["methods"], json!(["password", "token"]));
    assert_eq!(second.body["token"]["audit_ids"].as_array().unwrap().len(), 2);
    assert_eq!(second.body["token"]["audit_ids"][1], audit);
    assert!(token_of(second).len() < 255);
}

#[tokio::test]
async fn a_token_ends_with_its_time() {
    a_token_ends_with_its_time_on(&Cloud::new().await).await;
}

pub async fn a_token_ends_with_its_time_on(cloud: &Cloud) {
    let token = cloud.admin().await;
    cloud.later(3599);
    assert!(cloud.is_valid(&token).await && cloud.copy().is_valid(&token).await);
    cloud.later(1);
    assert!(!cloud.is_valid(&token).await && !cloud.copy().is_valid(&token).await);
    cloud.get(&token, "/v3/users").await.expect(401);
}

#[tokio::test]
async fn tokens_are_shown_to_those_who_may_see_them() {
    tokens_are_shown_to_those_who_may_see_them_on(&Cloud::new().await).await;
}

pub async fn tokens_are_shown_to_those_who_may_see_them_on(cloud: &Cloud) {
    let (admin, (user, project)) = (cloud.admin().await, cloud.user("reader").await);
    let (other, other_project) = cloud.user("member").await;
    let (token, foreign) = (cloud.token(&user, &project).await, cloud.token(&other, &other_project).await);
    let of = |asker: &str, subject: &str| {
        vec![("x-auth-token".to_owned(), asker.to_owned()), ("x-subject-token".to_owned(), subject.to_owned())]
    };
    for (asker, subject, status) in
        [(&admin, &token, 200), (&token, &token, 200), (&foreign, &token, 403), (&admin, &"x".to_owned(), 404)]
    {
        for method in [http::Method::GET, http::Method::HEAD] {
            let headers = of(asker, subject);
            let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            let answer = cloud.send(method, "/v3/auth/tokens", &headers, None).await;
            assert_eq!(answer.status, status);
        }
    }
    let headers = [("x-auth-token", admin.as_str()), ("x-subject-token", token.as_str())];
    let body = cloud.send(http::Method::GET, "/v3/auth/tokens?nocatalog", &headers, None).await.expect(200);
    assert_eq!(body["token"].get("catalog"), None);
    assert_eq!(body["token"]["user"]["name"], json!(user.name));
}

#[tokio::test]
async fn a_revoked_token_is_refused_by_every_copy_at_once() {
    a_revoked_token_is_refused_by_every_copy_at_once_on(&Cloud::new().await).await;
}

pub async fn a_revoked_token_is_refused_by_every_copy_at_once_on(cloud: &Cloud) {
    let other = cloud.copy();
    let (one, two) = (cloud.admin().await, cloud.admin().await);
    assert!(other.is_valid(&one).await && other.is_valid(&two).await);
    let headers = [("x-auth-token", one.as_str()), ("x-subject-token", one.as_str())];
    cloud.send(http::Method::DELETE, "/v3/auth/tokens", &headers, None).await.expect(204);
    assert!(!cloud.is_valid(&one).await && !other.is_valid(&one).await);
    assert!(cloud.is_valid(&two).await && other.is_valid(&two).await);
}

#[tokio::test]
async fn changes_of_users_projects_and_roles_end_tokens_in_every_copy() {
    changes_of_users_projects_and_roles_end_tokens_in_every_copy_on(&Cloud::new().await).await;
}

pub async fn changes_of_users_projects_and_roles_end_tokens_in_every_copy_on(cloud: &Cloud) {
    let other = cloud.copy();
    let admin = cloud.admin().await;
    for case in ["password", "self", "disable", "project", "role", "delete"] {
        let (user, project) = cloud.user("member").await;
        let token = cloud.token(&user, &project).await;
        assert!(other.is_valid(&token).await, "{case}");
        let path = format!("/v3/users/{}", user.id);
        match case {
            "password" => cloud.patch(&admin, &path, json!({"user": {"password": "new"}})).await.expect(200),
            "self" => {
                let body = json!({"user": {"original_password": PASSWORD, "password": "new"}});
                cloud.post("", &format!("{path}/password"), body).await.expect(204)
            }
            "disable" => {
                cloud.patch(&admin, &path, json!({"user": {"enabled": false}})).await.expect(200);
                cloud.patch(&admin, &path, json!({"user": {"enabled": true}})).await.expect(200)
            }
            "project" => {
                let body = json!({"project": {"enabled": false}});
                cloud.patch(&admin, &format!("/v3/projects/{project}"), body).await.expect(200)
            }
            "role" => {
                let role = cloud.role("member").await;
                let path = format!("/v3/projects/{project}/users/{}/roles/{role}", user.id);
                cloud.delete(&admin, &path).await.expect(204)
            }
            "delete" => cloud.delete(&admin, &path).await.expect(204),
            other => unreachable!("no case {other}"),
        };
        assert!(!cloud.is_valid(&token).await && !other.is_valid(&token).await, "{case}");
    }
    assert!(other.is_valid(&admin).await);
}

#[tokio::test]
async fn the_wrong_old_password_changes_nothing() {
    the_wrong_old_password_changes_nothing_on(&Cloud::new().await).await;
}

pub async fn the_wrong_old_password_changes_nothing_on(cloud: &Cloud) {
    let (user, project) = cloud.user("member").await;
    let body = json!({"user": {"original_password": "wrong", "password": "new"}});
    cloud.post("", &format!("/v3/users/{}/password", user.id), body.clone()).await.expect(401);
    cloud.post("", "/v3/users/nobody/password", body).await.expect(401);
    cloud.token(&user, &project).await;
}

#[tokio::test]
async fn a_known_token_costs_one_look_at_the_revision() {
    a_known_token_costs_one_look_at_the_revision_on(&Cloud::new().await).await;
}

pub async fn a_known_token_costs_one_look_at_the_revision_on(cloud: &Cloud) {
    let token = cloud.admin().await;
    // Behind identity's back: whoever looked at the roles again would notice.
    for text in ["DELETE FROM identity_assignments", "UPDATE identity_revision SET value = value + 1"] {
        assert!(cloud.is_valid(&token).await);
        let mut tx = cloud.db.begin().await.unwrap();
        db::sql(text).execute(&mut tx).await.unwrap();
        tx.commit().await.unwrap();
    }
    assert!(!cloud.is_valid(&token).await);
}

#[tokio::test]
async fn a_project_has_the_name_that_another_copy_gave_it() {
    a_project_has_the_name_that_another_copy_gave_it_on(&Cloud::new().await).await;
}

pub async fn a_project_has_the_name_that_another_copy_gave_it_on(cloud: &Cloud) {
    let (user, project) = cloud.user("member").await;
    let token = token_of(cloud.login(&user.name, PASSWORD, json!("unscoped")).await);
    for domain in [json!({"id": "default"}), json!({"name": "Default"})] {
        let by_name = async |name: &str| {
            let scope = json!({"project": {"name": name, "domain": domain}});
            cloud.auth(json!({"identity": {"methods": ["token"], "token": {"id": token}}, "scope": scope})).await
        };
        for (old, new) in [(user.name.as_str(), "moved"), ("moved", user.name.as_str())] {
            for _ in 0..2 {
                assert_eq!(by_name(old).await.expect(201)["token"]["project"]["id"], json!(project));
            }
            let copy = cloud.copy();
            let body = json!({"project": {"name": new}});
            copy.patch(&copy.admin().await, &format!("/v3/projects/{project}"), body).await.expect(200);
            by_name(old).await.expect(401);
            assert_eq!(by_name(new).await.expect(201)["token"]["project"]["name"], json!(new));
        }
    }
}

#[tokio::test]
async fn tokens_survive_a_rotation_of_keys() {
    tokens_survive_a_rotation_of_keys_on(&Cloud::new().await).await;
}

pub async fn tokens_survive_a_rotation_of_keys_on(cloud: &Cloud) {
    let token = cloud.admin().await;
    cloud.identity.keys_rotate(3).unwrap();
    assert!(cloud.is_valid(&token).await);
    cloud.identity.keys_rotate(3).unwrap();
    assert!(!cloud.is_valid(&token).await);
    assert!(cloud.is_valid(&cloud.admin().await).await);
}

#[tokio::test]
async fn signed_tokens_are_tokens() {
    let signed = Cloud::with(|options| options.config.token.provider = identity::TokenProvider::Jws).await;
    let token = signed.admin().await;
    assert_eq!(token.split('.').count(), 3);
    assert!(signed.is_valid(&token).await);
    let rescoped = signed.auth(json!({"identity": {"methods": ["token"], "token": {"id": token}}})).await;
    assert_eq!(rescoped.status, 201);
    signed.identity.keys_rotate(3).unwrap();
    assert!(signed.is_valid(&token).await);
    signed.identity.keys_rotate(3).unwrap();
    assert!(!signed.is_valid(&token).await);
    assert!(signed.is_valid(&signed.admin().await).await);
    // Neither kind passes for the other.
    let encrypted = Cloud::new().await;
    assert!(!encrypted.is_valid(&token).await);
    assert!(!signed.is_valid(&encrypted.admin().await).await);
}

#[test]
fn nonsense_is_refused_quietly() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let cloud = runtime.block_on(Cloud::new());
    let token = runtime.block_on(cloud.admin());
    proptest!(ProptestConfig::with_cases(200), |(text in "[ -~]{0,300}", at in 0..token.len(), by in "[A-Za-z0-9_=-]{0,3}")| {
        prop_assert!(!runtime.block_on(cloud.is_valid(&text)));
        let mut bent = token.clone();
        bent.replace_range(at..=at, &by);
        // The last character of the text holds bits that are not part of the token.
        prop_assert!(bent == token || at + 2 >= token.len() || !runtime.block_on(cloud.is_valid(&bent)));
    });
}
