//! Credentials, EC2 pairs and signed requests.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::Method;
use serde_json::{Value, json};

use crate::cloud::{Cloud, PASSWORD, token_of};

#[tokio::test]
async fn credentials_are_their_owners() {
    credentials_are_their_owners_on(&Cloud::new().await).await;
}

pub async fn credentials_are_their_owners_on(cloud: &Cloud) {
    let ((alice, project), (bob, elsewhere)) = (cloud.user("member").await, cloud.user("member").await);
    let (token, foreign, admin) =
        (cloud.token(&alice, &project).await, cloud.token(&bob, &elsewhere).await, cloud.admin().await);
    let body = json!({"credential": {"type": "cert", "blob": "very secret", "user_id": alice.id, "note": "mine"}});
    let made = cloud.post(&token, "/v3/credentials", body.clone()).await.expect(201)["credential"].clone();
    assert_eq!((&made["blob"], &made["note"]), (&json!("very secret"), &json!("mine")));
    cloud.post(&foreign, "/v3/credentials", body).await.expect(403);
    let path = format!("/v3/credentials/{}", made["id"].as_str().unwrap());
    // At rest nobody reads it.
    let stored: String = db::sql("SELECT encrypted_blob FROM identity_credentials").one(&cloud.db).await.unwrap();
    assert!(!stored.contains("secret"));
    for (asker, status) in [(&token, 200), (&admin, 200), (&foreign, 403)] {
        cloud.get(asker, &path).await.expect(status);
    }
    let listed = async |asker: &str, query: &str| {
        let found = cloud.get(asker, &format!("/v3/credentials{query}")).await.expect(200);
        found["credentials"].as_array().unwrap().len()
    };
    assert_eq!(listed(&token, "").await, 1);
    assert_eq!(listed(&foreign, &format!("?user_id={}", alice.id)).await, 0);
    assert_eq!(listed(&admin, "?type=cert").await, 1);
    assert_eq!(listed(&admin, "?type=totp").await, 0);
    let change = json!({"credential": {"blob": "other"}});
    assert_eq!(cloud.patch(&token, &path, change).await.expect(200)["credential"]["blob"], json!("other"));
    let given_away = json!({"credential": {"user_id": bob.id}});
    cloud.patch(&token, &path, given_away).await.expect(403);
    assert_eq!(cloud.identity.credential_keys_rotate().await.unwrap(), 1);
    assert_eq!(cloud.get(&token, &path).await.expect(200)["credential"]["blob"], json!("other"));
    cloud.delete(&foreign, &path).await.expect(403);
    cloud.delete(&token, &path).await.expect(204);
    cloud.get(&admin, &path).await.expect(404);
    for wrong in [json!({"type": "cert", "blob": "x"}), json!({"type": "ec2", "blob": "x", "user_id": alice.id})] {
        cloud.post(&admin, "/v3/credentials", json!({"credential": wrong})).await.expect(400);
    }
}

async fn pair(cloud: &Cloud, token: &str, user_id: &str, project: &str) -> Value {
    let path = format!("/v3/users/{user_id}/credentials/OS-EC2");
    cloud.post(token, &path, json!({"tenant_id": project})).await.expect(201)["credential"].clone()
}

