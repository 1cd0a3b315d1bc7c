//! Orders, lists, labels, consoles and metadata of servers, and who may have them.

use axum::body::Body;
use http::Request;
use protocol::Problem;
use serde_json::{Value, json};

use crate::fleet::{Fleet, Setup};

#[tokio::test(flavor = "multi_thread")]
async fn bad_orders_say_what_is_wrong() {
    let fleet = Fleet::new().await;
    let root = json!({"source_type": "image", "destination_type": "local", "boot_index": 0, "uuid": fleet.image_id});
    let blank = json!({"source_type": "blank", "destination_type": "local", "volume_size": 1});
    let with = |field: &str, value: Value| {
        let mut device = root.clone();
        device[field] = value;
        json!([device])
    };
    let cases = [
        ("name", json!("")),
        ("flavorRef", json!("none")),
        ("imageRef", json!("none")),
        ("imageRef", json!("11111111-1111-4111-8111-111111111111")),
        ("networks", json!("odd")),
        ("networks", json!([{"uuid": "odd"}])),
        ("networks", json!([{}])),
        ("key_name", json!("none")),
        ("user_data", json!("not base64!")),
        ("metadata", json!({"a/b": "c"})),
        ("min_count", json!(0)),
        ("availability_zone", json!("far")),
        ("availability_zone", json!("nova:node-1:node-1:node-1")),
        ("hostname", json!("-a")),
        ("hostname", json!("a")),
        ("tags", json!(["a,b"])),
        ("personality", json!([])),
        ("block_device_mapping_v2", json!([{"source_type": "volume", "boot_index": 0}])),
        ("unheard_of", json!(1)),
        ("name", json!(" web ")),
        ("imageRef", json!(format!("http://images/{}", fleet.image_id))),
        ("networks", json!([{"uuid": fleet.network_id, "tag": "a/b"}])),
        ("networks", json!([{"port": fleet.image_id}, {"port": fleet.image_id}])),
        ("networks", json!([["uuid"]])),
        ("security_groups", json!([{"name": "default", "x": 1}])),
        ("os:scheduler_hints", json!({})),
        ("block_device_mapping_v2", json!([blank])),
        ("block_device_mapping_v2", json!([root, root])),
        ("block_device_mapping_v2", with("disk_bus", json!("drum"))),
        ("block_device_mapping_v2", with("volume_type", json!("fast"))),
        ("block_device_mapping_v2", with("device_name", json!("a b"))),
        ("block_device_mapping_v2", with("volume_size", json!(0))),
        ("block_device_mapping_v2", with("boot_index", json!(1))),
    ];
    for (field, value) in cases {
        let mut order = fleet.order();
        order["server"][field] = value.clone();
        let answer = fleet.ask(&fleet.member, "POST /compute/v2.1/servers", order).await;
        assert_eq!(answer.status, 400, "{field} {value}: {}", answer.body);
        assert!(answer.body["badRequest"]["message"].is_string());
    }
    let mut from_nothing = fleet.order();
    from_nothing["server"]["imageRef"] = json!("");
    from_nothing["server"]["block_device_mapping_v2"] = json!([root]);
    let listed = json!({"server": ["web", "1", fleet.image_id, null, "none"]});
    for body in [from_nothing, listed, json!([fleet.order()])] {
        fleet.ask(&fleet.member, "POST /compute/v2.1/servers", body).await.expect(400);
    }
    assert_eq!(fleet.used().await, (0, 0, 0));
    let mut order = fleet.order();
    order["server"]["block_device_mapping"] = json!([]);
    fleet.ask(&fleet.member, "POST /compute/v2.1/servers", order).await.expect(202);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_host_name_is_not_given_to_several_servers() {
    let fleet = Fleet::new().await;
    for (field, count, expected) in [("min_count", 2, 400), ("max_count", 2, 400), ("max_count", 1, 202)] {
        let mut order = fleet.order();
        order["server"]["hostname"] = json!("web");
        order["server"][field] = json!(count);
        let answer = fleet.ask(&fleet.member, "POST /compute/v2.1/servers", order).await;
        assert_eq!(answer.status.as_u16(), expected, "{field} {count}: {}", answer.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn host_names_since_2_94_are_stored_as_they_are() {
    let fleet = Fleet::new().await;
    for name in ["a", "-a_b.", &"a".repeat(255)] {
        let mut order = fleet.order();
        order["server"]["hostname"] = json!(name);
        fleet.ask_in(&fleet.member, "2.93", "POST /compute/v2.1/servers", order.clone()).await.expect(400);
        order["server"]["networks"] = json!("none");
        let made = fleet.ask_in(&fleet.member, "2.94", "POST /compute/v2.1/servers", order).await.expect(202);
        fleet.settle().await;
        let path = format!("/compute/v2.1/servers/{}", made["server"]["id"].as_str().unwrap());
        let server = fleet.server(&path).await;
        assert_eq!((&server["status"], &server["OS-EXT-SRV-ATTR:hostname"]), (&json!("ACTIVE"), &json!(name)));
        let change = |name: &str| json!({"server": {"hostname": name}});
        fleet.ask_in(&fleet.member, "2.94", &format!("PUT {path}"), change("_.")).await.expect(200);
        fleet.ask_in(&fleet.member, "2.93", &format!("PUT {path}"), change("_.")).await.expect(400);
        fleet.ask_in(&fleet.member, "2.94", &format!("PUT {path}"), change("a b")).await.expect(400);
    }
    let mut order = fleet.order();
    order["server"]["hostname"] = json!("a".repeat(64));
    let made = fleet.ask_in(&fleet.member, "2.94", "POST /compute/v2.1/servers", order).await.expect(202);
    fleet.settle().await;
    let server = fleet.server(&format!("/compute/v2.1/servers/{}", made["server"]["id"].as_str().unwrap())).await;
    assert_eq!(server["status"], "ERROR", "its network takes no label that is so long");
}

#[tokio::test(flavor = "multi_thread")]
async fn several_servers_come_by_one_order_and_lists_find_them() {
    lists(Fleet::new().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_find_them_on_postgresql() {
    lists(Fleet::with(Setup { postgres: true, ..Setup::default() }).await).await;
}

async fn lists(fleet: Fleet) {
    let mut order = fleet.order();
    order["server"]["min_count"] = json!(2);
    order["server"]["max_count"] = json!(50);
    order["server"]["return_reservation_id"] = json!(true);
    order["server"]["tags"] = json!(["blue"]);
    let made = fleet.ask(&fleet.member, "POST /compute/v2.1/servers", order).await.expect(202);
    fleet.settle().await;
    let unheard = "GET /compute/v2.1/servers?status=UNHEARD";
    fleet.ask_in(&fleet.member, "2.38", unheard, Value::Null).await.expect(400);
    let none = fleet.ask_in(&fleet.member, "2.37", unheard, Value::Null).await.expect(200);
    assert_eq!(none["servers"], json!([]));
    let list = |query: String| {
        let fleet = &fleet;
        async move {
            let listed = fleet.get(&fleet.member, &format!("/compute/v2.1/servers?{query}")).await.expect(200);
            let names: Vec<String> =
                listed["servers"].as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap().to_owned()).collect();
            (names, listed)
        }
    };
    let reservation = made["reservation_id"].as_str().unwrap();
    assert_eq!(list(format!("reservation_id={reservation}")).await.0.len(), 10, "as many as the quota allows");
    assert_eq!(list("name=web-1".into()).await.0.len(), 2);
    assert_eq!(list("name=%5Eweb-1$".into()).await.0, ["web-1"]);
    for (query, count) in [
        ("status=ACTIVE", 10),
        ("status=active&status=error", 10),
        ("status=SHUTOFF", 0),
        ("status=UNHEARD&status=SHUTOFF", 0),
        ("tags=blue", 10),
        ("not-tags=blue", 0),
        ("tags-any=blue,red", 10),
        ("flavor=1", 10),
        ("flavor=2", 0),
        ("ip=10.0.", 10),
        ("ip=10.1.", 0),
        ("ip=0.0.", 10),
        ("ip6=0.0.", 10),
        ("ip=10.1.&ip6=10.0.", 10),
        ("ip=%25", 0),
        ("ip=_", 0),
        ("ip=%5E10.", 0),
        ("ip=", 0),
        ("ip=10.0.&name=web-.0", 1),
        ("reservation_id=r-", 10),
        ("reservation_id=%5Er-.{8}$", 10),
        ("reservation_id=%25", 0),
        ("availability_zone=ov", 10),
        ("availability_zone=n(a|o)va", 10),
        ("availability_zone=north", 0),
        ("key_name=.", 0),
        ("power_state=1", 10),
        ("power_state=[0-3]", 10),
        ("power_state=odd", 0),
        ("config_drive=true", 0),
        ("config_drive=false", 10),
        ("config_drive=odd", 0),
        ("config_drive=%5E$", 10),
        ("progress=0", 10),
        ("progress=odd", 0),
        ("created_at=odd", 0),
        ("created_at=%5E20[0-9]{2}-", 10),
        ("launched_at=2000-01-01", 0),
        ("launched_at=20", 10),
        ("terminated_at=20", 0),
        ("name=web-1$&name=web-", 10),
        ("name=web-&name=web-1$", 1),
        ("vm_state=stopped&vm_state=active", 10),
        ("flavor=1&flavor=2", 0),
        ("tags=blue&tags=none", 0),
        ("limit=1&limit=3", 3),
        ("changes-since=2030-01-01T00:00:00Z", 0),
    ] {
        assert_eq!(list(query.into()).await.0.len(), count, "{query}");
    }
    for key in ["display_name", "display_description", "key_name", "launched_at", "terminated_at"] {
        let (first, page) =
            list(format!("limit=6&sort_key={key}&sort_key=display_name&sort_dir=asc&sort_dir=asc")).await;
        let next = page["servers_links"][0]["href"].as_str().unwrap().split_once('?').unwrap().1.to_owned();
        let (second, page) = list(next).await;
        assert_eq!((first.len(), second.len()), (6, 4), "{key}");
        assert_eq!(page.get("servers_links"), None);
        let mut all = [first, second].concat();
        assert!(all.is_sorted() || key == "launched_at", "{key}: {all:?}");
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 10, "{key}");
    }
    let (newest, _) = list(String::new()).await;
    let (mut oldest, _) = list("sort_dir=asc".into()).await;
    oldest.reverse();
    assert_eq!(oldest, newest, "servers are sorted by when they were made");
    assert_eq!(list("sort_key=display_name&limit=1".into()).await.0, ["web-9"], "largest first");
    for bad in
        ["sort_key=unheard", "sort_key=name", "sort_dir=up", "sort_dir=asc&sort_dir=asc", "created_at=(", "limit=x"]
    {
        let answer = fleet.get(&fleet.member, &format!("/compute/v2.1/servers?{bad}")).await;
        assert_eq!(answer.status, 400, "{bad}");
    }
    fleet.get(&fleet.member, "/compute/v2.1/servers?marker=unheard").await.expect(400);
    fleet.get(&fleet.member, "/compute/v2.1/servers?all_tenants=1").await.expect(403);
    let all = fleet.get(&fleet.admin, "/compute/v2.1/servers/detail?all_tenants=1").await.expect(200);
    assert_eq!(all["servers"].as_array().unwrap().len(), 10);
    let project = all["servers"][0]["tenant_id"].as_str().unwrap();
    for (query, count) in [("", 0), ("&all_tenants=1", 10)] {
        let path = format!("/compute/v2.1/servers?tenant_id={project}{query}");
        let found = fleet.get(&fleet.admin, &path).await.expect(200);
        assert_eq!(found["servers"].as_array().unwrap().len(), count, "a project counts only among all: {path}");
    }
    let none = fleet.get(&fleet.stranger, "/compute/v2.1/servers/detail").await.expect(200);
    assert_eq!(none["servers"], json!([]));
    administrators_filters(&fleet, all["servers"][0]["id"].as_str().unwrap()).await;
}

/// Of ten servers, one is changed on the way.
async fn administrators_filters(fleet: &Fleet, id: &str) {
    let path = format!("/compute/v2.1/servers/{id}");
    let change = json!({"server": {
        "accessIPv4": "192.0.2.1", "accessIPv6": "2001:db8::1", "OS-DCF:diskConfig": "AUTO"}});
    fleet.ask(&fleet.member, &format!("PUT {path}"), change).await.expect(200);
    fleet.ask(&fleet.member, &format!("POST {path}/action"), json!({"lock": null})).await.expect(202);
    for (query, count) in [
        ("access_ip_v4=192.0", 1),
        ("access_ip_v4=%5E19[12]", 1),
        ("access_ip_v4=%5E192%5C.0$", 0),
        ("access_ip_v4=%25", 0),
        ("access_ip_v6=db8::", 1),
        ("access_ip_v6=fd00", 0),
        ("auto_disk_config=1", 1),
        ("auto_disk_config=0", 9),
        ("auto_disk_config=odd", 0),
        ("locked_by=owner", 1),
        ("locked_by=admin|own", 1),
        ("locked_by=admin", 0),
        ("launch_index=9", 1),
        ("launch_index=[0-3]", 4),
        ("launch_index=odd", 0),
        ("root_device_name=vda", 10),
        ("root_device_name=/dev/[sv]da", 10),
        ("root_device_name=sda", 0),
        ("kernel_id=none", 0),
        ("kernel_id=", 10),
        ("ramdisk_id=none", 0),
        ("ramdisk_id=%5E$", 10),
        ("node=node", 10),
        ("node=node-[2-9]", 0),
        ("host=node", 0),
        ("host=node-1", 10),
        ("deleted=foo", 10),
        ("deleted=", 10),
        ("deleted=true", 0),
        ("launch_index=9&locked_by=admin", 0),
    ] {
        let found = fleet.get(&fleet.admin, &format!("/compute/v2.1/servers?all_tenants=1&{query}")).await.expect(200);
        assert_eq!(found["servers"].as_array().unwrap().len(), count, "{query}");
        if !query.starts_with("deleted") {
            let all = fleet.get(&fleet.member, &format!("/compute/v2.1/servers?{query}")).await.expect(200);
            assert_eq!(all["servers"].as_array().unwrap().len(), 10, "users have no such filter: {query}");
        }
    }
    fleet.get(&fleet.admin, "/compute/v2.1/servers?all_tenants=1&locked_by=(").await.expect(400);
    fleet.get(&fleet.admin, "/compute/v2.1/servers?all_tenants=odd").await.expect(400);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_metadata_and_tags_can_be_changed() {
    let fleet = Fleet::new().await;
    let path = fleet.created(&fleet.member).await;
    let user = &fleet.member;
    let body = json!({"server": {"name": "db", "description": "the database", "hostname": "db"}});
    let changed = fleet.ask(user, &format!("PUT {path}"), body).await.expect(200);
    assert_eq!(changed["server"]["name"], "db");
    assert_eq!(changed["server"]["description"], "the database");
    let metadata = format!("{path}/metadata");
    fleet.ask(user, &format!("POST {metadata}"), json!({"metadata": {"a": "1", "b": "2"}})).await.expect(200);
    fleet.ask(user, &format!("PUT {metadata}/a"), json!({"meta": {"a": "3"}})).await.expect(200);
    fleet.ask(user, &format!("PUT {metadata}/a"), json!({"meta": {"b": "3"}})).await.expect(400);
    fleet.ask(user, &format!("DELETE {metadata}/b"), Value::Null).await.expect(204);
    fleet.ask(user, &format!("DELETE {metadata}/b"), Value::Null).await.expect(404);
    assert_eq!(fleet.get(user, &metadata).await.expect(200), json!({"metadata": {"a": "3"}}));
    let tags = format!("{path}/tags");
    fleet.ask(user, &format!("PUT {tags}/x"), Value::Null).await.expect(201);
    fleet.ask(user, &format!("PUT {tags}/x"), Value::Null).await.expect(204);
    fleet.get(user, &format!("{tags}/x")).await.expect(204);
    fleet.ask(user, &format!("PUT {tags}"), json!({"tags": ["z", "y"]})).await.expect(200);
    assert_eq!(fleet.get(user, &tags).await.expect(200), json!({"tags": ["y", "z"]}));
    fleet.ask(user, &format!("DELETE {tags}/x"), Value::Null).await.expect(404);
    fleet.ask_in(user, "2.25", &format!("GET {tags}"), Value::Null).await.expect(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_pinned_to_the_zone_that_it_is_in() {
    let fleet = Fleet::new().await;
    let path = fleet.created(&fleet.member).await;
    let pin = async |version: &str, zone: Value| {
        let body = json!({"server": {"pinned_availability_zone": zone}});
        fleet.ask_in(&fleet.member, version, &format!("PUT {path}"), body).await
    };
    pin("2.103", Value::Null).await.expect(400);
    let shown = fleet.ask_in(&fleet.member, "2.104", &format!("GET {path}"), Value::Null).await.expect(200);
    let zone = &shown["server"]["OS-EXT-AZ:availability_zone"];
    pin("2.104", json!("elsewhere")).await.expect(409);
    for wanted in [Value::Null, zone.clone(), zone.clone()] {
        let changed = pin("2.104", wanted.clone()).await.expect(200);
        assert_eq!(changed["server"]["pinned_availability_zone"], wanted);
    }
    pin("2.104", json!("elsewhere")).await.expect(409);
    assert_eq!(pin("2.104", Value::Null).await.expect(200)["server"]["pinned_availability_zone"], Value::Null);
}

/// Every route of a server, and what a reader of its project gets.
fn routes(path: &str) -> Vec<(String, Value, u16)> {
    let ask = |method: &str, rest: &str, body: Value, reader: u16| (format!("{method} {path}{rest}"), body, reader);
    vec![
        ask("GET", "", Value::Null, 200),
        ask("PUT", "", json!({"server": {"name": "n"}}), 403),
        ask("POST", "/action", json!({"os-start": null}), 403),
        ask("POST", "/action", json!({"os-stop": null}), 403),
        ask("POST", "/action", json!({"reboot": {"type": "HARD"}}), 403),
        ask("POST", "/action", json!({"os-getConsoleOutput": {}}), 403),
        ask("POST", "/remote-consoles", json!({"remote_console": {"protocol": "vnc", "type": "novnc"}}), 403),
        ask("GET", "/metadata", Value::Null, 200),
        ask("POST", "/metadata", json!({"metadata": {}}), 403),
        ask("PUT", "/metadata", json!({"metadata": {}}), 403),
        ask("GET", "/metadata/a", Value::Null, 404),
        ask("PUT", "/metadata/a", json!({"meta": {"a": "b"}}), 403),
        ask("DELETE", "/metadata/a", Value::Null, 403),
        ask("GET", "/tags", Value::Null, 200),
        ask("PUT", "/tags", json!({"tags": []}), 403),
        ask("DELETE", "/tags", Value::Null, 403),
        ask("GET", "/tags/a", Value::Null, 404),
        ask("PUT", "/tags/a", Value::Null, 403),
        ask("DELETE", "/tags/a", Value::Null, 403),
        ask("GET", "/os-instance-actions", Value::Null, 200),
        ask("GET", "/os-instance-actions/req-none", Value::Null, 404),
        ask("GET", "/os-interface", Value::Null, 200),
        ask("GET", "/os-interface/none", Value::Null, 404),
        ask("GET", "/ips", Value::Null, 200),
        ask("GET", "/ips/net", Value::Null, 200),
        ask("GET", "/os-security-groups", Value::Null, 200),
        ask("DELETE", "", Value::Null, 403),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_find_nothing_and_readers_change_nothing() {
    let fleet = Fleet::new().await;
    let path = fleet.created(&fleet.member).await;
    for (request, body, reader) in routes(&path) {
        let answer = fleet.ask(&fleet.stranger, &request, body.clone()).await;
        assert_eq!(answer.status, 404, "a stranger: {request}: {}", answer.body);
        let answer = fleet.ask(&fleet.reader, &request, body).await;
        assert_eq!(answer.status, reader, "a reader: {request}: {}", answer.body);
    }
    fleet.ask(&fleet.reader, "POST /compute/v2.1/servers", fleet.order()).await.expect(403);
    assert_eq!(fleet.server(&path).await["status"], "ACTIVE");
}

#[tokio::test(flavor = "multi_thread")]
async fn consoles_open_for_a_while_with_a_token() {
    let fleet = Fleet::new().await;
    let path = fleet.created(&fleet.member).await;
    let body = json!({"os-getConsoleOutput": {"length": 5}});
    let output = fleet.ask(&fleet.member, &format!("POST {path}/action"), body).await.expect(200);
    assert_eq!(output["output"], "the last Some(5) lines");
    let body = json!({"remote_console": {"protocol": "vnc", "type": "novnc"}});
    let made = fleet.ask(&fleet.member, &format!("POST {path}/remote-consoles"), body.clone()).await.expect(200);
    let url = made["remote_console"]["url"].as_str().unwrap();
    assert!(url.starts_with("http://cloud/console/vnc_auto.html?path=%3Ftoken%3D"), "{url}");
    fleet.ask_in(&fleet.member, "2.5", &format!("POST {path}/remote-consoles"), body).await.expect(404);
    let body = json!({"os-getVNCConsole": {"type": "novnc"}});
    fleet.ask_in(&fleet.member, "2.5", &format!("POST {path}/action"), body.clone()).await.expect(200);
    fleet.ask_in(&fleet.member, "2.6", &format!("POST {path}/action"), body).await.expect(404);
    let body = json!({"remote_console": {"protocol": "spice", "type": "spice-html5"}});
    let made = fleet.ask(&fleet.member, &format!("POST {path}/remote-consoles"), body.clone()).await.expect(200);
    let url = made["remote_console"]["url"].as_str().unwrap();
    let page = "http://cloud/console/spice/spice_auto.html?path=%2Fconsole%2Fwebsockify%3Ftoken%3D";
    assert!(url.starts_with(page), "{url}");
    fleet.node.fail.lock().unwrap().replace(("console", protocol::Problem::Permanent("SPICE is off".into())));
    let refused = fleet.ask(&fleet.member, &format!("POST {path}/remote-consoles"), body).await.expect(400);
    assert_eq!(refused["badRequest"]["message"], "Unavailable console type spice-html5: SPICE is off.");
    let body = json!({"remote_console": {"protocol": "rdp", "type": "rdp-html5"}});
    fleet.ask(&fleet.member, &format!("POST {path}/remote-consoles"), body).await.expect(400);
}

#[tokio::test(flavor = "multi_thread")]
async fn guests_read_about_themselves_through_a_signing_proxy() {
    let fleet = Fleet::new().await;
    let mut order = fleet.order();
    order["server"]["user_data"] = json!("aGVsbG8=");
    order["server"]["metadata"] = json!({"role": "web"});
    order["server"]["config_drive"] = json!(true);
    order["server"]["personality"] = json!([{"path": "/etc/motd", "contents": "d2VsY29tZQ=="}]);
    let flavor = json!({"flavor": {"id": "2", "name": "disks", "ram": 64, "vcpus": 1, "disk": 1,
        "OS-FLV-EXT-DATA:ephemeral": 2, "swap": 64}});
    fleet.ask(&fleet.admin, "POST /compute/v2.1/flavors", flavor).await.expect(200);
    order["server"]["flavorRef"] = json!("2");
    let blank = json!({"source_type": "blank", "destination_type": "local", "volume_size": 1});
    let mut scratch = blank.clone();
    scratch["tag"] = json!("scratch");
    order["server"]["block_device_mapping_v2"] = json!([
        {"source_type": "image", "destination_type": "local", "boot_index": 0, "uuid": fleet.image_id, "tag": "system"},
        blank,
        scratch,
    ]);
    let made = fleet.ask_in(&fleet.member, "2.56", "POST /compute/v2.1/servers", order).await.expect(202);
    fleet.settle().await;
    let id = made["server"]["id"].as_str().unwrap().to_owned();
    let server = fleet.server(&format!("/compute/v2.1/servers/{id}")).await;
    let address = server["addresses"]["net"][0]["addr"].as_str().unwrap().to_owned();
    let get = |path: &str, address: &str, secret: &str| {
        let signature = protocol::metadata_sign(secret, &fleet.network_id, address.parse().unwrap()).unwrap();
        let request = Request::get(format!("/metadata{path}"))
            .header("x-forwarded-for", address)
            .header("x-network-id", &fleet.network_id)
            .header("x-signature", signature);
        fleet.send(request.body(Body::empty()).unwrap())
    };
    let document = get("/openstack/latest/meta_data.json", &address, "shared").await.expect(200);
    assert_eq!(document["uuid"], json!(id));
    assert_eq!(document["meta"], json!({"role": "web"}));
    assert_eq!(document.get("admin_pass"), None);
    let disk = |path: &str, tag: &str| json!({"type": "disk", "bus": "virtio", "address": "none", "path": path, "tags": [tag]});
    assert_eq!(document["devices"], json!([disk("/dev/vda", "system"), disk("/dev/vdc", "scratch")]));
    assert_eq!(document["files"], json!([{"path": "/etc/motd", "content_path": "/content/0000"}]));
    assert_eq!(get("/openstack/content/0000", &address, "shared").await.expect(200), json!("welcome"));
    get("/openstack/content/0001", &address, "shared").await.expect(404);
    assert_eq!(get("/openstack/latest/user_data", &address, "shared").await.expect(200), json!("hello"));
    let network = get("/openstack/latest/network_data.json", &address, "shared").await.expect(200);
    assert_eq!(network["networks"][0]["type"], "ipv4_dhcp");
    assert_eq!(get("/latest/meta-data/local-ipv4", &address, "shared").await.expect(200), json!(address));
    assert_eq!(get("/2009-04-04/meta-data/hostname", &address, "shared").await.expect(200), json!("web.novalocal"));
    get("/openstack/latest/unheard", &address, "shared").await.expect(404);
    get("/openstack/latest/meta_data.json", "10.0.77.77", "shared").await.expect(404);
    get("/openstack/latest/meta_data.json", &address, "guessed").await.expect(403);
    let drive = fleet.node.config_drives.lock().unwrap()[&id].clone();
    assert!(drive.contains(&"openstack/latest/meta_data.json".to_owned()), "{drive:?}");
    assert!(drive.contains(&"ec2/latest/meta-data.json".to_owned()), "{drive:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_waits_for_the_guest_agent_and_is_that_of_the_user_whom_the_image_names() {
    let fleet = Fleet::new().await;
    let patch = json!([{"op": "add", "path": "/os_admin_user", "value": "cirros"}]);
    let request = Request::patch(format!("/image/v2/images/{}", fleet.image_id))
        .header("x-auth-token", &fleet.admin.token)
        .header("content-type", "application/openstack-images-v2.1-json-patch");
    fleet.send(request.body(Body::from(patch.to_string())).unwrap()).await.expect(200);
    let path = fleet.created(&fleet.member).await;
    *fleet.node.fail.lock().unwrap() = Some(("password", Problem::Temporary("it has only just been started".into())));
    let body = json!({"changePassword": {"adminPass": "new"}});
    fleet.ask(&fleet.member, &format!("POST {path}/action"), body).await.expect(202);
    let asked = || fleet.node.calls.lock().unwrap().iter().filter(|call| *call == "password").count();
    while asked() == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    *fleet.node.fail.lock().unwrap() = None;
    fleet.settle().await;
    assert_eq!(*fleet.node.passwords.lock().unwrap(), [(Some("cirros".to_owned()), "new".to_owned())]);
    assert_eq!((asked(), &fleet.server(&path).await["OS-EXT-STS:task_state"]), (2, &Value::Null));
}
