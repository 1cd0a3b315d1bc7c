//! Unified limits.

use identity::LimitModel;
use serde_json::{Value, json};

use crate::cloud::{Cloud, token_of};

/// The id of a new service with a registered limit of 10 widgets, and the id of that limit.
async fn registered(cloud: &Cloud, admin: &str) -> (String, String) {
    let service = cloud.post(admin, "/v3/services", json!({"service": {"type": "widgets"}})).await.expect(201);
    let service = service["service"]["id"].as_str().unwrap().to_owned();
    let body = json!({"registered_limits": [{"service_id": service, "resource_name": "widget", "default_limit": 10}]});
    let made = cloud.post(admin, "/v3/registered_limits", body).await.expect(201);
    (service, made["registered_limits"][0]["id"].as_str().unwrap().to_owned())
}

fn limit(service: &str, kind: &str, id: &str, amount: i64) -> Value {
    json!({"service_id": service, "resource_name": "widget", kind: id, "resource_limit": amount})
}

#[tokio::test]
async fn limits_are_registered_then_set_for_projects_and_domains() {
    limits_are_registered_then_set_for_projects_and_domains_on(&Cloud::new().await).await;
}

pub async fn limits_are_registered_then_set_for_projects_and_domains_on(cloud: &Cloud) {
    let admin = cloud.admin().await;
    let (service, registered_id) = registered(cloud, &admin).await;
    let (user, project) = cloud.user("member").await;
    let (stranger, elsewhere) = cloud.user("member").await;
    let path = format!("/v3/registered_limits/{registered_id}");
    let twice = json!({"registered_limits": [{"service_id": service, "resource_name": "widget", "default_limit": 3}]});
    cloud.post(&admin, "/v3/registered_limits", twice).await.expect(409);
    let limits =
        json!({"limits": [limit(&service, "project_id", &project, 50), limit(&service, "domain_id", "default", 5)]});
    let made = cloud.post(&admin, "/v3/limits", limits.clone()).await.expect(201);
    assert_eq!((&made["limits"][0]["region_id"], made.get("links")), (&json!(null), None));
    let one = format!("/v3/limits/{}", made["limits"][0]["id"].as_str().unwrap());
    cloud.post(&admin, "/v3/limits", limits).await.expect(409);
    assert_eq!(cloud.get(&admin, "/v3/limits").await.expect(200)["limits"].as_array().unwrap().len(), 2);
    let found = cloud.get(&admin, &format!("/v3/limits?resource_name=widget&project_id={project}")).await.expect(200);
    assert_eq!(found["limits"], json!([made["limits"][0]]));

    let token = cloud.token(&user, &project).await;
    assert_eq!(cloud.get(&token, "/v3/limits").await.expect(200)["limits"], json!([made["limits"][0]]));
    assert_eq!(cloud.get(&token, &one).await.expect(200)["limit"], made["limits"][0]);
    cloud.get(&token, &format!("/v3/limits/{}", made["limits"][1]["id"].as_str().unwrap())).await.expect(403);
    assert_eq!(cloud.get(&token, &path).await.expect(200)["registered_limit"]["default_limit"], 10);
    cloud.patch(&token, &one, json!({"limit": {"resource_limit": 99}})).await.expect(403);
    cloud.post(&token, "/v3/limits", json!({"limits": [limit(&service, "project_id", &project, 9)]})).await.expect(403);
    let other = cloud.token(&stranger, &elsewhere).await;
    cloud.get(&other, &one).await.expect(403);
    assert_eq!(cloud.get(&other, "/v3/limits").await.expect(200)["limits"], json!([]));

    let changed = cloud.patch(&admin, &one, json!({"limit": {"resource_limit": 7, "description": "few"}})).await;
    assert_eq!(changed.expect(200)["limit"]["resource_limit"], 7);
    cloud.patch(&admin, &one, json!({"limit": {"resource_name": "gadget"}})).await.expect(400);
    cloud.patch(&admin, &path, json!({"registered_limit": {"resource_name": "gadget"}})).await.expect(403);
    let changed = cloud.patch(&admin, &path, json!({"registered_limit": {"default_limit": -1}})).await;
    assert_eq!(changed.expect(200)["registered_limit"]["default_limit"], -1);
    cloud.delete(&admin, &path).await.expect(403);
    cloud.delete(&admin, &one).await.expect(204);
    cloud.get(&admin, &one).await.expect(404);
    for (body, status) in [
        (json!({"limits": []}), 400),
        (json!({"limits": {}}), 400),
        (json!({"limits": [limit("none", "project_id", &project, 1)]}), 400),
        (json!({"limits": [limit(&service, "project_id", "none", 1)]}), 400),
        (json!({"limits": [limit(&service, "project_id", &project, -2)]}), 400),
        (json!({"limits": [{"service_id": service, "resource_name": "widget", "resource_limit": 1}]}), 400),
        (
            json!({"limits": [{"service_id": service, "resource_name": "gadget", "resource_limit": 1,
                "project_id": project}]}),
            403,
        ),
    ] {
        cloud.post(&admin, "/v3/limits", body).await.expect(status);
    }
    let model = cloud.get(&token, "/v3/limits/model").await.expect(200);
    assert_eq!(model["model"]["name"], "flat");
}

