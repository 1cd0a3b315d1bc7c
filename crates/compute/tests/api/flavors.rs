use serde_json::{Value, json};

use crate::cloud::Cloud;

async fn flavor(cloud: &Cloud, id: &str, more: Value) {
    let mut flavor = json!({"name": format!("name-{id}"), "id": id, "ram": 512, "vcpus": 1, "disk": 1});
    flavor.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    cloud.ask(&cloud.admin, "2.1", "POST /v2.1/flavors", json!({"flavor": flavor})).await.expect(200);
}

#[tokio::test]
async fn each_microversion_shows_its_fields() {
    let cloud = Cloud::new().await;
    flavor(&cloud, "1", json!({})).await;
    // Field, first microversion with it, last one.
    let fields = [
        ("ram", 1, 104),
        ("os-flavor-access:is_public", 1, 104),
        ("description", 55, 104),
        ("extra_specs", 61, 104),
        ("rxtx_factor", 1, 101),
        ("OS-FLV-DISABLED:disabled", 1, 101),
    ];
    for minor in [1, 54, 55, 60, 61, 74, 75, 101, 102, 104] {
        let version = format!("2.{minor}");
        let shown = cloud.get(&cloud.member, &version, "/v2.1/flavors/1").await.expect(200);
        let listed = cloud.get(&cloud.member, &version, "/v2.1/flavors/detail").await.expect(200);
        assert_eq!(shown["flavor"], listed["flavors"][0]);
        for (field, first, last) in fields {
            let there = shown["flavor"].get(field).is_some();
            assert_eq!(there, (first..=last).contains(&minor), "{field} in {version}");
        }
        assert_eq!(shown["flavor"]["swap"], if minor < 75 { json!("") } else { json!(0) });
    }
}

#[tokio::test]
async fn bad_flavors_are_refused() {
    let cloud = Cloud::new().await;
    let good = json!({"name": "a", "ram": 512, "vcpus": "2", "disk": 0});
    let bad = [
        ("2.1", "name", json!("")),
        ("2.1", "name", json!(" a")),
        ("2.1", "ram", json!(0)),
        ("2.1", "ram", json!("many")),
        ("2.1", "vcpus", json!(-1)),
        ("2.1", "disk", json!(2_147_483_648_i64)),
        ("2.1", "id", json!("a/b")),
        ("2.1", "rxtx_factor", json!(0)),
        ("2.1", "colour", json!("red")),
        ("2.54", "description", json!("x")),
        ("2.102", "rxtx_factor", json!(1)),
    ];
    for (version, field, value) in bad {
        let mut flavor = good.clone();
        flavor[field] = value;
        let answer = cloud.ask(&cloud.admin, version, "POST /v2.1/flavors", json!({"flavor": flavor})).await;
        let body = answer.expect(400);
        assert!(body["badRequest"]["message"].is_string(), "{field}");
    }
    let made = cloud.ask(&cloud.admin, "2.1", "POST /v2.1/flavors", json!({"flavor": good})).await.expect(200);
    assert_eq!(made["flavor"]["vcpus"], 2);
    cloud.ask(&cloud.admin, "2.1", "POST /v2.1/flavors", json!({"flavor": good})).await.expect(409);
    cloud.ask(&cloud.member, "2.1", "POST /v2.1/flavors", json!({"flavor": good})).await.expect(403);
}

