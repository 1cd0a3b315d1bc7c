//! Servers that want processors of the node for themselves alone.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::cloud;
use crate::fleet::{Fleet, Node};

const V2: &str = "/compute/v2.1";

db::row! {
    struct Held { class: String, used: i64 }
}

/// The status of a new server of that flavor, and what its node gave it.
async fn made(fleet: &Fleet, flavor: &str) -> (String, Value) {
    let mut order = fleet.order();
    order["server"]["flavorRef"] = json!(flavor);
    let made = fleet.ask(&fleet.member, &format!("POST {V2}/servers"), order).await.expect(202);
    fleet.settle().await;
    let id = made["server"]["id"].as_str().unwrap();
    let shown = fleet.ask(&fleet.admin, &format!("GET {V2}/servers/{id}"), Value::Null).await.expect(200);
    let held: Vec<Held> = db::sql("SELECT class, used FROM placement_allocations WHERE consumer_id = $1")
        .bind(id)
        .all(&fleet.db)
        .await
        .unwrap();
    let given = held.into_iter().map(|held| (held.class, json!(held.used))).collect();
    (shown["server"]["status"].as_str().unwrap().to_owned(), Value::Object(given))
}

#[tokio::test]
async fn own_processors_come_from_those_set_aside() {
    let fleet = Fleet::new().await;
    for (name, specs) in [
        ("own", json!({"hw:cpu_policy": "dedicated"})),
        ("asked", json!({"resources:PCPU": "3"})),
        (
            "mixed",
            json!({"hw:cpu_policy": "mixed", "hw:cpu_dedicated_mask": "^0", "hw:emulator_threads_policy": "isolate"}),
        ),
    ] {
        let flavor = json!({"flavor": {"id": name, "name": name, "ram": 64, "vcpus": 3, "disk": 1}});
        fleet.ask(&fleet.admin, &format!("POST {V2}/flavors"), flavor).await.expect(200);
        let path = format!("POST {V2}/flavors/{name}/os-extra_specs");
        fleet.ask(&fleet.admin, &path, json!({"extra_specs": specs})).await.expect(200);
    }
    assert_eq!(made(&fleet, "own").await.0, "ERROR");

    let mut report = cloud::report("node-1");
    report.resources.dedicated_cpus = 6;
    fleet.compute.node_report(&report).await.unwrap();
    let (status, given) = made(&fleet, "own").await;
    assert_eq!((status.as_str(), &given), ("ACTIVE", &json!({"PCPU": 3, "MEMORY_MB": 64, "DISK_GB": 1})));
    let (status, given) = made(&fleet, "mixed").await;
    assert_eq!((status.as_str(), &given), ("ACTIVE", &json!({"PCPU": 3, "VCPU": 1, "MEMORY_MB": 64, "DISK_GB": 1})));
    // All six are taken.
    assert_eq!(made(&fleet, "own").await.0, "ERROR");
    report.resources.dedicated_cpus = 9;
    fleet.compute.node_report(&report).await.unwrap();
    let (status, given) = made(&fleet, "asked").await;
    assert_eq!((status.as_str(), &given), ("ACTIVE", &json!({"PCPU": 3, "MEMORY_MB": 64, "DISK_GB": 1})));
}

#[tokio::test]
async fn what_no_node_can_give_at_once_is_refused_and_said() {
    let fleet = Fleet::new().await;
    for (name, vcpus, specs) in [
        ("gpu", 1, json!({"resources:CUSTOM_GPU": "1"})),
        // Overcommitment lets many servers share 8 processors; one server cannot have more than there are.
        ("wide", 9, json!({"own": "x"})),
    ] {
        let flavor = json!({"flavor": {"id": name, "name": name, "ram": 64, "vcpus": vcpus, "disk": 1}});
        fleet.ask(&fleet.admin, &format!("POST {V2}/flavors"), flavor).await.expect(200);
        let path = format!("POST {V2}/flavors/{name}/os-extra_specs");
        fleet.ask(&fleet.admin, &path, json!({"extra_specs": specs})).await.expect(200);
        assert_eq!(made(&fleet, name).await, ("ERROR".to_owned(), json!({})));
    }
    let found = fleet.get(&fleet.member, &format!("{V2}/servers/detail")).await.expect(200);
    let faults: Vec<&str> =
        found["servers"].as_array().unwrap().iter().map(|s| s["fault"]["message"].as_str().unwrap()).collect();
    assert!(faults.iter().all(|fault| fault.contains("filter ResourcesFilter removed 1 of 1 hosts")), "{faults:?}");
    assert!(faults.iter().any(|fault| fault.ends_with("change that would succeed: VCPU ≤ 8.")), "{faults:?}");
}

