//! Every error that the API reference documents, operation by operation, as clients read it.

use std::collections::BTreeMap;

use placement::Inventory;
use serde_json::{Value, json};

use crate::cloud::{Answer, Cloud};

const HOST: &str = "aaaaaaaa-0000-4000-8000-000000000001";
const CHILD: &str = "aaaaaaaa-0000-4000-8000-000000000002";
const NOWHERE: &str = "aaaaaaaa-0000-4000-8000-000000000009";
const SERVER: &str = "bbbbbbbb-0000-4000-8000-000000000001";
const NEW: &str = "bbbbbbbb-0000-4000-8000-000000000002";

const NONE: &str = "undefined_code";
const STALE: &str = "concurrent_update";

/// A host with 8 CPUs of which at most 4 go to one consumer, in pairs, and a server has 2; a child below it; a trait and
/// a class in use, and such that are not.
async fn world() -> Cloud {
    let cloud = Cloud::new().await;
    for (id, name, parent) in [(HOST, "host", None), (CHILD, "child", Some(HOST))] {
        let body = json!({"uuid": id, "name": name, "parent_provider_uuid": parent});
        cloud.ask("POST", "/resource_providers", 39, body).await.expect(200);
    }
    for name in ["CUSTOM_USED", "CUSTOM_FREE"] {
        cloud.ask("PUT", &format!("/resource_classes/{name}"), 39, Value::Null).await.expect(201);
        cloud.ask("PUT", &format!("/traits/{name}"), 39, Value::Null).await.expect(201);
    }
    let cpus = Inventory { min_unit: 2, max_unit: 4, step_size: 2, ..Inventory::of(8) };
    let stocks = [("VCPU".to_owned(), cpus), ("CUSTOM_USED".to_owned(), Inventory::of(8))];
    cloud.placement.inventories_set(HOST, &BTreeMap::from(stocks)).await.unwrap();
    cloud.placement.traits_set(HOST, &["CUSTOM_USED".to_owned()]).await.unwrap();
    cloud.ask("PUT", &format!("/allocations/{SERVER}"), 39, held(HOST, "VCPU", 2, None)).await.expect(204);
    cloud
}

fn held(provider_id: &str, class: &str, amount: i64, generation: Option<i64>) -> Value {
    json!({
        "allocations": {provider_id: {"resources": {class: amount}}},
        "project_id": "p", "user_id": "u", "consumer_generation": generation, "consumer_type": "INSTANCE",
    })
}

fn stock(generation: i64, inventories: &Value) -> Value {
    json!({"resource_provider_generation": generation, "inventories": inventories})
}

/// What is not a placement error of that status, code and gist.
fn misses(answer: &Answer, status: u16, code: &str, gist: &str) -> Option<String> {
    let error = &answer.body["errors"][0];
    let detail = error["detail"].as_str().unwrap_or_default();
    let fits = answer.status.as_u16() == status
        && error["status"] == status
        && error["code"] == format!("placement.{code}")
        && error["title"].as_str() == answer.status.canonical_reason()
        && error["request_id"].as_str() == answer.headers["x-openstack-request-id"].to_str().ok()
        && detail.contains(gist);
    (!fits).then(|| format!("is not {status} {code} \"{gist}\" but {} {}", answer.status, answer.body))
}

