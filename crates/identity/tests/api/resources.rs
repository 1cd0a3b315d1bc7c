use serde_json::{Value, json};

use crate::cloud::{Cloud, PASSWORD};

#[tokio::test]
async fn clients_find_the_api() {
    clients_find_the_api_on(&Cloud::new().await).await;
}

pub async fn clients_find_the_api_on(cloud: &Cloud) {
    let list = cloud.get("", "/").await.expect(300);
    assert_eq!(list["versions"]["values"][0]["id"], "v3.14");
    assert_eq!(list["versions"]["values"][0]["links"][0]["href"], "http://cloud:8080/identity/v3/");
    assert_eq!(cloud.get("", "/v3").await.expect(200)["version"]["status"], "stable");
    cloud.get("", "/v2").await.expect(404);
}

/// Makes, shows, lists, finds by name, renames and deletes one of each kind of thing.
#[tokio::test]
async fn everything_can_be_made_found_changed_and_deleted() {
    everything_can_be_made_found_changed_and_deleted_on(&Cloud::new().await).await;
}

pub async fn everything_can_be_made_found_changed_and_deleted_on(cloud: &Cloud) {
    let admin = cloud.admin().await;
    for (kind, extra) in [
        ("domain", json!({"enabled": false})),
        ("project", json!({"tags": ["a"]})),
        ("user", json!({"email": "x@example.org", "password": "p"})),
        ("group", json!({})),
        ("role", json!({})),
        ("service", json!({"type": "test"})),
    ] {
        let (all, mut body) = (format!("/v3/{kind}s"), extra.clone());
        body["name"] = json!("thing");
        body["description"] = json!("a thing");
        let made = cloud.post(&admin, &all, json!({kind: body})).await.expect(201)[kind].clone();
        let id = made["id"].as_str().unwrap().to_owned();
        let one = format!("{all}/{id}");
        assert_eq!(made["links"]["self"], format!("http://cloud:8080/identity{one}"));
        assert_eq!(made["description"], "a thing", "{kind}");
        assert!(made.get("password").is_none() && made.get("password_hash").is_none());
        assert_eq!(cloud.get(&admin, &one).await.expect(200)[kind], made);
        let found = cloud.get(&admin, &format!("{all}?name=thing")).await.expect(200);
        assert_eq!(found[format!("{kind}s")], json!([made]), "{kind}");
        assert_eq!(cloud.get(&admin, &format!("{all}?name=none")).await.expect(200)[format!("{kind}s")], json!([]));
        if kind != "service" {
            cloud.post(&admin, &all, json!({kind: body})).await.expect(409);
        }
        let changed = cloud.patch(&admin, &one, json!({kind: {"name": "other", "color": "red"}})).await.expect(200);
        assert_eq!((&changed[kind]["name"], &changed[kind]["color"]), (&json!("other"), &json!("red")));
        assert_eq!(changed[kind]["description"], "a thing");
        cloud.patch(&admin, &one, json!({kind: {"id": "x"}})).await.expect(400);
        cloud.delete(&admin, &one).await.expect(204);
        for answer in [
            cloud.get(&admin, &one).await,
            cloud.delete(&admin, &one).await,
            cloud.patch(&admin, &one, json!({kind: {"name": "x"}})).await,
        ] {
            let body = answer.expect(404);
            assert!(body["error"]["message"].as_str().unwrap().contains(&id));
        }
    }
}

#[tokio::test]
async fn bad_bodies_name_the_field() {
    bad_bodies_name_the_field_on(&Cloud::new().await).await;
}

pub async fn bad_bodies_name_the_field_on(cloud: &Cloud) {
    let admin = cloud.admin().await;
    for (path, body, word) in [
        ("/v3/users", json!({"user": {}}), "name"),
        ("/v3/users", json!({"user": {"name": ""}}), "name"),
        ("/v3/users", json!({"user": {"name": "x".repeat(256)}}), "name"),
        ("/v3/users", json!({"user": {"name": "x", "enabled": "yes"}}), "enabled"),
        ("/v3/users", json!({"user": {"name": "x", "password": "x".repeat(73)}}), "password"),
        ("/v3/users", json!({"users": {}}), "user"),
        ("/v3/projects", json!({"project": {"name": 7}}), "name"),
        ("/v3/projects", json!({"project": {"name": "x", "tags": ["a/b"]}}), "tag"),
        ("/v3/projects", json!({"project": {"name": "x", "is_domain": true, "domain_id": "default"}}), "domain"),
        ("/v3/endpoints", json!({"endpoint": {"service_id": "x", "url": "http://h", "interface": "odd"}}), "interface"),
        ("/v3/domains", json!([]), "body"),
    ] {
        let answer = cloud.post(&admin, path, body).await.expect(400);
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(message.contains(word), "{message}");
    }
    cloud.post(&admin, "/v3/users", json!({"user": {"name": "x", "domain_id": "none"}})).await.expect(404);
    cloud.get(&admin, "/v3/users?enabled=perhaps").await.expect(400);
}

