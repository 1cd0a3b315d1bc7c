//! Nothing that a microversion does not know is taken silently.

use serde_json::{Value, json};

use crate::cloud::Cloud;

const HOST: &str = "aaaaaaaa-0000-4000-8000-000000000001";
const SERVER: &str = "bbbbbbbb-0000-4000-8000-000000000001";

async fn cloud_with_host() -> Cloud {
    let cloud = Cloud::new().await;
    cloud.placement.provider_ensure(HOST, "host").await.unwrap();
    let cpus = [("VCPU".to_owned(), placement::Inventory::of(8))].into();
    cloud.placement.inventories_set(HOST, &cpus).await.unwrap();
    cloud
}

/// The body with `changed` in it, at a JSON pointer whose last part may be new; null takes it away.
fn with(body: &Value, pointer: &str, changed: Value) -> Value {
    let mut body = body.clone();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = body.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    if changed.is_null() {
        parent.remove(name);
    } else {
        parent.insert(name.to_owned(), changed);
    }
    body
}

async fn refused(cloud: &Cloud, method: &str, path: &str, minor: u16, body: &Value) {
    let answer = cloud.ask(method, path, minor, body.clone()).await;
    assert_eq!(answer.status.as_u16(), 400, "{method} {path} 1.{minor} {body}: {}", answer.body);
    assert!(answer.body["errors"][0]["detail"].as_str().is_some_and(|detail| detail.len() > 10), "{}", answer.body);
}

#[tokio::test]
async fn allocations_have_the_fields_of_their_microversion_and_no_others() {
    let cloud = cloud_with_host().await;
    let path = format!("/allocations/{SERVER}");
    let one = json!({"resource_provider": {"uuid": HOST}, "resources": {"VCPU": 1}});
    let list = json!({"allocations": [one]});
    let twice = json!({"allocations": [one, one]});
    for wrong in [
        with(&list, "/x", json!(1)),
        with(&list, "/allocations/0/x", json!(1)),
        with(&list, "/allocations/0/resource_provider/x", json!(1)),
        with(&list, "/allocations/0/resources", json!({})),
        with(&list, "/allocations/0/resources/VCPU", json!(0)),
        with(&list, "/allocations/0/resources/VCPU", json!("1")),
        with(&list, "/allocations/0/resources/VCPU", json!(1.5)),
        with(&list, "/allocations/0/resource_provider/uuid", json!("no uuid")),
        with(&list, "/allocations", json!([])),
        with(&list, "/allocations", Value::Null),
        with(&list, "/project_id", json!("p")),
        twice,
    ] {
        refused(&cloud, "PUT", &path, 7, &wrong).await;
    }
    refused(&cloud, "PUT", "/allocations/no-uuid", 7, &list).await;
    let owned = with(&with(&list, "/project_id", json!("p")), "/user_id", json!("u"));
    refused(&cloud, "PUT", &path, 8, &with(&owned, "/project_id", json!(""))).await;
    refused(&cloud, "PUT", &path, 8, &with(&owned, "/user_id", json!("u".repeat(256)))).await;
    refused(&cloud, "PUT", &path, 8, &with(&owned, "/user_id", Value::Null)).await;

    let dict = with(&owned, "/allocations", json!({HOST: {"resources": {"VCPU": 1}}}));
    for wrong in [
        with(&dict, &format!("/allocations/{HOST}/x"), json!(1)),
        with(&dict, &format!("/allocations/{HOST}/resources"), Value::Null),
        with(&dict, &format!("/allocations/{HOST}/generation"), json!("1")),
        with(&dict, "/allocations/host", json!({"resources": {"VCPU": 1}})),
        with(&dict, "/allocations", json!({})),
        with(&dict, "/consumer_generation", json!(1)),
        with(&dict, "/mappings", json!({"": [HOST]})),
        with(&dict, "/consumer_type", json!("INSTANCE")),
    ] {
        refused(&cloud, "PUT", &path, 27, &wrong).await;
    }
    // What is shown as the provider's generation may come back.
    cloud.ask("PUT", &path, 27, with(&dict, &format!("/allocations/{HOST}/generation"), json!(1))).await.expect(204);
    cloud.ask("DELETE", &path, 27, Value::Null).await.expect(204);

    let newest = json!({
        "allocations": {HOST: {"resources": {"VCPU": 1}}}, "project_id": "p", "user_id": "u",
        "consumer_generation": null, "consumer_type": "INSTANCE",
    });
    refused(&cloud, "PUT", &path, 38, &with(&newest, "/consumer_generation", json!("1"))).await;
    for wrong in ["", "instance", "A B", "all", "unknown"] {
        refused(&cloud, "PUT", &path, 38, &with(&newest, "/consumer_type", json!(wrong))).await;
    }
    for wrong in [json!({}), json!({"": []}), json!({"": [1]}), json!({"_A": ["no uuid"]}), json!([HOST])] {
        refused(&cloud, "PUT", &path, 38, &with(&newest, "/mappings", wrong)).await;
    }
    refused(&cloud, "POST", "/allocations", 38, &json!({})).await;
    refused(&cloud, "POST", "/allocations", 38, &json!({"no uuid": newest})).await;
    refused(&cloud, "POST", "/allocations", 27, &json!({SERVER: {"allocations": {}}})).await;
    refused(&cloud, "POST", "/allocations", 27, &json!({SERVER: newest})).await;
    cloud.ask("PUT", &path, 38, with(&newest, "/mappings", json!({"": [HOST]}))).await.expect(204);
    // More than any provider may have is no more than too much.
    let huge = with(&dict, &format!("/allocations/{HOST}/resources/VCPU"), json!(i64::MAX));
    cloud.ask("PUT", &path, 27, huge).await.expect(409);
}

