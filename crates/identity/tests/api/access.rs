//! Who may do what: readers, other projects' and other domains' people, and what roles amount to.

use http::Method;
use serde_json::{Value, json};

use crate::cloud::{Cloud, PASSWORD, by_password, token_of};

#[tokio::test]
async fn users_see_themselves_and_nothing_else() {
    users_see_themselves_and_nothing_else_on(&Cloud::new().await).await;
}

pub async fn users_see_themselves_and_nothing_else_on(cloud: &Cloud) {
    let (user, project) = cloud.user("member").await;
    let token = cloud.token(&user, &project).await;
    cloud.get(&token, &format!("/v3/users/{}", user.id)).await.expect(200);
    cloud.get(&token, &format!("/v3/users/{}/projects", user.id)).await.expect(200);
    cloud.get(&token, &format!("/v3/users/{}/groups", user.id)).await.expect(200);
    cloud.get(&token, &format!("/v3/projects/{project}")).await.expect(200);
    cloud.get(&token, "/v3/domains/default").await.expect(200);
    cloud.get(&token, "/v3/regions").await.expect(200);
    let projects = cloud.get(&token, "/v3/auth/projects").await.expect(200);
    assert_eq!(projects["projects"].as_array().unwrap().len(), 1);
    assert_eq!(cloud.get(&token, "/v3/auth/system").await.expect(200)["system"], json!([]));
}

/// Every route that needs more than a valid token, from the side of someone who has nothing to do with its target.
#[tokio::test]
async fn strangers_are_refused_everywhere() {
    strangers_are_refused_everywhere_on(&Cloud::new().await).await;
}

