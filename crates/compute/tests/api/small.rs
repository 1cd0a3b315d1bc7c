//! Usage, audits, hosts, events, migrations, topology and the other small resources.

use db::testing::each_engine;
use jiff::SignedDuration;
use runtime::Clock;
use serde_json::{Value, json};

use crate::cloud::{Cloud, migrations, project, report, user};
use crate::fleet::{Fleet, Setup};

const V2: &str = "/compute/v2.1";

async fn usage_adds_up(postgres: bool) {
    let clock = Clock::manual("2026-11-21T04:00:00Z".parse().unwrap());
    let fleet = Fleet::with(Setup { clock: clock.clone(), postgres, ..Setup::default() }).await;
    let get = async |user, version: &str, path: &str| {
        fleet.ask_in(user, version, &format!("GET {V2}/os-simple-tenant-usage{path}"), Value::Null).await
    };
    get(&fleet.admin, "2.1", "").await.expect(200);
    let nothing = get(&fleet.admin, "2.1", "/red?start=2026-11-21T03:00:00").await.expect(200);
    assert_eq!(nothing["tenant_usage"], json!({}));
    let first = fleet.created(&fleet.member).await;
    fleet.created(&fleet.member).await;
    clock.set(clock.now() + SignedDuration::from_mins(20));
    fleet.compute.node_report(&report("node-1")).await.unwrap();
    fleet.ask(&fleet.member, &format!("DELETE {first}"), Value::Null).await.expect(204);
    fleet.settle().await;
    clock.set(clock.now() + SignedDuration::from_mins(20));

    let range = "start=2026-11-21T03:00:00&end=2026-11-22T00:00:00.000000";
    let shown = get(&fleet.reader, "2.1", &format!("/red?{range}")).await.expect(200)["tenant_usage"].clone();
    assert_eq!(shown["total_hours"], 1.0);
    assert_eq!((&shown["total_memory_mb_usage"], &shown["total_vcpus_usage"]), (&json!(512.0), &json!(1.0)));
    assert_eq!(shown["stop"], "2026-11-21T04:40:00.000000");
    let servers = shown["server_usages"].as_array().unwrap();
    let gone = servers.iter().find(|server| server["state"] == "terminated").unwrap();
    assert_eq!((&gone["hours"], &gone["uptime"], &gone["flavor"]), (&json!(1.0 / 3.0), &json!(1200), &json!("tiny")));
    let part = get(&fleet.reader, "2.1", "/red?start=2026-11-21T04:10:00&end=2026-11-21T04:30:00").await.expect(200);
    assert_eq!(part["tenant_usage"]["total_hours"], 0.5);

    let all = get(&fleet.admin, "2.1", &format!("?{range}")).await.expect(200);
    assert_eq!(all["tenant_usages"][0]["tenant_id"], "red");
    assert!(all["tenant_usages"][0].get("server_usages").is_none());
    let page = get(&fleet.admin, "2.40", &format!("?{range}&detailed=1&limit=1")).await.expect(200);
    let one = page["tenant_usages"][0]["server_usages"][0]["instance_id"].as_str().unwrap();
    let link = page["tenant_usages_links"][0]["href"].as_str().unwrap();
    assert!(link.contains(&format!("marker={one}").replace('-', "%2D")), "{link}");
    let rest = get(&fleet.admin, "2.40", &format!("?{range}&detailed=1&limit=2&marker={one}")).await.expect(200);
    assert_eq!(rest["tenant_usages"][0]["server_usages"].as_array().unwrap().len(), 1);
    assert!(rest.get("tenant_usages_links").is_none());
    get(&fleet.admin, "2.40", &format!("?{range}&marker=nonsense")).await.expect(400);
    get(&fleet.admin, "2.75", &format!("?{range}&x=1")).await.expect(400);
    get(&fleet.admin, "2.1", "?start=yesterday").await.expect(400);
    get(&fleet.admin, "2.1", "?start=2026-11-22T00:00:00&end=2026-11-21T00:00:00").await.expect(400);
    get(&fleet.member, "2.1", "").await.expect(403);
    get(&fleet.stranger, "2.1", "/red").await.expect(403);

    let audit = async |path: &str| fleet.get(&fleet.admin, &format!("{V2}/os-instance_usage_audit_log{path}")).await;
    let last = audit("").await.expect(200)["instance_usage_audit_logs"].clone();
    assert_eq!((&last["period_beginning"], &last["total_instances"]), (&json!("2026-10-01 00:00:00"), &json!(0)));
    let next = audit("/2026-12-05%2000:00:00").await.expect(200)["instance_usage_audit_log"].clone();
    assert_eq!((&next["total_instances"], &next["log"]["node-1"]["state"]), (&json!(2), &json!("DONE")));
    audit("/invalid").await.expect(400);
}

