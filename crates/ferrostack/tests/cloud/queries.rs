//! A list costs the same number of queries however long it is.

use std::collections::BTreeMap;

use ferrostack::client::Client;
use http::Method;
use serde_json::{Value, json};
use testkit::{TestCloud, expect};

use crate::fixture::{Ready, id, ready, server};

const LISTS: &[&str] = &[
    "/compute/v2.1/servers",
    "/compute/v2.1/servers/detail",
    "/compute/v2.1/flavors/detail?is_public=none",
    "/compute/v2.1/os-keypairs",
    "/identity/v3/domains",
    "/identity/v3/projects",
    "/identity/v3/users",
    "/identity/v3/groups",
    "/identity/v3/roles",
    "/identity/v3/role_inferences",
    "/identity/v3/role_assignments?include_names",
    "/identity/v3/role_assignments?effective",
    "/identity/v3/services",
    "/identity/v3/endpoints",
    "/identity/v3/regions",
    "/image/v2/images?limit=100",
    "/network/v2.0/networks",
    "/network/v2.0/subnets",
    "/network/v2.0/ports",
    "/network/v2.0/routers",
    "/network/v2.0/floatingips",
    "/network/v2.0/security-groups",
    "/network/v2.0/security-group-rules",
    "/network/v2.0/quotas",
    "/placement/resource_providers",
    "/placement/allocation_candidates?resources=CUSTOM_CAKE:1",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_list_costs_the_same_number_of_queries_however_long_it_is() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin.clone().with_header("openstack-api-version", "placement 1.39, compute 2.104").unwrap();
    let external = json!({"network": {"name": "out", "router:external": true, "provider:network_type": "flat",
        "provider:physical_network": "public"}});
    let external = expect(&admin, 201, Method::POST, "/network/v2.0/networks", Some(external)).await;
    let external = id(&external["network"]);
    let subnet = json!({"subnet": {"network_id": external, "cidr": "198.51.100.0/24", "ip_version": 4}});
    expect(&admin, 201, Method::POST, "/network/v2.0/subnets", Some(subnet)).await;
    expect(&admin, 201, Method::PUT, "/placement/resource_classes/CUSTOM_CAKE", None).await;
    let ready = ready(&cloud.admin, &admin).await;
    more(&admin, &ready, &external, 0..2).await;
    cloud.settle().await;
    let short = queries(&cloud, &admin).await;
    more(&admin, &ready, &external, 2..8).await;
    cloud.settle().await;
    let long = queries(&cloud, &admin).await;
    for path in LISTS {
        let (short, long) = (&short[path], &long[path]);
        assert!(long.1 >= short.1 + 3, "{path} lists {} things and then {}: nothing was added", short.1, long.1);
        assert_eq!(short.0, long.0, "{path}: queries for {} things and for {}", short.1, long.1);
    }
    cloud.finish().await;
}

/// The least number of queries that each list takes, and how many things it lists.
async fn queries(cloud: &TestCloud, client: &Client) -> BTreeMap<&'static str, (u64, usize)> {
    let mut counted = BTreeMap::new();
    for path in LISTS {
        let (mut least, mut things) = (u64::MAX, 0);
        // What runs beside it asks too, now and then.
        for _ in 0..8 {
            let before = cloud.reads();
            let answer = expect(client, 200, Method::GET, path, None).await;
            least = least.min(cloud.reads() - before);
            things = length(&answer);
        }
        counted.insert(*path, (least, things));
    }
    counted
}

/// The length of the longest list (or object) at the top of an answer.
fn length(answer: &Value) -> usize {
    let lengths = answer.as_object().into_iter().flatten().map(|(_, value)| match value {
        Value::Array(items) => items.len(),
        Value::Object(items) => items.len(),
        _ => 0,
    });
    lengths.max().unwrap_or(0)
}

