//! Projects and domains: what is immutable, domains that act as projects, trees as their users see them.

use serde_json::json;

use crate::cloud::Cloud;

#[tokio::test]
async fn what_is_immutable_stays_until_it_is_not() {
    what_is_immutable_stays_until_it_is_not_on(&Cloud::new().await).await;
}

pub async fn what_is_immutable_stays_until_it_is_not_on(cloud: &Cloud) {
    let admin = cloud.admin().await;
    for kind in ["domain", "project", "role"] {
        let body = json!({kind: {"name": "rock", "enabled": false, "options": {"immutable": true}}});
        let made = cloud.post(&admin, &format!("/v3/{kind}s"), body).await.expect(201)[kind].clone();
        assert_eq!(made["options"], json!({"immutable": true}), "{kind}");
        let path = format!("/v3/{kind}s/{}", made["id"].as_str().unwrap());
        cloud.patch(&admin, &path, json!({kind: {"name": "sand"}})).await.expect(403);
        cloud.delete(&admin, &path).await.expect(403);
        let both = json!({kind: {"name": "sand", "options": {"immutable": false}}});
        cloud.patch(&admin, &path, both).await.expect(403);
        cloud.patch(&admin, &path, json!({kind: {"options": {"immutable": "no"}}})).await.expect(400);
        cloud.patch(&admin, &path, json!({kind: {"options": {"odd": true}}})).await.expect(400);
        assert_eq!(cloud.get(&admin, &path).await.expect(200)[kind]["name"], "rock");
        let off = cloud.patch(&admin, &path, json!({kind: {"options": {"immutable": null}}})).await.expect(200);
        assert_eq!(off[kind]["options"], json!({}));
        cloud.patch(&admin, &path, json!({kind: {"name": "sand"}})).await.expect(200);
        cloud.delete(&admin, &path).await.expect(204);
    }
    let admin_role = format!("/v3/roles/{}", cloud.admin.role_id);
    cloud.delete(&admin, &admin_role).await.expect(403);
    let body = json!({"project": {"name": "tagged", "options": {"immutable": true}}});
    let project = cloud.post(&admin, "/v3/projects", body).await.expect(201);
    let tags = format!("/v3/projects/{}/tags", project["project"]["id"].as_str().unwrap());
    cloud.put(&admin, &format!("{tags}/x")).await.expect(403);
    cloud.delete(&admin, &tags).await.expect(403);
}

#[tokio::test]
async fn a_domain_is_a_project_too() {
    a_domain_is_a_project_too_on(&Cloud::new().await).await;
}

pub async fn a_domain_is_a_project_too_on(cloud: &Cloud) {
    let admin = cloud.admin().await;
    let body = json!({"project": {"name": "acting", "is_domain": true, "domain_id": null}});
    let made = cloud.post(&admin, "/v3/projects", body).await.expect(201)["project"].clone();
    let id = made["id"].as_str().unwrap();
    assert_eq!(
        (&made["is_domain"], &made["domain_id"], &made["parent_id"]),
        (&json!(true), &json!(null), &json!(null))
    );
    let path = format!("/v3/projects/{id}");
    assert_eq!(cloud.get(&admin, &path).await.expect(200)["project"], made);
    assert_eq!(cloud.get(&admin, &format!("/v3/domains/{id}")).await.expect(200)["domain"]["name"], "acting");
    let listed = cloud.get(&admin, "/v3/projects?is_domain=true&name=acting").await.expect(200);
    assert_eq!(listed["projects"], json!([made]));
    let listed = cloud.get(&admin, "/v3/projects?name=acting").await.expect(200);
    assert_eq!(listed["projects"], json!([]));
    cloud.delete(&admin, &path).await.expect(403);
    cloud.patch(&admin, &path, json!({"project": {"is_domain": false}})).await.expect(400);
    let off = json!({"project": {"enabled": false, "is_domain": true}});
    cloud.patch(&admin, &path, off).await.expect(200);
    cloud.delete(&admin, &path).await.expect(204);
    cloud.get(&admin, &format!("/v3/domains/{id}")).await.expect(404);
    let (user, project) = cloud.user("member").await;
    let token = cloud.token(&user, &project).await;
    cloud.get(&token, "/v3/projects/default").await.expect(403);
    cloud.post(&token, "/v3/projects", json!({"project": {"name": "x", "is_domain": true}})).await.expect(403);
}

#[tokio::test]
async fn parents_and_subtrees_show_what_the_caller_has_roles_on() {
    parents_and_subtrees_show_what_the_caller_has_roles_on_on(&Cloud::new().await).await;
}