#[tokio::test]
async fn usage_adds_up_on_sqlite() {
    usage_adds_up(false).await;
}

#[tokio::test]
async fn usage_adds_up_on_postgres() {
    usage_adds_up(true).await;
}

#[tokio::test]
async fn hosts_have_their_old_form() {
    let fleet = Fleet::new().await;
    fleet.created(&fleet.member).await;
    let ask = async |request: &str, body: Value| {
        let (method, path) = request.split_once(' ').unwrap();
        fleet.ask_in(&fleet.admin, "2.42", &format!("{method} {V2}/os-hosts{path}"), body).await
    };
    let listed = ask("GET ", Value::Null).await.expect(200);
    let compute = json!({"host_name": "node-1", "service": "compute", "zone": "nova"});
    assert!(listed["hosts"].as_array().unwrap().contains(&compute), "{listed}");
    assert_eq!(ask("GET ?zone=xxx", Value::Null).await.expect(200)["hosts"], json!([]));
    assert_eq!(ask("GET ?zone=nova", Value::Null).await.expect(200)["hosts"], json!([compute]));
    let shown = ask("GET /node-1", Value::Null).await.expect(200);
    let resources: Vec<(&str, i64)> = shown["host"]
        .as_array()
        .unwrap()
        .iter()
        .map(|part| (part["resource"]["project"].as_str().unwrap(), part["resource"]["cpu"].as_i64().unwrap()))
        .collect();
    assert_eq!(resources, [("(total)", 8), ("(used_now)", 1), ("(used_max)", 1), ("red", 1)]);
    ask("GET /nowhere", Value::Null).await.expect(404);
    ask("PUT /node-1", json!({})).await.expect(400);
    ask("PUT /node-1", json!({"status": "invalid"})).await.expect(400);
    ask("PUT /nowhere", json!({"status": "enable", "maintenance_mode": "enable"})).await.expect(404);
    ask("PUT /node-1", json!({"maintenance_mode": "enable"})).await.expect(501);
    let off = ask("PUT /node-1", json!({"status": "Disable"})).await.expect(200);
    assert_eq!(off, json!({"host": "node-1", "status": "disabled"}));
    assert!(!ask("GET ", Value::Null).await.expect(200)["hosts"].as_array().unwrap().contains(&compute));
    for action in ["startup", "shutdown", "reboot"] {
        ask(&format!("GET /node-1/{action}"), Value::Null).await.expect(501);
        ask(&format!("GET /nowhere/{action}"), Value::Null).await.expect(404);
    }
    fleet.ask_in(&fleet.admin, "2.43", &format!("GET {V2}/os-hosts"), Value::Null).await.expect(404);
    fleet.ask_in(&fleet.member, "2.42", &format!("GET {V2}/os-hosts"), Value::Null).await.expect(403);
}

