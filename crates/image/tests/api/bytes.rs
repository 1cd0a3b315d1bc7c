use std::io;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use http::Method;
use jiff::ToSpan as _;
use md5::{Digest as _, Md5};
use serde_json::json;
use sha2::Sha512;

use crate::cloud::Cloud;

fn chunk(number: usize) -> Bytes {
    (0..64 << 10).map(|at| (at * 7 + number) as u8).collect::<Vec<u8>>().into()
}

#[tokio::test]
async fn what_was_uploaded_comes_back() {
    let cloud = Cloud::new().await;
    let id = cloud.create(&cloud.one, json!({"name": "disk"})).await;
    let file = format!("/v2/images/{id}/file");
    cloud.get(&cloud.one, &file).await.expect(204);
    let chunks: Vec<Bytes> = (0..480).map(chunk).collect();
    let body = Body::from_stream(stream::iter(chunks.clone().into_iter().map(Ok::<_, io::Error>)));
    cloud.upload(&cloud.one, &id, body).await.expect(204);
    let whole = chunks.concat();
    let image = cloud.show(&id).await;
    assert_eq!(image["status"], "active");
    assert_eq!((&image["size"], &image["virtual_size"]), (&json!(whole.len()), &json!(whole.len())));
    assert_eq!(image["checksum"], hex::encode(Md5::digest(&whole)));
    assert_eq!(image["os_hash_value"], hex::encode(Sha512::digest(&whole)));
    assert_eq!(image["os_hash_algo"], "sha512");

    let answer = cloud.get(&cloud.one, &file).await;
    assert_eq!(answer.header("content-md5"), image["checksum"]);
    assert_eq!(answer.header("content-length"), whole.len().to_string());
    assert!(answer.bytes == whole);
    let head = cloud.send(&cloud.one, Method::HEAD, &file, &[], Body::empty()).await;
    assert_eq!((head.header("content-length"), head.bytes.len()), (whole.len().to_string().as_str(), 0));
    let part = cloud.send(&cloud.one, Method::GET, &file, &[("range", "bytes=65530-65545")], Body::empty()).await;
    assert_eq!(part.header("content-range"), format!("bytes 65530-65545/{}", whole.len()));
    assert_eq!((part.status.as_u16(), &part.bytes[..]), (206, &whole[65530..65546]));
    let outside = cloud.send(&cloud.one, Method::GET, &file, &[("range", "bytes=99999999999-")], Body::empty()).await;
    assert_eq!(outside.header("content-range"), format!("bytes */{}", whole.len()));
    outside.expect(416);

    cloud.upload(&cloud.one, &id, "again").await.expect(409);
    cloud.delete(&cloud.one, &format!("/v2/images/{id}")).await.expect(204);
    assert_eq!(cloud.files(), 0);
    cloud.get(&cloud.one, &file).await.expect(404);
}

#[tokio::test]
async fn a_broken_upload_leaves_nothing_and_can_be_repeated() {
    let cloud = Cloud::with(|options, _| options.image_size_cap = 1 << 20).await;
    let id = cloud.create(&cloud.one, json!({})).await;
    let broken = stream::iter([Ok(chunk(1)), Err(io::Error::from(io::ErrorKind::ConnectionReset))]);
    cloud.upload(&cloud.one, &id, Body::from_stream(broken)).await.expect(400);
    let path = format!("/v2/images/{id}/file");
    let headers = [("content-type", "application/octet-stream"), ("content-length", "10")];
    cloud.send(&cloud.one, Method::PUT, &path, &headers, Body::from("short")).await.expect(400);
    let large = stream::iter((0..17).map(|number| Ok::<_, io::Error>(chunk(number))));
    cloud.upload(&cloud.one, &id, Body::from_stream(large)).await.expect(413);
    cloud.json(&cloud.one, Method::PUT, &path, json!({})).await.expect(415);
    assert_eq!(cloud.show(&id).await["status"], "queued");
    assert_eq!(cloud.files(), 0);
    cloud.upload(&cloud.one, &id, "whole").await.expect(204);
    assert_eq!(cloud.show(&id).await["size"], 5);
}

