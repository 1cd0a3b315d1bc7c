//! Server groups, and the hints that say where servers are to be.

use std::collections::BTreeMap;
use std::sync::Arc;

use db::testing::each_engine;
use serde_json::{Value, json};

use crate::cloud::{Cloud, migrations};
use crate::fleet::{Fleet, Node, Setup};

#[tokio::test]
async fn groups_are_shown_as_the_microversion_has_them() {
    each_engine(&migrations(), async |db| {
        let cloud = Cloud::on(db).await;
        let path = "/v2.1/os-server-groups";
        let make = async |version: &str, group: Value| {
            cloud.ask(&cloud.member, version, &format!("POST {path}"), json!({"server_group": group})).await
        };
        let old = make("2.1", json!({"name": "a", "policies": ["affinity"]})).await.expect(200)["server_group"].clone();
        assert_eq!(
            (&old["policies"], &old["metadata"], &old["members"]),
            (&json!(["affinity"]), &json!({}), &json!([]))
        );
        assert!(old.get("project_id").is_none());
        let owned = make("2.13", json!({"name": "b", "policies": ["anti-affinity"]})).await.expect(200);
        assert_eq!(owned["server_group"]["project_id"], "red");
        make("2.14", json!({"name": "c", "policies": ["soft-affinity"]})).await.expect(400);
        make("2.15", json!({"name": "c", "policies": ["soft-affinity"]})).await.expect(200);
        make("2.15", json!({"name": "c", "policies": ["affinity", "anti-affinity"]})).await.expect(400);
        make("2.15", json!({"name": "c", "policy": "affinity"})).await.expect(400);
        make("2.64", json!({"name": "c", "policies": ["affinity"]})).await.expect(400);
        make("2.64", json!({"name": "c", "policy": "affinity", "rules": {"max_server_per_host": 2}})).await.expect(400);
        let new = json!({"name": "d", "policy": "anti-affinity", "rules": {"max_server_per_host": 2}});
        let new = make("2.64", new).await.expect(200)["server_group"].clone();
        assert_eq!((&new["policy"], &new["rules"]), (&json!("anti-affinity"), &json!({"max_server_per_host": 2})));
        assert!(new.get("metadata").is_none() && new.get("policies").is_none());

        let names = async |user, version: &str, query: &str| {
            let listed = cloud.get(user, version, &format!("{path}{query}")).await.expect(200);
            let groups = listed["server_groups"].as_array().unwrap().clone();
            groups.iter().map(|group| group["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let mut all = names(&cloud.reader, "2.1", "").await;
        all.sort_unstable();
        assert_eq!(all, ["a", "b", "c", "d"]);
        assert_eq!(names(&cloud.member, "2.1", "?limit=2&offset=1").await.len(), 2);
        assert_eq!(names(&cloud.stranger, "2.1", "?all_projects=1").await.len(), 0);
        assert_eq!(names(&cloud.admin, "2.1", "?all_projects=1").await.len(), 4);
        cloud.get(&cloud.member, "2.75", &format!("{path}?x=1")).await.expect(400);
        let one = format!("{path}/{}", new["id"].as_str().unwrap());
        cloud.get(&cloud.stranger, "2.64", &one).await.expect(404);
        cloud.get(&cloud.admin, "2.64", &one).await.expect(200);
        cloud.ask(&cloud.reader, "2.64", &format!("DELETE {one}"), Value::Null).await.expect(403);
        let used = async || {
            let shown = cloud.get(&cloud.member, "2.50", "/v2.1/os-quota-sets/red/detail").await.expect(200);
            shown["quota_set"]["server_groups"]["in_use"].as_i64().unwrap()
        };
        assert_eq!(used().await, 4);
        cloud.ask(&cloud.member, "2.64", &format!("DELETE {one}"), Value::Null).await.expect(204);
        cloud.ask(&cloud.member, "2.64", &format!("DELETE {one}"), Value::Null).await.expect(404);
        assert_eq!(used().await, 3);
        let few = json!({"quota_set": {"server_groups": 3}});
        cloud.ask(&cloud.admin, "2.50", "PUT /v2.1/os-quota-sets/red", few).await.expect(200);
        make("2.64", json!({"name": "e", "policy": "affinity"})).await.expect(403);
    })
    .await;
}

/// A fleet of some nodes whose member has quota for anything.
async fn fleet(nodes: usize, postgres: bool) -> Fleet {
    let fleet = Fleet::with(Setup { postgres, ..Setup::default() }).await;
    for number in 2..=nodes {
        fleet.node_add(&format!("node-{number}"), Arc::new(Node::default())).await;
    }
    let all = json!({"quota_set": {"instances": -1, "cores": -1, "ram": -1, "server_group_members": -1}});
    fleet.ask(&fleet.admin, "PUT /compute/v2.1/os-quota-sets/red", all).await.expect(200);
    fleet
}

async fn group(fleet: &Fleet, policy: Value) -> String {
    let body = json!({"server_group": policy});
    let made = fleet.ask(&fleet.member, "POST /compute/v2.1/os-server-groups", body).await.expect(200);
    made["server_group"]["id"].as_str().unwrap().to_owned()
}

/// An order with hints.
fn hinted(fleet: &Fleet, hints: Value) -> Value {
    let mut order = fleet.order();
    order["server"]["networks"] = json!("none");
    order["os:scheduler_hints"] = hints;
    order
}

/// How many servers each node has, and how many failed.
async fn spread(fleet: &Fleet) -> (BTreeMap<String, usize>, usize) {
    let listed = fleet.get(&fleet.admin, "/compute/v2.1/servers/detail?all_tenants=1").await.expect(200);
    let (mut hosts, mut failed) = (BTreeMap::new(), 0);
    for server in listed["servers"].as_array().unwrap() {
        match server["OS-EXT-SRV-ATTR:host"].as_str() {
            Some(host) if server["status"] == "ACTIVE" => *hosts.entry(host.to_owned()).or_default() += 1,
            _ => failed += 1,
        }
    }
    (hosts, failed)
}

/// Orders so many servers at once and waits until they are made, or not.
async fn order_at_once(fleet: &Arc<Fleet>, count: usize, hints: Value) {
    let mut orders = tokio::task::JoinSet::new();
    for _ in 0..count {
        let (fleet, order) = (Arc::clone(fleet), hinted(fleet, hints.clone()));
        orders.spawn(async move { fleet.ask(&fleet.member, "POST /compute/v2.1/servers", order).await.expect(202) });
    }
    orders.join_all().await;
    fleet.settle().await;
}

async fn anti_affinity_is_exact(postgres: bool) {
    let fleet = Arc::new(fleet(25, postgres).await);
    let rules = json!({"name": "apart", "policy": "anti-affinity", "rules": {"max_server_per_host": 3}});
    let group = group(&fleet, rules).await;
    order_at_once(&fleet, 100, json!({"group": group})).await;
    let (hosts, failed) = spread(&fleet).await;
    assert_eq!(hosts.len(), 25);
    assert!(hosts.values().all(|servers| *servers == 3), "{hosts:?}");
    assert_eq!(failed, 25);
    let count: i64 = db::sql("SELECT COUNT(*) FROM placement_consumers").one(&fleet.db).await.unwrap();
    assert_eq!(count, 75);
}

#[tokio::test(flavor = "multi_thread")]
async fn anti_affinity_is_exact_under_100_creates_at_once() {
    anti_affinity_is_exact(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn anti_affinity_is_exact_on_postgres() {
    anti_affinity_is_exact(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn affinity_is_exact_under_100_creates_at_once() {
    let fleet = Arc::new(fleet(5, false).await);
    let group = group(&fleet, json!({"name": "together", "policy": "affinity"})).await;
    order_at_once(&fleet, 100, json!({"group": group})).await;
    let (hosts, failed) = spread(&fleet).await;
    assert_eq!(hosts.len(), 1, "{hosts:?}");
    // As many as the memory of one node carries, and the others fail rather than go elsewhere.
    let fit = (16_384 - 512) * 3 / 2 / 512;
    assert_eq!((hosts.into_values().sum::<usize>(), failed), (fit, 100 - fit));
}

#[tokio::test]
async fn soft_groups_prefer_and_do_not_insist() {
    let fleet = Arc::new(fleet(2, false).await);
    let apart = group(&fleet, json!({"name": "apart", "policy": "soft-anti-affinity"})).await;
    for _ in 0..3 {
        order_at_once(&fleet, 1, json!({"group": apart})).await;
    }
    let (hosts, failed) = spread(&fleet).await;
    assert_eq!((hosts.len(), failed), (2, 0));
}

#[tokio::test]
async fn members_are_limited_shown_and_forgotten() {
    let fleet = fleet(1, false).await;
    let id = group(&fleet, json!({"name": "g", "policy": "affinity"})).await;
    let few = json!({"quota_set": {"server_group_members": 1}});
    fleet.ask(&fleet.admin, "PUT /compute/v2.1/os-quota-sets/red", few).await.expect(200);
    let order = hinted(&fleet, json!({"group": id}));
    let made = fleet.ask(&fleet.member, "POST /compute/v2.1/servers", order.clone()).await.expect(202);
    let refused = fleet.ask(&fleet.member, "POST /compute/v2.1/servers", order).await.expect(403);
    assert!(refused["forbidden"]["message"].as_str().unwrap().contains("too many servers in group"), "{refused}");
    fleet.settle().await;
    let server = made["server"]["id"].as_str().unwrap();
    let path = format!("/compute/v2.1/servers/{server}");
    assert_eq!(fleet.server(&path).await["server_groups"], json!([id]));
    let shown = async || fleet.get(&fleet.member, &format!("/compute/v2.1/os-server-groups/{id}")).await.expect(200);
    assert_eq!(shown().await["server_group"]["members"], json!([server]));
    fleet.ask(&fleet.member, &format!("DELETE {path}"), Value::Null).await.expect(204);
    fleet.settle().await;
    assert_eq!(shown().await["server_group"]["members"], json!([]));
    let other = hinted(&fleet, json!({"group": "00000000-0000-4000-8000-000000000000"}));
    fleet.ask(&fleet.member, "POST /compute/v2.1/servers", other).await.expect(400);
    let strangers = hinted(&fleet, json!({"group": id}));
    let mut strangers = strangers;
    strangers["server"]["networks"] = json!("none");
    fleet.ask(&fleet.stranger, "POST /compute/v2.1/servers", strangers).await.expect(400);
}

#[tokio::test]
async fn hints_say_where() {
    let mut config = compute::Config::default();
    config.scheduler.enabled_filters.push("JsonFilter".to_owned());
    let fleet = Fleet::with(Setup { config, ..Setup::default() }).await;
    fleet.node_add("node-2", Arc::new(Node::default())).await;
    let host_of = async |hints: Value| {
        let made = fleet.ask(&fleet.member, "POST /compute/v2.1/servers", hinted(&fleet, hints)).await.expect(202);
        fleet.settle().await;
        let id = made["server"]["id"].as_str().unwrap().to_owned();
        let server = fleet.server(&format!("/compute/v2.1/servers/{id}")).await;
        (id, server["OS-EXT-SRV-ATTR:host"].as_str().unwrap_or_default().to_owned(), server["fault"].clone())
    };
    let (first, host, _) = host_of(json!({})).await;
    let (beside, its_host, _) = host_of(json!({"same_host": first})).await;
    assert_eq!(its_host, host);
    // Every hint is shown as a list, as Nova keeps them.
    let shown = fleet.ask_in(&fleet.member, "2.100", &format!("GET /compute/v2.1/servers/{beside}"), Value::Null).await;
    assert_eq!(shown.expect(200)["server"]["scheduler_hints"], json!({"same_host": [first]}));
    assert_ne!(host_of(json!({"different_host": [first]})).await.1, host);
    assert_eq!(host_of(json!({"query": "[\"=\", \"$hypervisor_hostname\", \"node-2\"]"})).await.1, "node-2");
    assert_eq!(host_of(json!({"build_near_host_ip": "192.0.2.9", "cidr": "/24"})).await.2, Value::Null);
    let (_, nowhere, fault) = host_of(json!({"build_near_host_ip": "10.0.0.1"})).await;
    assert_eq!(nowhere, "");
    assert!(fault["message"].as_str().unwrap().contains("SimpleCIDRAffinityFilter removed 2 of 2"), "{fault}");
    for bad in [
        json!({"group": "nonsense"}),
        json!({"same_host": ["x"]}),
        json!({"query": "not json"}),
        json!({"build_near_host_ip": "nowhere"}),
        json!({"cidr": "24"}),
    ] {
        fleet.ask(&fleet.member, "POST /compute/v2.1/servers", hinted(&fleet, bad)).await.expect(400);
    }
}