#[tokio::test]
async fn lists_come_in_pages() {
    lists_come_in_pages_on(&Cloud::new().await).await;
}

pub async fn lists_come_in_pages_on(cloud: &Cloud) {
    let admin = cloud.admin().await;
    for number in 0..5 {
        let body = json!({"user": {"name": format!("user{number}")}});
        cloud.post(&admin, "/v3/users", body).await.expect(201);
    }
    let (mut path, mut names) = ("/v3/users?limit=2&enabled=true".to_owned(), Vec::new());
    loop {
        let body = cloud.get(&admin, &path).await.expect(200);
        names.extend(body["users"].as_array().unwrap().iter().map(|user| user["name"].as_str().unwrap().to_owned()));
        let Some(next) = body["links"]["next"].as_str() else { break };
        path = next.strip_prefix("http://cloud:8080/identity").unwrap().to_owned();
    }
    assert_eq!(names, ["admin", "user0", "user1", "user2", "user3", "user4"]);
}

#[tokio::test]
async fn projects_stand_in_trees() {
    projects_stand_in_trees_on(&Cloud::new().await).await;
}

pub async fn projects_stand_in_trees_on(cloud: &Cloud) {
    let admin = cloud.admin().await;
    let make = async |name: &str, parent: &str| {
        let body = json!({"project": {"name": name, "domain_id": "default", "parent_id": parent}});
        cloud.post(&admin, "/v3/projects", body).await
    };
    let id = |body: Value| body["project"]["id"].as_str().unwrap().to_owned();
    let top = id(make("top", "default").await.expect(201));
    let middle = id(make("middle", &top).await.expect(201));
    let low = id(make("low", &middle).await.expect(201));
    let fourth = id(make("fourth", &low).await.expect(201));
    let fifth = id(make("fifth", &fourth).await.expect(201));
    make("sixth", &fifth).await.expect(403);
    make("orphan", "none").await.expect(404);
    let body = cloud.get(&admin, &format!("/v3/projects/{low}?parents_as_ids")).await.expect(200);
    assert_eq!(body["project"]["parents"], json!({&middle: {&top: {"default": null}}}));
    let body = cloud.get(&admin, &format!("/v3/projects/{middle}?subtree_as_ids")).await.expect(200);
    assert_eq!(body["project"]["subtree"], json!({&low: {&fourth: {&fifth: null}}}));
    cloud.delete(&admin, &format!("/v3/projects/{top}")).await.expect(403);
    let off = json!({"project": {"enabled": false}});
    cloud.patch(&admin, &format!("/v3/projects/{top}"), off).await.expect(403);
    cloud.patch(&admin, &format!("/v3/projects/{low}"), json!({"project": {"parent_id": top}})).await.expect(400);
    let listed = cloud.get(&admin, &format!("/v3/projects?parent_id={top}")).await.expect(200);
    assert_eq!(listed["projects"].as_array().unwrap().len(), 1);
    let listed = cloud.get(&admin, "/v3/projects?parent_id=default").await.expect(200);
    assert_eq!(listed["projects"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn tags_are_kept_and_searched() {
    tags_are_kept_and_searched_on(&Cloud::new().await).await;
}

pub async fn tags_are_kept_and_searched_on(cloud: &Cloud) {
    let admin = cloud.admin().await;
    for (name, tags) in [("one", json!(["a", "b"])), ("two", json!(["b"])), ("three", json!([]))] {
        cloud.post(&admin, "/v3/projects", json!({"project": {"name": name, "tags": tags}})).await.expect(201);
    }
    for (query, wanted) in [
        ("tags=a,b", vec!["one"]),
        ("tags-any=a,b", vec!["one", "two"]),
        ("not-tags=a,b", vec!["admin", "three", "two"]),
        ("not-tags-any=a", vec!["admin", "three", "two"]),
    ] {
        let body = cloud.get(&admin, &format!("/v3/projects?{query}")).await.expect(200);
        let names: Vec<&str> =
            body["projects"].as_array().unwrap().iter().map(|project| project["name"].as_str().unwrap()).collect();
        assert_eq!(names, wanted, "{query}");
    }
    let tags = format!("/v3/projects/{}/tags", cloud.admin.project_id);
    cloud.put(&admin, &format!("{tags}/x")).await.expect(201);
    cloud.get(&admin, &format!("{tags}/x")).await.expect(204);
    assert_eq!(cloud.get(&admin, &tags).await.expect(200)["tags"], json!(["x"]));
    cloud.delete(&admin, &format!("{tags}/x")).await.expect(204);
    cloud.delete(&admin, &format!("{tags}/x")).await.expect(404);
}

#[tokio::test]
async fn an_enabled_domain_stays_and_a_deleted_one_takes_all_with_it() {
    an_enabled_domain_stays_and_a_deleted_one_takes_all_with_it_on(&Cloud::new().await).await;
}

pub async fn an_enabled_domain_stays_and_a_deleted_one_takes_all_with_it_on(cloud: &Cloud) {
    let admin = cloud.admin().await;
    let domain = cloud.post(&admin, "/v3/domains", json!({"domain": {"name": "d"}})).await.expect(201);
    let id = domain["domain"]["id"].as_str().unwrap().to_owned();
    let path = format!("/v3/domains/{id}");
    let user = json!({"user": {"name": "u", "password": PASSWORD, "domain_id": id}});
    let user = cloud.post(&admin, "/v3/users", user).await.expect(201)["user"]["id"].as_str().unwrap().to_owned();
    cloud.post(&admin, "/v3/projects", json!({"project": {"name": "p", "domain_id": id}})).await.expect(201);
    let auth = json!({"identity": {"methods": ["password"], "password": {"user": {"id": user, "password": PASSWORD}}}});
    let token = crate::cloud::token_of(cloud.auth(auth.clone()).await);
    cloud.delete(&admin, &path).await.expect(403);
    cloud.patch(&admin, &path, json!({"domain": {"enabled": false}})).await.expect(200);
    assert!(!cloud.is_valid(&token).await);
    cloud.auth(auth).await.expect(401);
    cloud.delete(&admin, &path).await.expect(204);
    cloud.get(&admin, &format!("/v3/users/{user}")).await.expect(404);
    assert_eq!(cloud.get(&admin, &format!("/v3/projects?domain_id={id}")).await.expect(200)["projects"], json!([]));
}

#[tokio::test]
async fn the_catalog_follows_services_and_endpoints() {
    the_catalog_follows_services_and_endpoints_on(&Cloud::new().await).await;
}

pub async fn the_catalog_follows_services_and_endpoints_on(cloud: &Cloud) {
    let admin = cloud.admin().await;
    let service =
        cloud.post(&admin, "/v3/services", json!({"service": {"type": "dns", "name": "d"}})).await.expect(201);
    let service = service["service"]["id"].clone();
    let region = json!({"region": {"id": "Two", "description": "second"}});
    cloud.post(&admin, "/v3/regions", region.clone()).await.expect(201);
    cloud.post(&admin, "/v3/regions", region).await.expect(409);
    let body = json!({"endpoint": {"service_id": service, "region_id": "Two", "interface": "public",
        "url": "http://dns/$(project_id)s"}});
    let endpoint = cloud.post(&admin, "/v3/endpoints", body.clone()).await.expect(201)["endpoint"].clone();
    let mut nowhere = body;
    nowhere["endpoint"]["region_id"] = json!("Three");
    cloud.post(&admin, "/v3/endpoints", nowhere).await.expect(400);
    let catalog = cloud.get(&admin, "/v3/auth/catalog").await.expect(200);
    let dns = catalog["catalog"].as_array().unwrap().iter().find(|one| one["type"] == "dns").unwrap();
    assert_eq!(dns["endpoints"][0]["url"], format!("http://dns/{}", cloud.admin.project_id));
    cloud.delete(&admin, "/v3/regions/Two").await.expect(403);
    cloud.patch(&admin, "/v3/regions/Two", json!({"region": {"parent_region_id": "Two"}})).await.expect(400);
    let path = format!("/v3/endpoints/{}", endpoint["id"].as_str().unwrap());
    cloud.patch(&admin, &path, json!({"endpoint": {"enabled": false}})).await.expect(200);
    let catalog = cloud.get(&admin, "/v3/auth/catalog").await.expect(200);
    let dns = catalog["catalog"].as_array().unwrap().iter().find(|one| one["type"] == "dns").unwrap().clone();
    assert_eq!(dns["endpoints"], json!([]));
    cloud.delete(&admin, &format!("/v3/services/{}", service.as_str().unwrap())).await.expect(204);
    cloud.get(&admin, &path).await.expect(404);
    cloud.delete(&admin, "/v3/regions/Two").await.expect(204);
}
