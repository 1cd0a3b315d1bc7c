use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::cloud::{Cloud, report};
use crate::fleet::Fleet;

async fn cloud() -> Cloud {
    let cloud = Cloud::new().await;
    for host in ["one", "two", "three"] {
        cloud.compute.node_report(&report(host)).await.unwrap();
    }
    cloud
}

#[tokio::test]
async fn nodes_come_up_by_reporting_and_go_down_by_silence() {
    let cloud = cloud().await;
    assert_eq!(cloud.compute.nodes_alive().await.unwrap().len(), 3);
    cloud.later(61);
    cloud.compute.node_report(&report("one")).await.unwrap();
    let alive = cloud.compute.nodes_alive().await.unwrap();
    assert_eq!(alive.iter().map(|node| node.host.as_str()).collect::<Vec<_>>(), ["one"]);
    let services = cloud.get(&cloud.admin, "2.1", "/v2.1/os-services").await.expect(200);
    let states: Vec<&str> =
        services["services"].as_array().unwrap().iter().map(|s| s["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["up", "down", "down"]);
}

#[tokio::test]
async fn a_report_again_changes_only_what_is_new() {
    let cloud = cloud().await;
    let before = cloud.compute.nodes().await.unwrap();
    cloud.later(10);
    let mut again = report("one");
    again.uptime_seconds += 10;
    cloud.compute.node_report(&again).await.unwrap();
    assert_eq!(cloud.compute.nodes().await.unwrap(), before, "that it is alive was written a moment ago");
    cloud.later(10);
    cloud.compute.node_report(&again).await.unwrap();
    let mut after = cloud.compute.nodes().await.unwrap();
    assert_eq!(after[0].seen_at, cloud.now());
    after[0].seen_at = before[0].seen_at;
    assert_eq!(before, after);
    again.resources.vcpus = 16;
    cloud.compute.node_report(&again).await.unwrap();
    assert_eq!(cloud.compute.nodes().await.unwrap()[0].vcpus, 16);
}

#[tokio::test]
async fn placement_is_told_again_what_it_lost() {
    let cloud = cloud().await;
    let id = cloud.compute.nodes().await.unwrap()[0].id.clone();
    let ids = [id.clone()];
    let known = async || cloud.placement.provider_summaries(&ids).await.unwrap().pop();
    let before = known().await.unwrap();
    cloud.placement.inventories_set(&id, &BTreeMap::new()).await.unwrap();
    cloud.placement.traits_set(&id, &["CUSTOM_OWN".to_owned()]).await.unwrap();
    cloud.compute.node_report(&report("one")).await.unwrap();
    assert_eq!(known().await.unwrap().resources, BTreeMap::new(), "it is looked at with every fourth report or so");
    cloud.later(20);
    cloud.compute.node_report(&report("one")).await.unwrap();
    let after = known().await.unwrap();
    assert_eq!(after.resources, before.resources);
    let traits: Vec<&str> = after.traits.iter().map(String::as_str).collect();
    assert_eq!(traits, ["COMPUTE_NODE", "CUSTOM_OWN"], "what others said of the provider stays");
    cloud.placement.provider_delete(&id).await.unwrap();
    cloud.later(20);
    cloud.compute.node_report(&report("one")).await.unwrap();
    assert_eq!(known().await.unwrap().resources, before.resources);
}

#[tokio::test]
async fn a_disabled_node_is_no_candidate_in_placement() {
    let cloud = cloud().await;
    let node = cloud.compute.nodes().await.unwrap()[1].clone();
    let ids = [node.id.clone()];
    let is_marked = async || {
        let known = cloud.placement.provider_summaries(&ids).await.unwrap();
        known[0].traits.contains("COMPUTE_STATUS_DISABLED")
    };
    let put = format!("PUT /v2.1/os-services/{}", node.service_id);
    for (status, marked) in [("disabled", true), ("enabled", false)] {
        cloud.ask(&cloud.admin, "2.53", &put, json!({"status": status})).await.expect(200);
        assert_eq!(is_marked().await, marked, "{status}");
    }
}

#[tokio::test]
async fn services_are_disabled_by_uuid_since_2_53() {
    let cloud = cloud().await;
    let admin = &cloud.admin;
    let listed = cloud.get(admin, "2.53", "/v2.1/os-services?host=two").await.expect(200);
    let service = &listed["services"][0];
    assert_eq!((&service["binary"], &service["zone"]), (&json!("nova-compute"), &json!("nova")));
    let put = format!("PUT /v2.1/os-services/{}", service["id"].as_str().unwrap());
    let disable = json!({"status": "disabled", "disabled_reason": "repair"});
    cloud.ask(&cloud.member, "2.53", &put, disable.clone()).await.expect(403);
    let disabled = cloud.ask(admin, "2.53", &put, disable.clone()).await.expect(200);
    assert_eq!(disabled["service"]["disabled_reason"], "repair");
    assert_eq!(cloud.compute.nodes_alive().await.unwrap().len(), 2);
    let bad = [json!({}), json!({"status": "enabled", "disabled_reason": "x"}), json!({"status": "odd"})];
    for bad in bad {
        cloud.ask(admin, "2.53", &put, bad).await.expect(400);
    }
    cloud.ask(admin, "2.53", &put, json!({"status": "enabled"})).await.expect(200);
    let down = cloud.ask(admin, "2.53", &put, json!({"forced_down": true})).await.expect(200);
    assert_eq!(down["service"]["state"], "down");
    cloud.ask(admin, "2.53", "PUT /v2.1/os-services/2", disable.clone()).await.expect(400);
    let nobody = "PUT /v2.1/os-services/00000000-0000-0000-0000-000000000000";
    cloud.ask(admin, "2.53", nobody, disable).await.expect(404);
}

#[tokio::test]
async fn old_clients_name_service_and_action() {
    let cloud = cloud().await;
    let admin = &cloud.admin;
    let two = json!({"host": "two", "binary": "nova-compute"});
    let ask = async |version: &str, action: &str, more: Value| {
        let mut body = two.clone();
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        cloud.ask(admin, version, &format!("PUT /v2.1/os-services/{action}"), body).await
    };
    let disabled = ask("2.1", "disable", json!({})).await.expect(200);
    assert_eq!(disabled, json!({"service": {"host": "two", "binary": "nova-compute", "status": "disabled"}}));
    ask("2.1", "disable-log-reason", json!({})).await.expect(400);
    ask("2.1", "disable-log-reason", json!({"disabled_reason": "x"})).await.expect(200);
    ask("2.1", "enable", json!({"host": "nowhere"})).await.expect(404);
    ask("2.1", "enable", json!({})).await.expect(200);
    ask("2.1", "force-down", json!({"forced_down": true})).await.expect(404);
    ask("2.11", "force-down", json!({"forced_down": "yes"})).await.expect(200);
    ask("2.11", "explode", json!({})).await.expect(404);
    ask("2.1", "enable", json!({"colour": "red"})).await.expect(400);
    let listed = cloud.get(admin, "2.11", "/v2.1/os-services").await.expect(200);
    assert_eq!(listed["services"][1]["forced_down"], true);
    assert_eq!(listed["services"][1]["id"], 2);
}

#[tokio::test]
async fn a_deleted_service_takes_its_node_along() {
    let cloud = cloud().await;
    let listed = cloud.get(&cloud.admin, "2.53", "/v2.1/os-services?host=two").await.expect(200);
    let id = listed["services"][0]["id"].as_str().unwrap();
    let delete = format!("DELETE /v2.1/os-services/{id}");
    cloud.ask(&cloud.member, "2.53", &delete, Value::Null).await.expect(403);
    cloud.ask(&cloud.admin, "2.53", &delete, Value::Null).await.expect(204);
    cloud.ask(&cloud.admin, "2.53", &delete, Value::Null).await.expect(404);
    assert_eq!(cloud.compute.nodes().await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_service_with_servers_is_not_deleted() {
    let fleet = Fleet::new().await;
    let path = fleet.created(&fleet.member).await;
    fleet.ask(&fleet.member, &format!("POST {path}/action"), json!({"os-stop": null})).await.expect(202);
    fleet.settle().await;
    let service = fleet.compute.nodes().await.unwrap().remove(0).service_id;
    let delete = format!("DELETE /compute/v2.1/os-services/{service}");
    fleet.ask(&fleet.admin, &delete, Value::Null).await.expect(409);
    fleet.ask(&fleet.member, &format!("DELETE {path}"), Value::Null).await.expect(204);
    fleet.settle().await;
    fleet.ask(&fleet.admin, &delete, Value::Null).await.expect(204);
}

#[tokio::test]
async fn each_microversion_shows_its_fields_of_nodes() {
    let cloud = cloud().await;
    let admin = &cloud.admin;
    let node = cloud.compute.nodes().await.unwrap().remove(0);
    for minor in [1, 27, 28, 32, 33, 52, 53, 75, 87, 88, 104] {
        let version = format!("2.{minor}");
        let detail = cloud.get(admin, &version, "/v2.1/os-hypervisors/detail").await.expect(200);
        let shown = &detail["hypervisors"][0];
        assert_eq!(shown["hypervisor_hostname"], "one");
        assert_eq!(shown.get("vcpus").is_some(), minor < 88, "{version}");
        assert_eq!(shown.get("uptime").is_some(), minor >= 88, "{version}");
        assert_eq!(shown["id"].is_string(), minor >= 53, "{version}");
        if minor < 88 {
            assert_eq!(shown["cpu_info"].is_object(), minor >= 28, "{version}");
            assert_eq!(shown["free_ram_mb"], 15_360);
        }
        let id = if minor >= 53 { node.id.clone() } else { node.number.to_string() };
        let one = cloud.get(admin, &version, &format!("/v2.1/os-hypervisors/{id}")).await.expect(200);
        assert_eq!(&one["hypervisor"], shown);
        let until = |last: u16| if minor <= last { 200 } else { 404 };
        cloud.get(admin, &version, "/v2.1/os-hypervisors/statistics").await.expect(until(87));
        cloud.get(admin, &version, &format!("/v2.1/os-hypervisors/{id}/uptime")).await.expect(until(87));
        cloud.get(admin, &version, "/v2.1/os-hypervisors/tw/search").await.expect(until(52));
        cloud.get(admin, &version, "/v2.1/os-hypervisors/tw/servers").await.expect(until(52));
        let page = cloud.get(admin, &version, "/v2.1/os-hypervisors?limit=2").await.expect(200);
        assert_eq!(page["hypervisors"].as_array().unwrap().len(), if minor >= 33 { 2 } else { 3 });
        cloud.get(&cloud.member, &version, "/v2.1/os-hypervisors").await.expect(403);
    }
    let up = cloud.get(admin, "2.88", &format!("/v2.1/os-hypervisors/{}", node.id)).await.expect(200);
    assert_eq!(up["hypervisor"]["uptime"], " 04:00:00 up 1 days,  1:01");
    let found = cloud.get(admin, "2.53", "/v2.1/os-hypervisors?hypervisor_hostname_pattern=t").await.expect(200);
    assert_eq!(found["hypervisors"].as_array().unwrap().len(), 2);
    cloud.get(admin, "2.53", "/v2.1/os-hypervisors?hypervisor_hostname_pattern=%25").await.expect(404);
    cloud.get(admin, "2.53", "/v2.1/os-hypervisors/1").await.expect(400);
    cloud.get(admin, "2.1", "/v2.1/os-hypervisors/x").await.expect(404);
    let empty = cloud.get(admin, "2.75", "/v2.1/os-hypervisors?with_servers=true").await.expect(200);
    assert_eq!(empty["hypervisors"][0]["servers"], json!([]));
    let next = cloud.get(admin, "2.53", &format!("/v2.1/os-hypervisors?marker={}", node.id)).await.expect(200);
    assert_eq!(next["hypervisors"][0]["hypervisor_hostname"], "three");
}

#[tokio::test]
async fn zones_are_available_while_a_node_is() {
    let cloud = cloud().await;
    let zones = cloud.get(&cloud.reader, "2.1", "/v2.1/os-availability-zone").await.expect(200);
    let nova = json!({"zoneName": "nova", "zoneState": {"available": true}, "hosts": null});
    assert_eq!(zones["availabilityZoneInfo"], json!([nova]));
    cloud.get(&cloud.reader, "2.1", "/v2.1/os-availability-zone/detail").await.expect(403);
    let zones = cloud.get(&cloud.admin, "2.1", "/v2.1/os-availability-zone/detail").await.expect(200);
    assert_eq!(zones["availabilityZoneInfo"][0]["hosts"]["one"]["nova-compute"]["available"], true);
    cloud.later(100);
    let zones = cloud.get(&cloud.reader, "2.1", "/v2.1/os-availability-zone").await.expect(200);
    assert_eq!(zones["availabilityZoneInfo"][0]["zoneState"]["available"], false);
}

#[tokio::test]
async fn the_control_process_is_in_the_list_too() {
    let cloud = Cloud::new().await;
    cloud.compute.start().await.unwrap();
    let services = loop {
        let services = cloud.get(&cloud.admin, "2.1", "/v2.1/os-services").await.expect(200);
        if services["services"] != json!([]) {
            break services;
        }
        tokio::task::yield_now().await;
    };
    let names: Vec<&str> =
        services["services"].as_array().unwrap().iter().map(|s| s["binary"].as_str().unwrap()).collect();
    assert_eq!(names, ["nova-conductor", "nova-scheduler"]);
    assert_eq!(services["services"][0]["zone"], "internal");
    assert_eq!(services["services"][0]["state"], "up");
    assert!(cloud.runtime.tasks.stop(std::time::Duration::from_secs(5)).await);
}

#[tokio::test]
async fn placement_learns_what_nodes_have() {
    let cloud = cloud().await;
    let node = cloud.compute.nodes().await.unwrap().remove(0);
    let known = async || {
        let ids = [node.id.clone()];
        cloud.placement.provider_summaries(&ids).await.unwrap().pop()
    };
    let summary = known().await.unwrap();
    let capacity = |class: &str| summary.resources[class].capacity;
    // Processors 16 times, memory without the host's own half a GiB 1.5 times, disk as it is.
    assert_eq!((capacity("VCPU"), capacity("MEMORY_MB"), capacity("DISK_GB")), (128, 23_808, 100));
    assert!(summary.traits.iter().eq(["COMPUTE_NODE"]));
    let mut grown = report("one");
    grown.resources.disk_gb = 200;
    cloud.compute.node_report(&grown).await.unwrap();
    assert_eq!(known().await.unwrap().resources["DISK_GB"].capacity, 200);
    let delete = format!("DELETE /v2.1/os-services/{}", node.service_id);
    cloud.ask(&cloud.admin, "2.53", &delete, Value::Null).await.expect(204);
    assert!(known().await.is_none_or(|summary| summary.resources.is_empty()));
}
