use serde_json::{Value, json};

use crate::cloud::Cloud;

const A: &str = "aaaaaaaa-0000-4000-8000-000000000001";
const B: &str = "aaaaaaaa-0000-4000-8000-000000000002";

#[tokio::test]
async fn the_version_document_needs_no_token() {
    the_version_document_needs_no_token_on(Cloud::new().await).await;
}

pub async fn the_version_document_needs_no_token_on(cloud: Cloud) {
    let body = cloud.ask_as("", "GET", "/", 0, Value::Null).await.expect(200);
    assert_eq!(body["versions"][0]["max_version"], "1.39");
    cloud.ask_as("", "GET", "/resource_providers", 0, Value::Null).await.expect(401);
}

#[tokio::test]
async fn only_operators_see_providers() {
    only_operators_see_providers_on(Cloud::new().await).await;
}

pub async fn only_operators_see_providers_on(cloud: Cloud) {
    let member = cloud.token_with("member").await;
    cloud.ask_as(&member, "GET", "/resource_providers", 39, Value::Null).await.expect(403);
    let usages = format!("/usages?project_id={}", cloud.project_id);
    cloud.ask_as(&member, "GET", &usages, 39, Value::Null).await.expect(200);
    cloud.ask_as(&member, "GET", "/usages?project_id=other", 39, Value::Null).await.expect(403);
}

#[tokio::test]
async fn an_unserved_microversion_is_refused_with_the_bounds() {
    an_unserved_microversion_is_refused_with_the_bounds_on(Cloud::new().await).await;
}

pub async fn an_unserved_microversion_is_refused_with_the_bounds_on(cloud: Cloud) {
    let body = cloud.get("/resource_providers", 99).await.expect(406);
    assert_eq!(body["errors"][0]["max_version"], "1.39");
}

#[tokio::test]
async fn providers_live_in_trees() {
    providers_live_in_trees_on(Cloud::new().await).await;
}

pub async fn providers_live_in_trees_on(cloud: Cloud) {
    let made = cloud.ask("POST", "/resource_providers", 39, json!({"name": "a", "uuid": A})).await.expect(200);
    assert_eq!((&made["generation"], &made["root_provider_uuid"]), (&json!(0), &json!(A)));
    let child = json!({"name": "b", "uuid": B, "parent_provider_uuid": A});
    let old = cloud.ask("POST", "/resource_providers", 14, child).await;
    assert!(old.headers.contains_key("location"));
    old.expect(201);
    let taken = cloud.ask("POST", "/resource_providers", 39, json!({"name": "a"})).await.expect(409);
    assert_eq!(taken["errors"][0]["code"], "placement.duplicate_name");
    let tree = cloud.get(&format!("/resource_providers?in_tree={B}"), 39).await.expect(200);
    assert_eq!(tree["resource_providers"].as_array().unwrap().len(), 2);
    let body = cloud.ask("DELETE", &format!("/resource_providers/{A}"), 39, Value::Null).await.expect(409);
    assert_eq!(body["errors"][0]["code"], "placement.resource_provider.cannot_delete_parent");
    let circle = json!({"name": "a", "parent_provider_uuid": B});
    cloud.ask("PUT", &format!("/resource_providers/{A}"), 39, circle).await.expect(400);
    let out = json!({"name": "b", "parent_provider_uuid": null});
    cloud.ask("PUT", &format!("/resource_providers/{B}"), 39, out).await.expect(200);
    cloud.ask("DELETE", &format!("/resource_providers/{A}"), 39, Value::Null).await.expect(204);
    cloud.ask("DELETE", &format!("/resource_providers/{A}"), 39, Value::Null).await.expect(404);
}

#[tokio::test]
async fn inventories_change_only_at_the_generation_that_was_read() {
    inventories_change_only_at_the_generation_that_was_read_on(Cloud::new().await).await;
}