#[tokio::test]
async fn events_are_taken_where_they_fit() {
    let fleet = Fleet::new().await;
    let server = fleet.created(&fleet.member).await;
    let server = server.rsplit('/').next().unwrap();
    let nobody = "00000000-0000-4000-8000-000000000000";
    let tell = async |version: &str, events: Value| {
        let path = format!("POST {V2}/os-server-external-events");
        fleet.ask_in(&fleet.admin, version, &path, json!({"events": events})).await
    };
    let plugged = json!([{"name": "network-vif-plugged", "server_uuid": server, "tag": "port", "status": "completed"}]);
    let taken = tell("2.1", plugged.clone()).await.expect(200);
    assert_eq!(taken["events"][0]["code"], 200);
    let mixed = json!([
        {"name": "network-changed", "server_uuid": server},
        {"name": "network-changed", "server_uuid": nobody},
        {"name": "volume-extended", "server_uuid": server},
    ]);
    tell("2.50", mixed.clone()).await.expect(400);
    let mixed = tell("2.51", mixed).await.expect(207);
    let codes: Vec<i64> = mixed["events"].as_array().unwrap().iter().map(|e| e["code"].as_i64().unwrap()).collect();
    assert_eq!(codes, [200, 404, 400]);
    for (since, name) in [(76, "power-update"), (82, "accelerator-request-bound"), (93, "volume-reimaged")] {
        let event = json!([{"name": name, "server_uuid": server, "tag": "x"}]);
        tell(&format!("2.{}", since - 1), event.clone()).await.expect(400);
        tell(&format!("2.{since}"), event).await.expect(200);
    }
    tell("2.1", json!([])).await.expect(400);
    tell("2.1", json!([{"name": "network-changed", "server_uuid": "x"}])).await.expect(400);
    let path = format!("POST {V2}/os-server-external-events");
    fleet.ask(&fleet.member, &path, json!({"events": plugged})).await.expect(403);

    let snapshot = json!({"snapshot": {"volume_id": "v", "create_info": {
        "snapshot_id": "s", "type": "qcow2", "new_file": "f"}}});
    let path = format!("POST {V2}/os-assisted-volume-snapshots");
    fleet.ask(&fleet.admin, &path, snapshot).await.expect(400);
    let delete = format!("DELETE {V2}/os-assisted-volume-snapshots/s");
    fleet
        .ask(&fleet.admin, &format!("{delete}?delete_info=%7B%22volume_id%22:%22v%22%7D"), Value::Null)
        .await
        .expect(400);
    fleet.ask(&fleet.admin, &delete, Value::Null).await.expect(400);
}

