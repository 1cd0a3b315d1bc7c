//! What waits for its user for longer than the operator lets it goes on by itself.

use http::Method;
use serde_json::{Value, json};
use testkit::{TestCloud, expect, wait_for};

use crate::fixture::{self, id};

const IMPATIENT: &str =
    "[compute]\nresize_confirm_window = 1\nshelved_offload_time = 1\nreclaim_instance_interval = 1\n";

#[tokio::test(flavor = "multi_thread")]
async fn resizes_are_confirmed_shelved_servers_offloaded_and_deleted_ones_reclaimed() {
    let cloud = TestCloud::start_with(IMPATIENT).await;
    let ready = fixture::ready(&cloud.admin, &cloud.admin).await;
    let larger = fixture::larger_flavor(&cloud.admin).await;
    let mut paths = Vec::new();
    for name in ["resized", "shelved", "deleted"] {
        let body = Some(fixture::server(&ready, name));
        let made = expect(&cloud.admin, 202, Method::POST, "/compute/v2.1/servers", body).await;
        paths.push(format!("/compute/v2.1/servers/{}", id(&made["server"])));
    }
    cloud.settle().await;
    let [resized, shelved, deleted] = paths.as_slice() else { unreachable!() };
    let resize = Some(json!({"resize": {"flavorRef": larger}}));
    expect(&cloud.admin, 202, Method::POST, &format!("{resized}/action"), resize).await;
    expect(&cloud.admin, 202, Method::POST, &format!("{shelved}/action"), Some(json!({"shelve": null}))).await;
    expect(&cloud.admin, 204, Method::DELETE, deleted, None).await;
    let is_confirmed = |shown: &Value| shown["migrations"][0]["status"] == "confirmed";
    wait_for(&cloud.admin, "/compute/v2.1/os-migrations", is_confirmed).await;
    wait_for(&cloud.admin, shelved, |shown: &Value| shown["server"]["status"] == "SHELVED_OFFLOADED").await;
    wait_for(&cloud.admin, deleted, Value::is_null).await;
    cloud.settle().await;
    // Once by the user, once by the service itself.
    let newer = cloud.admin.clone().with_header("openstack-api-version", "compute 2.21").unwrap();
    let history = newer.get(&format!("{deleted}/os-instance-actions")).await.unwrap();
    let actions: Vec<_> = history["instanceActions"].as_array().unwrap().iter().map(|done| &done["action"]).collect();
    assert_eq!(actions, ["delete", "delete", "create"]);
    let limits = cloud.admin.get("/compute/v2.1/limits").await.unwrap();
    assert_eq!(limits["limits"]["absolute"]["totalCoresUsed"], 3);
    cloud.finish().await;
}