pub async fn inventories_change_only_at_the_generation_that_was_read_on(cloud: Cloud) {
    cloud.placement.provider_ensure(A, "a").await.unwrap();
    let path = format!("/resource_providers/{A}/inventories");
    let body = json!({"resource_provider_generation": 0, "inventories": {"VCPU": {"total": 8}}});
    let stored = cloud.ask("PUT", &path, 39, body.clone()).await.expect(200);
    assert_eq!(stored["resource_provider_generation"], 1);
    assert_eq!(stored["inventories"]["VCPU"]["max_unit"], i32::MAX);
    let late = cloud.ask("PUT", &path, 39, body).await.expect(409);
    assert_eq!(late["errors"][0]["code"], "placement.concurrent_update");
    let memory = json!({"resource_provider_generation": 1, "resource_class": "MEMORY_MB", "total": 64});
    cloud.ask("POST", &path, 39, memory).await.expect(201);
    let all_kept = json!({"resource_provider_generation": 2, "total": 8, "reserved": 8});
    cloud.ask("PUT", &format!("{path}/VCPU"), 25, all_kept.clone()).await.expect(400);
    cloud.ask("PUT", &format!("{path}/VCPU"), 26, all_kept).await.expect(200);
    cloud.ask("DELETE", &format!("{path}/VCPU"), 39, Value::Null).await.expect(204);
    cloud.ask("DELETE", &path, 4, Value::Null).await.expect(405);
    cloud.ask("DELETE", &path, 5, Value::Null).await.expect(204);
    let unknown = json!({"resource_provider_generation": 5, "inventories": {"NONSENSE": {"total": 8}}});
    cloud.ask("PUT", &path, 39, unknown).await.expect(400);
}

#[tokio::test]
async fn traits_classes_and_aggregates_can_be_managed() {
    traits_classes_and_aggregates_can_be_managed_on(Cloud::new().await).await;
}

pub async fn traits_classes_and_aggregates_can_be_managed_on(cloud: Cloud) {
    cloud.placement.provider_ensure(A, "a").await.unwrap();
    cloud.ask("PUT", "/traits/CUSTOM_GOLD", 39, Value::Null).await.expect(201);
    cloud.ask("PUT", "/traits/CUSTOM_GOLD", 39, Value::Null).await.expect(204);
    cloud.ask("PUT", "/traits/gold", 39, Value::Null).await.expect(400);
    cloud.get("/traits/HW_CPU_X86_AVX2", 39).await.expect(204);
    let custom = cloud.get("/traits?name=startswith:CUSTOM_", 39).await.expect(200);
    assert_eq!(custom["traits"], json!(["CUSTOM_GOLD"]));
    let path = format!("/resource_providers/{A}/traits");
    let body = json!({"resource_provider_generation": 0, "traits": ["CUSTOM_GOLD", "HW_CPU_X86_AVX2"]});
    cloud.ask("PUT", &path, 39, body).await.expect(200);
    cloud.ask("DELETE", "/traits/CUSTOM_GOLD", 39, Value::Null).await.expect(409);
    let used = cloud.get("/traits?associated=true", 39).await.expect(200);
    assert_eq!(used["traits"], json!(["CUSTOM_GOLD", "HW_CPU_X86_AVX2"]));
    cloud.ask("PUT", "/resource_classes/CUSTOM_FPGA_X", 39, Value::Null).await.expect(201);
    cloud.ask("DELETE", "/resource_classes/VCPU", 39, Value::Null).await.expect(400);
    cloud.ask("DELETE", "/resource_classes/CUSTOM_FPGA_X", 39, Value::Null).await.expect(204);
    let path = format!("/resource_providers/{A}/aggregates");
    cloud.ask("PUT", &path, 1, json!([B])).await.expect(200);
    // That list knew no generation, and left it as it was.
    let body = json!({"resource_provider_generation": 1, "aggregates": [B]});
    let stored = cloud.ask("PUT", &path, 19, body).await.expect(200);
    assert_eq!(stored, json!({"resource_provider_generation": 2, "aggregates": [B]}));
}
