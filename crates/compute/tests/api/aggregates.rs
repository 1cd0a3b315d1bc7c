//! Aggregates and the zones that follow from them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use db::testing::each_engine;
use protocol::AllocationRatio;
use serde_json::{Value, json};

use crate::cloud::{Cloud, migrations, report};
use crate::fleet::{Fleet, Node};

/// Makes an aggregate and returns its number.
async fn aggregate(cloud: &Cloud, name: &str, zone: Option<&str>) -> i64 {
    let body = json!({"aggregate": {"name": name, "availability_zone": zone}});
    let made = cloud.ask(&cloud.admin, "2.1", "POST /v2.1/os-aggregates", body).await.expect(200);
    made["aggregate"]["id"].as_i64().unwrap()
}

async fn act(cloud: &Cloud, number: i64, body: Value) -> crate::cloud::Answer {
    cloud.ask(&cloud.admin, "2.41", &format!("POST /v2.1/os-aggregates/{number}/action"), body).await
}

#[tokio::test]
async fn aggregates_live_and_change() {
    each_engine(&migrations(), async |db| {
        let cloud = Cloud::on(db).await;
        for host in ["one", "two"] {
            cloud.compute.node_report(&report(host)).await.unwrap();
        }
        let body = json!({"aggregate": {"name": "fast", "availability_zone": "north"}});
        let made = cloud.ask(&cloud.admin, "2.40", "POST /v2.1/os-aggregates", body.clone()).await.expect(200);
        let made = &made["aggregate"];
        assert_eq!(made["availability_zone"], "north");
        assert!(made.get("hosts").is_none() && made.get("metadata").is_none() && made.get("uuid").is_none());
        cloud.ask(&cloud.admin, "2.40", "POST /v2.1/os-aggregates", body).await.expect(409);
        let number = made["id"].as_i64().unwrap();
        let path = format!("/v2.1/os-aggregates/{number}");

        let shown = act(&cloud, number, json!({"add_host": {"host": "one"}})).await.expect(200);
        assert_eq!(shown["aggregate"]["hosts"], json!(["one"]));
        assert_eq!(shown["aggregate"]["metadata"], json!({"availability_zone": "north"}));
        assert!(shown["aggregate"]["uuid"].is_string());
        act(&cloud, number, json!({"add_host": {"host": "one"}})).await.expect(409);
        act(&cloud, number, json!({"add_host": {"host": "three"}})).await.expect(404);
        act(&cloud, 77, json!({"add_host": {"host": "two"}})).await.expect(404);

        let set = json!({"set_metadata": {"metadata": {"ssd": "true", "old": null}}});
        let shown = act(&cloud, number, set).await.expect(200);
        assert_eq!(shown["aggregate"]["metadata"], json!({"availability_zone": "north", "ssd": "true"}));
        assert!(shown["aggregate"]["updated_at"].is_string());
        act(&cloud, number, json!({"set_metadata": {"metadata": {"availability_zone": null}}})).await.expect(400);
        act(&cloud, number, json!({"set_metadata": {"metadata": {"ssd": null}}})).await.expect(200);

        let body = json!({"aggregate": {"name": " quick ", "availability_zone": "south"}});
        let shown = cloud.ask(&cloud.admin, "2.1", &format!("PUT {path}"), body).await.expect(200);
        assert_eq!(
            (&shown["aggregate"]["name"], &shown["aggregate"]["availability_zone"]),
            (&json!("quick"), &json!("south"))
        );
        let nothing = json!({"aggregate": {}});
        cloud.ask(&cloud.admin, "2.1", &format!("PUT {path}"), nothing).await.expect(400);
        let no_zone = json!({"aggregate": {"availability_zone": null}});
        cloud.ask(&cloud.admin, "2.1", &format!("PUT {path}"), no_zone).await.expect(400);

        cloud.ask(&cloud.admin, "2.1", &format!("DELETE {path}"), Value::Null).await.expect(400);
        act(&cloud, number, json!({"remove_host": {"host": "one"}})).await.expect(200);
        act(&cloud, number, json!({"remove_host": {"host": "one"}})).await.expect(404);
        cloud.ask(&cloud.admin, "2.1", &format!("DELETE {path}"), Value::Null).await.expect(200);
        cloud.get(&cloud.admin, "2.1", &path).await.expect(404);
        cloud.get(&cloud.admin, "2.1", "/v2.1/os-aggregates/x").await.expect(400);
        cloud.get(&cloud.admin, "2.101", "/v2.1/os-aggregates?x=1").await.expect(200);
        cloud.get(&cloud.admin, "2.102", "/v2.1/os-aggregates?x=1").await.expect(400);
    })
    .await;
}

