use serde_json::{Value, json};

use crate::cloud::{Cloud, PASSWORD, bootstrap, token_of};

#[tokio::test]
async fn a_password_gives_a_token_that_others_accept() {
    let cloud = Cloud::new().await;
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
    let cloud = Cloud::new().await;
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