fn sha256(key: &str, text: &str) -> String {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(key.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

/// A request signed by version 2.
fn signed(pair: &Value, time: &str) -> Value {
    let text = format!(
        "GET\nec2.local:8773\n/\nAction=Nothing&SignatureMethod=HmacSHA256&SignatureVersion=2&Timestamp={}",
        time.replace(':', "%3A")
    );
    let params = json!({"Action": "Nothing", "SignatureVersion": "2", "Timestamp": time});
    json!({"credentials": {
        "access": pair["access"], "signature": sha256(pair["secret"].as_str().unwrap(), &text),
        "verb": "GET", "host": "ec2.local:8773", "path": "/", "params": params,
    }})
}

#[tokio::test]
async fn readers_make_no_pairs() {
    let cloud = Cloud::new().await;
    let (reader, project) = cloud.user("reader").await;
    let token = cloud.token(&reader, &project).await;
    let path = format!("/v3/users/{}/credentials/OS-EC2", reader.id);
    cloud.post(&token, &path, json!({"tenant_id": project})).await.expect(403);
    let made = cloud.post(&cloud.admin().await, &path, json!({"tenant_id": project})).await.expect(201);
    let one = format!("{path}/{}", made["credential"]["access"].as_str().unwrap());
    cloud.get(&token, &one).await.expect(200);
}

#[tokio::test]
async fn signed_requests_give_tokens_to_services() {
    signed_requests_give_tokens_to_services_on(&Cloud::new().await).await;
}

pub async fn signed_requests_give_tokens_to_services_on(cloud: &Cloud) {
    let ((alice, project), (bob, elsewhere)) = (cloud.user("member").await, cloud.user("member").await);
    let (token, admin) = (cloud.token(&alice, &project).await, cloud.admin().await);
    let foreign = cloud.token(&bob, &elsewhere).await;
    let made = pair(cloud, &token, &alice.id, &project).await;
    let path = format!("/v3/users/{}/credentials/OS-EC2/{}", alice.id, made["access"].as_str().unwrap());
    assert_eq!(cloud.get(&token, &path).await.expect(200)["credential"]["secret"], made["secret"]);
    cloud.get(&foreign, &path).await.expect(403);
    // What counts is whose keys they are, not the user in the path.
    let astray = path.replace(&alice.id, &bob.id);
    cloud.get(&foreign, &astray).await.expect(403);
    cloud.delete(&foreign, &astray).await.expect(403);
    assert_eq!(cloud.get(&token, &astray).await.expect(200)["credential"]["access"], made["access"]);
    let listed = cloud.get(&token, "/v3/credentials?type=ec2").await.expect(200);
    let by_id = format!("/v3/credentials/{}", listed["credentials"][0]["id"].as_str().unwrap());
    let blob = json!({"access": made["access"], "secret": made["secret"]});
    let unbound = json!({"credential": {"blob": blob.to_string()}});
    cloud.patch(&token, &by_id, unbound).await.expect(200);
    let bound = json!({"access": made["access"], "secret": made["secret"], "trust_id": "t"});
    cloud.patch(&token, &by_id, json!({"credential": {"blob": bound.to_string()}})).await.expect(400);
    let own = format!("/v3/users/{}/credentials/OS-EC2", alice.id);
    assert_eq!(cloud.get(&token, &own).await.expect(200)["credentials"].as_array().unwrap().len(), 1);
    cloud.get(&foreign, &own).await.expect(403);
    let now = "2026-11-21T04:00:00Z";
    let answer = cloud.post(&admin, "/v3/ec2tokens", signed(&made, now)).await;
    assert!(cloud.is_valid(answer.headers["x-subject-token"].to_str().unwrap()).await);
    let said = answer.expect(200);
    assert_eq!(said["token"]["user"]["id"], json!(alice.id));
    assert_eq!(said["token"]["methods"], json!(["ec2credential"]));
    // Only services and administrators may ask.
    cloud.post(&token, "/v3/ec2tokens", signed(&made, now)).await.expect(403);
    cloud.post("", "/v3/s3tokens", signed(&made, now)).await.expect(401);
    cloud.post(&admin, "/v3/ec2tokens", signed(&made, "2026-11-21T03:44:59Z")).await.expect(401);
    let mut bent = signed(&made, now);
    bent["credentials"]["path"] = json!("/other");
    cloud.post(&admin, "/v3/ec2tokens", bent).await.expect(401);
    let mut unknown = signed(&made, now);
    unknown["credentials"]["access"] = json!("none");
    cloud.post(&admin, "/v3/ec2tokens", unknown).await.expect(404);
    cloud.post(&admin, "/v3/ec2tokens", json!({"credentials": {}})).await.expect(401);
    cloud.post(&admin, "/v3/ec2tokens", json!({})).await.expect(400);
    // S3 sends the signed text itself.
    let text = "GET\n\n\nSat, 21 Nov 2026 04:00:00 GMT\n/bucket";
    let mut mac = Hmac::<sha1::Sha1>::new_from_slice(made["secret"].as_str().unwrap().as_bytes()).unwrap();
    mac.update(text.as_bytes());
    let signature = STANDARD.encode(mac.finalize().into_bytes());
    let body = |signature: &str| json!({"credentials": {"access": made["access"], "signature": signature, "token": URL_SAFE.encode(text)}});
    let said = cloud.post(&admin, "/v3/s3tokens", body(&signature)).await.expect(200);
    assert_eq!(said["token"]["project"]["id"], json!(project));
    cloud.post(&admin, "/v3/s3tokens", body("nonsense")).await.expect(401);
    cloud.delete(&foreign, &path).await.expect(403);
    cloud.delete(&token, &path).await.expect(204);
    cloud.post(&admin, "/v3/ec2tokens", signed(&made, now)).await.expect(404);
}

#[tokio::test]
async fn what_a_delegation_makes_stays_bound_to_it() {
    what_a_delegation_makes_stays_bound_to_it_on(&Cloud::new().await).await;
}

pub async fn what_a_delegation_makes_stays_bound_to_it_on(cloud: &Cloud) {
    let (alice, project) = cloud.user("manager").await;
    let (token, admin) = (cloud.token(&alice, &project).await, cloud.admin().await);
    let path = format!("/v3/users/{}/application_credentials", alice.id);
    let body = json!({"name": "app", "unrestricted": true, "roles": [{"name": "member"}]});
    let body = json!({"application_credential": body});
    let app = cloud.post(&token, &path, body).await.expect(201)["application_credential"].clone();
    let proof = json!({"id": app["id"], "secret": app["secret"]});
    let auth = json!({"identity": {"methods": ["application_credential"], "application_credential": proof}});
    let by_app = token_of(cloud.auth(auth).await);
    let made = pair(cloud, &by_app, &alice.id, &project).await;
    let said = cloud.post(&admin, "/v3/ec2tokens", signed(&made, "2026-11-21T04:00:00Z")).await.expect(200);
    assert_eq!(said["token"]["application_credential"]["id"], app["id"]);
    assert_eq!(said["token"]["roles"].as_array().unwrap().len(), 2);
    // Secrets without a project, such as those of passcodes, are out of its reach.
    let seed = json!({"credential": {"type": "totp", "blob": "GEZDGNBVGY3TQOJQ", "user_id": alice.id}});
    let seed = cloud.post(&token, "/v3/credentials", seed).await.expect(201)["credential"].clone();
    cloud.get(&by_app, &format!("/v3/credentials/{}", seed["id"].as_str().unwrap())).await.expect(403);
    let listed = cloud.get(&by_app, "/v3/credentials").await.expect(200);
    assert!(listed["credentials"].as_array().unwrap().iter().all(|one| one["type"] == "ec2"));
}

#[tokio::test]
async fn ended_tokens_are_listed_for_services() {
    ended_tokens_are_listed_for_services_on(&Cloud::new().await).await;
}

pub async fn ended_tokens_are_listed_for_services_on(cloud: &Cloud) {
    let (alice, project) = cloud.user("member").await;
    let answer = cloud.login(&alice.name, PASSWORD, json!({"project": {"id": project}})).await;
    let audit = answer.body["token"]["audit_ids"][0].clone();
    let token = token_of(answer);
    cloud.get(&token, "/v3/OS-REVOKE/events").await.expect(403);
    let headers = [("x-auth-token", token.as_str()), ("x-subject-token", token.as_str())];
    cloud.send(Method::DELETE, "/v3/auth/tokens", &headers, None).await.expect(204);
    let recorded = cloud.identity.audit_list(audit.as_str(), Some(&alice.id), jiff::Timestamp::MIN, 10).await.unwrap();
    assert_eq!((recorded.len(), &recorded[0]["action"]), (1, &json!("deleted.token")));
    let admin = cloud.admin().await;
    let listed = cloud.get(&admin, "/v3/OS-REVOKE/events").await.expect(200);
    assert_eq!(listed["events"], json!([{"audit_id": audit, "issued_before": "2026-11-21T04:00:00.000000Z"}]));
    let later = cloud.get(&admin, "/v3/OS-REVOKE/events?since=2026-11-21T04:00:01Z").await.expect(200);
    assert_eq!(later["events"], json!([]));
    cloud.get(&admin, "/v3/OS-REVOKE/events?since=yesterday").await.expect(400);
}