#[tokio::test]
async fn zones_follow_from_aggregates() {
    let cloud = Cloud::new().await;
    for host in ["one", "two"] {
        cloud.compute.node_report(&report(host)).await.unwrap();
    }
    let north = aggregate(&cloud, "north", Some("north")).await;
    let south = aggregate(&cloud, "south", Some("south")).await;
    let plain = aggregate(&cloud, "plain", None).await;
    act(&cloud, north, json!({"add_host": {"host": "one"}})).await.expect(200);
    act(&cloud, plain, json!({"add_host": {"host": "one"}})).await.expect(200);
    act(&cloud, south, json!({"add_host": {"host": "one"}})).await.expect(409);
    let bad = json!({"set_metadata": {"metadata": {"availability_zone": "south"}}});
    act(&cloud, plain, bad).await.expect(400);

    let zones = cloud.get(&cloud.member, "2.1", "/v2.1/os-availability-zone").await.expect(200);
    let names: Vec<&str> = zones["availabilityZoneInfo"]
        .as_array()
        .unwrap()
        .iter()
        .map(|zone| zone["zoneName"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["north", "nova"]);
    let zones = cloud.get(&cloud.admin, "2.1", "/v2.1/os-availability-zone/detail").await.expect(200);
    let north =
        zones["availabilityZoneInfo"].as_array().unwrap().iter().find(|zone| zone["zoneName"] == "north").unwrap();
    assert_eq!(north["hosts"].as_object().unwrap().keys().collect::<Vec<_>>(), ["one"]);
    let services = cloud.get(&cloud.admin, "2.1", "/v2.1/os-services?host=one").await.expect(200);
    assert_eq!(services["services"][0]["zone"], "north");
}

#[tokio::test]
async fn placement_knows_aggregates_and_their_overcommitment() {
    let cloud = Cloud::new().await;
    cloud.compute.node_report(&report("one")).await.unwrap();
    let node = cloud.compute.nodes().await.unwrap().remove(0);
    let summary = async || cloud.placement.provider_summaries(std::slice::from_ref(&node.id)).await.unwrap().remove(0);
    // An aggregate that compute knows nothing of stays.
    cloud.placement.aggregates_set(&node.id, None, &["other".to_owned()]).await.unwrap();
    let number = aggregate(&cloud, "fast", None).await;
    act(&cloud, number, json!({"add_host": {"host": "one"}})).await.expect(200);
    assert_eq!(summary().await.aggregates.len(), 2);
    assert_eq!(summary().await.resources["VCPU"].capacity, 8 * 16);
    act(&cloud, number, json!({"set_metadata": {"metadata": {"cpu_allocation_ratio": "2.0"}}})).await.expect(200);
    assert_eq!(summary().await.resources["VCPU"].capacity, 8 * 2);
    act(&cloud, number, json!({"remove_host": {"host": "one"}})).await.expect(200);
    assert_eq!(summary().await.resources["VCPU"].capacity, 8 * 16);
    assert_eq!(summary().await.aggregates.iter().collect::<Vec<_>>(), ["other"]);
}

#[tokio::test]
async fn a_ratio_that_others_set_in_placement_stays_until_there_is_another_to_tell() {
    let cloud = Cloud::new().await;
    let mut node = report("one");
    cloud.compute.node_report(&node).await.unwrap();
    let ids = [cloud.compute.nodes().await.unwrap().remove(0).id];
    let stocks = async || cloud.placement.provider_summaries(&ids).await.unwrap().remove(0).resources.clone();
    let capacity = async || stocks().await["VCPU"].capacity;
    let mut inventories: BTreeMap<_, _> =
        stocks().await.into_iter().map(|(class, stock)| (class, stock.inventory)).collect();
    inventories.get_mut("VCPU").unwrap().allocation_ratio = 3.0;
    cloud.placement.inventories_set(&ids[0], &inventories).await.unwrap();
    cloud.later(20);
    cloud.compute.node_report(&node).await.unwrap();
    assert_eq!(capacity().await, 8 * 3, "nothing is new");
    node.resources.vcpus = 4;
    cloud.compute.node_report(&node).await.unwrap();
    assert_eq!(capacity().await, 4 * 3, "only the processors are new");
    let number = aggregate(&cloud, "fast", None).await;
    act(&cloud, number, json!({"add_host": {"host": "one"}})).await.expect(200);
    assert_eq!(capacity().await, 4 * 3);
    act(&cloud, number, json!({"set_metadata": {"metadata": {"cpu_allocation_ratio": "2.0"}}})).await.expect(200);
    assert_eq!(capacity().await, 4 * 2);
}

#[tokio::test]
async fn what_a_node_says_of_its_own_overcommitment_comes_before_aggregates() {
    let cloud = Cloud::new().await;
    let mut node = report("one");
    node.allocation_ratios.cpu = Some(AllocationRatio::try_from(4.0).unwrap());
    node.allocation_ratios.disk = Some(AllocationRatio::try_from(1.5).unwrap());
    cloud.compute.node_report(&node).await.unwrap();
    let ids = [cloud.compute.nodes().await.unwrap().remove(0).id];
    let capacity =
        async |class: &str| cloud.placement.provider_summaries(&ids).await.unwrap().remove(0).resources[class].capacity;
    let number = aggregate(&cloud, "fast", None).await;
    act(&cloud, number, json!({"add_host": {"host": "one"}})).await.expect(200);
    let ratios = json!({"cpu_allocation_ratio": "2.0", "ram_allocation_ratio": "1.0"});
    act(&cloud, number, json!({"set_metadata": {"metadata": ratios}})).await.expect(200);
    assert_eq!(capacity("VCPU").await, 8 * 4);
    assert_eq!(capacity("MEMORY_MB").await, 16_384 - 512);
    assert_eq!(capacity("DISK_GB").await, 150);
    node.allocation_ratios.cpu = None;
    cloud.compute.node_report(&node).await.unwrap();
    assert_eq!(capacity("VCPU").await, 8 * 2, "the node has its own no more");
}

#[tokio::test]
async fn the_zone_of_servers_does_not_change_and_images_come_ahead() {
    let fleet = Fleet::new().await;
    let other = Arc::new(Node::default());
    fleet.node_add("node-2", Arc::clone(&other)).await;
    let make = async |name: &str, zone: &str| {
        let body = json!({"aggregate": {"name": name, "availability_zone": zone}});
        let made = fleet.ask(&fleet.admin, "POST /compute/v2.1/os-aggregates", body).await.expect(200);
        format!("/compute/v2.1/os-aggregates/{}", made["aggregate"]["id"])
    };
    let act = async |path: &str, body: Value| fleet.ask(&fleet.admin, &format!("POST {path}/action"), body).await;
    let north = make("north", "north").await;
    act(&north, json!({"add_host": {"host": "node-2"}})).await.expect(200);
    let mut order = fleet.order();
    order["server"]["availability_zone"] = json!("nowhere");
    fleet.ask(&fleet.member, "POST /compute/v2.1/servers", order.clone()).await.expect(400);
    order["server"]["availability_zone"] = json!("north");
    let made = fleet.ask(&fleet.member, "POST /compute/v2.1/servers", order).await.expect(202);
    fleet.settle().await;
    let server = fleet.server(&format!("/compute/v2.1/servers/{}", made["server"]["id"].as_str().unwrap())).await;
    assert_eq!(server["OS-EXT-SRV-ATTR:host"], "node-2");
    assert_eq!(server["OS-EXT-AZ:availability_zone"], "north");

    act(&north, json!({"remove_host": {"host": "node-2"}})).await.expect(409);
    act(&north, json!({"set_metadata": {"metadata": {"availability_zone": "east"}}})).await.expect(400);
    let rename = json!({"aggregate": {"availability_zone": "east"}});
    fleet.ask(&fleet.admin, &format!("PUT {north}"), rename).await.expect(400);
    fleet.created(&fleet.member).await;
    let east = make("east", "east").await;
    if !fleet.node.servers.lock().unwrap().is_empty() {
        act(&east, json!({"add_host": {"host": "node-1"}})).await.expect(409);
    }

    let before = other.calls.lock().unwrap().len();
    let images = json!({"cache": [{"id": fleet.image_id}]});
    let path = format!("POST {north}/images");
    fleet.ask_in(&fleet.admin, "2.80", &path, images.clone()).await.expect(404);
    fleet.ask_in(&fleet.member, "2.81", &path, images.clone()).await.expect(403);
    let twice = json!({"cache": [{"id": fleet.image_id}, {"id": fleet.image_id}]});
    fleet.ask_in(&fleet.admin, "2.81", &path, twice).await.expect(400);
    let unknown = json!({"cache": [{"id": "00000000-0000-4000-8000-000000000000"}]});
    fleet.ask_in(&fleet.admin, "2.81", &path, unknown).await.expect(400);
    fleet.ask_in(&fleet.admin, "2.81", &path, images).await.expect(202);
    let fetched = async {
        while other.calls.lock().unwrap().len() == before {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), fetched).await.unwrap();
    assert_eq!(other.calls.lock().unwrap().last().unwrap(), "image");
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_are_forced_to_a_host_or_a_node() {
    let fleet = Fleet::new().await;
    fleet.node_add("node-2", Arc::default()).await;
    let body = json!({"aggregate": {"name": "north", "availability_zone": "north"}});
    let made = fleet.ask(&fleet.admin, "POST /compute/v2.1/os-aggregates", body).await.expect(200);
    let path = format!("POST /compute/v2.1/os-aggregates/{}/action", made["aggregate"]["id"]);
    fleet.ask(&fleet.admin, &path, json!({"add_host": {"host": "node-2"}})).await.expect(200);
    let order = async |zone: &str, fields: Value| {
        let mut order = fleet.order();
        order["server"]["networks"] = json!("none");
        order["server"]["availability_zone"] = json!(zone);
        order["server"].as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        fleet.ask_in(&fleet.admin, "2.96", "POST /compute/v2.1/servers", order).await
    };
    // The last is the zone that the server is pinned to: none if the host is not in the one that was asked for.
    for (zone, fields, host, pinned) in [
        ("nova:node-1", json!({}), "node-1", json!("nova")),
        ("nova::node-1", json!({}), "node-1", json!("nova")),
        ("nova:node-1:node-1", json!({}), "node-1", json!("nova")),
        (":node-2", json!({}), "node-2", Value::Null),
        ("north:node-2", json!({}), "node-2", json!("north")),
        ("north:node-1", json!({}), "node-1", Value::Null),
        ("nova:node-2", json!({}), "node-2", Value::Null),
        ("unheard::node-2", json!({}), "node-2", Value::Null),
        ("north", json!({"host": "node-2"}), "node-2", json!("north")),
        ("north", json!({"hypervisor_hostname": "node-2"}), "node-2", json!("north")),
        ("north", json!({"host": "node-2", "hypervisor_hostname": "node-2"}), "node-2", json!("north")),
    ] {
        let made = order(zone, fields.clone()).await.expect(202);
        fleet.settle().await;
        let path = format!("GET /compute/v2.1/servers/{}", made["server"]["id"].as_str().unwrap());
        let server = fleet.ask_in(&fleet.admin, "2.96", &path, Value::Null).await.expect(200)["server"].clone();
        let found = (&server["OS-EXT-SRV-ATTR:host"], &server["pinned_availability_zone"]);
        assert_eq!(found, (&json!(host), &pinned), "{zone} {fields}");
        fleet.ask(&fleet.admin, &path.replace("GET", "DELETE"), Value::Null).await.expect(204);
        fleet.settle().await;
    }
    for (zone, fields, says) in [
        ("nova:node-1:node-2", json!({}), "host node-2 could not be found"),
        ("nova::unheard", json!({}), "host unheard could not be found"),
        ("nova:node-1", json!({"host": "node-1"}), "mutually exclusive"),
        ("nova::node-1", json!({"hypervisor_hostname": "node-1"}), "mutually exclusive"),
        ("nova", json!({"host": "node-1", "hypervisor_hostname": "node-2"}), "host node-2 could not be found"),
        ("unheard", json!({"host": "node-1"}), "zone is not available"),
    ] {
        let refused = order(zone, fields.clone()).await.expect(400);
        let message = refused["badRequest"]["message"].as_str().unwrap();
        assert!(message.contains(says), "{zone} {fields}: {message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_service_is_in_no_aggregate() {
    let cloud = Cloud::new().await;
    cloud.compute.node_report(&report("one")).await.unwrap();
    let number = aggregate(&cloud, "rack", None).await;
    act(&cloud, number, json!({"add_host": {"host": "one"}})).await.expect(200);
    let services = cloud.get(&cloud.admin, "2.53", "/v2.1/os-services?host=one").await.expect(200);
    let id = services["services"][0]["id"].as_str().unwrap().to_owned();
    cloud.ask(&cloud.admin, "2.53", &format!("DELETE /v2.1/os-services/{id}"), Value::Null).await.expect(204);
    let shown = cloud.get(&cloud.admin, "2.53", &format!("/v2.1/os-aggregates/{number}")).await.expect(200);
    assert_eq!(shown["aggregate"]["hosts"], json!([]));
    cloud.ask(&cloud.admin, "2.53", &format!("DELETE /v2.1/os-aggregates/{number}"), Value::Null).await.expect(200);
}
