//! What the database does, on both engines: every statement of the resources beside the servers.

use db::testing::each_engine;
use serde_json::{Value, json};

use crate::cloud::{Cloud, migrations, report};

#[tokio::test]
async fn flavors() {
    each_engine(&migrations(), async |db| {
        let cloud = Cloud::on(db).await;
        let admin = &cloud.admin;
        for (id, ram, public) in [("a", 512, true), ("B", 64, true), ("c", 512, false)] {
            let flavor = json!({
                "name": format!("n{id}"), "id": id, "ram": ram, "vcpus": 1, "disk": 1, "description": null,
                "os-flavor-access:is_public": public,
            });
            cloud.ask(admin, "2.55", "POST /v2.1/flavors", json!({"flavor": flavor})).await.expect(200);
            cloud.ask(admin, "2.55", "POST /v2.1/flavors", json!({"flavor": flavor})).await.expect(409);
        }
        let add = json!({"addTenantAccess": {"tenant": "red"}});
        cloud.ask(admin, "2.7", "POST /v2.1/flavors/c/action", add.clone()).await.expect(200);
        cloud.ask(admin, "2.7", "POST /v2.1/flavors/c/action", add).await.expect(409);
        for key in ["name", "memory_mb", "is_public", "rxtx_factor", "disabled", "created_at", "swap", "flavorid"] {
            for direction in ["asc", "desc"] {
                let sorted = format!("/v2.1/flavors?is_public=none&sort_key={key}&sort_dir={direction}&limit=2");
                let first = cloud.get(admin, "2.101", &sorted).await.expect(200);
                let last = first["flavors"][1]["id"].as_str().unwrap();
                let next = cloud.get(admin, "2.101", &format!("{sorted}&marker={last}")).await.expect(200);
                assert_eq!(next["flavors"].as_array().unwrap().len(), 1, "{sorted}");
                assert!(next.get("flavors_links").is_none());
            }
        }
        let seen = cloud.get(&cloud.member, "2.1", "/v2.1/flavors/detail?minRam=100&minDisk=1").await.expect(200);
        assert_eq!(seen["flavors"].as_array().unwrap().len(), 2);
        let specs = json!({"extra_specs": {"hw:cpu_policy": "shared"}});
        cloud.ask(admin, "2.1", "POST /v2.1/flavors/a/os-extra_specs", specs).await.expect(200);
        let update = json!({"flavor": {"description": null}});
        let shown = cloud.ask(admin, "2.61", "PUT /v2.1/flavors/a", update).await.expect(200);
        assert_eq!(shown["flavor"]["extra_specs"], json!({"hw:cpu_policy": "shared"}));
        cloud.ask(admin, "2.1", "DELETE /v2.1/flavors/c", Value::Null).await.expect(202);
    })
    .await;
}

#[tokio::test]
async fn key_pairs() {
    each_engine(&migrations(), async |db| {
        let cloud = Cloud::on(db).await;
        for name in ["a", "B", "c"] {
            let body = json!({"keypair": {"name": name}});
            cloud.ask(&cloud.member, "2.2", "POST /v2.1/os-keypairs", body.clone()).await.expect(201);
            cloud.ask(&cloud.member, "2.2", "POST /v2.1/os-keypairs", body).await.expect(409);
        }
        let first = cloud.get(&cloud.member, "2.35", "/v2.1/os-keypairs?limit=2").await.expect(200);
        let last = first["keypairs"][1]["keypair"]["name"].as_str().unwrap();
        let rest = cloud.get(&cloud.member, "2.35", &format!("/v2.1/os-keypairs?marker={last}")).await.expect(200);
        assert_eq!(rest["keypairs"].as_array().unwrap().len(), 1);
        cloud.ask(&cloud.member, "2.2", "DELETE /v2.1/os-keypairs/a", Value::Null).await.expect(204);
        cloud.get(&cloud.member, "2.2", "/v2.1/os-keypairs/a").await.expect(404);
        let used = cloud.get(&cloud.admin, "2.1", "/v2.1/os-quota-sets/red/detail?user_id=mia").await.expect(200);
        assert_eq!(used["quota_set"]["key_pairs"]["in_use"], 2);
    })
    .await;
}

