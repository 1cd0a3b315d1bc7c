//! What compute passes on to the image and network services for clients from the time before microversions 2.36 and 2.39.

use serde_json::{Value, json};

use crate::fleet::Fleet;

const V2: &str = "/compute/v2.1";

#[tokio::test]
async fn images_have_their_old_form() {
    let fleet = Fleet::new().await;
    let get = async |version: &str, path: &str| {
        fleet.ask_in(&fleet.member, version, &format!("GET {V2}/images{path}"), Value::Null).await
    };
    let image = get("2.35", &format!("/{}", fleet.image_id)).await.expect(200)["image"].clone();
    assert_eq!((&image["status"], &image["progress"], &image["minRam"]), (&json!("ACTIVE"), &json!(100), &json!(0)));
    assert_eq!(image["OS-EXT-IMG-SIZE:size"], 4096);
    assert_eq!(image["links"][2]["rel"], "alternate");
    get("2.36", &format!("/{}", fleet.image_id)).await.expect(404);
    get("2.36", "").await.expect(404);
    get("2.1", "/00000000-0000-4000-8000-000000000000").await.expect(404);

    for name in ["a", "b", "c"] {
        let body = json!({"name": name, "disk_format": "raw", "container_format": "bare", "image_type": "snapshot"});
        fleet.ask(&fleet.member, "POST /image/v2/images", body).await.expect(201);
    }
    let count = async |query: &str| {
        get("2.1", &format!("/detail{query}")).await.expect(200)["images"].as_array().unwrap().len()
    };
    for (query, expected) in [
        ("", 4),
        ("?name=b", 1),
        ("?status=ACTIVE", 1),
        ("?status=SAVING", 0),
        ("?type=snapshot", 3),
        ("?limit=2", 2),
        ("?changes-since=2000-01-01T00:00:00Z", 4),
        ("?server=00000000-0000-4000-8000-000000000000", 0),
    ] {
        assert_eq!(count(query).await, expected, "{query}");
    }
    let page = get("2.1", "?limit=2").await.expect(200);
    assert!(page["images_links"][0]["href"].as_str().unwrap().contains("marker="), "{page}");
    assert!(page["images"][0].get("status").is_none());
    get("2.1", "?limit=-1").await.expect(400);
}

#[tokio::test]
async fn images_have_metadata_and_go() {
    let fleet = Fleet::new().await;
    let body = json!({"name": "mine", "disk_format": "raw", "container_format": "bare"});
    let made = fleet.ask(&fleet.member, "POST /image/v2/images", body).await.expect(201);
    let path = format!("{V2}/images/{}", made["id"].as_str().unwrap());
    let ask = async |version: &str, method: &str, rest: &str, body: Value| {
        fleet.ask_in(&fleet.member, version, &format!("{method} {path}{rest}"), body).await
    };
    let set = json!({"metadata": {"os_version": "1", "colour": "red"}});
    assert_eq!(ask("2.38", "PUT", "/metadata", set.clone()).await.expect(200), set);
    ask("2.39", "PUT", "/metadata", set).await.expect(404);
    let more = ask("2.1", "POST", "/metadata", json!({"metadata": {"colour": "blue", "x": "y"}})).await.expect(200);
    assert_eq!(more["metadata"], json!({"os_version": "1", "colour": "blue", "x": "y"}));
    let one = ask("2.1", "PUT", "/metadata/x", json!({"meta": {"x": "z"}})).await.expect(200);
    assert_eq!(one, json!({"meta": {"x": "z"}}));
    ask("2.1", "PUT", "/metadata/x", json!({"meta": {"y": "z"}})).await.expect(400);
    assert_eq!(ask("2.1", "GET", "/metadata/x", Value::Null).await.expect(200), json!({"meta": {"x": "z"}}));
    ask("2.1", "DELETE", "/metadata/x", Value::Null).await.expect(204);
    ask("2.1", "DELETE", "/metadata/x", Value::Null).await.expect(404);
    ask("2.1", "GET", "/metadata/x", Value::Null).await.expect(404);
    let left = ask("2.1", "GET", "/metadata", Value::Null).await.expect(200);
    assert_eq!(left["metadata"], json!({"os_version": "1", "colour": "blue"}));
    fleet.ask_in(&fleet.stranger, "2.1", &format!("DELETE {path}"), Value::Null).await.expect(404);
    ask("2.1", "DELETE", "", Value::Null).await.expect(204);
    ask("2.1", "GET", "", Value::Null).await.expect(404);
    let public = format!("DELETE {V2}/images/{}", fleet.image_id);
    fleet.ask_in(&fleet.member, "2.1", &public, Value::Null).await.expect(403);
}