#[tokio::test]
async fn a_lying_image_is_refused_with_a_reason() {
    let cloud = Cloud::new().await;
    let mut qcow2 = vec![0; 1 << 20];
    qcow2[..8].copy_from_slice(b"QFI\xfb\0\0\0\x03");
    qcow2[15] = 1;
    for (format, word) in [("raw", "its content is qcow2"), ("qcow2", "backing file"), ("iso", "its content is qcow2")]
    {
        let id = cloud.create(&cloud.one, json!({"disk_format": format})).await;
        let answer = cloud.upload(&cloud.one, &id, qcow2.clone()).await.expect(400);
        assert!(answer["message"].as_str().unwrap().contains(word), "{answer}");
        assert_eq!(cloud.show(&id).await["status"], "queued");
    }
    assert_eq!(cloud.files(), 0);
    let id = cloud.json(&cloud.one, Method::POST, "/v2/images", json!({})).await.expect(201);
    cloud.upload(&cloud.one, id["id"].as_str().unwrap(), "x").await.expect(400);
}

#[tokio::test]
async fn a_ticket_opens_one_image_for_a_while() {
    let cloud = Cloud::new().await;
    let (id, other) = (cloud.create(&cloud.one, json!({})).await, cloud.create(&cloud.one, json!({})).await);
    cloud.upload(&cloud.one, &id, "bytes").await.expect(204);
    let ticket = cloud.image.ticket(&id, Duration::from_secs(60));
    let file = format!("/v2/images/{id}/file");
    assert_eq!(cloud.get(&ticket, &file).await.bytes, "bytes");
    cloud.get(&ticket, &format!("/v2/images/{other}/file")).await.expect(401);
    cloud.get(&ticket, &format!("/v2/images/{id}")).await.expect(401);
    cloud.upload(&ticket, &other, "x").await.expect(401);
    cloud.get(&format!("{ticket}00"), &file).await.expect(401);
    cloud.runtime.clock.set(cloud.runtime.clock.now() + 61.seconds());
    cloud.get(&ticket, &file).await.expect(401);
}

#[tokio::test]
async fn what_a_dead_process_left_is_swept() {
    let cloud = Cloud::new().await;
    let id = cloud.create(&cloud.one, json!({})).await;
    cloud.upload(&cloud.one, &id, "kept").await.expect(204);
    let images = cloud.dir.path().join("images");
    std::fs::write(images.join("5d3f9ac8-0f6d-4a0e-8a3b-7a2f5ed1a111.part"), "half").unwrap();
    std::fs::write(images.join("5d3f9ac8-0f6d-4a0e-8a3b-7a2f5ed1a222"), "whole").unwrap();
    std::fs::write(images.join("README"), "not ours").unwrap();
    cloud.image.start().await.unwrap();
    assert_eq!(cloud.files(), 2);
    assert_eq!(cloud.get(&cloud.one, &format!("/v2/images/{id}/file")).await.bytes, "kept");
    assert!(cloud.runtime.tasks.stop(Duration::from_secs(5)).await);
}

#[tokio::test]
async fn a_ticket_to_upload_fills_one_image_and_opens_none() {
    let cloud = Cloud::new().await;
    let (id, other) = (cloud.create(&cloud.one, json!({})).await, cloud.create(&cloud.one, json!({})).await);
    let ticket = cloud.image.image_upload_ticket(&id, Duration::from_secs(60)).await.unwrap();
    cloud.upload(&ticket, &other, "x").await.expect(401);
    cloud.upload(&cloud.image.ticket(&id, Duration::from_secs(60)), &id, "x").await.expect(401);
    cloud.upload(&ticket, &id, "bytes").await.expect(204);
    let file = format!("/v2/images/{id}/file");
    cloud.get(&ticket, &file).await.expect(401);
    assert_eq!(cloud.get(&cloud.one, &file).await.bytes, "bytes");
    cloud.upload(&ticket, &id, "again").await.expect(409);
    cloud.image.image_discard(&id).await.unwrap();
    cloud.image.image_discard(&id).await.unwrap();
    cloud.get(&cloud.one, &format!("/v2/images/{id}")).await.expect(404);
}
