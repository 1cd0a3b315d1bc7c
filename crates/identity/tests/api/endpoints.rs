//! Endpoint filters, and policy documents for endpoints.

use serde_json::{Value, json};

use crate::cloud::Cloud;

fn id(body: &Value, kind: &str) -> String {
    body[kind]["id"].as_str().unwrap().to_owned()
}

/// Types of the services with an endpoint in the token's catalog, and how many endpoints there are.
async fn catalog(cloud: &Cloud, token: &str) -> (Vec<String>, usize) {
    let body = cloud.get(token, "/v3/auth/catalog").await.expect(200);
    let services = body["catalog"].as_array().unwrap();
    let types = services.iter().map(|service| service["type"].as_str().unwrap().to_owned()).collect();
    (types, services.iter().map(|service| service["endpoints"].as_array().unwrap().len()).sum())
}

#[tokio::test]
async fn a_project_sees_the_endpoints_that_it_is_shown() {
    a_project_sees_the_endpoints_that_it_is_shown_on(&Cloud::new().await).await;
}

pub async fn a_project_sees_the_endpoints_that_it_is_shown_on(cloud: &Cloud) {
    let admin = cloud.admin().await;
    let (user, project) = cloud.user("member").await;
    let token = cloud.token(&user, &project).await;
    assert_eq!(catalog(cloud, &token).await.1, 9);
    let endpoints = cloud.get(&admin, "/v3/endpoints?interface=internal").await.expect(200);
    let (endpoint, service) =
        (endpoints["endpoints"][0]["id"].as_str().unwrap(), &endpoints["endpoints"][0]["service_id"]);
    let base = "/v3/OS-EP-FILTER";
    let one = format!("{base}/projects/{project}/endpoints/{endpoint}");
    cloud.get(&admin, &one).await.expect(404);
    cloud.put(&admin, &one).await.expect(204);
    cloud.put(&admin, &one).await.expect(204);
    cloud.get(&admin, &one).await.expect(204);
    cloud.head(&admin, &one).await.expect(204);
    let (types, count) = catalog(cloud, &token).await;
    assert_eq!((types.len(), count), (1, 1));
    assert_eq!(catalog(cloud, &admin).await.1, 9);
    let shown = cloud.get(&admin, &format!("{base}/projects/{project}/endpoints")).await.expect(200);
    assert_eq!(shown["endpoints"][0]["id"], json!(endpoint));
    let projects = cloud.get(&admin, &format!("{base}/endpoints/{endpoint}/projects")).await.expect(200);
    assert_eq!(projects["projects"][0]["id"], json!(project));

    let body = json!({"endpoint_group": {"name": "g", "filters": {"interface": "public"}}});
    let group = id(&cloud.post(&admin, &format!("{base}/endpoint_groups"), body).await.expect(201), "endpoint_group");
    let path = format!("{base}/endpoint_groups/{group}");
    let member = format!("{path}/projects/{project}");
    cloud.get(&admin, &member).await.expect(404);
    cloud.put(&admin, &member).await.expect(204);
    let both = cloud.get(&admin, &member).await.expect(200);
    assert_eq!(both["project_endpoint_group"]["project_id"], json!(project));
    assert_eq!(catalog(cloud, &token).await.1, 4);
    let found = cloud.get(&admin, &format!("{path}/endpoints")).await.expect(200);
    assert_eq!(found["endpoints"].as_array().unwrap().len(), 3);
    let projects = cloud.get(&admin, &format!("{path}/projects")).await.expect(200);
    assert_eq!(projects["projects"][0]["id"], json!(project));
    let groups = cloud.get(&admin, &format!("{base}/projects/{project}/endpoint_groups")).await.expect(200);
    assert_eq!(groups["endpoint_groups"][0]["id"], json!(group));
    let body = json!({"endpoint_group": {"filters": {"interface": "public", "service_id": service}}});
    cloud.patch(&admin, &path, body).await.expect(200);
    assert_eq!(catalog(cloud, &token).await.1, 2);
    cloud.delete(&admin, &one).await.expect(204);
    cloud.delete(&admin, &one).await.expect(404);
    assert_eq!(catalog(cloud, &token).await.1, 1);
    cloud.delete(&admin, &member).await.expect(204);
    assert_eq!(catalog(cloud, &token).await.1, 9);
    cloud.put(&admin, &member).await.expect(204);
    cloud.delete(&admin, &path).await.expect(204);
    assert_eq!(catalog(cloud, &token).await.1, 9);
    for filters in [json!({}), json!({"color": "red"}), json!({"interface": "odd"}), json!(7)] {
        let body = json!({"endpoint_group": {"name": "g", "filters": filters}});
        cloud.post(&admin, &format!("{base}/endpoint_groups"), body).await.expect(400);
    }
    for path in [format!("{base}/endpoint_groups"), one, member] {
        let refused = cloud.get(&token, &path).await.expect(403);
        assert!(refused["error"]["message"].as_str().unwrap().contains("identity:"));
    }
}

