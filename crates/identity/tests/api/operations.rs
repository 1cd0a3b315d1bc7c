//! What operators rely on: the audit trail, the throttle on guessing, the bootstrap under other names.

use identity::{Allowance, Bootstrap, BootstrapNames, BootstrapService};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::cloud::{Cloud, PASSWORD, by_password, token_of};

async fn events(cloud: &Cloud, target: Option<&str>, user: Option<&str>) -> Vec<Value> {
    cloud.identity.audit_list(target, user, Timestamp::MIN, 1000).await.unwrap()
}

#[tokio::test]
async fn the_trail_says_who_changed_what() {
    the_trail_says_who_changed_what_on(&Cloud::new().await).await;
}

pub async fn the_trail_says_who_changed_what_on(cloud: &Cloud) {
    let admin = cloud.admin().await;
    let body = json!({"user": {"name": "mia", "password": PASSWORD}});
    let user = cloud.post(&admin, "/v3/users", body).await.expect(201)["user"]["id"].as_str().unwrap().to_owned();
    let path = format!("/v3/users/{user}");
    cloud.patch(&admin, &path, json!({"user": {"email": "m@example.org"}})).await.expect(200);
    let body = json!({"user": {"original_password": PASSWORD, "password": "another one"}});
    cloud.post("", &format!("{path}/password"), body).await.expect(204);
    let role = cloud.role("member").await;
    let grant = format!("/v3/projects/{}/users/{user}/roles/{role}", cloud.admin.project_id);
    cloud.put(&admin, &grant).await.expect(204);
    cloud.put(&admin, &grant).await.expect(204);
    // What fails leaves no record.
    cloud.patch(&admin, &path, json!({"user": {"name": "admin"}})).await.expect(409);
    cloud.delete(&admin, &path).await.expect(204);

    let found = events(cloud, Some(&user), None).await;
    let actions: Vec<&str> = found.iter().map(|event| event["action"].as_str().unwrap()).collect();
    assert_eq!(actions.len(), 4, "{actions:?}");
    for action in ["created.user", "updated.user", "deleted.user"] {
        assert!(actions.contains(&action), "{actions:?}");
    }
    let created = found.iter().find(|event| event["action"] == "created.user").unwrap();
    assert_eq!(created["typeURI"], "http://schemas.dmtf.org/cloud/audit/1.0/event");
    assert_eq!((&created["eventType"], &created["outcome"]), (&json!("activity"), &json!("success")));
    assert_eq!(created["initiator"]["id"], json!(cloud.admin.user_id));
    assert_eq!(created["initiator"]["project_id"], json!(cloud.admin.project_id));
    assert!(created["initiator"]["request_id"].as_str().unwrap().starts_with("req-"));
    assert_eq!(created["target"]["typeURI"], "data/security/account/user");
    assert_eq!(events(cloud, Some(&user), Some(&user)).await.len(), 1, "the password is changed by its owner");
    let given = events(cloud, Some(&role), None).await;
    assert_eq!(given.len(), 1, "a role that is there already is not given again");
    assert_eq!(
        (&given[0]["target"]["user"], &given[0]["target"]["project"]),
        (&json!(user), &json!(cloud.admin.project_id))
    );
    let text = json!(events(cloud, None, None).await).to_string();
    assert!(!text.contains(PASSWORD) && !text.contains("another one") && !text.contains("$2b$"));

    cloud.later(91 * 24 * 3600);
    let admin = cloud.admin().await;
    cloud.post(&admin, "/v3/regions", json!({"region": {"id": "Late"}})).await.expect(201);
    assert_eq!(events(cloud, None, None).await.len(), 1, "what is older than 90 days is forgotten");
}

#[tokio::test]
async fn guessing_is_slow_and_costs_nothing_to_refuse() {
    let cloud = Cloud::with(|options| options.config.failures_of_account = Allowance { burst: 3, seconds: 60 }).await;
    let admin = cloud.admin().await;
    let wrong = || by_password("admin", "wrong", Value::Null);
    for _ in 0..3 {
        cloud.auth(wrong()).await.expect(401);
    }
    for auth in [wrong(), by_password("admin", PASSWORD, Value::Null)] {
        let answer = cloud.auth(auth).await;
        assert_eq!(answer.headers["retry-after"], "60");
        let body = answer.expect(429);
        assert!(body["error"]["message"].as_str().unwrap().contains("wait"));
    }
    let change = json!({"user": {"original_password": "wrong", "password": "x"}});
    cloud.post("", &format!("/v3/users/{}/password", cloud.admin.user_id), change).await.expect(429);
    // Nobody else waits, and a token goes on.
    cloud.auth(by_password("nobody", "wrong", Value::Null)).await.expect(401);
    cloud.get(&admin, "/v3/users").await.expect(200);
    cloud.later(60);
    token_of(cloud.auth(by_password("admin", PASSWORD, Value::Null)).await);
    // A right password is not counted.
    for _ in 0..10 {
        token_of(cloud.auth(by_password("admin", PASSWORD, Value::Null)).await);
    }
}

#[tokio::test]
async fn a_cloud_may_begin_under_other_names() {
    a_cloud_may_begin_under_other_names_on(&Cloud::new().await).await;
}

pub async fn a_cloud_may_begin_under_other_names_on(cloud: &Cloud) {
    let service = BootstrapService {
        internal_url: Some("http://inside/v3".to_owned()),
        ..BootstrapService::new("identity", "door", "https://outside/v3")
    };
    let wanted = Bootstrap {
        admin_password: "a long password".to_owned(),
        region: "Elsewhere".to_owned(),
        base_url: String::new(),
        services: vec![service],
    };
    let names = BootstrapNames { username: "root".to_owned(), project: "office".to_owned(), role: "boss".to_owned() };
    let first = cloud.identity.bootstrap_as(&wanted, &names).await.unwrap();
    let again = cloud.identity.bootstrap_as(&wanted, &names).await.unwrap();
    assert_eq!(
        (&first.user_id, &first.project_id, &first.role_id),
        (&again.user_id, &again.project_id, &again.role_id)
    );
    let scope = json!({"project": {"name": "office", "domain": {"id": "default"}}});
    let answer = cloud.login("root", "a long password", scope).await;
    let roles = answer.body["token"]["roles"].as_array().unwrap().clone();
    assert!(roles.iter().any(|role| role["name"] == "boss") && roles.iter().any(|role| role["name"] == "reader"));
    let admin = cloud.admin().await;
    let endpoints = cloud.get(&admin, "/v3/endpoints?region_id=Elsewhere").await.expect(200);
    let url = |interface: &str| {
        let all = endpoints["endpoints"].as_array().unwrap();
        all.iter().find(|one| one["interface"] == interface).unwrap()["url"].clone()
    };
    assert_eq!(
        ["public", "internal", "admin"].map(url),
        ["https://outside/v3", "http://inside/v3", "https://outside/v3"]
    );
}
