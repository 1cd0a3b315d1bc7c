//! What flavors, images and callers do not get, and what an image gets that needs it.

use http::Method;
use serde_json::{Value, json};
use testkit::{TestCloud, expect};

use crate::fixture::{self, id};

const SERVERS: &str = "/compute/v2.1/servers";

/// A network of the administrator's.
async fn network(cloud: &TestCloud) -> String {
    let body = json!({"network": {"name": "own"}});
    let network = id(&expect(&cloud.admin, 201, Method::POST, "/network/v2.0/networks", Some(body)).await["network"]);
    let body = json!({"subnet": {"network_id": network, "cidr": "10.1.0.0/24", "ip_version": 4}});
    expect(&cloud.admin, 201, Method::POST, "/network/v2.0/subnets", Some(body)).await;
    network
}

/// An active image with that property.
async fn image(cloud: &TestCloud, name: &str, value: &str) -> String {
    let image = fixture::image(&cloud.admin).await;
    let patch = json!([{"op": "add", "path": format!("/{name}"), "value": value}]).to_string();
    let kind = "application/openstack-images-v2.1-json-patch";
    let path = format!("/image/v2/images/{image}");
    let answer = cloud.admin.send(Method::PATCH, &path, kind, patch.into_bytes()).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.json());
    image
}

#[tokio::test(flavor = "multi_thread")]
async fn contradictions_are_refused_before_anything_is_touched() {
    let cloud = TestCloud::start().await;
    let ready = fixture::ready(&cloud.admin, &cloud.admin).await;
    let shared = fixture::flavor(&cloud.admin, "shared", 64, 2, 1).await;
    let specs = json!({"extra_specs": {"hw:cpu_policy": "shared"}});
    let path = format!("/compute/v2.1/flavors/{shared}/os-extra_specs");
    expect(&cloud.admin, 200, Method::POST, &path, Some(specs)).await;
    let odd = fixture::flavor(&cloud.admin, "odd", 64, 2, 1).await;
    let path = format!("/compute/v2.1/flavors/{odd}/os-extra_specs");
    let specs = json!({"extra_specs": {"hw:numa_nodes": "3"}});
    expect(&cloud.admin, 200, Method::POST, &path, Some(specs)).await;
    let body = |image: &str, flavor: &str| json!({"server": {"name": "s", "imageRef": image, "flavorRef": flavor, "networks": [{"uuid": ready.network}]}});
    for (name, value) in [
        ("hw_cpu_policy", "dedicated"),
        ("hw_cpu_sockets", "abc"),
        ("hw_disk_bus", "drum"),
        ("kernel_id", "44444444-0000-4000-8000-000000000001"),
        ("img_config_drive", "perhaps"),
    ] {
        let image = image(&cloud, name, value).await;
        let refused = expect(&cloud.admin, 400, Method::POST, SERVERS, Some(body(&image, &shared))).await;
        let message = refused["badRequest"]["message"].as_str().unwrap();
        assert!(message.contains(name), "{message}");
    }
    let refused = expect(&cloud.admin, 400, Method::POST, SERVERS, Some(body(&ready.image, &odd))).await;
    assert!(refused["badRequest"]["message"].as_str().unwrap().contains("NUMA"), "{refused}");

    let made = expect(&cloud.admin, 202, Method::POST, SERVERS, Some(body(&ready.image, &shared))).await;
    let path = format!("{SERVERS}/{}", id(&made["server"]));
    let is_active = |shown: &Value| shown["server"]["status"] == "ACTIVE";
    testkit::wait_for(&cloud.admin, &path, is_active).await;
    let own = image(&cloud, "hw_cpu_sockets", "abc").await;
    let act = format!("{path}/action");
    for order in [json!({"rebuild": {"imageRef": own}}), json!({"resize": {"flavorRef": odd}})] {
        expect(&cloud.admin, 400, Method::POST, &act, Some(order)).await;
    }
    assert!(is_active(&cloud.admin.get(&path).await.unwrap()));
    cloud.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_needs_a_config_drive_gets_one() {
    let cloud = TestCloud::start().await;
    let ready = fixture::ready(&cloud.admin, &cloud.admin).await;
    let needy = fixture::Ready { image: image(&cloud, "img_config_drive", "mandatory").await, ..ready };
    let body = fixture::server(&needy, "s");
    let made = expect(&cloud.admin, 202, Method::POST, SERVERS, Some(body)).await;
    let shown = cloud.admin.get(&format!("{SERVERS}/{}", id(&made["server"]))).await.unwrap();
    assert_eq!(shown["server"]["config_drive"], "True");
    cloud.settle().await;
    cloud.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn disks_that_nobody_counts_are_for_administrators() {
    let cloud = TestCloud::start().await;
    let tenant = cloud.tenant("a").await;
    let ready = fixture::ready(&cloud.admin, &tenant.member).await;
    let diskless = fixture::Ready { flavor: fixture::flavor(&cloud.admin, "diskless", 64, 1, 0).await, ..ready };
    let body = Some(fixture::server(&diskless, "s"));
    let refused = expect(&tenant.member, 403, Method::POST, SERVERS, body).await;
    assert!(refused["forbidden"]["message"].as_str().unwrap().contains("zero disk"), "{refused}");
    let own = fixture::Ready { network: network(&cloud).await, ..diskless };
    let body = Some(fixture::server(&own, "s"));
    expect(&cloud.admin, 202, Method::POST, SERVERS, body).await;
    cloud.settle().await;
    cloud.finish().await;
}