#[tokio::test]
async fn the_nearest_policy_document_is_for_an_endpoint() {
    the_nearest_policy_document_is_for_an_endpoint_on(&Cloud::new().await).await;
}

pub async fn the_nearest_policy_document_is_for_an_endpoint_on(cloud: &Cloud) {
    let admin = cloud.admin().await;
    let mut policies = Vec::new();
    for name in ["a", "b", "c"] {
        let body = json!({"policy": {"type": "application/json", "blob": format!("{{\"{name}\": \"@\"}}")}});
        policies.push(id(&cloud.post(&admin, "/v3/policies", body).await.expect(201), "policy"));
    }
    assert_eq!(cloud.get(&admin, "/v3/policies?type=text").await.expect(200)["policies"], json!([]));
    for (region, parent) in [("Up", json!(null)), ("Low", json!("Up"))] {
        let body = json!({"region": {"id": region, "parent_region_id": parent}});
        cloud.post(&admin, "/v3/regions", body).await.expect(201);
    }
    let service =
        id(&cloud.post(&admin, "/v3/services", json!({"service": {"type": "dns"}})).await.expect(201), "service");
    let body =
        json!({"endpoint": {"service_id": service, "interface": "public", "url": "http://d", "region_id": "Low"}});
    let endpoint = id(&cloud.post(&admin, "/v3/endpoints", body).await.expect(201), "endpoint");
    let for_endpoint = format!("/v3/endpoints/{endpoint}/OS-ENDPOINT-POLICY/policy");
    cloud.get(&admin, &for_endpoint).await.expect(404);
    let places =
        [format!("services/{service}"), format!("services/{service}/regions/Up"), format!("endpoints/{endpoint}")];
    let path = |policy: &str, place: &str| format!("/v3/policies/{policy}/OS-ENDPOINT-POLICY/{place}");
    for (policy, place) in policies.iter().zip(&places) {
        cloud.get(&admin, &path(policy, place)).await.expect(404);
        cloud.put(&admin, &path(policy, place)).await.expect(204);
        cloud.head(&admin, &path(policy, place)).await.expect(204);
        assert_eq!(cloud.get(&admin, &for_endpoint).await.expect(200)["policy"]["id"], json!(policy));
        let all = cloud.get(&admin, &path(policy, "endpoints")).await.expect(200);
        assert_eq!(all["endpoints"][0]["id"], json!(endpoint));
    }
    let none = cloud.get(&admin, &path(&policies[0], "endpoints")).await.expect(200);
    assert_eq!(none["endpoints"], json!([]));
    cloud.put(&admin, &path(&policies[0], &places[2])).await.expect(204);
    assert_eq!(cloud.get(&admin, &for_endpoint).await.expect(200)["policy"]["id"], json!(policies[0]));
    cloud.get(&admin, &path(&policies[2], &places[2])).await.expect(404);
    cloud.delete(&admin, &path(&policies[0], &places[2])).await.expect(204);
    assert_eq!(cloud.get(&admin, &for_endpoint).await.expect(200)["policy"]["id"], json!(policies[1]));
    cloud.put(&admin, &path(&policies[0], "services/none")).await.expect(404);
    let one = format!("/v3/policies/{}", policies[1]);
    cloud.patch(&admin, &one, json!({"policy": {"blob": "{}"}})).await.expect(200);
    assert_eq!(cloud.get(&admin, &one).await.expect(200)["policy"]["blob"], "{}");
    cloud.delete(&admin, &one).await.expect(204);
    cloud.get(&admin, &one).await.expect(404);
    assert_eq!(cloud.get(&admin, &for_endpoint).await.expect(200)["policy"]["id"], json!(policies[0]));
    cloud.post(&admin, "/v3/policies", json!({"policy": {"type": "x"}})).await.expect(400);
}
