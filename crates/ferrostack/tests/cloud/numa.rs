//! Servers that are choosy about a node's processors.

use agent::fake;
use http::Method;
use protocol::Resources;
use serde_json::{Value, json};
use testkit::{TestCloud, expect};

use crate::fixture::{self, Ready, id};

const SERVERS: &str = "/compute/v2.1/servers";

/// A flavor with processors for itself alone.
async fn own(cloud: &TestCloud, name: &str, ram: i64, vcpus: i64) -> String {
    let flavor = fixture::flavor(&cloud.admin, name, ram, vcpus, 1).await;
    let specs = json!({"extra_specs": {"hw:cpu_policy": "dedicated"}});
    expect(&cloud.admin, 200, Method::POST, &format!("/compute/v2.1/flavors/{flavor}/os-extra_specs"), Some(specs))
        .await;
    flavor
}

/// A new server of that flavor when it is done: its path, and what it looks like.
async fn made(cloud: &TestCloud, ready: &Ready, flavor: &str) -> (String, Value) {
    let mut body = fixture::server(ready, "s");
    body["server"]["flavorRef"] = json!(flavor);
    let made = expect(&cloud.admin, 202, Method::POST, SERVERS, Some(body)).await;
    let path = format!("{SERVERS}/{}", id(&made["server"]));
    cloud.settle().await;
    let shown = cloud.admin.get(&path).await.unwrap()["server"].clone();
    (path, shown)
}

/// What a node has left is known as soon as a server is there or gone, not with its next report.
#[tokio::test(flavor = "multi_thread")]
async fn numa_nodes_are_full_and_free_at_once() {
    // Two NUMA nodes, each with two processors that are shared and two set aside.
    let resources = Resources { vcpus: 4, dedicated_cpus: 4, ..fake::Options::default().resources };
    let cloud = TestCloud::start_on_node(fake::Options { resources, numa_nodes: 2, ..fake::Options::default() }).await;
    let ready = fixture::ready(&cloud.admin, &cloud.admin).await;
    let (one, pair) = (own(&cloud, "one", 64, 1).await, own(&cloud, "pair", 64, 2).await);
    let (first, shown) = made(&cloud, &ready, &one).await;
    assert_eq!(shown["status"], "ACTIVE", "{shown}");
    assert_eq!(made(&cloud, &ready, &one).await.1["status"], "ACTIVE");
    // Two are free, but not in one NUMA node.
    let (_, shown) = made(&cloud, &ready, &pair).await;
    let fault = shown["fault"]["message"].as_str().unwrap();
    assert!(fault.contains("filter NUMATopologyFilter removed 1 of 1 hosts; the smallest change"), "{fault}");
    assert!(fault.contains("at most 2 NUMA nodes of 1 vCPUs"), "{fault}");
    expect(&cloud.admin, 204, Method::DELETE, &first, None).await;
    cloud.settle().await;
    let (path, shown) = made(&cloud, &ready, &pair).await;
    assert_eq!(shown["status"], "ACTIVE", "{shown}");

    // What it has itself is not in its way.
    let larger = own(&cloud, "larger", 128, 2).await;
    let resize = json!({"resize": {"flavorRef": larger}});
    expect(&cloud.admin, 202, Method::POST, &format!("{path}/action"), Some(resize)).await;
    cloud.settle().await;
    assert_eq!(cloud.admin.get(&path).await.unwrap()["server"]["status"], "VERIFY_RESIZE");
    // A third processor is not in the same NUMA node, and nowhere.
    expect(&cloud.admin, 204, Method::POST, &format!("{path}/action"), Some(json!({"confirmResize": null}))).await;
    cloud.settle().await;
    let triple = own(&cloud, "triple", 128, 3).await;
    let resize = json!({"resize": {"flavorRef": triple}});
    expect(&cloud.admin, 202, Method::POST, &format!("{path}/action"), Some(resize)).await;
    cloud.settle().await;
    let shown = cloud.admin.get(&path).await.unwrap()["server"].clone();
    assert_eq!((&shown["status"], &shown["flavor"]["id"]), (&json!("ACTIVE"), &json!(larger)), "{shown}");
    cloud.finish().await;
}
