use http::Method;
use serde_json::json;

use crate::cloud::Cloud;

#[tokio::test]
async fn an_image_is_made_changed_and_shown() {
    let cloud = Cloud::new().await;
    let body = json!({"name": "a", "os_distro": "debian", "tags": ["x", "x"], "min_disk": 1});
    let made = cloud.json(&cloud.one, Method::POST, "/v2/images", body).await;
    let location = made.header("location").to_owned();
    let made = made.expect(201);
    let id = made["id"].as_str().unwrap();
    assert_eq!(location, format!("http://cloud:8080/image/v2/images/{id}"));
    assert_eq!((&made["visibility"], &made["status"]), (&json!("shared"), &json!("queued")));
    assert_eq!((&made["os_distro"], &made["tags"]), (&json!("debian"), &json!(["x"])));
    let changes = json!([
        {"op": "replace", "path": "/name", "value": "b"}, {"op": "add", "path": "/hw_disk_bus", "value": "virtio"},
        {"op": "remove", "path": "/os_distro"}, {"op": "replace", "path": "/os_hidden", "value": true},
    ]);
    let changed = cloud.patch(&cloud.one, id, changes).await.expect(200);
    assert_eq!((&changed["name"], &changed["hw_disk_bus"]), (&json!("b"), &json!("virtio")));
    assert!(changed.get("os_distro").is_none());
    for (change, status) in [
        (json!({"op": "replace", "path": "/status", "value": "active"}), 403),
        (json!({"op": "remove", "path": "/name"}), 403),
        (json!({"op": "replace", "path": "/none", "value": "x"}), 409),
        (json!({"op": "add", "path": "/none", "value": 5}), 400),
        (json!({"op": "replace", "path": "/visibility", "value": "public"}), 403),
        (json!({"op": "replace", "path": "/disk_format", "value": "floppy"}), 400),
    ] {
        cloud.patch(&cloud.one, id, json!([change])).await.expect(status);
    }
    cloud.json(&cloud.one, Method::PATCH, &format!("/v2/images/{id}"), json!([])).await.expect(415);
    cloud.json(&cloud.one, Method::POST, "/v2/images", json!({"id": id})).await.expect(409);
    cloud.json(&cloud.one, Method::POST, "/v2/images", json!({"size": 5})).await.expect(403);
    let tag = format!("/v2/images/{id}/tags/blue%20sky");
    cloud.json(&cloud.one, Method::PUT, &tag, json!({})).await.expect(204);
    assert_eq!(cloud.show(id).await["tags"], json!(["blue sky", "x"]));
    cloud.delete(&cloud.one, &tag).await.expect(204);
    cloud.delete(&cloud.one, &tag).await.expect(404);
    let error = cloud.get(&cloud.one, "/v2/images/none").await.expect(404);
    assert_eq!(error["code"], "404 Not Found");
}

#[tokio::test]
async fn a_list_is_filtered_sorted_and_paged() {
    let cloud = Cloud::new().await;
    for number in 0..7 {
        let fields = json!({
            "name": format!("image {number}"), "tags": [if number % 2 == 0 { "even" } else { "odd" }, "all"],
            "kind": if number < 3 { "low" } else { "high" }, "os_hidden": number == 6,
        });
        cloud.create(&cloud.one, fields).await;
    }
    let names = async |query: &str| {
        let list = cloud.get(&cloud.one, &format!("/v2/images?{query}")).await.expect(200);
        let images = list["images"].as_array().unwrap().iter();
        images.map(|image| image["name"].as_str().unwrap()[6..].to_owned()).collect::<Vec<_>>().join("")
    };
    assert_eq!(names("sort=name:asc").await, "012345");
    assert_eq!(names("sort_key=name&sort_dir=desc&tag=all&tag=odd").await, "531");
    assert_eq!(names("sort=name:asc&kind=low").await, "012");
    assert_eq!(names("name=in:image%203,image%204&sort=name:asc").await, "34");
    assert_eq!(names("os_hidden=true").await, "6");
    assert_eq!(names("created_at=gt:2026-11-21T04:00:00Z").await, "");
    assert_eq!(names("created_at=gte:2026-11-21T04:00:00Z&limit=2&sort=name:asc").await, "01");
    assert_eq!(names("size_min=1").await, "");
    assert_eq!(names("status=queued&protected=false&limit=0").await, "");
    let (mut path, mut seen) = ("/v2/images?limit=4&sort=name:desc&kind=high".to_owned(), String::new());
    loop {
        let list = cloud.get(&cloud.one, &path).await.expect(200);
        for image in list["images"].as_array().unwrap() {
            seen.push_str(&image["name"].as_str().unwrap()[6..]);
        }
        assert_eq!(list["first"], "/v2/images?limit=4&sort=name%3Adesc&kind=high");
        match list["next"].as_str() {
            Some(next) => path = next.replace("limit=4", "limit=1"),
            None => break,
        }
        if seen.len() > 9 {
            break;
        }
    }
    assert_eq!(seen, "543");
    for wrong in ["marker=none", "sort=colour", "limit=-1", "size_min=x", "visibility=mine", "created_at=gt:noon"] {
        cloud.get(&cloud.one, &format!("/v2/images?{wrong}")).await.expect(400);
    }
}

#[tokio::test]
async fn clients_find_their_way() {
    let cloud = Cloud::new().await;
    let versions = cloud.get("", "/").await.expect(300);
    assert_eq!(versions["versions"][0]["links"][0]["href"], "http://cloud:8080/image/v2/");
    cloud.get("", "/versions").await.expect(200);
    for name in ["image", "images", "member", "members"] {
        assert_eq!(cloud.get(&cloud.one, &format!("/v2/schemas/{name}")).await.expect(200)["name"], name);
    }
    assert_eq!(cloud.get(&cloud.one, "/v2/info/import").await.expect(200)["import-methods"]["value"], json!([]));
    cloud.get(&cloud.one, "/v2/info/stores").await.expect(404);
    cloud.get("", "/v2/images").await.expect(401);
}