#[tokio::test]
async fn the_strict_model_keeps_projects_below_their_domain() {
    let cloud = Cloud::with(|options| options.config.limit_model = LimitModel::StrictTwoLevel).await;
    let admin = cloud.admin().await;
    let (service, _) = registered(&cloud, &admin).await;
    let (user, project) = cloud.user("member").await;
    let set = async |kind: &str, id: &str, amount: i64| {
        cloud.post(&admin, "/v3/limits", json!({"limits": [limit(&service, kind, id, amount)]})).await
    };
    // Without a limit of its own the domain has the registered one.
    let refused = set("project_id", &project, 11).await.expect(403);
    assert!(refused["error"]["message"].as_str().unwrap().contains("strict_two_level"));
    set("project_id", &project, -1).await.expect(403);
    set("project_id", &project, 10).await.expect(201);
    set("domain_id", "default", 9).await.expect(403);
    let domain = set("domain_id", "default", 20).await.expect(201)["limits"][0]["id"].as_str().unwrap().to_owned();
    let mine = cloud.get(&admin, &format!("/v3/limits?project_id={project}")).await.expect(200);
    let mine = format!("/v3/limits/{}", mine["limits"][0]["id"].as_str().unwrap());
    cloud.patch(&admin, &mine, json!({"limit": {"resource_limit": 21}})).await.expect(403);
    cloud.patch(&admin, &mine, json!({"limit": {"resource_limit": 20}})).await.expect(200);
    cloud.patch(&admin, &format!("/v3/limits/{domain}"), json!({"limit": {"resource_limit": 19}})).await.expect(403);
    // Projects stand directly below their domain.
    let child = json!({"project": {"name": "child", "parent_id": project}});
    cloud.post(&admin, "/v3/projects", child).await.expect(403);
    let token = token_of(cloud.login(&user.name, crate::cloud::PASSWORD, json!({"project": {"id": project}})).await);
    assert_eq!(cloud.get(&token, "/v3/limits/model").await.expect(200)["model"]["name"], "strict_two_level");

    let mut tx = cloud.db.begin().await.unwrap();
    let limits = cloud.identity.limits(&mut tx, "widgets", &project).await.unwrap();
    assert_eq!(limits.project["widget"], 20);
    assert_eq!((limits.default["widget"], limits.domain["widget"]), (10, 20));
    assert_eq!(limits.domain_id.as_deref(), Some("default"));
    assert!(cloud.identity.limits(&mut tx, "compute", &project).await.unwrap().default.is_empty());
}
