//! Passcodes, several methods together, and the rules for passwords and accounts.

use hmac::{Hmac, KeyInit as _, Mac as _};
use http::Method;
use identity::{Allowance, Config};
use serde_json::{Value, json};

use crate::cloud::{Answer, Cloud, PASSWORD, User, by_password};

/// Sets a configuration, in which hashes stay cheap.
fn set(options: &mut identity::Options, config: Config) {
    options.config = Config { password_hash_rounds: options.config.password_hash_rounds, ..config };
}

/// The passcode of the secret `12345678901234567890` at the cloud's present.
fn passcode(cloud: &Cloud) -> String {
    let window = cloud.runtime.clock.now().as_second() / 30;
    let mut mac = Hmac::<sha1::Sha1>::new_from_slice(b"12345678901234567890").unwrap();
    mac.update(&window.to_be_bytes());
    let digest = mac.finalize().into_bytes();
    let at = usize::from(digest[19] & 0xf);
    let number = u32::from_be_bytes(digest[at..at + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

async fn with_passcodes(cloud: &Cloud) -> (User, String) {
    let (user, project) = cloud.user("member").await;
    let token = cloud.token(&user, &project).await;
    let body = json!({"type": "totp", "blob": "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", "user_id": user.id});
    cloud.post(&token, "/v3/credentials", json!({"credential": body})).await.expect(201);
    (user, project)
}

fn totp(user: &User, passcode: &str) -> Value {
    json!({"user": {"id": user.id, "passcode": passcode}})
}

async fn options(cloud: &Cloud, user: &User, options: Value) -> Value {
    let path = format!("/v3/users/{}", user.id);
    cloud.patch(&cloud.admin().await, &path, json!({"user": {"options": options}})).await.expect(200)
}

#[tokio::test]
async fn a_passcode_is_good_once() {
    a_passcode_is_good_once_on(&Cloud::new().await).await;
}

pub async fn a_passcode_is_good_once_on(cloud: &Cloud) {
    let (user, project) = with_passcodes(cloud).await;
    let auth = |code: &str| json!({"identity": {"methods": ["totp"], "totp": totp(&user, code)}, "scope": {"project": {"id": project}}});
    cloud.auth(auth("000000")).await.expect(401);
    let code = passcode(cloud);
    let said = cloud.auth(auth(&code)).await.expect(201);
    assert_eq!(said["token"]["methods"], json!(["totp"]));
    cloud.auth(auth(&code)).await.expect(401);
    cloud.later(30);
    cloud.auth(auth(&code)).await.expect(401);
    let fresh = passcode(cloud);
    let tries = (0..4).map(|_| cloud.auth(auth(&fresh)));
    let answers = futures_util::future::join_all(tries).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
}

#[tokio::test]
async fn guessing_passcodes_is_slow() {
    let allowance = Allowance { burst: 3, seconds: 60 };
    let cloud = Cloud::with(|options| options.config.failures_of_account = allowance).await;
    let (user, _) = with_passcodes(&cloud).await;
    let auth = |code: &str| json!({"identity": {"methods": ["totp"], "totp": totp(&user, code)}});
    for _ in 0..3 {
        cloud.auth(auth("000000")).await.expect(401);
    }
    cloud.auth(auth(&passcode(&cloud))).await.expect(429);
    cloud.later(60);
    cloud.auth(auth(&passcode(&cloud))).await.expect(201);
}

#[tokio::test]
async fn rules_ask_for_several_methods() {
    rules_ask_for_several_methods_on(&Cloud::new().await).await;
}

pub async fn rules_ask_for_several_methods_on(cloud: &Cloud) {
    let (user, project) = with_passcodes(cloud).await;
    let before = cloud.token(&user, &project).await;
    let rules = json!([["password", "totp"]]);
    let shown = options(cloud, &user, json!({"multi_factor_auth_rules": rules})).await;
    assert_eq!(shown["user"]["options"]["multi_factor_auth_rules"], rules);
    let half = cloud.login(&user.name, PASSWORD, Value::Null).await;
    let receipt = half.headers["openstack-auth-receipt"].to_str().unwrap().to_owned();
    let said = half.expect(401);
    assert_eq!(said["required_auth_methods"], rules);
    assert_eq!(said["receipt"]["methods"], json!(["password"]));
    assert_eq!(said["receipt"]["user"]["id"], json!(user.id));
    // A receipt is no token, and is its user's alone.
    assert!(!cloud.is_valid(&receipt).await);
    let (other, _) = with_passcodes(cloud).await;
    let scope = json!({"project": {"id": project}});
    let finish = |user: &User, code: &str| json!({"auth": {"identity": {"methods": ["totp"], "totp": totp(user, code)}, "scope": scope}});
    let send = async |receipt: &str, body: Value| -> Answer {
        cloud.send(Method::POST, "/v3/auth/tokens", &[("openstack-auth-receipt", receipt)], Some(body)).await
    };
    send(&receipt, finish(&other, &passcode(cloud))).await.expect(401);
    send("nonsense", finish(&user, "000000")).await.expect(401);
    let said = send(&receipt, finish(&user, &passcode(cloud))).await.expect(201);
    assert_eq!(said["token"]["methods"], json!(["password", "totp"]));
    cloud.later(30);
    // Both at once.
    let mut auth = by_password(&user.name, PASSWORD, scope.clone());
    auth["identity"]["methods"] = json!(["totp", "password"]);
    auth["identity"]["totp"] = totp(&user, &passcode(cloud));
    cloud.auth(auth).await.expect(201);
    // A token from before the rules does not help around them.
    let exchange = json!({"identity": {"methods": ["token"], "token": {"id": before}}, "scope": scope});
    cloud.auth(exchange).await.expect(401);
    cloud.later(301);
    send(&receipt, finish(&user, &passcode(cloud))).await.expect(401);
    options(cloud, &user, json!({"multi_factor_auth_enabled": false})).await;
    cloud.token(&user, &project).await;
    options(cloud, &user, json!({"multi_factor_auth_enabled": true, "multi_factor_auth_rules": [["palm"]]})).await;
    // Rules of nothing but unknown methods lock nobody out.
    cloud.token(&user, &project).await;
    let path = format!("/v3/users/{}", user.id);
    let wrong = json!({"user": {"options": {"multi_factor_auth_rules": [[]]}}});
    cloud.patch(&cloud.admin().await, &path, wrong).await.expect(400);
}

fn rules(change: impl FnOnce(&mut identity::SecurityCompliance)) -> Config {
    let mut config = Config::default();
    change(&mut config.security_compliance);
    config
}

#[tokio::test]
async fn wrong_passwords_lock_an_account() {
    let config = rules(|rules| {
        rules.lockout_failure_attempts = Some(2);
        rules.lockout_duration_seconds = 60;
    });
    wrong_passwords_lock_an_account_on(&Cloud::with(|options| set(options, config)).await).await;
}

async fn wrong_passwords_lock_an_account_on(cloud: &Cloud) {
    let (user, _) = cloud.user("member").await;
    let login = async |password: &str| cloud.login(&user.name, password, Value::Null).await.status.as_u16();
    assert_eq!([login("wrong").await, login(PASSWORD).await], [401, 201]);
    assert_eq!([login("wrong").await, login("wrong").await, login(PASSWORD).await], [401, 401, 401]);
    let events = cloud.identity.audit_list(Some(&user.id), None, jiff::Timestamp::MIN, 10).await.unwrap();
    assert!(events.iter().any(|event| event["action"] == "locked.user"), "{events:?}");
    cloud.later(59);
    assert_eq!(login(PASSWORD).await, 401);
    cloud.later(2);
    // After the lock counting starts anew.
    assert_eq!([login("wrong").await, login(PASSWORD).await], [401, 201]);
    assert_eq!([login("wrong").await, login("wrong").await], [401, 401]);
    let admin = cloud.admin().await;
    let path = format!("/v3/users/{}", user.id);
    cloud.patch(&admin, &path, json!({"user": {"enabled": true}})).await.expect(200);
    assert_eq!(login(PASSWORD).await, 201);
    options(cloud, &user, json!({"ignore_lockout_failure_attempts": true})).await;
    assert_eq!([login("wrong").await, login("wrong").await, login(PASSWORD).await], [401, 401, 201]);
    cloud.login("nobody", "wrong", Value::Null).await.expect(401);
}

async fn change(cloud: &Cloud, user: &User, old: &str, new: &str) -> Answer {
    let body = json!({"user": {"original_password": old, "password": new}});
    cloud.post("", &format!("/v3/users/{}/password", user.id), body).await
}

#[tokio::test]
async fn passwords_end_and_are_changed_by_their_users() {
    let cloud = Cloud::with(|options| set(options, rules(|rules| rules.password_expires_days = Some(30)))).await;
    let (user, project) = cloud.user("member").await;
    let admin = cloud.admin().await;
    let path = format!("/v3/users/{}", user.id);
    let shown = cloud.get(&admin, &path).await.expect(200);
    assert_eq!(shown["user"]["password_expires_at"], json!("2026-12-21T04:00:00.000000"));
    let said = cloud.login(&user.name, PASSWORD, Value::Null).await.expect(201);
    assert_eq!(said["token"]["user"]["password_expires_at"], json!("2026-12-21T04:00:00.000000"));
    for (query, count) in [("lt:2026-12-22T00:00:00Z", 1), ("gt:2026-12-22T00:00:00Z", 0)] {
        let found = cloud.get(&admin, &format!("/v3/users?password_expires_at={query}")).await.expect(200);
        assert_eq!(found["users"].as_array().unwrap().len(), count, "{query}");
    }
    let group = cloud.post(&admin, "/v3/groups", json!({"group": {"name": "g"}})).await.expect(201);
    let members = format!("/v3/groups/{}/users", group["group"]["id"].as_str().unwrap());
    cloud.put(&admin, &format!("{members}/{}", user.id)).await.expect(204);
    cloud.put(&admin, &format!("{members}/{}", cloud.admin.user_id)).await.expect(204);
    for (query, count) in [("lt:2026-12-22T00:00:00Z", 1), ("gt:2026-12-22T00:00:00Z", 0)] {
        let found = cloud.get(&admin, &format!("{members}?password_expires_at={query}")).await.expect(200);
        assert_eq!(found["users"].as_array().unwrap().len(), count, "{query}");
    }
    cloud.get(&admin, "/v3/users?password_expires_at=soon").await.expect(400);
    cloud.later(30 * 86_400);
    let told = cloud.login(&user.name, PASSWORD, Value::Null).await.expect(401);
    assert!(told["error"]["message"].as_str().unwrap().contains("needs to be changed"), "{told}");
    change(&cloud, &user, "wrong", "new").await.expect(401);
    change(&cloud, &user, PASSWORD, "new").await.expect(204);
    cloud.login(&user.name, "new", json!({"project": {"id": project}})).await.expect(201);
    cloud.later(31 * 86_400);
    options(&cloud, &user, json!({"ignore_password_expiry": true})).await;
    cloud.login(&user.name, "new", Value::Null).await.expect(201);
}

#[tokio::test]
async fn passwords_differ_from_those_before() {
    let cloud = Cloud::with(|options| set(options, rules(|rules| rules.unique_last_password_count = 2))).await;
    let (user, _) = cloud.user("member").await;
    change(&cloud, &user, PASSWORD, "one").await.expect(204);
    change(&cloud, &user, "one", "one").await.expect(400);
    change(&cloud, &user, "one", PASSWORD).await.expect(400);
    cloud.later(1);
    change(&cloud, &user, "one", "two").await.expect(204);
    cloud.later(1);
    change(&cloud, &user, "two", PASSWORD).await.expect(204);
}

#[tokio::test]
async fn passwords_look_and_last_as_they_must() {
    let config = rules(|rules| {
        rules.minimum_password_age_days = 2;
        rules.password_regex = Some(r"^(?=.*\d)(?=.*[a-zA-Z]).{7,}$".into());
        rules.password_regex_description = Some("letters and digits".into());
    });
    let cloud = Cloud::with(|options| set(options, config)).await;
    let admin = cloud.admin().await;
    let new = |password: &str| json!({"user": {"name": "carol", "password": password, "domain_id": "default"}});
    let told = cloud.post(&admin, "/v3/users", new("letters")).await.expect(400);
    assert!(told["error"]["message"].as_str().unwrap().contains("letters and digits"));
    let made = cloud.post(&admin, "/v3/users", new("letters1")).await.expect(201);
    let user = User { id: made["user"]["id"].as_str().unwrap().to_owned(), name: "carol".into() };
    // An administrator's password may be changed at once, the own one may not.
    change(&cloud, &user, "letters1", "short").await.expect(400);
    change(&cloud, &user, "letters1", "letters2").await.expect(204);
    change(&cloud, &user, "letters2", "letters3").await.expect(400);
    cloud.later(2 * 86_400);
    change(&cloud, &user, "letters2", "letters3").await.expect(204);
    let path = format!("/v3/users/{}", user.id);
    cloud.patch(&cloud.admin().await, &path, json!({"user": {"password": "short"}})).await.expect(400);
    options(&cloud, &user, json!({"lock_password": true})).await;
    cloud.later(2 * 86_400);
    change(&cloud, &user, "letters3", "letters4").await.expect(400);
}

#[tokio::test]
async fn a_first_password_must_be_changed() {
    let cloud = Cloud::with(|options| set(options, rules(|rules| rules.change_password_upon_first_use = true))).await;
    let admin = cloud.admin().await;
    let body = json!({"user": {"name": "carol", "password": "first", "domain_id": "default"}});
    let made = cloud.post(&admin, "/v3/users", body).await.expect(201);
    let user = User { id: made["user"]["id"].as_str().unwrap().to_owned(), name: "carol".into() };
    cloud.login("carol", "first", Value::Null).await.expect(401);
    change(&cloud, &user, "first", "own").await.expect(204);
    cloud.login("carol", "own", Value::Null).await.expect(201);
    options(&cloud, &user, json!({"ignore_change_password_upon_first_use": true})).await;
    let path = format!("/v3/users/{}", user.id);
    cloud.patch(&admin, &path, json!({"user": {"password": "reset"}})).await.expect(200);
    cloud.login("carol", "reset", Value::Null).await.expect(201);
}

#[tokio::test]
async fn who_stays_away_is_disabled() {
    let cloud =
        Cloud::with(|options| set(options, rules(|rules| rules.disable_user_account_days_inactive = Some(90)))).await;
    let ((user, project), (lasting, _)) = (cloud.user("member").await, cloud.user("member").await);
    options(&cloud, &lasting, json!({"ignore_user_inactivity": true})).await;
    cloud.later(60 * 86_400);
    cloud.admin().await;
    cloud.token(&user, &project).await;
    cloud.later(89 * 86_400);
    let admin = cloud.admin().await;
    cloud.token(&user, &project).await;
    cloud.later(60 * 86_400);
    let admin_again = cloud.admin().await;
    assert!(!cloud.is_valid(&admin).await);
    cloud.later(30 * 86_400);
    cloud.login(&user.name, PASSWORD, Value::Null).await.expect(401);
    cloud.login(&lasting.name, PASSWORD, Value::Null).await.expect(201);
    drop(admin_again);
    let admin = cloud.admin().await;
    let path = format!("/v3/users/{}", user.id);
    assert_eq!(cloud.get(&admin, &path).await.expect(200)["user"]["enabled"], json!(false));
    cloud.patch(&admin, &path, json!({"user": {"enabled": true}})).await.expect(200);
    cloud.token(&user, &project).await;
}

#[tokio::test]
async fn a_service_may_look_at_a_token_that_has_ended() {
    let cloud = Cloud::new().await;
    let token = cloud.admin().await;
    cloud.later(3700);
    let admin = cloud.admin().await;
    let headers = [("x-auth-token", admin.as_str()), ("x-subject-token", token.as_str())];
    cloud.send(Method::GET, "/v3/auth/tokens", &headers, None).await.expect(404);
    cloud.send(Method::GET, "/v3/auth/tokens?allow_expired=1", &headers, None).await.expect(200);
    cloud.get(&token, "/v3/regions").await.expect(401);
    cloud.later(48 * 3600);
    let admin = cloud.admin().await;
    let headers = [("x-auth-token", admin.as_str()), ("x-subject-token", token.as_str())];
    cloud.send(Method::GET, "/v3/auth/tokens?allow_expired=1", &headers, None).await.expect(404);
}