async fn all(cloud: &Cloud, rows: &[(&'static str, String, Value, u16, &str, &str)]) {
    let mut wrong = Vec::new();
    for (method, path, body, status, code, gist) in rows {
        let answer = cloud.ask(method, path, 39, body.clone()).await;
        wrong.extend(misses(&answer, *status, code, gist).map(|missed| format!("{method} {path} {body} {missed}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn provider(id: &str, rest: &str) -> String {
    format!("/resource_providers/{id}{rest}")
}

#[tokio::test]
async fn providers_and_what_is_theirs() {
    let cloud = world().await;
    let name = |name: &str| json!({"name": name});
    let below = |parent: &str| json!({"name": "host", "parent_provider_uuid": parent});
    let aggregates = |generation: i64| json!({"resource_provider_generation": generation, "aggregates": []});
    let traits = |generation: i64, name: &str| json!({"resource_provider_generation": generation, "traits": [name]});
    let missing = "No resource provider with uuid";
    let stale = "read its generation again";
    all(
        &cloud,
        &[
            ("GET", "/resource_providers?name=a&x=1".into(), Value::Null, 400, NONE, "x is not known"),
            ("POST", "/resource_providers".into(), json!({}), 400, NONE, "name"),
            ("POST", "/resource_providers".into(), name("host"), 409, "duplicate_name", "host"),
            ("POST", "/resource_providers".into(), json!({"name": "b", "uuid": HOST}), 409, "duplicate_name", HOST),
            ("GET", provider(NOWHERE, ""), Value::Null, 404, NONE, missing),
            ("PUT", provider(NOWHERE, ""), name("a"), 404, NONE, missing),
            ("PUT", provider(HOST, ""), json!({}), 400, NONE, "name"),
            ("PUT", provider(HOST, ""), name("child"), 409, "duplicate_name", "child"),
            ("PUT", provider(HOST, ""), below(CHILD), 400, NONE, "below itself"),
            ("PUT", provider(HOST, ""), below(HOST), 400, NONE, "below itself"),
            ("PUT", provider(HOST, ""), below(NOWHERE), 400, NONE, "does not exist"),
            ("DELETE", provider(NOWHERE, ""), Value::Null, 404, NONE, missing),
            ("DELETE", provider(HOST, ""), Value::Null, 409, "resource_provider.cannot_delete_parent", "below it"),
            ("GET", provider(NOWHERE, "/aggregates"), Value::Null, 404, NONE, missing),
            ("PUT", provider(NOWHERE, "/aggregates"), aggregates(0), 404, NONE, missing),
            ("PUT", provider(HOST, "/aggregates"), aggregates(0), 409, STALE, stale),
            ("GET", provider(NOWHERE, "/traits"), Value::Null, 404, NONE, missing),
            ("PUT", provider(NOWHERE, "/traits"), traits(0, "CUSTOM_USED"), 404, NONE, missing),
            ("PUT", provider(HOST, "/traits"), traits(3, "CUSTOM_NONE"), 400, NONE, "CUSTOM_NONE"),
            ("PUT", provider(HOST, "/traits"), traits(0, "CUSTOM_USED"), 409, STALE, stale),
            ("DELETE", provider(NOWHERE, "/traits"), Value::Null, 404, NONE, missing),
            ("GET", provider(NOWHERE, "/usages"), Value::Null, 404, NONE, missing),
            ("GET", provider(NOWHERE, "/allocations"), Value::Null, 404, NONE, missing),
        ],
    )
    .await;
    cloud.ask("DELETE", &provider(CHILD, ""), 39, Value::Null).await.expect(204);
    let used = cloud.ask("DELETE", &provider(HOST, ""), 39, Value::Null).await;
    assert_eq!(misses(&used, 409, "resource_provider.inuse", "has allocations"), None);
}

#[tokio::test]
async fn inventories() {
    let cloud = world().await;
    let missing = "No resource provider with uuid";
    let (list, cpus) = (provider(HOST, "/inventories"), provider(HOST, "/inventories/VCPU"));
    let disk = json!({"resource_provider_generation": 3, "total": 8});
    let cpu = json!({"resource_class": "VCPU", "total": 8});
    let nowhere = provider(NOWHERE, "/inventories");
    all(
        &cloud,
        &[
            ("GET", nowhere.clone(), Value::Null, 404, NONE, missing),
            ("PUT", nowhere.clone(), stock(0, &json!({})), 404, NONE, missing),
            ("PUT", list.clone(), stock(3, &json!({"CUSTOM_NONE": {"total": 1}})), 400, NONE, "CUSTOM_NONE"),
            ("PUT", list.clone(), stock(3, &json!({"VCPU": {"total": 0}})), 400, NONE, "total"),
            ("PUT", list.clone(), stock(0, &json!({})), 409, STALE, "read its generation again"),
            ("PUT", list.clone(), stock(3, &json!({})), 409, "inventory.inuse", "VCPU"),
            ("POST", list.clone(), json!({"total": 8}), 400, NONE, "resource_class"),
            ("POST", list.clone(), json!({"resource_class": "CUSTOM_NONE", "total": 8}), 400, NONE, "CUSTOM_NONE"),
            ("POST", nowhere.clone(), cpu.clone(), 404, NONE, missing),
            ("POST", list.clone(), cpu, 409, STALE, "already"),
            ("DELETE", nowhere.clone(), Value::Null, 404, NONE, missing),
            ("DELETE", list, Value::Null, 409, "inventory.inuse", "VCPU"),
            ("GET", format!("{nowhere}/VCPU"), Value::Null, 404, NONE, missing),
            ("GET", provider(HOST, "/inventories/DISK_GB"), Value::Null, 404, NONE, "DISK_GB"),
            ("PUT", provider(HOST, "/inventories/DISK_GB"), disk.clone(), 400, NONE, "DISK_GB"),
            ("PUT", provider(HOST, "/inventories/CUSTOM_NONE"), disk.clone(), 400, NONE, "CUSTOM_NONE"),
            ("PUT", format!("{nowhere}/VCPU"), disk, 404, NONE, missing),
            ("PUT", cpus.clone(), json!({"resource_provider_generation": 0, "total": 8}), 409, STALE, "generation"),
            ("DELETE", cpus, Value::Null, 409, "inventory.inuse", "in use"),
            ("DELETE", provider(HOST, "/inventories/DISK_GB"), Value::Null, 404, NONE, "DISK_GB"),
            ("DELETE", format!("{nowhere}/VCPU"), Value::Null, 404, NONE, missing),
        ],
    )
    .await;
}

#[tokio::test]
async fn allocations_and_the_reshaper() {
    let cloud = world().await;
    let (new, server) = (format!("/allocations/{NEW}"), format!("/allocations/{SERVER}"));
    let cpus = |amount| held(HOST, "VCPU", amount, None);
    let room = "Unable to allocate inventory";
    let several = |body: Value| json!({NEW: body});
    let reshaped = |id: &str, generation, allocations: Value| {
        let stocks = json!({"VCPU": {"total": 8}, "CUSTOM_USED": {"total": 8}});
        json!({"inventories": {id: stock(generation, &stocks)}, "allocations": allocations})
    };
    let unknown_class =
        json!({"inventories": {CHILD: stock(0, &json!({"CUSTOM_NONE": {"total": 1}}))}, "allocations": {}});
    let smaller = stock(3, &json!({"VCPU": {"total": 8, "min_unit": 4}, "CUSTOM_USED": {"total": 8}}));
    let bounds = json!({"inventories": {HOST: smaller}, "allocations": {SERVER: held(HOST, "VCPU", 2, Some(1))}});
    all(
        &cloud,
        &[
            ("PUT", new.clone(), held(NOWHERE, "VCPU", 2, None), 400, NONE, "does not exist"),
            ("PUT", new.clone(), held(HOST, "CUSTOM_NONE", 2, None), 400, NONE, "CUSTOM_NONE"),
            ("PUT", new.clone(), held(HOST, "DISK_GB", 2, None), 409, NONE, room),
            ("PUT", new.clone(), cpus(1), 409, NONE, "min_unit"),
            ("PUT", new.clone(), cpus(3), 409, NONE, "step_size"),
            ("PUT", new.clone(), cpus(6), 409, NONE, "max_unit"),
            ("PUT", new.clone(), held(HOST, "CUSTOM_USED", 9, None), 409, NONE, "capacity"),
            ("PUT", new.clone(), held(HOST, "VCPU", 2, Some(0)), 409, STALE, "Consumer"),
            ("PUT", server.clone(), cpus(4), 409, STALE, "Consumer"),
            ("PUT", server, held(HOST, "VCPU", 4, Some(9)), 409, STALE, "Consumer"),
            ("DELETE", new, Value::Null, 404, NONE, "No allocations for consumer"),
            ("POST", "/allocations".into(), several(held(NOWHERE, "VCPU", 2, None)), 400, NONE, "does not exist"),
            ("POST", "/allocations".into(), several(held(HOST, "CUSTOM_NONE", 2, None)), 400, NONE, "CUSTOM_NONE"),
            ("POST", "/allocations".into(), several(cpus(6)), 409, NONE, room),
            ("POST", "/allocations".into(), several(held(HOST, "VCPU", 2, Some(0))), 409, STALE, "Consumer"),
            ("POST", "/reshaper".into(), reshaped(NOWHERE, 0, json!({})), 400, "resource_provider.not_found", NOWHERE),
            ("POST", "/reshaper".into(), unknown_class, 400, NONE, "CUSTOM_NONE"),
            ("POST", "/reshaper".into(), reshaped(HOST, 0, json!({})), 409, STALE, "Resource provider"),
            (
                "POST",
                "/reshaper".into(),
                reshaped(HOST, 3, several(held(NOWHERE, "VCPU", 2, None))),
                400,
                NONE,
                "exist",
            ),
            ("POST", "/reshaper".into(), reshaped(HOST, 3, several(cpus(9))), 409, NONE, room),
            // What stays must fit the new bounds too.
            ("POST", "/reshaper".into(), bounds, 409, NONE, room),
        ],
    )
    .await;
    // Nothing of all that was written.
    let host = cloud.get(&provider(HOST, "/usages"), 39).await.expect(200);
    assert_eq!(host["usages"], json!({"CUSTOM_USED": 0, "VCPU": 2}));
    let new = cloud.get(&format!("/allocations/{NEW}"), 39).await.expect(200);
    assert_eq!(new, json!({"allocations": {}}));
}

#[tokio::test]
async fn names_and_searches() {
    let cloud = world().await;
    let candidates = |query: &str| format!("/allocation_candidates?{query}");
    all(
        &cloud,
        &[
            ("GET", "/resource_classes/CUSTOM_NONE".into(), Value::Null, 404, NONE, "CUSTOM_NONE"),
            ("PUT", "/resource_classes/FREE".into(), Value::Null, 400, NONE, "CUSTOM_"),
            ("PUT", "/resource_classes/VCPU".into(), Value::Null, 400, NONE, "CUSTOM_"),
            ("POST", "/resource_classes".into(), json!({"name": "VCPU"}), 400, NONE, "CUSTOM_"),
            ("POST", "/resource_classes".into(), json!({"name": "CUSTOM_FREE"}), 409, NONE, "already exists"),
            ("DELETE", "/resource_classes/VCPU".into(), Value::Null, 400, NONE, "standard"),
            ("DELETE", "/resource_classes/CUSTOM_NONE".into(), Value::Null, 404, NONE, "CUSTOM_NONE"),
            ("DELETE", "/resource_classes/CUSTOM_USED".into(), Value::Null, 409, NONE, "in use"),
            ("GET", "/traits/CUSTOM_NONE".into(), Value::Null, 404, NONE, "CUSTOM_NONE"),
            ("GET", "/traits?name=startswith".into(), Value::Null, 400, NONE, "startswith:"),
            ("PUT", "/traits/CUSTOM_free".into(), Value::Null, 400, NONE, "CUSTOM_"),
            ("DELETE", "/traits/HW_CPU_X86_AVX2".into(), Value::Null, 400, NONE, "standard"),
            ("DELETE", "/traits/CUSTOM_NONE".into(), Value::Null, 404, NONE, "CUSTOM_NONE"),
            ("DELETE", "/traits/CUSTOM_USED".into(), Value::Null, 409, NONE, "in use"),
            ("GET", "/usages".into(), Value::Null, 400, NONE, "project_id"),
            ("GET", candidates(""), Value::Null, 400, "query.missing_value", "at least one resources"),
            ("GET", candidates("resources=VCPU:0"), Value::Null, 400, NONE, "at least 1"),
            ("GET", candidates("resources=VCPU:x"), Value::Null, 400, NONE, "VCPU:x"),
            ("GET", candidates("resources=VCPU:1,"), Value::Null, 400, NONE, "CLASS:AMOUNT"),
            ("GET", candidates("resources=CUSTOM_NONE:1"), Value::Null, 400, NONE, "CUSTOM_NONE"),
            ("GET", candidates("resources=VCPU:1&required=!"), Value::Null, 400, NONE, "list of traits"),
            ("GET", candidates("resources=VCPU:1&required=,"), Value::Null, 400, NONE, "list of traits"),
            ("GET", candidates("resources=VCPU:1&limit=many"), Value::Null, 400, NONE, "limit"),
            ("GET", candidates("resources=VCPU:1&member_of=in:"), Value::Null, 400, NONE, "member_of"),
            ("GET", candidates("required=CUSTOM_USED"), Value::Null, 400, "query.missing_value", "at least one"),
        ],
    )
    .await;
}

#[tokio::test]
async fn what_comes_before_any_operation() {
    let cloud = world().await;
    let bare = |headers: &'static [(&'static str, &'static str)]| headers;
    for (method, path, headers, body, status, code, gist) in [
        ("GET", "/nowhere", bare(&[]), "", 404, NONE, "could not be found"),
        ("GET", "/resource_providers", bare(&[("accept", "text/plain")]), "", 406, NONE, "application/json"),
        ("GET", "/traits", bare(&[("accept", "application/json;q=0, text/*")]), "", 406, NONE, "application/json"),
        ("POST", "/resource_providers", bare(&[("content-type", "text/plain")]), "{}", 415, NONE, "application/json"),
        ("POST", "/resource_providers", bare(&[]), "{}", 400, NONE, "Content-Type"),
        ("POST", "/resource_providers", bare(&[("content-type", "application/json")]), "{", 400, NONE, "EOF"),
    ] {
        let answer = cloud.send(method, path, headers, body).await;
        assert_eq!(misses(&answer, status, code, gist), None, "{method} {path}");
    }
    for (method, path, allowed) in [
        ("DELETE", "/resource_providers", "GET,HEAD,POST"),
        ("GET", "/allocations", "POST"),
        ("GET", "/reshaper", "POST"),
        ("POST", "/allocation_candidates", "GET,HEAD"),
        ("POST", "/usages", "GET,HEAD"),
        ("PATCH", "/resource_classes/VCPU", "GET,HEAD,PUT,DELETE"),
    ] {
        let answer = cloud.ask(method, path, 39, Value::Null).await;
        assert_eq!(answer.headers["allow"], allowed, "{method} {path}");
        assert_eq!(misses(&answer, 405, NONE, method), None, "{method} {path}");
    }
    for accepted in ["*/*", "application/*", "text/html, application/json;q=0.1", ""] {
        let answer = cloud.send("GET", "/resource_providers", &[("accept", accepted)], "").await;
        assert_eq!(answer.status.as_u16(), 200, "{accepted}");
    }
    for (version, status) in
        [("placement 1.40", 406), ("placement 2.0", 406), ("placement 1", 400), ("placement x", 400)]
    {
        let answer = cloud.send("GET", "/resource_providers", &[("openstack-api-version", version)], "").await;
        let error = &answer.body["errors"][0];
        assert_eq!((answer.status.as_u16(), &error["status"]), (status, &json!(status)), "{version}");
        assert_eq!(error["max_version"].as_str(), (status == 406).then_some("1.39"), "{version}");
        assert_eq!(error["min_version"].as_str(), (status == 406).then_some("1.0"), "{version}");
    }
    let latest = cloud.send("GET", "/resource_providers", &[("openstack-api-version", "placement latest")], "").await;
    assert_eq!(latest.headers["openstack-api-version"], "placement 1.39");
    assert_eq!(latest.headers["vary"], "OpenStack-API-Version");
    let other = cloud.send("GET", "/resource_providers", &[("openstack-api-version", "compute 2.1")], "").await;
    assert_eq!(other.headers["openstack-api-version"], "placement 1.0");
}
