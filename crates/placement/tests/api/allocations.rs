use std::collections::BTreeMap;

use placement::{Claim, Inventory};
use serde_json::{Value, json};

use crate::cloud::Cloud;

const HOST: &str = "aaaaaaaa-0000-4000-8000-000000000001";
const OTHER: &str = "aaaaaaaa-0000-4000-8000-000000000002";
const SERVER: &str = "bbbbbbbb-0000-4000-8000-000000000001";

async fn cloud_with_host(cloud: Cloud, vcpus: i64) -> Cloud {
    for (id, name) in [(HOST, "host"), (OTHER, "other")] {
        cloud.placement.provider_ensure(id, name).await.unwrap();
        let inventories = BTreeMap::from([("VCPU".to_owned(), Inventory::of(vcpus))]);
        assert!(cloud.placement.inventories_set(id, &inventories).await.unwrap());
        assert!(!cloud.placement.inventories_set(id, &inventories).await.unwrap());
    }
    cloud
}

fn claim(consumer_id: &str, provider_id: &str, vcpus: i64) -> Claim {
    Claim {
        consumer_id: consumer_id.to_owned(),
        project_id: "p".to_owned(),
        user_id: "u".to_owned(),
        consumer_type: Some("INSTANCE".to_owned()),
        allocations: BTreeMap::from([(provider_id.to_owned(), BTreeMap::from([("VCPU".to_owned(), vcpus)]))]),
    }
}

async fn used(cloud: &Cloud, provider_id: &str) -> i64 {
    let summaries = cloud.placement.provider_summaries(&[provider_id.to_owned()]).await.unwrap();
    summaries[0].resources["VCPU"].used
}

#[tokio::test]
async fn a_claim_succeeds_once_and_no_further_than_capacity() {
    a_claim_succeeds_once_and_no_further_than_capacity_on(Cloud::new().await).await;
}

pub async fn a_claim_succeeds_once_and_no_further_than_capacity_on(cloud: Cloud) {
    let cloud = cloud_with_host(cloud, 4).await;
    let placement = &cloud.placement;
    assert!(placement.allocations_claim(&claim(SERVER, HOST, 3)).await.unwrap());
    assert!(placement.allocations_claim(&claim(SERVER, HOST, 3)).await.unwrap());
    assert_eq!(used(&cloud, HOST).await, 3);
    assert!(!placement.allocations_claim(&claim("other", HOST, 2)).await.unwrap());
    assert!(placement.allocations_of("other").await.unwrap().is_empty());
    // Moving gives back on one side what it takes on the other.
    assert!(placement.allocations_claim(&claim(SERVER, OTHER, 4)).await.unwrap());
    assert_eq!((used(&cloud, HOST).await, used(&cloud, OTHER).await), (0, 4));
    placement.allocations_release(SERVER).await.unwrap();
    placement.allocations_release(SERVER).await.unwrap();
    assert_eq!(used(&cloud, OTHER).await, 0);
    placement.provider_delete(OTHER).await.unwrap();
    placement.provider_delete(OTHER).await.unwrap();
    assert!(placement.allocations_claim(&claim(SERVER, OTHER, 1)).await.is_err());
}

#[tokio::test]
async fn concurrent_claims_never_exceed_capacity() {
    concurrent_claims_never_exceed_capacity_on(Cloud::new().await).await;
}

pub async fn concurrent_claims_never_exceed_capacity_on(cloud: Cloud) {
    let cloud = cloud_with_host(cloud, 10).await;
    let claims = (0..30).map(|index| {
        let placement = cloud.placement.clone();
        tokio::spawn(async move { placement.allocations_claim(&claim(&format!("s{index}"), HOST, 1)).await.unwrap() })
    });
    let mut won = 0;
    for one in claims.collect::<Vec<_>>() {
        won += i64::from(one.await.unwrap());
    }
    assert_eq!((won, used(&cloud, HOST).await), (10, 10));
}

#[tokio::test]
async fn unit_bounds_are_kept() {
    unit_bounds_are_kept_on(Cloud::new().await).await;
}

