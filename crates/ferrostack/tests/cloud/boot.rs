//! From image to ACTIVE and back to nothing.

use http::Method;
use serde_json::json;
use testkit::{TestCloud, expect, wait_for};

use crate::fixture::{id, ready, server};

async fn boots_and_leaves_nothing(cloud: TestCloud) {
    let tenant = cloud.tenant("demo").await;
    let ready = ready(&cloud.admin, &tenant.member).await;
    let body = Some(server(&ready, "one"));
    let made = expect(&tenant.member, 202, Method::POST, "/compute/v2.1/servers", body).await;
    let server = format!("/compute/v2.1/servers/{}", id(&made["server"]));
    let active = wait_for(&tenant.member, &server, |s| s["server"]["status"] != "BUILD").await;
    assert_eq!(active["server"]["status"], "ACTIVE", "{active}");
    assert_eq!(active["server"]["addresses"]["net"][0]["version"], 4);

    let admin = cloud.admin.clone().with_header("openstack-api-version", "compute 2.104").unwrap();
    let nodes = admin.get("/compute/v2.1/os-hypervisors?with_servers=true").await.unwrap();
    assert_eq!(nodes["hypervisors"][0]["servers"], json!([{"uuid": id(&made["server"]), "name": "one"}]));

    let actions = expect(&tenant.member, 200, Method::GET, &format!("{server}/os-instance-actions"), None).await;
    assert_eq!(actions["instanceActions"][0]["action"], "create");

    let off = Some(json!({"os-stop": null}));
    expect(&tenant.member, 202, Method::POST, &format!("{server}/action"), off).await;
    wait_for(&tenant.member, &server, |s| s["server"]["status"] == "SHUTOFF").await;
    let on = Some(json!({"os-start": null}));
    expect(&tenant.member, 202, Method::POST, &format!("{server}/action"), on).await;
    wait_for(&tenant.member, &server, |s| s["server"]["status"] == "ACTIVE").await;

    expect(&tenant.member, 204, Method::DELETE, &server, None).await;
    cloud.settle().await;
    expect(&tenant.member, 404, Method::GET, &server, None).await;
    let ports = expect(&tenant.member, 200, Method::GET, "/network/v2.0/ports?device_owner=compute:nova", None).await;
    assert_eq!(ports["ports"], json!([]));
    assert!(cloud.node.servers().is_empty() && cloud.node.disks().is_empty() && cloud.node.taps().is_empty());
    cloud.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_sqlite() {
    boots_and_leaves_nothing(TestCloud::start().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_postgresql() {
    boots_and_leaves_nothing(TestCloud::start_on_postgres().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_api_tells_its_versions_to_anyone() {
    let cloud = TestCloud::start().await;
    let open = ferrostack::client::Client::new(&cloud.url);
    for path in ["/identity/v3", "/placement/", "/image/versions", "/network/", "/compute/", "/compute/v2.1"] {
        open.get(path).await.unwrap();
    }
    cloud.finish().await;
}
