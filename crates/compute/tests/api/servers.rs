//! The life of a server, from order to oblivion.

use std::sync::Arc;

use protocol::{PowerState, Problem, ServerReport};
use runtime::Clock;
use serde_json::{Value, json};

use crate::fleet::{Fleet, Node, Setup};

#[tokio::test(flavor = "multi_thread")]
async fn an_ordered_server_comes_up_and_goes_without_a_trace() {
    whole_life(Fleet::new().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_on_postgresql() {
    whole_life(Fleet::with(Setup { postgres: true, ..Setup::default() }).await).await;
}

async fn whole_life(fleet: Fleet) {
    let answer = fleet.ask(&fleet.member, "POST /compute/v2.1/servers", fleet.order()).await;
    assert!(answer.headers["location"].to_str().unwrap().starts_with("http://cloud/compute/v2.1/servers/"));
    let made = answer.expect(202);
    assert!(made["server"]["adminPass"].is_string());
    let path = format!("/compute/v2.1/servers/{}", made["server"]["id"].as_str().unwrap());
    fleet.settle().await;
    let server = fleet.server(&path).await;
    assert_eq!(server["status"], "ACTIVE", "{server}");
    assert_eq!(server["OS-EXT-SRV-ATTR:host"], "node-1");
    assert_eq!(server["OS-EXT-AZ:availability_zone"], "nova");
    assert_eq!(server["OS-EXT-STS:power_state"], 1);
    assert_eq!(server["flavor"]["original_name"], "tiny");
    assert_eq!(server["addresses"]["net"][0]["OS-EXT-IPS:type"], "fixed");
    assert_eq!(server["security_groups"], json!([{"name": "default"}]));
    assert_eq!(*fleet.node.calls.lock().unwrap(), ["image", "disks", "plug", "start"]);
    assert_eq!(fleet.used().await, (1, 1, 512));
    fleet.ask(&fleet.member, &format!("DELETE {path}"), Value::Null).await.expect(204);
    fleet.settle().await;
    fleet.get(&fleet.member, &path).await.expect(404);
    fleet.assert_clean().await;
    assert_eq!(fleet.used().await, (0, 0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn its_history_is_the_list_of_steps() {
    let fleet = Fleet::new().await;
    let path = fleet.created(&fleet.member).await;
    let actions = fleet.get(&fleet.member, &format!("{path}/os-instance-actions")).await.expect(200);
    let action = &actions["instanceActions"][0];
    assert_eq!(action["action"], "create");
    let request_id = action["request_id"].as_str().unwrap();
    let shown = fleet.get(&fleet.member, &format!("{path}/os-instance-actions/{request_id}")).await.expect(200);
    let events = shown["instanceAction"]["events"].as_array().unwrap().clone();
    let names: Vec<&str> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    let steps = ["accept", "place", "networks", "image", "disks", "plug", "start", "wire", "activate"];
    assert!(names.iter().rev().eq(&steps), "the last first: {names:?}");
    assert!(events.iter().all(|event| event["result"] == "Success" && event.get("host").is_none()));
    let shown = fleet.get(&fleet.admin, &format!("{path}/os-instance-actions/{request_id}")).await.expect(200);
    assert_eq!(shown["instanceAction"]["events"][4]["host"], "node-1");
    fleet.ask(&fleet.member, &format!("DELETE {path}"), Value::Null).await.expect(204);
    fleet.settle().await;
    let actions = fleet.get(&fleet.member, &format!("{path}/os-instance-actions")).await.expect(200);
    assert_eq!(actions["instanceActions"][0]["action"], "delete");
    fleet.get(&fleet.stranger, &format!("{path}/os-instance-actions")).await.expect(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_at_any_step_takes_everything_back() {
    for step in ["accept", "place", "networks", "image", "disks", "plug", "start", "wire", "activate"] {
        let fleet = Fleet::with(Setup { failing: Some(step), ..Setup::default() }).await;
        let path = fleet.created(&fleet.member).await;
        let server = fleet.server(&path).await;
        assert_eq!(server["status"], "ERROR", "{step}: {server}");
        assert_eq!(server["fault"]["message"], "A test let this step fail.", "{step}");
        assert_eq!(server["OS-EXT-SRV-ATTR:host"], Value::Null, "{step}");
        fleet.assert_clean().await;
        assert_eq!(fleet.used().await, (1, 1, 512), "the quota is kept until the server is deleted");
        fleet.ask(&fleet.member, &format!("DELETE {path}"), Value::Null).await.expect(204);
        fleet.settle().await;
        assert_eq!(fleet.used().await, (0, 0, 0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_node_is_tried_when_one_fails() {
    for call in ["image", "disks", "plug", "start"] {
        let fleet = Fleet::new().await;
        *fleet.node.fail.lock().unwrap() = Some((call, Problem::Temporary("the disk is full".into())));
        let other = Arc::new(Node::default());
        fleet.node_add("node-2", Arc::clone(&other)).await;
        let path = fleet.created(&fleet.member).await;
        let server = fleet.server(&path).await;
        assert_eq!(server["status"], "ACTIVE", "{call}: {server}");
        assert_eq!(server["OS-EXT-SRV-ATTR:host"], "node-2", "{call}");
        fleet.node.assert_empty();
        assert_eq!(other.servers.lock().unwrap().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_everywhere_says_why() {
    let fleet = Fleet::new().await;
    *fleet.node.fail.lock().unwrap() = Some(("start", Problem::Permanent("there is no such machine type".into())));
    let path = fleet.created(&fleet.member).await;
    let server = fleet.server(&path).await;
    assert_eq!(server["fault"]["message"], "there is no such machine type");
    fleet.assert_clean().await;
    *fleet.node.fail.lock().unwrap() = Some(("disks", Problem::Temporary("the disk is full".into())));
    let path = fleet.created(&fleet.member).await;
    let message = fleet.server(&path).await["fault"]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("RetryFilter removed 1 of 1 hosts"), "{message}");
    assert!(message.contains("the disk is full"), "{message}");
    fleet.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_scheduling_says_what_would_succeed() {
    let fleet = Fleet::new().await;
    let body = json!({"flavor": {"id": "big", "name": "big", "ram": 40_000, "vcpus": 1, "disk": 1}});
    fleet.ask(&fleet.admin, "POST /compute/v2.1/flavors", body).await.expect(200);
    let mut order = fleet.order();
    order["server"]["flavorRef"] = json!("big");
    let made = fleet.ask(&fleet.member, "POST /compute/v2.1/servers", order).await.expect(202);
    fleet.settle().await;
    let path = format!("/compute/v2.1/servers/{}", made["server"]["id"].as_str().unwrap());
    let server = fleet.get(&fleet.member, &path).await.expect(200)["server"].clone();
    let message = server["fault"]["message"].as_str().unwrap();
    assert!(message.starts_with("No valid host was found. filter RamFilter removed 1 of 1 hosts"), "{message}");
    assert!(message.contains("the smallest change that would succeed: memory ≤"), "{message}");
    assert_eq!(server["fault"].get("details"), None, "only administrators read hosts' names");
    assert_eq!(fleet.server(&path).await["fault"]["details"], "RamFilter: node-1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_can_be_deleted_while_it_is_being_made() {
    let fleet = Fleet::new().await;
    *fleet.node.hold.lock().unwrap() = Some("image");
    let path = fleet.create(&fleet.member).await;
    fleet.node.held.notified().await;
    fleet.ask(&fleet.member, &format!("DELETE {path}"), Value::Null).await.expect(204);
    fleet.ask(&fleet.member, &format!("DELETE {path}"), Value::Null).await;
    fleet.settle().await;
    fleet.node.release.notify_waiters();
    fleet.get(&fleet.member, &path).await.expect(404);
    fleet.assert_clean().await;
    assert_eq!(fleet.used().await, (0, 0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_on_a_node_that_is_away_can_be_deleted() {
    let clock = Clock::manual("2026-11-21T04:00:00Z".parse().unwrap());
    let fleet = Fleet::with(Setup { clock: clock.clone(), ..Setup::default() }).await;
    let path = fleet.created(&fleet.member).await;
    *fleet.node.hold.lock().unwrap() = Some("delete");
    clock.set("2026-11-21T04:10:00Z".parse().unwrap());
    fleet.ask(&fleet.member, &format!("DELETE {path}"), Value::Null).await.expect(204);
    fleet.settle().await;
    fleet.get(&fleet.member, &path).await.expect(404);
    let id = path.rsplit('/').next().unwrap();
    let mut report = crate::cloud::report("node-1");
    let running = |id: &str| ServerReport { id: id.into(), power_state: PowerState::Running };
    report.servers.push(running(id));
    let answer = fleet.compute.node_report(&report).await.unwrap();
    assert_eq!(answer.orphans, [id], "the node learns what it should not have");

    // What nobody knows, and what is said to be elsewhere, is nothing to delete.
    *fleet.node.hold.lock().unwrap() = None;
    let other = fleet.created(&fleet.member).await;
    let mut report = crate::cloud::report("renamed");
    report.servers = vec![running("7a9e5c1e-0000-4000-8000-000000000000"), running(other.rsplit('/').next().unwrap())];
    assert_eq!(fleet.compute.node_report(&report).await.unwrap().orphans, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn exactly_as_many_servers_as_the_quota_allows() {
    parallel_orders(Fleet::new().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn exactly_as_many_on_postgresql() {
    parallel_orders(Fleet::with(Setup { postgres: true, ..Setup::default() }).await).await;
}

async fn parallel_orders(fleet: Fleet) {
    let fleet = Arc::new(fleet);
    let orders = (0..200).map(|_| {
        let fleet = Arc::clone(&fleet);
        tokio::spawn(async move {
            fleet.ask(&fleet.member, "POST /compute/v2.1/servers", fleet.order()).await.status.as_u16()
        })
    });
    let mut made = 0;
    for order in orders.collect::<Vec<_>>() {
        match order.await.unwrap() {
            202 => made += 1,
            other => assert_eq!(other, 403),
        }
    }
    assert_eq!(made, 10);
    fleet.settle().await;
    assert_eq!(fleet.used().await, (10, 10, 5120));
    let listed = fleet.get(&fleet.member, "/compute/v2.1/servers").await.expect(200);
    for server in listed["servers"].as_array().unwrap() {
        let path = format!("DELETE /compute/v2.1/servers/{}", server["id"].as_str().unwrap());
        fleet.ask(&fleet.member, &path, Value::Null).await.expect(204);
    }
    fleet.settle().await;
    assert_eq!(fleet.used().await, (0, 0, 0));
    fleet.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn power_follows_orders_and_states_forbid() {
    let fleet = Fleet::new().await;
    let path = fleet.created(&fleet.member).await;
    let action = format!("POST {path}/action");
    let refused = fleet.ask(&fleet.member, &action, json!({"os-start": null})).await.expect(409);
    let message = refused["conflictingRequest"]["message"].as_str().unwrap();
    assert!(message.contains("while it is in vm_state active"), "{message}");
    for (body, status) in [
        (json!({"os-stop": null}), "SHUTOFF"),
        (json!({"os-start": null}), "ACTIVE"),
        (json!({"reboot": {"type": "SOFT"}}), "ACTIVE"),
        (json!({"reboot": {"type": "HARD"}}), "ACTIVE"),
    ] {
        fleet.ask(&fleet.member, &action, body).await.expect(202);
        fleet.settle().await;
        assert_eq!(fleet.server(&path).await["status"], status);
    }
    fleet.ask(&fleet.member, &action, json!({"reboot": {"type": "ODD"}})).await.expect(400);
    fleet.ask(&fleet.member, &action, json!({"fly": {}})).await.expect(400);
    *fleet.node.fail.lock().unwrap() = Some(("stop", Problem::Permanent("no".into())));
    fleet.ask(&fleet.member, &action, json!({"os-stop": null})).await.expect(202);
    fleet.settle().await;
    let server = fleet.server(&path).await;
    assert_eq!((&server["status"], &server["OS-EXT-STS:task_state"]), (&json!("ACTIVE"), &Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_goes_off_by_itself_is_shown_so() {
    let clock = Clock::manual("2026-11-21T04:00:00Z".parse().unwrap());
    let fleet = Fleet::with(Setup { clock: clock.clone(), ..Setup::default() }).await;
    let path = fleet.created(&fleet.member).await;
    let mut report = crate::cloud::report("node-1");
    let id = path.rsplit('/').next().unwrap();
    report.servers.push(ServerReport { id: id.into(), power_state: PowerState::Shutdown });
    fleet.compute.node_report(&report).await.unwrap();
    assert_eq!(fleet.server(&path).await["status"], "ACTIVE", "a report may be older than the change it contradicts");
    clock.set("2026-11-21T04:00:10Z".parse().unwrap());
    assert_eq!(fleet.compute.node_report(&report).await.unwrap().orphans, Vec::<String>::new());
    let server = fleet.server(&path).await;
    assert_eq!((&server["status"], &server["OS-EXT-STS:power_state"]), (&json!("SHUTOFF"), &json!(4)));
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_counts_from_the_change_of_state() {
    let clock = Clock::manual("2026-11-21T04:00:00Z".parse().unwrap());
    let fleet = Fleet::with(Setup { clock: clock.clone(), ..Setup::default() }).await;
    let path = fleet.created(&fleet.member).await;
    let id = path.rsplit('/').next().unwrap().to_owned();
    let since = async || {
        let select = db::sql("SELECT state_since FROM servers WHERE id = $1").bind(&id);
        select.one::<i64>(&fleet.db).await.unwrap()
    };
    let active = since().await;
    clock.set("2026-11-21T04:10:00Z".parse().unwrap());
    fleet.ask(&fleet.member, &format!("PUT {path}"), json!({"server": {"name": "new"}})).await.expect(200);
    let action = format!("POST {path}/action");
    fleet.ask(&fleet.member, &action, json!({"lock": null})).await.expect(202);
    fleet.ask(&fleet.member, &action, json!({"unlock": null})).await.expect(202);
    assert_eq!(since().await, active);
    fleet.ask(&fleet.member, &action, json!({"os-stop": null})).await.expect(202);
    fleet.settle().await;
    assert_eq!(since().await, clock.now().as_microsecond());
}

#[tokio::test]
async fn names_are_looked_for_by_regular_expressions() {
    let fleet = Fleet::new().await;
    for name in ["a-web-1", "b-web-22", "c-db-3", "d.web"] {
        let mut order = fleet.order();
        order["server"]["name"] = json!(name);
        order["server"]["networks"] = json!("none");
        fleet.ask(&fleet.member, "POST /compute/v2.1/servers", order).await.expect(202);
    }
    let names = async |query: &str| -> Vec<String> {
        let path = format!("/compute/v2.1/servers?sort_key=display_name&sort_dir=asc&{query}");
        let listed = fleet.get(&fleet.member, &path).await.expect(200);
        listed["servers"].as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap().to_owned()).collect()
    };
    for (pattern, expected) in [
        ("^.*%5C-web%5C-[0-9]%2B$", vec!["a-web-1", "b-web-22"]),
        ("[0-9]{2}", vec!["b-web-22"]),
        ("^(a|c)", vec!["a-web-1", "c-db-3"]),
        ("web", vec!["a-web-1", "b-web-22", "d.web"]),
        ("d.web", vec!["d.web"]),
    ] {
        assert_eq!(names(&format!("name={pattern}")).await, expected, "{pattern}");
    }
    let first =
        fleet.get(&fleet.member, "/compute/v2.1/servers?sort_key=display_name&sort_dir=asc&name=^[ab]-&limit=1");
    let first = first.await.expect(200);
    assert_eq!(first["servers"][0]["name"], "a-web-1");
    let marker = first["servers"][0]["id"].as_str().unwrap();
    assert_eq!(names(&format!("name=^[ab]-&limit=5&marker={marker}")).await, ["b-web-22"]);
    for bad in ["(", "a{999}{999}", &"x".repeat(300).replace("xx", "x?")] {
        fleet.get(&fleet.member, &format!("/compute/v2.1/servers?name={bad}")).await.expect(400);
    }
}

#[tokio::test]
async fn long_host_names_and_local_disks_are_taken() {
    let fleet = Fleet::new().await;
    let flavor = json!({"flavor": {
        "id": "2", "name": "more", "ram": 64, "vcpus": 1, "disk": 1, "OS-FLV-EXT-DATA:ephemeral": 2, "swap": 64}});
    fleet.ask(&fleet.admin, "POST /compute/v2.1/flavors", flavor).await.expect(200);
    let ask = async |version: &str, field: &str, value: Value| {
        let mut order = fleet.order();
        order["server"]["flavorRef"] = json!("2");
        order["server"][field] = value;
        fleet.ask_in(&fleet.member, version, "POST /compute/v2.1/servers", order).await
    };
    let name = json!(format!("{}.{}.example.org", "a".repeat(63), "b".repeat(63)));
    ask("2.93", "hostname", name.clone()).await.expect(400);
    ask("2.94", "hostname", name).await.expect(202);
    let image = json!({"source_type": "image", "destination_type": "local", "boot_index": 0, "uuid": fleet.image_id});
    let swap = |size: Value| {
        json!([image, {"source_type": "blank", "destination_type": "local", "guest_format": "swap", "boot_index": -1,
            "volume_size": size}])
    };
    let blank =
        |size: Value| json!([image, {"source_type": "blank", "destination_type": "local", "volume_size": size}]);
    let mapping = "block_device_mapping_v2";
    ask("2.90", mapping, swap(json!(64))).await.expect(202);
    ask("2.90", mapping, swap(Value::Null)).await.expect(202);
    ask("2.90", mapping, blank(json!(2))).await.expect(202);
    fleet.settle().await;
    fleet.node.local_disks.lock().unwrap().clear();
    let blank_of = |size: u64| json!({"source_type": "blank", "destination_type": "local", "volume_size": size});
    ask("2.90", mapping, swap(json!(1))).await.expect(202);
    fleet.settle().await;
    ask("2.90", mapping, blank(json!(1))).await.expect(202);
    fleet.settle().await;
    ask("2.90", mapping, json!([image, blank_of(1), blank_of(1)])).await.expect(202);
    fleet.settle().await;
    assert_eq!(*fleet.node.local_disks.lock().unwrap(), [(vec![2], 1), (vec![1], 64), (vec![1, 1], 64)]);
    for bad in [
        json!([image, blank_of(1), blank_of(1), blank_of(1)]),
        json!([image, swap(json!(1))[1], swap(json!(1))[1]]),
        swap(json!(65)),
        blank(json!(3)),
        json!([image, {"source_type": "blank", "destination_type": "volume", "volume_size": 1}]),
        json!([image, {"source_type": "snapshot", "uuid": fleet.image_id, "destination_type": "volume"}]),
        json!([image, {"source_type": "blank", "destination_type": "local", "boot_index": 1}]),
    ] {
        let refused = ask("2.90", mapping, bad.clone()).await;
        assert_eq!(refused.status.as_u16(), 400, "{bad}: {}", refused.body);
    }
}