#[tokio::test]
async fn quotas() {
    each_engine(&migrations(), async |db| {
        let cloud = Cloud::on(db).await;
        let put = async |path: &str, name: &str, most: i64| {
            let body = json!({name: {"cores": most}});
            cloud.ask(&cloud.admin, "2.57", &format!("PUT /v2.1/{path}"), body).await.expect(200);
        };
        put("os-quota-class-sets/default", "quota_class_set", 30).await;
        put("os-quota-sets/red", "quota_set", 40).await;
        put("os-quota-sets/red", "quota_set", 41).await;
        put("os-quota-sets/red?user_id=mia", "quota_set", 5).await;
        let cores = async |path: &str| {
            let shown = cloud.get(&cloud.admin, "2.57", &format!("/v2.1/os-quota-sets/{path}")).await.expect(200);
            shown["quota_set"]["cores"].as_i64().unwrap()
        };
        assert_eq!((cores("red").await, cores("red?user_id=mia").await, cores("blue").await), (41, 5, 30));
        cloud.ask(&cloud.admin, "2.57", "DELETE /v2.1/os-quota-sets/red", Value::Null).await.expect(202);
        assert_eq!((cores("red").await, cores("red?user_id=mia").await), (30, 30));
    })
    .await;
}

#[tokio::test]
async fn nodes_and_services() {
    each_engine(&migrations(), async |db| {
        let cloud = Cloud::on(db).await;
        for host in ["one", "two", "t_o"] {
            cloud.compute.node_report(&report(host)).await.unwrap();
            cloud.compute.node_report(&report(host)).await.unwrap();
        }
        let nodes = cloud.compute.nodes().await.unwrap();
        assert_eq!(nodes.len(), 3);
        let found = "/v2.1/os-hypervisors?hypervisor_hostname_pattern=t_";
        let found = cloud.get(&cloud.admin, "2.88", found).await.expect(200);
        assert_eq!(found["hypervisors"].as_array().unwrap().len(), 1);
        let next = format!("/v2.1/os-hypervisors/detail?limit=5&marker={}", nodes[0].id);
        let next = cloud.get(&cloud.admin, "2.88", &next).await.expect(200);
        assert_eq!(next["hypervisors"].as_array().unwrap().len(), 2);
        let disable = json!({"status": "disabled", "forced_down": true});
        let put = format!("PUT /v2.1/os-services/{}", nodes[0].service_id);
        let shown = cloud.ask(&cloud.admin, "2.53", &put, disable).await.expect(200);
        assert_eq!((&shown["service"]["status"], &shown["service"]["state"]), (&json!("disabled"), &json!("down")));
        assert_eq!(cloud.compute.nodes_alive().await.unwrap().len(), 2);
        let one = "/v2.1/os-services?host=one&binary=nova-compute";
        assert_eq!(cloud.get(&cloud.admin, "2.1", one).await.expect(200)["services"].as_array().unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn nodes_that_register_at_the_same_moment_all_get_in() {
    each_engine(&migrations(), async |db| {
        let cloud = Cloud::on(db).await;
        let mut reports = tokio::task::JoinSet::new();
        for number in 0..20 {
            let compute = cloud.compute.clone();
            reports.spawn(async move { compute.node_report(&report(&format!("node-{}", number / 2))).await });
        }
        for report in reports.join_all().await {
            report.unwrap();
        }
        let mut numbers: Vec<i64> = cloud.compute.nodes().await.unwrap().iter().map(|node| node.number).collect();
        numbers.sort_unstable();
        assert_eq!(numbers.len(), 10);
        numbers.dedup();
        assert_eq!(numbers.len(), 10);
    })
    .await;
}
