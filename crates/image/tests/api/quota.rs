//! Identity's unified limits for images.

use std::io;

use axum::body::Body;
use bytes::Bytes;
use futures_util::future::join_all;
use futures_util::stream;
use http::Method;
use serde_json::json;

use crate::cloud::Cloud;

const MIB: usize = 1 << 20;

async fn make(cloud: &Cloud, token: &str) -> u16 {
    cloud.json(token, Method::POST, "/v2/images", json!({})).await.status.as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn images_are_counted_exactly() {
    let cloud = Cloud::new().await;
    assert_eq!(make(&cloud, &cloud.one).await, 201);
    cloud.limit("image_count_total", 4).await;
    let statuses = join_all((0..10).map(|_| make(&cloud, &cloud.one))).await;
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 3, "{statuses:?}");
    let refused = cloud.json(&cloud.one, Method::POST, "/v2/images", json!({})).await;
    assert_eq!(refused.status.as_u16(), 413);
    let text = String::from_utf8_lossy(&refused.bytes).into_owned();
    assert!(text.contains("image_count_total: The project may have 4 and 4 are in use."), "{text}");
    // The other project has its own.
    assert_eq!(make(&cloud, &cloud.two).await, 201);

    let listed = cloud.get(&cloud.one, "/v2/images").await.expect(200);
    let id = listed["images"][0]["id"].as_str().unwrap();
    assert_eq!(cloud.delete(&cloud.one, &format!("/v2/images/{id}")).await.status.as_u16(), 204);
    assert_eq!(make(&cloud, &cloud.one).await, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_begins_over_the_limit_is_refused() {
    let cloud = Cloud::new().await;
    cloud.limit("image_size_total", 1).await;
    let create = || cloud.create(&cloud.one, json!({}));
    let (first, second, third) = (create().await, create().await, create().await);
    cloud.upload(&cloud.one, &first, vec![0; MIB]).await.expect(204);
    // At the limit, not above it: how much comes is not known before it is there.
    cloud.upload(&cloud.one, &second, vec![0; MIB]).await.expect(204);
    cloud.upload(&cloud.one, &third, vec![0; MIB]).await.expect(413);
    assert_eq!(cloud.show(&third).await["status"], "queued");
    let usage = cloud.get(&cloud.one, "/v2/info/usage").await.expect(200)["usage"].clone();
    assert_eq!(usage["image_size_total"], json!({"limit": 1, "usage": 2}));
    assert_eq!(usage["image_count_total"], json!({"limit": -1, "usage": 3}));
    cloud.delete(&cloud.one, &format!("/v2/images/{first}")).await.expect(204);
    cloud.upload(&cloud.one, &third, vec![0; MIB]).await.expect(204);
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_at_once_are_counted() {
    let cloud = Cloud::new().await;
    cloud.limit("image_count_uploading", 1).await;
    let (first, second) = (cloud.create(&cloud.one, json!({})).await, cloud.create(&cloud.one, json!({})).await);
    let (go, gone) = tokio::sync::oneshot::channel::<()>();
    // The first upload does not end before it is told to.
    let slow = stream::once(async move { gone.await.map(|()| Bytes::from_static(b"x")).map_err(io::Error::other) });
    let uploading = cloud.upload(&cloud.one, &first, Body::from_stream(slow));
    let meanwhile = async {
        while cloud.show(&first).await["status"] != "saving" {
            tokio::task::yield_now().await;
        }
        let refused = cloud.upload(&cloud.one, &second, "x").await.status.as_u16();
        go.send(()).unwrap();
        refused
    };
    let (uploaded, refused) = tokio::join!(uploading, meanwhile);
    assert_eq!((uploaded.status.as_u16(), refused), (204, 413));
    cloud.upload(&cloud.one, &second, "x").await.expect(204);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_projects_of_a_domain_count_together_under_the_strict_model() {
    let cloud = Cloud::with(|_, config| config.limit_model = identity::LimitModel::StrictTwoLevel).await;
    cloud.limit("image_count_total", 2).await;
    assert_eq!(make(&cloud, &cloud.one).await, 201);
    assert_eq!(make(&cloud, &cloud.two).await, 201);
    assert_eq!(make(&cloud, &cloud.one).await, 413);
}
