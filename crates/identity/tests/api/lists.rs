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

/// Every list with everything that it can be asked by.
const FILTERS: &[(&str, &[&str])] = &[
    ("/v3/users", &["name", "id", "enabled", "domain_id", "password_expires_at"]),
    ("/v3/groups", &["name", "id", "domain_id"]),
    ("/v3/groups/{group}/users", &["name", "id", "enabled", "password_expires_at"]),
    (
        "/v3/projects",
        &[
            "name",
            "id",
            "enabled",
            "domain_id",
            "parent_id",
            "is_domain",
            "tags",
            "tags-any",
            "not-tags",
            "not-tags-any",
        ],
    ),
    ("/v3/domains", &["name", "id", "enabled"]),
    ("/v3/roles", &["name", "id", "domain_id"]),
    ("/v3/regions", &["id", "parent_region_id"]),
    ("/v3/services", &["name", "type"]),
    ("/v3/endpoints", &["interface", "service_id", "region_id"]),
    ("/v3/credentials", &["type", "user_id", "id"]),
    ("/v3/policies", &["type", "id"]),
    ("/v3/registered_limits", &["service_id", "region_id", "resource_name"]),
    ("/v3/limits", &["service_id", "region_id", "resource_name", "project_id", "domain_id"]),
    ("/v3/OS-EP-FILTER/endpoint_groups", &["name", "id"]),
    ("/v3/OS-TRUST/trusts", &["trustor_user_id", "trustee_user_id"]),
    ("/v3/users/{user}/application_credentials", &["name", "id"]),
    ("/v3/users/{user}/access_rules", &["service", "path", "method"]),
    ("/v3/users/{user}/projects", &["name", "enabled", "domain_id"]),
    ("/v3/users/{user}/groups", &["name", "id"]),
    (
        "/v3/role_assignments",
        &[
            "user.id",
            "group.id",
            "role.id",
            "scope.project.id",
            "scope.domain.id",
            "scope.system",
            "scope.OS-INHERIT:inherited_to",
            "effective",
            "include_subtree",
        ],
    ),
    ("/v3/OS-REVOKE/events", &["since"]),
];

/// What breaks out of texts, patterns, numbers and lists where it is not bound.
const HOSTILE: &[&str] = &[
    "' OR '1'='1",
    "'; DROP TABLE identity_users; --",
    "\") UNION SELECT password_hash FROM identity_users --",
    "1 OR 1=1",
    "%",
    "_",
    "\\",
    "$1",
    "?",
    "{}",
    "\u{0}",
    "\u{202e}\u{1f980}",
    "a,b') OR ('1'='1",
    "NULL",
];

#[tokio::test]
async fn hostile_filters_find_nothing_and_break_nothing() {
    hostile_filters_find_nothing_and_break_nothing_on(&Cloud::new().await).await;
}

pub async fn hostile_filters_find_nothing_and_break_nothing_on(cloud: &Cloud) {
    let admin = cloud.admin().await;
    let group = cloud.post(&admin, "/v3/groups", json!({"group": {"name": "g"}})).await.expect(201);
    let encode = |text: &str| text.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>();
    let before = cloud.get(&admin, "/v3/users").await.expect(200)["users"].clone();
    for (path, filters) in FILTERS {
        let path = path.replace("{user}", &cloud.admin.user_id);
        let path = path.replace("{group}", group["group"]["id"].as_str().unwrap());
        let paging = ["marker", "limit", "sort_key", "sort_dir"];
        let inexact = filters.iter().flat_map(|name| ["__contains", "__istartswith"].map(|way| format!("{name}{way}")));
        let names = filters.iter().chain(&paging).map(|name| (*name).to_owned()).chain(inexact);
        for name in names {
            for text in HOSTILE {
                let asked = format!("{path}?{name}={}", encode(text));
                let answer = cloud.get(&admin, &asked).await;
                assert!([200, 400, 403, 404].contains(&answer.status.as_u16()), "{asked} {text}: {}", answer.body);
                let exact = filters.contains(&name.as_str()) && !UNFILTERED.contains(&name.as_str());
                if answer.status == 200 && exact {
                    let (_, found) =
                        answer.body.as_object().unwrap().iter().find(|(_, value)| value.is_array()).unwrap();
                    assert_eq!(*found, json!([]), "{asked} {text}");
                }
            }
        }
    }
    assert_eq!(cloud.get(&admin, "/v3/users").await.expect(200)["users"], before);
}

/// What is without a tag that nobody has is everything; and these two count only with the one value that they know.
const UNFILTERED: &[&str] = &["not-tags", "not-tags-any", "scope.system", "scope.OS-INHERIT:inherited_to"];