#[tokio::test]
async fn migrations_are_listed_page_by_page() {
    each_engine(&migrations(), async |db| {
        let cloud = Cloud::on(db).await;
        let server = "11111111-1111-4111-8111-111111111111";
        let mut tx = cloud.db.begin().await.unwrap();
        for (number, kind, status, project) in
            [(1, "migration", "done", "red"), (2, "live-migration", "running", "red"), (3, "resize", "error", "blue")]
        {
            db::sql(
                "INSERT INTO migrations (id, number, type, status, server_id, project_id, user_id, source_compute,
                    source_node, dest_compute, old_flavor_id, new_flavor_id, hidden, created_at, updated_at)
                 VALUES ($1, $2, $3, $4, $5, $6, 'mia', 'one', 'one', 'two', '1', 'big', FALSE, $7, $7)",
            )
            .bind(format!("00000000-0000-4000-8000-00000000000{number}"))
            .bind(number)
            .bind(kind)
            .bind(status)
            .bind(server)
            .bind(project)
            .bind(cloud.now() + SignedDuration::from_secs(number))
            .execute(&mut tx)
            .await
            .unwrap();
        }
        tx.commit().await.unwrap();
        let get = async |user, version: &str, query: &str| {
            cloud.get(user, version, &format!("/v2.1/os-migrations{query}")).await
        };
        let ids = |body: &Value| -> Vec<i64> {
            body["migrations"].as_array().unwrap().iter().map(|m| m["id"].as_i64().unwrap()).collect()
        };
        let all = get(&cloud.admin, "2.1", "").await.expect(200);
        assert_eq!(ids(&all), [3, 2, 1]);
        let first = &all["migrations"][2];
        assert_eq!((&first["old_instance_type_id"], &first["new_instance_type_id"]), (&json!(1), &Value::Null));
        assert!(first.get("uuid").is_none() && first.get("migration_type").is_none());
        let whole = get(&cloud.admin, "2.80", "").await.expect(200);
        assert_eq!(whole["migrations"][0]["project_id"], "blue");
        assert_eq!(whole["migrations"][1]["migration_type"], "live-migration");
        assert!(whole["migrations"][1]["links"].is_array() && whole["migrations"][0].get("links").is_none());
        for (query, expected) in [
            ("?status=done", vec![1]),
            ("?host=two", vec![3, 2, 1]),
            ("?source_compute=two", vec![]),
            ("?migration_type=resize", vec![3]),
            ("?instance_uuid=x", vec![]),
            ("?hidden=true", vec![]),
            ("?project_id=red&user_id=mia", vec![2, 1]),
            ("?changes-since=2026-11-21T04:00:02Z", vec![3, 2]),
            ("?changes-before=2026-11-21T04:00:02Z", vec![2, 1]),
        ] {
            assert_eq!(ids(&get(&cloud.admin, "2.80", query).await.expect(200)), expected, "{query}");
        }
        let page = get(&cloud.admin, "2.59", "?limit=2").await.expect(200);
        assert_eq!(ids(&page), [3, 2]);
        assert!(page["migrations_links"][0]["href"].is_string());
        let marker = page["migrations"][1]["uuid"].as_str().unwrap();
        assert_eq!(ids(&get(&cloud.admin, "2.59", &format!("?marker={marker}")).await.expect(200)), [1]);
        get(&cloud.admin, "2.59", "?marker=x").await.expect(400);
        get(&cloud.admin, "2.59", "?changes-before=2026-11-21T04:00:02Z").await.expect(400);
        get(&cloud.admin, "2.66", "?changes-since=2026-11-21T04:00:02Z&changes-before=2026-11-21T04:00:01Z")
            .await
            .expect(400);
        get(&cloud.admin, "2.59", "?project_id=red").await.expect(400);
        get(&cloud.member, "2.80", "?project_id=red").await.expect(403);
    })
    .await;
}

#[tokio::test]
async fn servers_show_their_moves_and_their_numa_nodes() {
    let fleet = Fleet::new().await;
    let flavor = json!({"flavor": {"id": "numa", "name": "numa", "ram": 1024, "vcpus": 3, "disk": 1}});
    fleet.ask(&fleet.admin, &format!("POST {V2}/flavors"), flavor).await.expect(200);
    let specs = json!({"extra_specs": {"hw:numa_nodes": "2", "hw:mem_page_size": "2MB"}});
    fleet.ask(&fleet.admin, &format!("POST {V2}/flavors/numa/os-extra_specs"), specs).await.expect(200);
    let mut order = fleet.order();
    order["server"]["flavorRef"] = json!("numa");
    let made = fleet.ask(&fleet.member, &format!("POST {V2}/servers"), order).await.expect(202);
    fleet.settle().await;
    let numa = format!("{V2}/servers/{}", made["server"]["id"].as_str().unwrap());
    let plain = fleet.created(&fleet.member).await;
    let topology = async |user, version: &str, path: &str| {
        fleet.ask_in(user, version, &format!("GET {path}/topology"), Value::Null).await
    };
    let shown = topology(&fleet.member, "2.78", &numa).await.expect(200);
    assert_eq!(shown["pagesize_kb"], 2048);
    assert_eq!(shown["nodes"][0], json!({"vcpu_set": [0, 1], "siblings": [], "memory_mb": 512}));
    assert_eq!(shown["nodes"][1]["vcpu_set"], json!([2]));
    let whole = topology(&fleet.admin, "2.78", &numa).await.expect(200);
    assert_eq!((&whole["nodes"][1]["host_node"], &whole["nodes"][1]["cpu_pinning"]), (&json!(1), &json!({})));
    let none = topology(&fleet.member, "2.78", &plain).await.expect(200);
    assert_eq!(none, json!({"nodes": [], "pagesize_kb": null}));
    topology(&fleet.member, "2.77", &numa).await.expect(404);
    topology(&fleet.stranger, "2.78", &numa).await.expect(404);

    let moves = async |version: &str, rest: &str| {
        fleet.ask_in(&fleet.admin, version, &format!("GET {plain}/migrations{rest}"), Value::Null).await
    };
    assert_eq!(moves("2.23", "").await.expect(200), json!({"migrations": []}));
    moves("2.22", "").await.expect(404);
    moves("2.23", "/1").await.expect(404);
    moves("2.23", "/x").await.expect(404);
}