#[tokio::test]
async fn private_flavors_are_seen_by_those_who_have_access() {
    let cloud = Cloud::new().await;
    flavor(&cloud, "p", json!({"os-flavor-access:is_public": false})).await;
    let (member, admin) = (&cloud.member, &cloud.admin);
    cloud.get(member, "2.1", "/v2.1/flavors/p").await.expect(404);
    let add = json!({"addTenantAccess": {"tenant": "red"}});
    cloud.ask(member, "2.7", "POST /v2.1/flavors/p/action", add.clone()).await.expect(403);
    let access = cloud.ask(admin, "2.7", "POST /v2.1/flavors/p/action", add.clone()).await.expect(200);
    assert_eq!(access["flavor_access"], json!([{"flavor_id": "p", "tenant_id": "red"}]));
    cloud.ask(admin, "2.7", "POST /v2.1/flavors/p/action", add).await.expect(409);
    let nowhere = json!({"addTenantAccess": {"tenant": "nowhere"}});
    cloud.ask(admin, "2.7", "POST /v2.1/flavors/p/action", nowhere).await.expect(400);
    assert_eq!(cloud.get(admin, "2.1", "/v2.1/flavors/p/os-flavor-access").await.expect(200), access);
    cloud.get(member, "2.1", "/v2.1/flavors/p").await.expect(200);
    cloud.get(&cloud.stranger, "2.1", "/v2.1/flavors/p").await.expect(404);
    let seen = cloud.get(member, "2.1", "/v2.1/flavors").await.expect(200);
    assert_eq!(seen["flavors"][0]["id"], "p");
    let remove = json!({"removeTenantAccess": {"tenant": "red"}});
    cloud.ask(admin, "2.7", "POST /v2.1/flavors/p/action", remove.clone()).await.expect(200);
    cloud.ask(admin, "2.7", "POST /v2.1/flavors/p/action", remove).await.expect(404);
    cloud.get(member, "2.1", "/v2.1/flavors/p").await.expect(404);
}

#[tokio::test]
async fn lists_are_filtered_sorted_and_paged() {
    let cloud = Cloud::new().await;
    for (id, ram, disk) in [("a", 512, 10), ("b", 2048, 20), ("c", 1024, 30), ("d", 1024, 5)] {
        flavor(&cloud, id, json!({"ram": ram, "disk": disk})).await;
    }
    flavor(&cloud, "x", json!({"os-flavor-access:is_public": false})).await;
    let ids = async |query: &str| {
        let body = cloud.get(&cloud.admin, "2.104", &format!("/v2.1/flavors?{query}")).await.expect(200);
        let ids: Vec<&str> = body["flavors"].as_array().unwrap().iter().map(|f| f["id"].as_str().unwrap()).collect();
        ids.join("")
    };
    assert_eq!(ids("").await, "abcd");
    assert_eq!(ids("is_public=none").await, "abcdx");
    assert_eq!(ids("is_public=false").await, "x");
    assert_eq!(ids("minRam=1024").await, "bcd");
    assert_eq!(ids("minDisk=20").await, "bc");
    assert_eq!(ids("name=name-c").await, "c");
    assert_eq!(ids("sort_key=memory_mb&sort_dir=desc").await, "bdca");
    assert_eq!(ids("sort_key=memory_mb&limit=2&marker=c").await, "db");
    assert_eq!(ids("limit=0").await, "");
    let page = cloud.get(&cloud.admin, "2.1", "/v2.1/flavors?limit=2").await.expect(200);
    assert_eq!(page["flavors_links"][0]["href"], "http://cloud/compute/v2.1/flavors?limit=2&marker=b");
    for bad in ["marker=nothing", "limit=-1", "limit=x", "minRam=x", "sort_key=colour", "is_public=maybe", "colour=1"] {
        cloud.get(&cloud.admin, "2.75", &format!("/v2.1/flavors?{bad}")).await.expect(400);
    }
    cloud.get(&cloud.admin, "2.74", "/v2.1/flavors?colour=1").await.expect(200);
}

