//! What role assignments amount to, and who sees which.

use serde_json::{Value, json};

use crate::cloud::{Cloud, PASSWORD, token_of};

struct Tree {
    top: String,
    low: String,
    user: String,
    group: String,
}

/// A user who is a member on all below `top`, through a group.
async fn tree(cloud: &Cloud, admin: &str) -> Tree {
    let make = async |kind: &str, body: Value| {
        let made = cloud.post(admin, &format!("/v3/{kind}s"), json!({kind: body})).await.expect(201);
        made[kind]["id"].as_str().unwrap().to_owned()
    };
    let top = make("project", json!({"name": "top"})).await;
    let low = make("project", json!({"name": "low", "parent_id": top})).await;
    let user = make("user", json!({"name": "u", "password": PASSWORD})).await;
    let group = make("group", json!({"name": "g"})).await;
    cloud.put(admin, &format!("/v3/groups/{group}/users/{user}")).await.expect(204);
    let member = cloud.role("member").await;
    let path = format!("/v3/OS-INHERIT/projects/{top}/groups/{group}/roles/{member}/inherited_to_projects");
    cloud.put(admin, &path).await.expect(204);
    Tree { top, low, user, group }
}

async fn list(cloud: &Cloud, token: &str, query: &str) -> Vec<Value> {
    let body = cloud.get(token, &format!("/v3/role_assignments?{query}")).await.expect(200);
    body["role_assignments"].as_array().unwrap().clone()
}

#[tokio::test]
async fn effective_assignments_say_where_they_come_from() {
    effective_assignments_say_where_they_come_from_on(&Cloud::new().await).await;
}

pub async fn effective_assignments_say_where_they_come_from_on(cloud: &Cloud) {
    let admin = cloud.admin().await;
    let Tree { top, low, user, group } = tree(cloud, &admin).await;
    for query in [
        format!("effective&user.id={user}"),
        format!("effective&scope.project.id={low}"),
        format!("effective&scope.project.id={top}&include_subtree&user.id={user}"),
    ] {
        let found = list(cloud, &admin, &query).await;
        assert_eq!(found.len(), 2, "{query}: {found:?}");
        let reader = cloud.role("reader").await;
        let implied = found.iter().find(|one| one["role"]["id"] == json!(reader)).unwrap();
        assert_eq!(implied["scope"]["project"]["id"], json!(low));
        assert_eq!(implied["scope"]["OS-INHERIT:inherited_to"], "projects");
        assert_eq!(implied["user"]["id"], json!(user));
        let link = |name: &str| implied["links"][name].as_str().unwrap().to_owned();
        assert!(link("assignment").contains(&format!("/v3/OS-INHERIT/projects/{top}/groups/{group}/roles/")));
        assert!(link("assignment").ends_with("/inherited_to_projects"));
        assert!(link("membership").ends_with(&format!("/v3/groups/{group}/users/{user}")));
        assert!(link("prior_role").ends_with(&format!("/implies/{reader}")));
    }
    let reader = cloud.role("reader").await;
    assert_eq!(list(cloud, &admin, &format!("effective&user.id={user}&role.id={reader}")).await.len(), 1);
    assert_eq!(list(cloud, &admin, &format!("effective&scope.project.id={top}")).await.len(), 0);
    let inherited = format!("scope.OS-INHERIT:inherited_to=projects&group.id={group}");
    assert_eq!(list(cloud, &admin, &inherited).await.len(), 1);
    for refused in [
        format!("effective&group.id={group}"),
        "effective&scope.domain.id=default&scope.OS-INHERIT:inherited_to=projects".to_owned(),
        format!("user.id={user}&group.id={group}"),
        "scope.domain.id=default&scope.system=all".to_owned(),
        "include_subtree".to_owned(),
    ] {
        cloud.get(&admin, &format!("/v3/role_assignments?{refused}")).await.expect(400);
    }
}

#[tokio::test]
async fn readers_of_a_domain_see_its_assignments_alone() {
    readers_of_a_domain_see_its_assignments_alone_on(&Cloud::new().await).await;
}

pub async fn readers_of_a_domain_see_its_assignments_alone_on(cloud: &Cloud) {
    let admin = cloud.admin().await;
    let domain = cloud.post(&admin, "/v3/domains", json!({"domain": {"name": "d"}})).await.expect(201);
    let domain = domain["domain"]["id"].as_str().unwrap();
    let user = json!({"user": {"name": "r", "domain_id": domain, "password": PASSWORD}});
    let user = cloud.post(&admin, "/v3/users", user).await.expect(201)["user"]["id"].as_str().unwrap().to_owned();
    let project = json!({"project": {"name": "p", "domain_id": domain}});
    let project = cloud.post(&admin, "/v3/projects", project).await.expect(201);
    let project = project["project"]["id"].as_str().unwrap();
    let reader = cloud.role("reader").await;
    for place in [format!("domains/{domain}"), format!("projects/{project}"), "system".to_owned()] {
        cloud.put(&admin, &format!("/v3/{place}/users/{user}/roles/{reader}")).await.expect(204);
    }
    let identity = json!({"methods": ["password"], "password": {"user": {"id": user, "password": PASSWORD}}});
    let token = token_of(cloud.auth(json!({"identity": identity, "scope": {"domain": {"id": domain}}})).await);
    for query in ["", "effective", &format!("user.id={user}"), "effective&include_names"] {
        assert_eq!(list(cloud, &token, query).await.len(), 2, "{query}");
    }
    for query in ["scope.system=all", "scope.domain.id=default", "effective&scope.domain.id=default"] {
        assert_eq!(list(cloud, &token, query).await, Vec::<Value>::new(), "{query}");
    }
    let other = format!("/v3/role_assignments?include_subtree&scope.project.id={}", cloud.admin.project_id);
    cloud.get(&token, &other).await.expect(403);
    assert_eq!(list(cloud, &token, &format!("include_subtree&scope.project.id={project}")).await.len(), 1);
    let others = cloud.get(&token, "/v3/projects?domain_id=default").await.expect(200);
    assert_eq!(others["projects"], json!([]));
    let refused = cloud.get(&token, "/v3/services").await.expect(403);
    assert!(refused["error"]["message"].as_str().unwrap().contains("identity:list_services"));
}