#[tokio::test]
async fn addresses_may_name_the_project_of_the_token() {
    let cloud = Cloud::new().await;
    project(&cloud.db, "0ff1ce").await;
    let member = user(&cloud.db, &cloud.identity, "hex", "0ff1ce", "member").await;
    for version in ["2.1", "2.17", "2.18", "2.104"] {
        let get = async |path: &str| cloud.get(&member, version, path).await;
        let with = get("/v2.1/0ff1ce/flavors?limit=0").await.expect(200);
        assert_eq!(with, get("/v2.1/flavors?limit=0").await.expect(200));
        get("/v2.1/0ff1ce/flavors/none").await.expect(404);
        assert_eq!(get("/v2.1/0ff1ce/").await.expect(200)["version"]["id"], "v2.1");
        get("/v2.1/0ff1ce/nothing").await.expect(404);
        let refused = get("/v2.1/beef/flavors").await.expect(400);
        assert!(refused["badRequest"]["message"].as_str().unwrap().starts_with("Malformed request URL"), "{refused}");
        let nobody = cloud.nobody();
        cloud.get(&nobody, version, "/v2.1/0ff1ce/flavors").await.expect(401);
        cloud.get(&nobody, version, "/v2.1/beef/flavors").await.expect(401);
        let shown = get("/v2.1/versions/v2.1").await.expect(200);
        assert_eq!(shown["version"]["version"], "2.104");
        get("/v2.1/versions/v3").await.expect(404);
        cloud.get(&nobody, version, "/v2.1/versions/v2.1").await.expect(401);
    }
    cloud.ask(&member, "2.1", "POST /v2.1/0ff1ce/flavors/detail", Value::Null).await.expect(405);
}

#[tokio::test]
async fn tokens_of_consoles_can_be_looked_up() {
    let fleet = Fleet::new().await;
    let server = fleet.created(&fleet.member).await;
    let body = json!({"remote_console": {"protocol": "vnc", "type": "novnc"}});
    let made = fleet.ask(&fleet.member, &format!("POST {server}/remote-consoles"), body).await.expect(200);
    let token = made["remote_console"]["url"].as_str().unwrap().rsplit("%3D").next().unwrap().to_owned();
    let look = async |user, version: &str, token: &str| {
        fleet.ask_in(user, version, &format!("GET {V2}/os-console-auth-tokens/{token}"), Value::Null).await
    };
    let found = look(&fleet.admin, "2.31", &token).await.expect(200);
    assert_eq!(found["console"]["host"], "node-1");
    assert!(server.ends_with(found["console"]["instance_uuid"].as_str().unwrap()));
    look(&fleet.admin, "2.30", &token).await.expect(400);
    look(&fleet.admin, "2.99", "nonsense").await.expect(404);
    look(&fleet.member, "2.31", &token).await.expect(403);
}
