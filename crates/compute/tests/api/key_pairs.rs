use serde_json::{Value, json};

use crate::cloud::Cloud;

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f me";
const PATH: &str = "/v2.1/os-keypairs";

fn key_pair(name: &str) -> Value {
    json!({"keypair": {"name": name, "public_key": KEY}})
}

#[tokio::test]
async fn keys_are_imported_shown_and_deleted() {
    let cloud = Cloud::new().await;
    let member = &cloud.member;
    let made = cloud.ask(member, "2.92", &format!("POST {PATH}"), key_pair("my@key.1")).await.expect(201);
    assert_eq!(made["keypair"]["type"], "ssh");
    assert_eq!(made["keypair"]["user_id"], "mia");
    assert!(made["keypair"].get("private_key").is_none());
    cloud.ask(member, "2.92", &format!("POST {PATH}"), key_pair("my@key.1")).await.expect(409);
    let shown = cloud.get(member, "2.1", &format!("{PATH}/my@key.1")).await.expect(200);
    assert_eq!(shown["keypair"]["fingerprint"], made["keypair"]["fingerprint"]);
    assert!(shown["keypair"].get("type").is_none());
    assert_eq!(shown["keypair"]["deleted"], false);
    // Key pairs are the user's: another user does not see them, not even in the same project.
    cloud.get(&cloud.reader, "2.10", &format!("{PATH}/my@key.1")).await.expect(404);
    cloud.get(&cloud.reader, "2.10", &format!("{PATH}/my@key.1?user_id=mia")).await.expect(403);
    cloud.get(&cloud.admin, "2.10", &format!("{PATH}/my@key.1?user_id=mia")).await.expect(200);
    cloud.ask(&cloud.stranger, "2.10", &format!("DELETE {PATH}/my@key.1"), Value::Null).await.expect(404);
    cloud.ask(member, "2.10", &format!("DELETE {PATH}/my@key.1"), Value::Null).await.expect(204);
    cloud.ask(member, "2.1", &format!("DELETE {PATH}/my@key.1"), Value::Null).await.expect(404);
}

#[tokio::test]
async fn each_microversion_takes_its_own_requests() {
    let cloud = Cloud::new().await;
    let with = |field: &str, value: Value| {
        let mut body = key_pair("k");
        body["keypair"][field] = value;
        body
    };
    let generated = json!({"keypair": {"name": "k"}});
    // Microversion, request, answer.
    let requests = [
        ("2.1", key_pair("k"), 200),
        ("2.2", key_pair("k"), 201),
        ("2.1", with("type", json!("ssh")), 400),
        ("2.2", with("type", json!("ssh")), 201),
        ("2.2", with("type", json!("pgp")), 400),
        ("2.2", with("type", json!("x509")), 400),
        ("2.9", with("user_id", json!("mia")), 400),
        ("2.10", with("user_id", json!("mia")), 201),
        ("2.10", with("user_id", json!("sam")), 403),
        ("2.91", generated.clone(), 201),
        ("2.91", json!({"keypair": {"name": "k", "type": "x509"}}), 201),
        ("2.92", generated, 400),
        ("2.91", key_pair("a@b"), 400),
        ("2.92", key_pair("a/b"), 400),
        ("2.92", key_pair(""), 400),
        ("2.1", with("public_key", json!("ssh-rsa nonsense")), 400),
        ("2.1", with("colour", json!("red")), 400),
    ];
    for (version, body, status) in requests {
        let answer = cloud.ask(&cloud.member, version, &format!("POST {PATH}"), body.clone()).await;
        assert_eq!(answer.status, status, "{version} {body}: {}", answer.body);
        cloud.ask(&cloud.member, version, &format!("DELETE {PATH}/k"), Value::Null).await;
    }
}

#[tokio::test]
async fn generated_keys_come_with_their_private_half() {
    let cloud = Cloud::new().await;
    let body = json!({"keypair": {"name": "k"}});
    let made = cloud.ask(&cloud.member, "2.1", &format!("POST {PATH}"), body).await.expect(200);
    let private = made["keypair"]["private_key"].as_str().unwrap();
    assert!(private.starts_with("-----BEGIN OPENSSH PRIVATE KEY-----\n"));
    assert!(private.lines().all(|line| line.len() <= 70));
}

#[tokio::test]
async fn lists_have_pages_since_2_35() {
    let cloud = Cloud::new().await;
    for name in ["a", "b", "c"] {
        cloud.ask(&cloud.member, "2.2", &format!("POST {PATH}"), key_pair(name)).await.expect(201);
    }
    let names = |body: &Value| {
        let pairs = body["keypairs"].as_array().unwrap();
        pairs.iter().map(|pair| pair["keypair"]["name"].as_str().unwrap()).collect::<String>()
    };
    let old = cloud.get(&cloud.member, "2.34", &format!("{PATH}?limit=1")).await.expect(200);
    assert_eq!(names(&old), "abc");
    let page = cloud.get(&cloud.member, "2.35", &format!("{PATH}?limit=2")).await.expect(200);
    assert_eq!(names(&page), "ab");
    assert_eq!(page["keypairs_links"][0]["href"], "http://cloud/compute/v2.1/os-keypairs?limit=2&marker=b");
    let rest = cloud.get(&cloud.member, "2.35", &format!("{PATH}?limit=2&marker=b")).await.expect(200);
    assert_eq!(names(&rest), "c");
    cloud.get(&cloud.member, "2.35", &format!("{PATH}?marker=x")).await.expect(400);
    cloud.get(&cloud.member, "2.75", &format!("{PATH}?colour=x")).await.expect(400);
    assert_eq!(names(&cloud.get(&cloud.stranger, "2.35", PATH).await.expect(200)), "");
}

#[tokio::test]
async fn the_quota_counts_the_user() {
    let cloud = Cloud::new().await;
    let set = json!({"quota_set": {"key_pairs": 2}});
    cloud.ask(&cloud.admin, "2.1", "PUT /v2.1/os-quota-sets/red", set).await.expect(200);
    for name in ["a", "b"] {
        cloud.ask(&cloud.member, "2.2", &format!("POST {PATH}"), key_pair(name)).await.expect(201);
    }
    let refusal = cloud.ask(&cloud.member, "2.2", &format!("POST {PATH}"), key_pair("c")).await.expect(403);
    let message = refusal["forbidden"]["message"].as_str().unwrap();
    assert!(message.starts_with("Quota exceeded for key_pairs: Requested 1, but already used 2 of 2 key_pairs"));
    cloud.ask(&cloud.reader, "2.2", &format!("POST {PATH}"), key_pair("c")).await.expect(201);
    cloud.ask(&cloud.member, "2.2", &format!("DELETE {PATH}/a"), Value::Null).await.expect(204);
    cloud.ask(&cloud.member, "2.2", &format!("POST {PATH}"), key_pair("c")).await.expect(201);
}