#[tokio::test]
async fn security_groups_have_their_old_form() {
    let fleet = Fleet::new().await;
    let ask = async |request: &str, body: Value| {
        let (method, path) = request.split_once(' ').unwrap();
        fleet.ask_in(&fleet.member, "2.35", &format!("{method} {V2}/{path}"), body).await
    };
    let named = |name: &str| json!({"security_group": {"name": name, "description": "d"}});
    let web = ask("POST os-security-groups", named(" web ")).await.expect(200)["security_group"].clone();
    assert_eq!((&web["name"], &web["rules"]), (&json!(" web "), &json!([])));
    let id = web["id"].as_str().unwrap();
    assert_eq!(ask(&format!("GET os-security-groups/{id}"), Value::Null).await.expect(200)["security_group"], web);
    ask("POST os-security-groups", named(&"x".repeat(256))).await.expect(400);
    ask("GET os-security-groups/nonsense", Value::Null).await.expect(400);
    ask("GET os-security-groups/00000000-0000-4000-8000-000000000000", Value::Null).await.expect(404);
    let changed = ask(&format!("PUT os-security-groups/{id}"), named("front")).await.expect(200);
    assert_eq!(changed["security_group"]["name"], "front");
    let listed = ask("GET os-security-groups", Value::Null).await.expect(200);
    let names: Vec<&str> =
        listed["security_groups"].as_array().unwrap().iter().map(|group| group["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["default", "front"]);

    let rule = |more: Value| {
        let mut rule = json!({"parent_group_id": id, "ip_protocol": "tcp", "from_port": 22, "to_port": 22});
        rule.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"security_group_rule": rule})
    };
    let ssh = ask("POST os-security-group-rules", rule(json!({"cidr": "10.2.3.124/24"}))).await.expect(200);
    let ssh = &ssh["security_group_rule"];
    assert_eq!((&ssh["ip_range"], &ssh["group"]), (&json!({"cidr": "10.2.3.124/24"}), &json!({})));
    assert_eq!((&ssh["from_port"], &ssh["parent_group_id"]), (&json!(22), &json!(id)));
    let everywhere = ask("POST os-security-group-rules", rule(json!({}))).await.expect(200);
    assert_eq!(everywhere["security_group_rule"]["ip_range"], json!({"cidr": "0.0.0.0/0"}));
    ask("POST os-security-group-rules", rule(json!({}))).await.expect(400);
    let from_group = ask("POST os-security-group-rules", rule(json!({"group_id": id}))).await.expect(200);
    assert_eq!(from_group["security_group_rule"]["group"], json!({"name": "front", "tenant_id": "red"}));
    let ping = rule(json!({"ip_protocol": "icmp", "from_port": -1, "to_port": -1}));
    ask("POST os-security-group-rules", ping).await.expect(200);
    for bad in [
        json!({"from_port": 23}),
        json!({"to_port": 65_536}),
        json!({"ip_protocol": "carrot"}),
        json!({"cidr": "here"}),
        json!({"ip_protocol": null}),
    ] {
        ask("POST os-security-group-rules", rule(bad)).await.expect(400);
    }
    let nowhere = rule(json!({"parent_group_id": "00000000-0000-4000-8000-000000000000"}));
    ask("POST os-security-group-rules", nowhere).await.expect(404);
    let shown = ask(&format!("GET os-security-groups/{id}"), Value::Null).await.expect(200);
    assert_eq!(shown["security_group"]["rules"].as_array().unwrap().len(), 4);
    let rule_path = format!("DELETE os-security-group-rules/{}", ssh["id"].as_str().unwrap());
    ask(&rule_path, Value::Null).await.expect(202);
    ask(&rule_path, Value::Null).await.expect(404);

    let mut order = fleet.order();
    order["server"]["security_groups"] = json!([{"name": "front"}]);
    let made = fleet.ask(&fleet.member, &format!("POST {V2}/servers"), order).await.expect(202);
    fleet.settle().await;
    let of_server = format!("{V2}/servers/{}/os-security-groups", made["server"]["id"].as_str().unwrap());
    let of_server = fleet.get(&fleet.member, &of_server).await.expect(200)["security_groups"].clone();
    assert_eq!(of_server.as_array().unwrap().len(), 1);
    assert_eq!((&of_server[0]["id"], of_server[0]["rules"].as_array().unwrap().len()), (&json!(id), 3));
    ask(&format!("DELETE os-security-groups/{id}"), Value::Null).await.expect(400);
    let mut other = named("other");
    other["security_group"]["name"] = json!("back");
    let back = ask("POST os-security-groups", other).await.expect(200);
    let back = format!("DELETE os-security-groups/{}", back["security_group"]["id"].as_str().unwrap());
    ask(&back, Value::Null).await.expect(202);
    ask(&back, Value::Null).await.expect(404);
    fleet.ask_in(&fleet.member, "2.36", &format!("GET {V2}/os-security-groups"), Value::Null).await.expect(404);
}