#[tokio::test]
async fn capabilities_are_those_of_the_node_as_it_is_now() {
    let fleet = Fleet::new().await;
    for (name, specs) in [
        ("alone", json!({"capabilities:num_instances": "<= 0"})),
        ("fast", json!({"capabilities:cpu_info:features": "<in> aes"})),
    ] {
        let flavor = json!({"flavor": {"id": name, "name": name, "ram": 64, "vcpus": 1, "disk": 1}});
        fleet.ask(&fleet.admin, &format!("POST {V2}/flavors"), flavor).await.expect(200);
        let path = format!("POST {V2}/flavors/{name}/os-extra_specs");
        fleet.ask(&fleet.admin, &path, json!({"extra_specs": specs})).await.expect(200);
    }
    assert_eq!(made(&fleet, "alone").await.0, "ACTIVE");
    assert_eq!(made(&fleet, "alone").await.0, "ERROR");
    assert_eq!(made(&fleet, "fast").await.0, "ERROR");
    let cpu_info = json!({"arch": "x86_64", "features": ["aes", "avx"]}).to_string();
    fleet.compute.node_report(&protocol::NodeReport { cpu_info, ..cloud::report("node-1") }).await.unwrap();
    assert_eq!(made(&fleet, "fast").await.0, "ACTIVE");
}

#[tokio::test]
async fn groups_of_resources_are_claimed_or_refused() {
    let fleet = Fleet::new().await;
    for (name, specs) in [
        ("grouped", json!({"resources1:DISK_GB": "2", "trait1:COMPUTE_NODE": "required", "group_policy": "none"})),
        // One node gives both groups or none: each wants a provider of its own.
        ("apart", json!({"resources1:DISK_GB": "1", "resources2:DISK_GB": "1", "group_policy": "isolate"})),
    ] {
        let flavor = json!({"flavor": {"id": name, "name": name, "ram": 64, "vcpus": 1, "disk": 1}});
        fleet.ask(&fleet.admin, &format!("POST {V2}/flavors"), flavor).await.expect(200);
        let path = format!("POST {V2}/flavors/{name}/os-extra_specs");
        fleet.ask(&fleet.admin, &path, json!({"extra_specs": specs})).await.expect(200);
    }
    // What a group asks for is not asked for again.
    let expected = ("ACTIVE".to_owned(), json!({"VCPU": 1, "MEMORY_MB": 64, "DISK_GB": 2}));
    assert_eq!(made(&fleet, "grouped").await, expected);
    assert_eq!(made(&fleet, "apart").await, ("ERROR".to_owned(), json!({})));
    let found = fleet.get(&fleet.member, &format!("{V2}/servers/detail?status=ERROR")).await.expect(200);
    let fault = found["servers"][0]["fault"]["message"].as_str().unwrap();
    assert!(fault.contains("filter ResourceGroupsFilter removed 1 of 1 hosts"), "{fault}");
}

#[tokio::test]
async fn a_rebuild_keeps_the_processors_and_stays_where_the_image_runs() {
    let fleet = Fleet::new().await;
    let path = fleet.created(&fleet.member).await;
    let image = async |name: &str, property: &str, value: &str| {
        let body = json!({"name": name, "disk_format": "raw", "container_format": "bare", property: value});
        let made = fleet.ask(&fleet.member, "POST /image/v2/images", body).await.expect(201);
        let id = made["id"].as_str().unwrap().to_owned();
        let request = http::Request::put(format!("/image/v2/images/{id}/file"))
            .header("content-type", "application/octet-stream")
            .header("x-auth-token", &fleet.member.token)
            .body(axum::body::Body::from(vec![0; 512]))
            .unwrap();
        assert!(fleet.send(request).await.status.is_success());
        id
    };
    let action = format!("POST {path}/action");
    let own = image("own", "hw_cpu_policy", "dedicated").await;
    let refused = fleet.ask(&fleet.member, &action, json!({"rebuild": {"imageRef": own}})).await.expect(400);
    assert!(refused["badRequest"]["message"].as_str().unwrap().contains("NUMA topology"), "{refused}");
    let arm = image("arm", "hw_architecture", "aarch64").await;
    fleet.ask(&fleet.member, &action, json!({"rebuild": {"imageRef": arm}})).await.expect(202);
    fleet.settle().await;
    let server = fleet.server(&path).await;
    assert_eq!((&server["status"], &server["image"]["id"]), (&json!("ACTIVE"), &json!(fleet.image_id)));
    let events = fleet.get(&fleet.admin, &format!("{path}/os-instance-actions")).await.expect(200);
    assert_eq!(events["instanceActions"][0]["message"], "Error");
    let other = image("other", "os_distro", "debian").await;
    fleet.ask(&fleet.member, &action, json!({"rebuild": {"imageRef": other}})).await.expect(202);
    fleet.settle().await;
    assert_eq!(fleet.server(&path).await["image"]["id"], json!(other));
}

