//! What is common to lists: filters, order, and HEAD.

use serde_json::{Value, json};

use crate::cloud::Cloud;

fn names(body: &Value, kind: &str) -> Vec<String> {
    body[kind].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn names_are_found_by_a_part() {
    names_are_found_by_a_part_on(&Cloud::new().await).await;
}

pub async fn names_are_found_by_a_part_on(cloud: &Cloud) {
    let admin = cloud.admin().await;
    for name in ["Apple", "pineapple", "a_c", "abc", "100%"] {
        cloud.post(&admin, "/v3/groups", json!({"group": {"name": name}})).await.expect(201);
    }
    for (query, wanted) in [
        ("name__contains=apple", vec!["pineapple"]),
        ("name__icontains=APPLE", vec!["Apple", "pineapple"]),
        ("name__startswith=App", vec!["Apple"]),
        ("name__istartswith=app", vec!["Apple"]),
        ("name__endswith=le", vec!["Apple", "pineapple"]),
        ("name__iendswith=PLE", vec!["Apple", "pineapple"]),
        ("name__contains=a_c", vec!["a_c"]),
        ("name__endswith=%25", vec!["100%"]),
        ("name__contains='; DROP TABLE identity_groups", vec![]),
        ("name__contains=a&name__endswith=c", vec!["a_c", "abc"]),
    ] {
        let body = cloud.get(&admin, &format!("/v3/groups?{}", query.replace(' ', "%20"))).await.expect(200);
        let mut found = names(&body, "groups");
        found.sort();
        assert_eq!(found, wanted, "{query}");
    }
    let services = cloud.get(&admin, "/v3/services?type__startswith=comp").await.expect(200);
    assert_eq!(names(&services, "services"), ["nova"]);
}

#[tokio::test]
async fn lists_are_sorted_as_asked_and_pages_follow() {
    lists_are_sorted_as_asked_and_pages_follow_on(&Cloud::new().await).await;
}

pub async fn lists_are_sorted_as_asked_and_pages_follow_on(cloud: &Cloud) {
    let admin = cloud.admin().await;
    for name in ["b", "c", "a"] {
        cloud.post(&admin, "/v3/groups", json!({"group": {"name": name}})).await.expect(201);
    }
    let (mut path, mut found) = ("/v3/groups?sort_key=name&sort_dir=desc&limit=2".to_owned(), Vec::new());
    loop {
        let body = cloud.get(&admin, &path).await.expect(200);
        found.extend(names(&body, "groups"));
        let Some(next) = body["links"]["next"].as_str() else { break };
        path = next.strip_prefix("http://cloud:8080/identity").unwrap().to_owned();
    }
    assert_eq!(found, ["c", "b", "a"]);
    cloud.get(&admin, "/v3/groups?sort_key=name&sort_dir=sideways").await.expect(400);
}

#[tokio::test]
async fn head_answers_wherever_get_does() {
    let cloud = Cloud::new().await;
    let admin = cloud.admin().await;
    let (user, project, role) = (&cloud.admin.user_id, &cloud.admin.project_id, &cloud.admin.role_id);
    for path in [
        "/v3/users".to_owned(),
        "/v3/projects".to_owned(),
        "/v3/domains".to_owned(),
        "/v3/groups".to_owned(),
        "/v3/roles".to_owned(),
        "/v3/regions".to_owned(),
        "/v3/services".to_owned(),
        "/v3/endpoints".to_owned(),
        "/v3/role_assignments".to_owned(),
        "/v3/role_inferences".to_owned(),
        "/v3/auth/catalog".to_owned(),
        "/v3/auth/projects".to_owned(),
        "/v3/auth/domains".to_owned(),
        "/v3/auth/system".to_owned(),
        format!("/v3/users/{user}"),
        format!("/v3/users/{user}/projects"),
        format!("/v3/users/{user}/groups"),
        format!("/v3/projects/{project}"),
        format!("/v3/projects/{project}/tags"),
        format!("/v3/roles/{role}"),
        format!("/v3/roles/{role}/implies"),
        format!("/v3/projects/{project}/users/{user}/roles"),
        format!("/v3/system/users/{user}/roles"),
    ] {
        let answer = cloud.head(&admin, &path).await;
        assert_eq!((answer.status.as_u16(), &answer.body), (200, &Value::Null), "{path}");
        cloud.head("", &path).await.expect(401);
    }
}