#[tokio::test]
async fn inventories_have_their_fields_and_bounds() {
    let cloud = cloud_with_host().await;
    let all = format!("/resource_providers/{HOST}/inventories");
    let one = json!({"resource_provider_generation": 1, "total": 8});
    let every = json!({"resource_provider_generation": 1, "inventories": {"VCPU": {"total": 8}}});
    let too_large = i64::from(i32::MAX) + 1;
    for (field, wrong) in [
        ("x", json!(1)),
        ("total", json!(0)),
        ("total", json!(too_large)),
        ("total", json!("8")),
        ("total", Value::Null),
        ("reserved", json!(-1)),
        ("reserved", json!(9)),
        ("min_unit", json!(0)),
        ("max_unit", json!(0)),
        ("max_unit", json!(too_large)),
        ("step_size", json!(0)),
        ("allocation_ratio", json!(-1)),
        ("allocation_ratio", json!(1e39)),
        ("allocation_ratio", json!("1")),
        ("resource_class", json!("VCPU")),
    ] {
        refused(&cloud, "PUT", &format!("{all}/VCPU"), 39, &with(&one, &format!("/{field}"), wrong.clone())).await;
        refused(&cloud, "PUT", &all, 39, &with(&every, &format!("/inventories/VCPU/{field}"), wrong)).await;
    }
    refused(&cloud, "PUT", &all, 39, &with(&every, "/x", json!(1))).await;
    refused(&cloud, "PUT", &all, 39, &with(&every, "/resource_provider_generation", Value::Null)).await;
    refused(&cloud, "PUT", &format!("{all}/VCPU"), 39, &json!({"total": 8})).await;
    refused(&cloud, "POST", &all, 39, &json!({"total": 8})).await;
    refused(&cloud, "POST", &all, 39, &json!({"total": 8, "resource_class": "vcpu"})).await;
}