pub async fn unit_bounds_are_kept_on(cloud: Cloud) {
    let cloud = cloud_with_host(cloud, 16).await;
    let inventory = Inventory { min_unit: 2, max_unit: 8, step_size: 2, ..Inventory::of(16) };
    cloud.placement.inventories_set(HOST, &BTreeMap::from([("VCPU".to_owned(), inventory)])).await.unwrap();
    for (amount, fits) in [(1, false), (3, false), (10, false), (8, true)] {
        assert_eq!(cloud.placement.allocations_claim(&claim(SERVER, HOST, amount)).await.unwrap(), fits, "{amount}");
    }
}

fn body(vcpus: i64, generation: Value) -> Value {
    json!({
        "allocations": {HOST: {"resources": {"VCPU": vcpus}}},
        "project_id": "p", "user_id": "u", "consumer_generation": generation, "consumer_type": "INSTANCE",
    })
}

#[tokio::test]
async fn consumers_have_generations() {
    consumers_have_generations_on(Cloud::new().await).await;
}

pub async fn consumers_have_generations_on(cloud: Cloud) {
    let cloud = cloud_with_host(cloud, 4).await;
    let path = format!("/allocations/{SERVER}");
    cloud.ask("PUT", &path, 39, body(2, json!(7))).await.expect(409);
    cloud.ask("PUT", &path, 39, body(2, Value::Null)).await.expect(204);
    let again = cloud.ask("PUT", &path, 39, body(2, Value::Null)).await.expect(409);
    assert_eq!(again["errors"][0]["code"], "placement.concurrent_update");
    let shown = cloud.get(&path, 39).await.expect(200);
    assert_eq!(shown["consumer_generation"], 1);
    assert_eq!(shown["consumer_type"], "INSTANCE");
    assert_eq!(shown["allocations"][HOST]["resources"], json!({"VCPU": 2}));
    let full = cloud.ask("PUT", &path, 39, body(5, json!(1))).await.expect(409);
    assert!(full["errors"][0]["detail"].as_str().unwrap().contains("VCPU"));
    cloud.ask("PUT", &path, 39, body(4, json!(1))).await.expect(204);
    let usages = cloud.get("/usages?project_id=p", 39).await.expect(200);
    assert_eq!(usages["usages"], json!({"INSTANCE": {"VCPU": 4, "consumer_count": 1}}));
    let usages = cloud.get("/usages?project_id=p", 9).await.expect(200);
    assert_eq!(usages["usages"], json!({"VCPU": 4}));
    let in_use = cloud.ask("DELETE", &format!("/resource_providers/{HOST}"), 39, Value::Null).await.expect(409);
    assert_eq!(in_use["errors"][0]["code"], "placement.resource_provider.inuse");
    let inventories = format!("/resource_providers/{HOST}/inventories");
    let in_use = cloud.ask("DELETE", &inventories, 39, Value::Null).await.expect(409);
    assert_eq!(in_use["errors"][0]["code"], "placement.inventory.inuse");
    cloud.ask("DELETE", &path, 39, Value::Null).await.expect(204);
    cloud.ask("DELETE", &path, 39, Value::Null).await.expect(404);
}

#[tokio::test]
async fn old_microversions_have_their_own_shapes() {
    old_microversions_have_their_own_shapes_on(Cloud::new().await).await;
}

pub async fn old_microversions_have_their_own_shapes_on(cloud: Cloud) {
    let cloud = cloud_with_host(cloud, 4).await;
    let path = format!("/allocations/{SERVER}");
    let list = json!([{"resource_provider": {"uuid": HOST}, "resources": {"VCPU": 1}}]);
    cloud.ask("PUT", &path, 0, json!({"allocations": list})).await.expect(204);
    cloud.ask("PUT", &path, 12, json!({"allocations": list, "project_id": "p", "user_id": "u"})).await.expect(400);
    let shown = cloud.get(&path, 0).await.expect(200);
    assert!(shown.get("project_id").is_none());
    let shown = cloud.get(&format!("/resource_providers/{HOST}/allocations"), 0).await.expect(200);
    assert_eq!(shown["allocations"][SERVER]["resources"], json!({"VCPU": 1}));
}