#[tokio::test]
async fn extra_specs_are_kept_and_checked() {
    let cloud = Cloud::new().await;
    flavor(&cloud, "1", json!({})).await;
    let (admin, member) = (&cloud.admin, &cloud.member);
    let path = "/v2.1/flavors/1/os-extra_specs";
    let specs = json!({"extra_specs": {"hw:cpu_policy": "shared", "hw:numa_nodes": 2, "own": "x"}});
    cloud.ask(member, "2.86", &format!("POST {path}"), specs.clone()).await.expect(403);
    cloud.ask(admin, "2.86", &format!("POST {path}"), specs).await.expect(200);
    assert_eq!(cloud.get(member, "2.1", path).await.expect(200)["extra_specs"]["hw:numa_nodes"], "2");
    assert_eq!(cloud.get(&cloud.reader, "2.1", &format!("{path}/own")).await.expect(200), json!({"own": "x"}));
    let typo = json!({"hw:cpu_polcy": "shared"});
    cloud.ask(admin, "2.86", &format!("PUT {path}/hw:cpu_polcy"), typo.clone()).await.expect(400);
    cloud.ask(admin, "2.85", &format!("PUT {path}/hw:cpu_polcy"), typo).await.expect(200);
    cloud.ask(admin, "2.86", &format!("PUT {path}/own"), json!({"other": "y"})).await.expect(400);
    cloud.ask(admin, "2.86", &format!("PUT {path}/o%2Fwn"), json!({"o/wn": "y"})).await.expect(400);
    cloud.ask(admin, "2.86", &format!("DELETE {path}/own"), Value::Null).await.expect(200);
    cloud.ask(admin, "2.86", &format!("DELETE {path}/own"), Value::Null).await.expect(404);
    cloud.get(member, "2.1", &format!("{path}/own")).await.expect(404);
}

#[tokio::test]
async fn descriptions_change_since_2_55_and_flavors_go() {
    let cloud = Cloud::new().await;
    flavor(&cloud, "1", json!({})).await;
    let update = json!({"flavor": {"description": "small"}});
    cloud.ask(&cloud.admin, "2.54", "PUT /v2.1/flavors/1", update.clone()).await.expect(404);
    cloud.ask(&cloud.member, "2.55", "PUT /v2.1/flavors/1", update.clone()).await.expect(403);
    let shown = cloud.ask(&cloud.admin, "2.55", "PUT /v2.1/flavors/1", update).await.expect(200);
    assert_eq!(shown["flavor"]["description"], "small");
    cloud.ask(&cloud.admin, "2.55", "PUT /v2.1/flavors/1", json!({"flavor": {}})).await.expect(400);
    cloud.ask(&cloud.member, "2.1", "DELETE /v2.1/flavors/1", Value::Null).await.expect(403);
    cloud.ask(&cloud.admin, "2.1", "DELETE /v2.1/flavors/1", Value::Null).await.expect(202);
    cloud.ask(&cloud.admin, "2.1", "DELETE /v2.1/flavors/1", Value::Null).await.expect(404);
}

#[tokio::test]
async fn clients_find_the_versions() {
    let cloud = Cloud::new().await;
    let root = cloud.get(&cloud.member, "2.1", "/").await.expect(200);
    assert_eq!(root["versions"][0]["id"], "v2.0");
    assert_eq!(root["versions"][1]["id"], "v2.1");
    assert_eq!(root["versions"][1]["links"][0]["href"], "http://cloud/compute/v2.1/");
    let old = cloud.get(&cloud.member, "2.1", "/v2").await.expect(200);
    assert_eq!(old["version"]["links"][0], root["versions"][0]["links"][0]);
    let answer = cloud.get(&cloud.member, "latest", "/v2.1").await;
    assert_eq!(answer.headers["x-openstack-nova-api-version"], "2.104");
    assert_eq!(answer.body["version"]["version"], "2.104");
    assert_eq!(answer.body["version"]["min_version"], "2.1");
    cloud.get(&cloud.member, "2.105", "/v2.1").await.expect(406);
    for gone in ["os-cells", "os-fping/1", "os-certificates/root", "servers/1/consoles", "os-agents"] {
        cloud.get(&cloud.member, "2.90", &format!("/v2.1/{gone}")).await.expect(410);
    }
    let extensions = cloud.get(&cloud.member, "2.1", "/v2.1/extensions").await.expect(200);
    assert_eq!(extensions["extensions"].as_array().unwrap().len(), 99);
    let one = cloud.get(&cloud.member, "2.1", "/v2.1/extensions/os-consoles").await.expect(200);
    assert_eq!(one["extension"]["alias"], "os-consoles");
    cloud.get(&cloud.member, "2.1", "/v2.1/extensions/os-carrots").await.expect(404);
}