#[tokio::test]
async fn providers_traits_classes_and_aggregates_have_their_fields() {
    let cloud = cloud_with_host().await;
    let provider = format!("/resource_providers/{HOST}");
    for wrong in [
        json!({}),
        json!({"name": 1}),
        json!({"name": "n".repeat(201)}),
        json!({"name": "a", "uuid": "no uuid"}),
        json!({"name": "a", "x": 1}),
        json!({"name": "a", "parent_provider_uuid": "no uuid"}),
        json!({"name": "a", "parent_provider_uuid": SERVER}),
        json!([]),
    ] {
        refused(&cloud, "POST", "/resource_providers", 39, &wrong).await;
    }
    refused(&cloud, "POST", "/resource_providers", 13, &json!({"name": "a", "parent_provider_uuid": null})).await;
    refused(&cloud, "PUT", &provider, 39, &json!({"name": "a", "uuid": HOST})).await;
    let traits = format!("{provider}/traits");
    for wrong in [
        json!({"traits": []}),
        json!({"resource_provider_generation": 1}),
        json!({"resource_provider_generation": 1, "traits": [1]}),
        json!({"resource_provider_generation": 1, "traits": [""]}),
        json!({"resource_provider_generation": 1, "traits": ["CUSTOM_NOT_MADE"]}),
        json!({"resource_provider_generation": 1, "traits": [], "x": 1}),
        json!({"resource_provider_generation": "1", "traits": []}),
    ] {
        refused(&cloud, "PUT", &traits, 39, &wrong).await;
    }
    refused(&cloud, "PUT", &format!("/traits/CUSTOM_{}", "A".repeat(249)), 39, &Value::Null).await;
    let aggregates = format!("{provider}/aggregates");
    for wrong in [json!({"aggregates": []}), json!(["no uuid"]), json!([HOST, HOST]), json!([1])] {
        refused(&cloud, "PUT", &aggregates, 18, &wrong).await;
    }
    for wrong in [
        json!([HOST]),
        json!({"aggregates": [HOST]}),
        json!({"resource_provider_generation": 1}),
        json!({"resource_provider_generation": 1, "aggregates": [HOST, HOST]}),
        json!({"resource_provider_generation": 1, "aggregates": [HOST], "x": 1}),
    ] {
        refused(&cloud, "PUT", &aggregates, 19, &wrong).await;
    }
    for wrong in [json!({}), json!({"name": "CUSTOM_"}), json!({"name": "FPGA_X"}), json!({"name": "CUSTOM_A", "x": 1})]
    {
        refused(&cloud, "POST", "/resource_classes", 39, &wrong).await;
    }
}

#[tokio::test]
async fn unknown_parameters_are_refused() {
    let cloud = cloud_with_host().await;
    for (path, minor) in [
        ("/resource_providers?x=1", 39),
        ("/resource_providers?uuid=no-uuid", 39),
        ("/resource_providers?in_tree=no-uuid", 39),
        ("/resource_providers?resources=VCPU", 39),
        ("/resource_providers?resources=NO_SUCH_CLASS:1", 39),
        ("/resource_providers?required=NO_SUCH_TRAIT", 39),
        ("/resource_providers?required=", 39),
        ("/resource_providers?member_of=no-uuid", 39),
        ("/traits?x=1", 39),
        ("/traits?associated=yes", 39),
        ("/traits?name=CUSTOM_A", 39),
        ("/usages", 39),
        ("/usages?project_id=", 39),
        ("/usages?project_id=p&x=1", 39),
        ("/usages?project_id=p&user_id=", 39),
        ("/usages?project_id=p&consumer_type=instance", 39),
        ("/usages?project_id=p&consumer_type=INSTANCE", 37),
        ("/allocation_candidates?resources=VCPU:1&x=1", 39),
        ("/allocation_candidates?resources=VCPU:1&limit=%2B1", 39),
        ("/allocation_candidates?resources=VCPU:1&resources2=VCPU:1", 24),
    ] {
        refused(&cloud, "GET", path, minor, &Value::Null).await;
    }
    let unlimited = cloud.get("/allocation_candidates?resources=VCPU:1&limit=99999999999999999999999", 39).await;
    assert_eq!(unlimited.expect(200)["allocation_requests"].as_array().map(Vec::len), Some(1));
    let huge = cloud.get("/allocation_candidates?resources=VCPU:9223372036854775807", 39).await.expect(200);
    assert_eq!(huge["allocation_requests"], json!([]));
}