pub async fn strangers_are_refused_everywhere_on(cloud: &Cloud) {
    let admin = &cloud.admin;
    let (u, p, r) = (admin.user_id.as_str(), admin.project_id.as_str(), admin.role_id.as_str());
    let group = json!({"group": {"name": "g"}});
    let group = cloud.post(&cloud.admin().await, "/v3/groups", group).await.expect(201);
    let g = group["group"]["id"].as_str().unwrap();
    let crud = |kind: &str, id: &str| {
        let (all, one) = (format!("/v3/{kind}s"), format!("/v3/{kind}s/{id}"));
        vec![
            (Method::POST, all.clone()),
            (Method::GET, all),
            (Method::GET, one.clone()),
            (Method::PATCH, one.clone()),
            (Method::DELETE, one),
        ]
    };
    let mut routes: Vec<(Method, String)> = Vec::new();
    for (kind, id) in [("user", u), ("project", p), ("group", g), ("role", r), ("service", "x"), ("endpoint", "x")] {
        routes.extend(crud(kind, id));
    }
    for (method, path) in [
        (Method::POST, "/v3/domains".to_owned()),
        (Method::GET, "/v3/domains".to_owned()),
        (Method::PATCH, "/v3/domains/default".to_owned()),
        (Method::DELETE, "/v3/domains/default".to_owned()),
        (Method::POST, "/v3/regions".to_owned()),
        (Method::PATCH, "/v3/regions/RegionOne".to_owned()),
        (Method::DELETE, "/v3/regions/RegionOne".to_owned()),
        (Method::GET, format!("/v3/users/{u}/projects")),
        (Method::GET, format!("/v3/users/{u}/groups")),
        (Method::GET, format!("/v3/groups/{g}/users")),
        (Method::GET, format!("/v3/projects/{p}/tags")),
        (Method::GET, "/v3/role_assignments".to_owned()),
        (Method::GET, "/v3/role_inferences".to_owned()),
        (Method::GET, format!("/v3/roles/{r}/implies")),
    ] {
        routes.push((method, path));
    }
    for path in [
        format!("/v3/projects/{p}/tags/t"),
        format!("/v3/groups/{g}/users/{u}"),
        format!("/v3/roles/{r}/implies/{r}"),
        format!("/v3/projects/{p}/users/{u}/roles/{r}"),
        format!("/v3/projects/{p}/groups/{g}/roles/{r}"),
        format!("/v3/domains/default/users/{u}/roles/{r}"),
        format!("/v3/domains/default/groups/{g}/roles/{r}"),
        format!("/v3/system/users/{u}/roles/{r}"),
        format!("/v3/system/groups/{g}/roles/{r}"),
        format!("/v3/OS-INHERIT/domains/default/users/{u}/roles/{r}/inherited_to_projects"),
    ] {
        for method in [Method::PUT, Method::GET, Method::HEAD, Method::DELETE] {
            routes.push((method, path.clone()));
        }
    }
    for role in ["reader", "member"] {
        let (user, project) = cloud.user(role).await;
        let token = cloud.token(&user, &project).await;
        for (method, path) in &routes {
            let kind = path.split('/').nth(2).unwrap().trim_end_matches('s').to_owned();
            let has_body = matches!(*method, Method::POST | Method::PATCH);
            let body = has_body.then(|| json!({kind: {"name": "mine", "domain_id": "default"}}));
            let answer = cloud.send(method.clone(), path, &[("x-auth-token", &token)], body).await;
            assert_eq!(answer.status, 403, "{role} {method} {path}: {}", answer.body);
            let answer = cloud.send(method.clone(), path, &[], None).await;
            assert_eq!(answer.status, 401, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn a_manager_of_a_domain_stays_in_it() {
    a_manager_of_a_domain_stays_in_it_on(&Cloud::new().await).await;
}

pub async fn a_manager_of_a_domain_stays_in_it_on(cloud: &Cloud) {
    let admin = cloud.admin().await;
    let domain = cloud.post(&admin, "/v3/domains", json!({"domain": {"name": "d"}})).await.expect(201);
    let domain = domain["domain"]["id"].as_str().unwrap().to_owned();
    let boss = json!({"user": {"name": "boss", "domain_id": domain, "password": PASSWORD}});
    let boss = cloud.post(&admin, "/v3/users", boss).await.expect(201)["user"]["id"].as_str().unwrap().to_owned();
    let (manager, member) = (cloud.role("manager").await, cloud.role("member").await);
    cloud.put(&admin, &format!("/v3/domains/{domain}/users/{boss}/roles/{manager}")).await.expect(204);
    let user = json!({"id": boss, "password": PASSWORD});
    let auth =
        json!({"identity": {"methods": ["password"], "password": {"user": user}}, "scope": {"domain": {"id": domain}}});
    let token = token_of(cloud.auth(auth).await);
    cloud.post(&token, "/v3/users", json!({"user": {"name": "u"}})).await.expect(403);
    let body = json!({"user": {"name": "u", "domain_id": domain}});
    let user = cloud.post(&token, "/v3/users", body).await.expect(201)["user"].clone();
    let project = cloud.post(&token, "/v3/projects", json!({"project": {"name": "p"}})).await.expect(201);
    let (user, project) = (user["id"].as_str().unwrap(), project["project"]["id"].as_str().unwrap().to_owned());
    cloud.put(&token, &format!("/v3/projects/{project}/users/{user}/roles/{member}")).await.expect(204);
    cloud.put(&token, &format!("/v3/projects/{project}/users/{user}/roles/{}", cloud.admin.role_id)).await.expect(403);
    cloud
        .put(&token, &format!("/v3/projects/{}/users/{user}/roles/{member}", cloud.admin.project_id))
        .await
        .expect(403);
    cloud
        .put(&token, &format!("/v3/projects/{project}/users/{}/roles/{member}", cloud.admin.user_id))
        .await
        .expect(403);
    cloud.patch(&token, &format!("/v3/users/{}", cloud.admin.user_id), json!({"user": {}})).await.expect(403);
    cloud.post(&token, "/v3/users", json!({"user": {"name": "x", "domain_id": "default"}})).await.expect(403);
    let users = cloud.get(&token, "/v3/users").await.expect(200);
    assert_eq!(users["users"].as_array().unwrap().len(), 2);
    assert_eq!(cloud.get(&token, "/v3/users?domain_id=default").await.expect(200)["users"], json!([]));
    let assignments = cloud.get(&token, "/v3/role_assignments").await.expect(200);
    assert_eq!(assignments["role_assignments"].as_array().unwrap().len(), 2);
    assert_eq!(cloud.get(&token, "/v3/domains").await.expect(200)["domains"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn roles_come_by_groups_inheritance_and_implication() {
    roles_come_by_groups_inheritance_and_implication_on(&Cloud::new().await).await;
}

pub async fn roles_come_by_groups_inheritance_and_implication_on(cloud: &Cloud) {
    let admin = cloud.admin().await;
    let (user, project) = cloud.user("reader").await;
    let group = cloud.post(&admin, "/v3/groups", json!({"group": {"name": "g"}})).await.expect(201);
    let group = group["group"]["id"].as_str().unwrap().to_owned();
    let member = cloud.role("member").await;
    let body = json!({"project": {"name": "child", "parent_id": project}});
    let child =
        cloud.post(&admin, "/v3/projects", body).await.expect(201)["project"]["id"].as_str().unwrap().to_owned();
    let roles = async |project: &str| {
        let answer = cloud.auth(by_password(&user.name, PASSWORD, json!({"project": {"id": project}}))).await;
        let roles = answer.body["token"]["roles"].as_array().cloned().unwrap_or_default();
        roles.iter().map(|role| role["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert!(roles(&child).await.is_empty());
    let path = format!("/v3/OS-INHERIT/projects/{project}/groups/{group}/roles/{member}/inherited_to_projects");
    cloud.put(&admin, &path).await.expect(204);
    assert!(roles(&child).await.is_empty());
    cloud.put(&admin, &format!("/v3/groups/{group}/users/{}", user.id)).await.expect(204);
    assert_eq!(roles(&child).await, ["member", "reader"]);
    assert_eq!(roles(&project).await, ["reader"]);
    let found = cloud.get(&admin, &format!("/v3/users/{}/projects", user.id)).await.expect(200);
    assert_eq!(found["projects"].as_array().unwrap().len(), 2);
    let path_of_first = format!("/v3/users/{}/projects?limit=1", user.id);
    let first = cloud.get(&admin, &path_of_first).await.expect(200);
    let next = first["links"]["next"].as_str().unwrap().strip_prefix("http://cloud:8080/identity").unwrap();
    let second = cloud.get(&admin, next).await.expect(200);
    assert_eq!(second["projects"][0], found["projects"][1]);
    assert_eq!(second["links"]["next"], json!(null));
    let query = format!("effective&user.id={}&scope.project.id={child}&include_names", user.id);
    let body = cloud.get(&admin, &format!("/v3/role_assignments?{query}")).await.expect(200);
    let mut names: Vec<&Value> =
        body["role_assignments"].as_array().unwrap().iter().map(|one| &one["role"]["name"]).collect();
    names.sort_by_key(|name| name.to_string());
    assert_eq!(names, ["member", "reader"]);
    assert_eq!(body["role_assignments"][0]["user"]["domain"]["name"], "Default");
    cloud.delete(&admin, &path).await.expect(204);
    assert!(roles(&child).await.is_empty());
    let path = format!("/v3/OS-INHERIT/domains/default/users/{}/roles/{member}/inherited_to_projects", user.id);
    cloud.put(&admin, &path).await.expect(204);
    cloud.head(&admin, &path).await.expect(204);
    assert_eq!(roles(&child).await, ["member", "reader"]);
}

#[tokio::test]
async fn what_is_not_there_is_not_there_for_anybody() {
    what_is_not_there_is_not_there_for_anybody_on(&Cloud::new().await).await;
}

/// Where clients know a 404, also of those who may do nothing; elsewhere a stranger learns nothing.
pub async fn what_is_not_there_is_not_there_for_anybody_on(cloud: &Cloud) {
    let (user, project) = cloud.user("reader").await;
    let token = cloud.token(&user, &project).await;
    for (method, path, status) in [
        (Method::GET, "/v3/roles/none", 404),
        (Method::PATCH, "/v3/roles/none", 404),
        (Method::DELETE, "/v3/roles/none", 404),
        (Method::PATCH, "/v3/domains/none", 404),
        (Method::DELETE, "/v3/domains/none", 404),
        (Method::DELETE, "/v3/groups/none", 404),
        (Method::GET, "/v3/domains/none", 403),
        (Method::GET, "/v3/groups/none", 403),
        (Method::GET, "/v3/users/none", 403),
        (Method::GET, "/v3/projects/none", 403),
    ] {
        let kind = path.split('/').nth(2).unwrap().trim_end_matches('s').to_owned();
        let body = (method == Method::PATCH).then(|| json!({kind: {"name": "x"}}));
        let answer = cloud.send(method.clone(), path, &[("x-auth-token", &token)], body).await;
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.body);
    }
}

#[tokio::test]
async fn a_role_of_a_domain_is_only_what_it_implies() {
    a_role_of_a_domain_is_only_what_it_implies_on(&Cloud::new().await).await;
}

pub async fn a_role_of_a_domain_is_only_what_it_implies_on(cloud: &Cloud) {
    let admin = cloud.admin().await;
    let (user, project) = cloud.user("reader").await;
    let made = async |kind: &str, fields: Value| {
        let body = cloud.post(&admin, &format!("/v3/{kind}s"), json!({kind: fields})).await.expect(201);
        body[kind]["id"].as_str().unwrap().to_owned()
    };
    let domain = made("domain", json!({"name": "d"})).await;
    let own = made("role", json!({"name": "own", "domain_id": "default"})).await;
    let other = made("role", json!({"name": "other", "domain_id": domain})).await;
    let grant = |target: &str, role: &str| format!("/v3/{target}/users/{}/roles/{role}", user.id);
    let on_project = format!("projects/{project}");
    cloud.put(&admin, &grant(&on_project, &other)).await.expect(403);
    cloud.put(&admin, &grant(&on_project, &own)).await.expect(204);
    cloud.put(&admin, &grant("domains/default", &other)).await.expect(204);
    let effective = async || {
        let path = format!("/v3/role_assignments?effective&include_names&user.id={}", user.id);
        let body = cloud.get(&admin, &path).await.expect(200);
        let all = body["role_assignments"].as_array().unwrap().iter();
        all.map(|one| one["role"]["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(effective().await, ["reader"]);
    let member = cloud.role("member").await;
    cloud.put(&admin, &format!("/v3/roles/{member}/implies/{own}")).await.expect(403);
    cloud.put(&admin, &format!("/v3/roles/{own}/implies/{other}")).await.expect(201);
    cloud.put(&admin, &format!("/v3/roles/{other}/implies/{member}")).await.expect(201);
    let mut found = effective().await;
    found.sort();
    found.dedup();
    assert_eq!(found, ["member", "reader"]);
}

#[tokio::test]
async fn assignments_are_listed_as_given() {
    assignments_are_listed_as_given_on(&Cloud::new().await).await;
}

pub async fn assignments_are_listed_as_given_on(cloud: &Cloud) {
    let admin = cloud.admin().await;
    let (user, project) = cloud.user("member").await;
    let list = async |query: &str| {
        let body = cloud.get(&admin, &format!("/v3/role_assignments?{query}")).await.expect(200);
        body["role_assignments"].as_array().unwrap().clone()
    };
    let mine = list(&format!("user.id={}", user.id)).await;
    assert_eq!(mine.len(), 1);
    assert_eq!(mine[0]["scope"]["project"]["id"], json!(project));
    let named = list(&format!("user.id={}&include_names=True", user.id)).await;
    assert_eq!(named[0]["user"]["name"], json!(user.name));
    assert_eq!(named[0]["scope"]["project"]["domain"]["name"], "Default");
    assert_eq!(list("scope.system=all").await[0]["scope"], json!({"system": {"all": true}}));
    assert_eq!(list(&format!("role.id={}", cloud.admin.role_id)).await.len(), 2);
    cloud.get(&admin, "/v3/role_assignments?scope.system=all&scope.project.id=x").await.expect(400);
    let grants = format!("/v3/projects/{project}/users/{}/roles", user.id);
    assert_eq!(cloud.get(&admin, &grants).await.expect(200)["roles"][0]["name"], "member");
    cloud.put(&admin, &format!("{grants}/none")).await.expect(404);
    cloud.delete(&admin, &format!("{grants}/{}", cloud.admin.role_id)).await.expect(404);
}

#[tokio::test]
async fn implications_can_be_changed() {
    implications_can_be_changed_on(&Cloud::new().await).await;
}

pub async fn implications_can_be_changed_on(cloud: &Cloud) {
    let admin = cloud.admin().await;
    let (member, reader) = (cloud.role("member").await, cloud.role("reader").await);
    let (user, project) = cloud.user("member").await;
    let token = cloud.token(&user, &project).await;
    assert!(cloud.identity.authenticate(&token).await.unwrap().has_role("reader"));
    let path = format!("/v3/roles/{member}/implies/{reader}");
    cloud.head(&admin, &path).await.expect(204);
    assert_eq!(cloud.get(&admin, &path).await.expect(200)["role_inference"]["implies"]["name"], "reader");
    cloud.delete(&admin, &path).await.expect(204);
    assert!(!cloud.identity.authenticate(&token).await.unwrap().has_role("reader"));
    cloud.head(&admin, &path).await.expect(404);
    cloud.put(&admin, &path).await.expect(201);
    cloud.put(&admin, &format!("/v3/roles/{member}/implies/{}", cloud.admin.role_id)).await.expect(403);
    let all = cloud.get(&admin, "/v3/role_inferences").await.expect(200);
    assert_eq!(all["role_inferences"].as_array().unwrap().len(), 3);
}