/// Makes one more of everything for each number.
async fn more(admin: &Client, ready: &Ready, external: &str, numbers: std::ops::Range<u8>) {
    let post = async |status, path: &str, body: Value| expect(admin, status, Method::POST, path, Some(body)).await;
    for number in numbers {
        let name = format!("thing-{number}");
        post(202, "/compute/v2.1/servers", server(ready, &name)).await;
        post(200, "/compute/v2.1/flavors", json!({"flavor": {"name": name, "ram": 64, "vcpus": 1, "disk": 1}})).await;
        let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ1Q1lqd7xTtGQAEwT9tkIFRGJxOq0u8yIHkNbVkMtXq a";
        post(201, "/compute/v2.1/os-keypairs", json!({"keypair": {"name": name, "public_key": key, "type": "ssh"}}))
            .await;
        identity(admin, &name).await;
        let image =
            json!({"name": name, "disk_format": "raw", "container_format": "bare", "colour": "red", "tags": ["a"]});
        post(201, "/image/v2/images", image).await;
        networks(admin, external, &name, number).await;
        let provider = id_of(&post(200, "/placement/resource_providers", json!({"name": name})).await, "uuid");
        let body = json!({"resource_provider_generation": 0, "inventories": {"CUSTOM_CAKE": {"total": 5}}});
        let path = format!("/placement/resource_providers/{provider}/inventories");
        expect(admin, 200, Method::PUT, &path, Some(body)).await;
    }
}

fn id_of(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_else(|| panic!("no {field} in {value}")).to_owned()
}

async fn identity(admin: &Client, name: &str) {
    let post = async |path: &str, body: Value| expect(admin, 201, Method::POST, path, Some(body)).await;
    let domain = id(&post("/identity/v3/domains", json!({"domain": {"name": name}})).await["domain"]);
    let project = json!({"project": {"name": name, "domain_id": domain}});
    let project = id(&post("/identity/v3/projects", project).await["project"]);
    let user = id(&post("/identity/v3/users", json!({"user": {"name": name, "domain_id": domain}})).await["user"]);
    let group = id(&post("/identity/v3/groups", json!({"group": {"name": name, "domain_id": domain}})).await["group"]);
    let role = id(&post("/identity/v3/roles", json!({"role": {"name": name}})).await["role"]);
    let implied = id(&post("/identity/v3/roles", json!({"role": {"name": format!("{name}-implied")}})).await["role"]);
    for path in [
        format!("/identity/v3/groups/{group}/users/{user}"),
        format!("/identity/v3/projects/{project}/users/{user}/roles/{role}"),
        format!("/identity/v3/projects/{project}/groups/{group}/roles/{role}"),
        format!("/identity/v3/OS-INHERIT/domains/{domain}/users/{user}/roles/{role}/inherited_to_projects"),
    ] {
        expect(admin, 204, Method::PUT, &path, None).await;
    }
    expect(admin, 201, Method::PUT, &format!("/identity/v3/roles/{role}/implies/{implied}"), None).await;
    post("/identity/v3/regions", json!({"region": {"id": name}})).await;
    let service = id(&post("/identity/v3/services", json!({"service": {"type": name, "name": name}})).await["service"]);
    let endpoint = json!({"endpoint": {"service_id": service, "interface": "public", "url": "http://127.0.0.1/",
        "region_id": name}});
    post("/identity/v3/endpoints", endpoint).await;
}

async fn networks(admin: &Client, external: &str, name: &str, number: u8) {
    let post = async |path: &str, body: Value| expect(admin, 201, Method::POST, path, Some(body)).await;
    let network = id(&post("/network/v2.0/networks", json!({"network": {"name": name}})).await["network"]);
    let subnet = json!({"subnet": {"network_id": network, "cidr": format!("10.9.{number}.0/24"), "ip_version": 4}});
    let subnet = id(&post("/network/v2.0/subnets", subnet).await["subnet"]);
    let router = json!({"router": {"name": name, "external_gateway_info": {"network_id": external}}});
    let router = id(&post("/network/v2.0/routers", router).await["router"]);
    let path = format!("/network/v2.0/routers/{router}/add_router_interface");
    expect(admin, 200, Method::PUT, &path, Some(json!({"subnet_id": subnet}))).await;
    let port = id(&post("/network/v2.0/ports", json!({"port": {"network_id": network}})).await["port"]);
    let floating = json!({"floatingip": {"floating_network_id": external, "port_id": port}});
    post("/network/v2.0/floatingips", floating).await;
    let group =
        id(&post("/network/v2.0/security-groups", json!({"security_group": {"name": name}})).await["security_group"]);
    let rule = json!({"security_group_rule": {"security_group_id": group, "direction": "ingress"}});
    post("/network/v2.0/security-group-rules", rule).await;
    let project = format!("{number:032x}");
    let quota = json!({"quota": {"network": 7}});
    expect(admin, 200, Method::PUT, &format!("/network/v2.0/quotas/{project}"), Some(quota)).await;
}
