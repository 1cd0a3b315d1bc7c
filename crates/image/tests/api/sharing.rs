use http::Method;
use serde_json::json;

use crate::cloud::{Cloud, project};

#[tokio::test]
async fn a_shared_image_is_seen_when_it_is_accepted() {
    let cloud = Cloud::new().await;
    let id = cloud.create(&cloud.one, json!({"name": "shared"})).await;
    let (path, members) = (format!("/v2/images/{id}"), format!("/v2/images/{id}/members"));
    cloud.get(&cloud.two, &path).await.expect(404);
    let body = json!({"member": project(2)});
    cloud.json(&cloud.reader, Method::POST, &members, body.clone()).await.expect(403);
    let member = cloud.json(&cloud.one, Method::POST, &members, body.clone()).await.expect(200);
    assert_eq!((&member["status"], &member["member_id"]), (&json!("pending"), &json!(project(2))));
    cloud.json(&cloud.one, Method::POST, &members, body).await.expect(409);
    cloud.get(&cloud.two, &path).await.expect(200);
    let count = async |query: &str| {
        let list = cloud.get(&cloud.two, &format!("/v2/images{query}")).await.expect(200);
        list["images"].as_array().unwrap().len()
    };
    assert_eq!(count("").await, 0);
    assert_eq!(count("?visibility=shared&member_status=pending").await, 1);
    let own = format!("{members}/{}", project(2));
    cloud.json(&cloud.one, Method::PUT, &own, json!({"status": "accepted"})).await.expect(403);
    cloud.json(&cloud.two, Method::PUT, &own, json!({"status": "perhaps"})).await.expect(400);
    cloud.json(&cloud.two, Method::PUT, &own, json!({"status": "accepted"})).await.expect(200);
    assert_eq!(count("").await, 1);
    let list = cloud.get(&cloud.two, &members).await.expect(200);
    assert_eq!(list["members"][0]["status"], "accepted");
    cloud.patch(&cloud.two, &id, json!([{"op": "replace", "path": "/name", "value": "mine"}])).await.expect(403);
    cloud.delete(&cloud.two, &own).await.expect(403);
    cloud.delete(&cloud.one, &own).await.expect(204);
    cloud.get(&cloud.two, &path).await.expect(404);
    cloud
        .patch(&cloud.one, &id, json!([{"op": "replace", "path": "/visibility", "value": "private"}]))
        .await
        .expect(200);
    cloud.get(&cloud.one, &members).await.expect(403);
}

#[tokio::test]
async fn visibility_decides_who_sees_an_image() {
    let cloud = Cloud::new().await;
    let private = cloud.create(&cloud.one, json!({"visibility": "private", "protected": true})).await;
    let community = cloud.create(&cloud.one, json!({"visibility": "community"})).await;
    let public = cloud.create(&cloud.admin, json!({"visibility": "public"})).await;
    cloud.json(&cloud.one, Method::POST, "/v2/images", json!({"visibility": "public"})).await.expect(403);
    cloud.json(&cloud.reader, Method::POST, "/v2/images", json!({})).await.expect(403);
    cloud.get(&cloud.two, &format!("/v2/images/{private}")).await.expect(404);
    cloud.get(&cloud.reader, &format!("/v2/images/{private}")).await.expect(200);
    cloud.get(&cloud.two, &format!("/v2/images/{community}")).await.expect(200);
    cloud.delete(&cloud.reader, &format!("/v2/images/{community}")).await.expect(403);
    cloud.delete(&cloud.two, &format!("/v2/images/{public}")).await.expect(403);
    cloud.delete(&cloud.one, &format!("/v2/images/{private}")).await.expect(403);
    let ids = async |token: &str, query: &str| {
        let list = cloud.get(token, &format!("/v2/images{query}")).await.expect(200);
        let ids = list["images"].as_array().unwrap().iter().map(|image| image["id"].as_str().unwrap().to_owned());
        let mut ids = ids.collect::<Vec<_>>();
        ids.sort();
        ids
    };
    let sorted = |mut ids: Vec<&String>| {
        ids.sort();
        ids.into_iter().cloned().collect::<Vec<_>>()
    };
    assert_eq!(ids(&cloud.two, "").await, std::slice::from_ref(&public));
    assert_eq!(ids(&cloud.two, "?visibility=community").await, std::slice::from_ref(&community));
    assert_eq!(ids(&cloud.two, "?visibility=all").await, sorted(vec![&public, &community]));
    assert_eq!(ids(&cloud.one, "").await, sorted(vec![&public, &community, &private]));
    assert_eq!(ids(&cloud.admin, "").await, sorted(vec![&public, &private]));
}