pub async fn parents_and_subtrees_show_what_the_caller_has_roles_on_on(cloud: &Cloud) {
    let admin = cloud.admin().await;
    let mut parent = "default".to_owned();
    let mut ids = Vec::new();
    for name in ["top", "middle", "low"] {
        let body = json!({"project": {"name": name, "domain_id": "default", "parent_id": parent}});
        let made = cloud.post(&admin, "/v3/projects", body).await.expect(201);
        parent = made["project"]["id"].as_str().unwrap().to_owned();
        ids.push(parent.clone());
    }
    let seen = async |query: &str, key: &str| {
        let body = cloud.get(&admin, &format!("/v3/projects/{}?{query}", ids[1])).await.expect(200);
        body["project"][key].clone()
    };
    assert_eq!(seen("parents_as_list", "parents").await, json!([]));
    assert_eq!(seen("subtree_as_list", "subtree").await, json!([]));
    let (user, role) = (&cloud.admin.user_id, cloud.role("reader").await);
    for id in [&ids[0], &ids[2]] {
        cloud.put(&admin, &format!("/v3/projects/{id}/users/{user}/roles/{role}")).await.expect(204);
    }
    assert_eq!(seen("parents_as_list", "parents").await[0]["project"]["name"], "top");
    assert_eq!(seen("subtree_as_list", "subtree").await[0]["project"]["name"], "low");
    assert_eq!(seen("subtree_as_ids", "subtree").await, json!({&ids[2]: null}));
    let service =
        cloud.post(&admin, "/v3/services", json!({"service": {"type": "widgets", "name": "w"}})).await.expect(201);
    let service = &service["service"]["id"];
    let limit = json!({"service_id": service, "resource_name": "widget", "default_limit": 10});
    cloud.post(&admin, "/v3/registered_limits", json!({"registered_limits": [limit]})).await.expect(201);
    let limit = json!({"service_id": service, "resource_name": "widget", "resource_limit": 5, "project_id": ids[2]});
    cloud.post(&admin, "/v3/limits", json!({"limits": [limit]})).await.expect(201);
    let low = seen("subtree_as_list&include_limits", "subtree").await;
    assert_eq!(low[0]["project"]["limits"][0]["resource_limit"], 5, "{low}");
    assert_eq!(seen("parents_as_list&include_limits", "parents").await[0]["project"]["limits"], json!([]));
    assert_eq!(seen("subtree_as_list", "subtree").await[0]["project"].get("limits"), None);
    let both = format!("/v3/projects/{}?parents_as_list&parents_as_ids", ids[1]);
    cloud.get(&admin, &both).await.expect(400);
}

#[tokio::test]
async fn roles_of_a_domain_stay_on_its_projects() {
    roles_of_a_domain_stay_on_its_projects_on(&Cloud::new().await).await;
}

pub async fn roles_of_a_domain_stay_on_its_projects_on(cloud: &Cloud) {
    let admin = cloud.admin().await;
    let domain = cloud.post(&admin, "/v3/domains", json!({"domain": {"name": "d"}})).await.expect(201);
    let domain = domain["domain"]["id"].as_str().unwrap();
    let role = cloud.post(&admin, "/v3/roles", json!({"role": {"name": "baker", "domain_id": domain}})).await;
    let role = role.expect(201)["role"]["id"].as_str().unwrap().to_owned();
    cloud.post(&admin, "/v3/roles", json!({"role": {"name": "baker"}})).await.expect(201);
    let own = cloud.get(&admin, &format!("/v3/roles?domain_id={domain}")).await.expect(200);
    assert_eq!(own["roles"].as_array().unwrap().len(), 1);
    let (user, project) = cloud.user("member").await;
    let grant = |place: &str| format!("/v3/{place}/users/{}/roles/{role}", user.id);
    cloud.put(&admin, &grant(&format!("projects/{project}"))).await.expect(403);
    cloud.put(&admin, &grant("domains/default")).await.expect(204);
    cloud.put(&admin, &grant("system")).await.expect(403);
    cloud.put(&admin, &grant(&format!("domains/{domain}"))).await.expect(204);
    let token = cloud.token(&user, &project).await;
    let refused = cloud.get(&token, &format!("/v3/roles?domain_id={domain}")).await.expect(403);
    assert!(refused["error"]["message"].as_str().unwrap().contains("identity:list_domain_roles"));
    let refused = cloud.get(&token, &format!("/v3/roles/{role}")).await.expect(403);
    assert!(refused["error"]["message"].as_str().unwrap().contains("identity:get_domain_role"));
}

#[tokio::test]
async fn regions_go_with_those_above_and_endpoints_make_theirs() {
    regions_go_with_those_above_and_endpoints_make_theirs_on(&Cloud::new().await).await;
}

pub async fn regions_go_with_those_above_and_endpoints_make_theirs_on(cloud: &Cloud) {
    let admin = cloud.admin().await;
    for (id, parent) in [("Up", json!(null)), ("Mid", json!("Up")), ("Low", json!("Mid"))] {
        let body = json!({"region": {"id": id, "parent_region_id": parent}});
        cloud.post(&admin, "/v3/regions", body).await.expect(201);
    }
    let below = cloud.get(&admin, "/v3/regions?parent_region_id=Up").await.expect(200);
    assert_eq!(below["regions"][0]["id"], "Mid");
    let service = cloud.post(&admin, "/v3/services", json!({"service": {"type": "dns"}})).await.expect(201);
    let service = service["service"]["id"].clone();
    let body = |region: &str, name: &str| json!({"endpoint": {"service_id": service, "interface": "public", "url": "http://dns", region: name}});
    let made = cloud.post(&admin, "/v3/endpoints", body("region", "New")).await.expect(201);
    assert_eq!(made["endpoint"]["region_id"], "New");
    cloud.get(&admin, "/v3/regions/New").await.expect(200);
    let made = cloud.post(&admin, "/v3/endpoints", body("region_id", "Low")).await.expect(201);
    cloud.delete(&admin, "/v3/regions/Up").await.expect(403);
    let path = format!("/v3/endpoints/{}", made["endpoint"]["id"].as_str().unwrap());
    let moved = cloud.patch(&admin, &path, json!({"endpoint": {"region": "Newer"}})).await.expect(200);
    assert_eq!(moved["endpoint"]["region_id"], "Newer");
    cloud.patch(&admin, &path, json!({"endpoint": {"region_id": "Nowhere"}})).await.expect(400);
    cloud.delete(&admin, "/v3/regions/Up").await.expect(204);
    cloud.get(&admin, "/v3/regions/Low").await.expect(404);
}