#[tokio::test]
async fn networks_and_floating_ips_have_their_old_form() {
    let fleet = Fleet::new().await;
    let ask = async |user, request: &str, body: Value| {
        let (method, path) = request.split_once(' ').unwrap();
        fleet.ask_in(user, "2.35", &format!("{method} {V2}/{path}"), body).await
    };
    let member = &fleet.member;
    let listed = ask(member, "GET os-networks", Value::Null).await.expect(200);
    assert_eq!((&listed["networks"][0]["label"], &listed["networks"][0]["cidr"]), (&json!("net"), &Value::Null));
    assert!(listed["networks"][0].get("bridge").is_none());
    let one = format!("GET os-networks/{}", fleet.network_id);
    assert!(ask(&fleet.admin, &one, Value::Null).await.expect(200)["network"].get("bridge").is_some());
    ask(&fleet.stranger, &one, Value::Null).await.expect(404);
    ask(member, "POST os-networks", json!({})).await.expect(410);
    ask(member, "DELETE os-networks/x", Value::Null).await.expect(410);
    let tenant = format!("GET os-tenant-networks/{}", fleet.network_id);
    let shown = ask(member, &tenant, Value::Null).await.expect(200);
    assert_eq!(shown["network"], json!({"id": fleet.network_id, "label": "net", "cidr": "None"}));
    ask(member, "GET os-cells/x/capacities", Value::Null).await.expect(410);

    let body = json!({"network": {"name": "public", "router:external": true}});
    let public = fleet.ask(&fleet.admin, "POST /network/v2.0/networks", body).await.expect(201)["network"].clone();
    let body = json!({"subnet": {"network_id": public["id"], "cidr": "198.51.100.0/24", "ip_version": 4}});
    let outside = fleet.ask(&fleet.admin, "POST /network/v2.0/subnets", body).await.expect(201);
    assert!(outside["subnet"]["id"].is_string());
    let pools = ask(member, "GET os-floating-ip-pools", Value::Null).await.expect(200);
    assert_eq!(pools["floating_ip_pools"], json!([{"name": "public"}]));
    ask(member, "POST os-floating-ips", json!({"pool": "private"})).await.expect(404);
    let made = ask(member, "POST os-floating-ips", json!({"pool": "public"})).await.expect(200)["floating_ip"].clone();
    assert_eq!((&made["pool"], &made["instance_id"]), (&json!("public"), &Value::Null));
    let plain = ask(member, "POST os-floating-ips", json!({"pool": null})).await.expect(200);
    assert_eq!(plain["floating_ip"]["pool"], "public");

    let router = json!({"router": {"name": "r", "external_gateway_info": {"network_id": public["id"]}}});
    let router = fleet.ask(member, "POST /network/v2.0/routers", router).await.expect(201);
    let subnets =
        fleet.get(member, &format!("/network/v2.0/subnets?network_id={}", fleet.network_id)).await.expect(200);
    let add = format!("PUT /network/v2.0/routers/{}/add_router_interface", router["router"]["id"].as_str().unwrap());
    fleet.ask(member, &add, json!({"subnet_id": subnets["subnets"][0]["id"]})).await.expect(200);
    let server = fleet.created(member).await;
    let server = server.rsplit('/').next().unwrap();
    let ports = fleet.get(member, &format!("/network/v2.0/ports?device_id={server}")).await.expect(200);
    let lead = json!({"floatingip": {"port_id": ports["ports"][0]["id"]}});
    let path = format!("PUT /network/v2.0/floatingips/{}", made["id"].as_str().unwrap());
    fleet.ask(member, &path, lead).await.expect(200);
    let path = format!("os-floating-ips/{}", made["id"].as_str().unwrap());
    let shown = ask(member, &format!("GET {path}"), Value::Null).await.expect(200)["floating_ip"].clone();
    assert_eq!(shown["instance_id"], server);
    assert_eq!(shown["fixed_ip"], ports["ports"][0]["fixed_ips"][0]["ip_address"]);
    let listed = ask(member, "GET os-floating-ips", Value::Null).await.expect(200);
    assert_eq!(listed["floating_ips"].as_array().unwrap().len(), 2);
    ask(member, &format!("DELETE {path}"), Value::Null).await.expect(202);
    ask(member, &format!("DELETE {path}"), Value::Null).await.expect(404);
    ask(member, &format!("GET {path}"), Value::Null).await.expect(404);
    fleet.ask_in(member, "2.36", &format!("GET {V2}/os-floating-ips"), Value::Null).await.expect(404);
}