#[tokio::test]
async fn several_consumers_change_together_or_not_at_all() {
    several_consumers_change_together_or_not_at_all_on(Cloud::new().await).await;
}

pub async fn several_consumers_change_together_or_not_at_all_on(cloud: Cloud) {
    let cloud = cloud_with_host(cloud, 4).await;
    assert!(cloud.placement.allocations_claim(&claim(SERVER, HOST, 4)).await.unwrap());
    let migration = "bbbbbbbb-0000-4000-8000-000000000002";
    let mut empty = body(1, json!(1));
    empty["allocations"] = json!({});
    let swap = json!({migration: body(4, Value::Null), SERVER: empty});
    cloud.ask("POST", "/allocations", 39, swap).await.expect(204);
    assert!(cloud.placement.allocations_of(SERVER).await.unwrap().is_empty());
    assert_eq!(used(&cloud, HOST).await, 4);
    let too_much = json!({migration: body(1, json!(1)), SERVER: body(4, Value::Null)});
    cloud.ask("POST", "/allocations", 39, too_much).await.expect(409);
    assert_eq!(used(&cloud, HOST).await, 4);
}

#[tokio::test]
async fn generations_tell_what_changed() {
    generations_tell_what_changed_on(Cloud::new().await).await;
}

pub async fn generations_tell_what_changed_on(cloud: Cloud) {
    let cloud = cloud_with_host(cloud, 4).await;
    let path = format!("/allocations/{SERVER}");
    let generation =
        async || cloud.get(&format!("/resource_providers/{HOST}"), 39).await.expect(200)["generation"].clone();
    let consumer = async || cloud.get(&path, 39).await.expect(200)["consumer_generation"].clone();
    cloud.ask("PUT", &path, 39, body(2, Value::Null)).await.expect(204);
    assert_eq!((generation().await, consumer().await), (json!(2), json!(1)));
    // Whoever writes, changes; even when the amounts stay.
    cloud.ask("PUT", &path, 39, body(2, json!(1))).await.expect(204);
    assert_eq!((generation().await, consumer().await), (json!(3), json!(2)));
    // A delete frees room without telling whoever is about to change the inventories.
    cloud.ask("DELETE", &path, 39, Value::Null).await.expect(204);
    assert_eq!((generation().await, used(&cloud, HOST).await), (json!(3), 0));
    assert_eq!(cloud.get(&path, 39).await.expect(200), json!({"allocations": {}}));
    // So does an empty dictionary, after which the consumer is as new; but as a change like others.
    cloud.ask("PUT", &path, 39, body(2, Value::Null)).await.expect(204);
    let mut empty = body(2, json!(1));
    empty["allocations"] = json!({});
    cloud.ask("PUT", &path, 39, empty).await.expect(204);
    assert_eq!((generation().await, used(&cloud, HOST).await), (json!(5), 0));
    cloud.ask("PUT", &path, 39, body(2, Value::Null)).await.expect(204);
    // Inside the program, claiming the same again is nothing new.
    let same = Claim { consumer_type: None, ..claim(SERVER, HOST, 2) };
    assert!(cloud.placement.allocations_claim(&same).await.unwrap());
    assert_eq!((generation().await, consumer().await), (json!(6), json!(1)));
}

#[tokio::test]
async fn a_consumer_can_be_given_to_another_project() {
    a_consumer_can_be_given_to_another_project_on(Cloud::new().await).await;
}