#[tokio::test]
async fn a_resize_leaves_the_image_its_room() {
    let fleet = Fleet::new().await;
    let change = json!([{"op": "replace", "path": "/min_ram", "value": 500}]);
    let request = http::Request::patch(format!("/image/v2/images/{}", fleet.image_id))
        .header("content-type", "application/openstack-images-v2.1-json-patch")
        .header("x-auth-token", &fleet.admin.token)
        .body(axum::body::Body::from(change.to_string()))
        .unwrap();
    fleet.send(request).await.expect(200);
    let path = fleet.created(&fleet.member).await;
    let flavor = json!({"flavor": {"id": "small", "name": "small", "ram": 499, "vcpus": 1, "disk": 1}});
    fleet.ask(&fleet.admin, &format!("POST {V2}/flavors"), flavor).await.expect(200);
    let action = format!("POST {path}/action");
    let refused = fleet.ask(&fleet.member, &action, json!({"resize": {"flavorRef": "small"}})).await.expect(400);
    assert!(refused["badRequest"]["message"].as_str().unwrap().contains("500 MB"), "{refused}");
}

#[tokio::test]
async fn a_resize_asks_what_the_new_flavor_needs_of_the_node() {
    let fleet = Fleet::new().await;
    let path = fleet.created(&fleet.member).await;
    let flavor = json!({"flavor": {"id": "fast", "name": "fast", "ram": 64, "vcpus": 2, "disk": 1}});
    fleet.ask(&fleet.admin, &format!("POST {V2}/flavors"), flavor).await.expect(200);
    let specs = json!({"extra_specs": {"trait:HW_CPU_X86_AVX2": "required"}});
    fleet.ask(&fleet.admin, &format!("POST {V2}/flavors/fast/os-extra_specs"), specs).await.expect(200);
    let action = format!("POST {path}/action");
    fleet.ask(&fleet.member, &action, json!({"resize": {"flavorRef": "fast"}})).await.expect(202);
    fleet.settle().await;
    let server = fleet.server(&path).await;
    assert_eq!((&server["status"], &server["flavor"]["original_name"]), (&json!("ACTIVE"), &json!("tiny")), "{server}");
    let events = fleet.get(&fleet.admin, &format!("{path}/os-instance-actions")).await.expect(200);
    assert_eq!(events["instanceActions"][0]["message"], "Error");

    let mut report = cloud::report("node-1");
    report.traits.push("HW_CPU_X86_AVX2".to_owned());
    fleet.compute.node_report(&report).await.unwrap();
    fleet.ask(&fleet.member, &action, json!({"resize": {"flavorRef": "fast"}})).await.expect(202);
    fleet.settle().await;
    assert_eq!(fleet.server(&path).await["status"], "VERIFY_RESIZE");
}

#[tokio::test]
async fn unshelving_forgets_the_host_that_was_named_once() {
    let fleet = Fleet::new().await;
    fleet.node_add("node-2", Arc::new(Node::default())).await;
    let mut order = fleet.order();
    order["server"]["host"] = json!("node-2");
    let made = fleet.ask_in(&fleet.admin, "2.93", &format!("POST {V2}/servers"), order).await.expect(202);
    fleet.settle().await;
    let path = format!("{V2}/servers/{}", made["server"]["id"].as_str().unwrap());
    let host = async || fleet.get(&fleet.admin, &path).await.expect(200)["server"]["OS-EXT-SRV-ATTR:host"].clone();
    assert_eq!(host().await, "node-2");
    fleet.ask(&fleet.admin, &format!("POST {path}/action"), json!({"shelve": null})).await.expect(202);
    fleet.settle().await;
    let disable = json!({"host": "node-2", "binary": "nova-compute"});
    fleet.ask_in(&fleet.admin, "2.1", &format!("PUT {V2}/os-services/disable"), disable).await.expect(200);
    fleet.ask(&fleet.admin, &format!("POST {path}/action"), json!({"unshelve": null})).await.expect(202);
    fleet.settle().await;
    assert_eq!(host().await, "node-1");
}