pub async fn a_consumer_can_be_given_to_another_project_on(cloud: Cloud) {
    let cloud = cloud_with_host(cloud, 4).await;
    let path = format!("/allocations/{SERVER}");
    let usages = async |query: &str| cloud.get(&format!("/usages?{query}"), 39).await.expect(200)["usages"].clone();
    let old = json!({"allocations": [{"resource_provider": {"uuid": HOST}, "resources": {"VCPU": 1}}]});
    cloud.ask("PUT", &path, 0, old).await.expect(204);
    // Whose it is and what it is nobody said yet.
    let nobody = "00000000-0000-0000-0000-000000000000";
    let unknown = json!({"unknown": {"VCPU": 1, "consumer_count": 1}});
    assert_eq!(usages(&format!("project_id={nobody}")).await, unknown);
    assert_eq!(usages(&format!("project_id={nobody}&consumer_type=unknown")).await, unknown);
    cloud.ask("PUT", &path, 39, body(1, json!(1))).await.expect(204);
    let known = json!({"INSTANCE": {"VCPU": 1, "consumer_count": 1}});
    assert_eq!(usages("project_id=p").await, known);
    assert_eq!(usages("project_id=p&consumer_type=unknown").await, json!({}));
    assert_eq!(usages(&format!("project_id={nobody}")).await, json!({}));
    let mut other = body(1, json!(2));
    (other["project_id"], other["user_id"], other["consumer_type"]) = (json!("q"), json!("v"), json!("MIGRATION"));
    cloud.ask("PUT", &path, 39, other).await.expect(204);
    let shown = cloud.get(&path, 39).await.expect(200);
    assert_eq!((&shown["project_id"], &shown["user_id"]), (&json!("q"), &json!("v")));
    assert_eq!(
        usages("project_id=q&user_id=v&consumer_type=all").await,
        json!({"all": {"VCPU": 1, "consumer_count": 1}})
    );
    // Several consumers are counted once each, however many classes they have.
    let memory = json!({"VCPU": {"total": 4}, "MEMORY_MB": {"total": 64}});
    let stocks = json!({"resource_provider_generation": 4, "inventories": memory});
    cloud.ask("PUT", &format!("/resource_providers/{HOST}/inventories"), 39, stocks).await.expect(200);
    let mut both = body(1, Value::Null);
    both["allocations"][HOST]["resources"]["MEMORY_MB"] = json!(8);
    both["project_id"] = json!("q");
    cloud.ask("PUT", "/allocations/bbbbbbbb-0000-4000-8000-000000000003", 39, both).await.expect(204);
    let all = json!({"all": {"VCPU": 2, "MEMORY_MB": 8, "consumer_count": 2}});
    assert_eq!(usages("project_id=q&consumer_type=all").await, all);
    let grouped = json!({
        "MIGRATION": {"VCPU": 1, "consumer_count": 1},
        "INSTANCE": {"VCPU": 1, "MEMORY_MB": 8, "consumer_count": 1},
    });
    assert_eq!(usages("project_id=q").await, grouped);
}

#[tokio::test]
async fn where_more_is_used_than_there_is_less_may_be_taken_but_not_more() {
    where_more_is_used_than_there_is_less_may_be_taken_but_not_more_on(Cloud::new().await).await;
}

pub async fn where_more_is_used_than_there_is_less_may_be_taken_but_not_more_on(cloud: Cloud) {
    let cloud = cloud_with_host(cloud, 8).await;
    let path = format!("/allocations/{SERVER}");
    cloud.ask("PUT", &path, 39, body(6, Value::Null)).await.expect(204);
    let inventory = format!("/resource_providers/{HOST}/inventories/VCPU");
    let shrunk = json!({"resource_provider_generation": 2, "total": 4});
    cloud.ask("PUT", &inventory, 39, shrunk).await.expect(200);
    cloud.ask("PUT", &path, 39, body(7, json!(1))).await.expect(409);
    cloud.ask("PUT", &path, 39, body(6, json!(1))).await.expect(204);
    cloud.ask("PUT", &path, 39, body(5, json!(2))).await.expect(204);
    // The units hold for what stays too.
    let uneven = json!({"resource_provider_generation": 5, "total": 4, "step_size": 2});
    cloud.ask("PUT", &inventory, 39, uneven).await.expect(200);
    cloud.ask("PUT", &path, 39, body(5, json!(3))).await.expect(409);
    cloud.ask("PUT", &path, 39, body(4, json!(3))).await.expect(204);
    assert_eq!(used(&cloud, HOST).await, 4);
}
