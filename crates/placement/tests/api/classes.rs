use std::collections::BTreeMap;

use placement::{Claim, Inventory};
use serde_json::{Value, json};

use crate::cloud::Cloud;

const HOST: &str = "aaaaaaaa-0000-4000-8000-000000000001";
const SERVER: &str = "bbbbbbbb-0000-4000-8000-000000000001";

#[tokio::test]
async fn a_class_is_renamed_with_all_that_is_of_it() {
    a_class_is_renamed_with_all_that_is_of_it_on(Cloud::new().await).await;
}

pub async fn a_class_is_renamed_with_all_that_is_of_it_on(cloud: Cloud) {
    for name in ["CUSTOM_FPGA_A", "CUSTOM_TAKEN"] {
        cloud.ask("POST", "/resource_classes", 2, json!({"name": name})).await.expect(201);
    }
    cloud.placement.provider_ensure(HOST, "host").await.unwrap();
    let stock = BTreeMap::from([("CUSTOM_FPGA_A".to_owned(), Inventory::of(2))]);
    cloud.placement.inventories_set(HOST, &stock).await.unwrap();
    let held = BTreeMap::from([(HOST.to_owned(), BTreeMap::from([("CUSTOM_FPGA_A".to_owned(), 1)]))]);
    let claim = Claim { consumer_id: SERVER.into(), allocations: held, ..Claim::default() };
    assert!(cloud.placement.allocations_claim(&claim).await.unwrap());

    let path = "/resource_classes/CUSTOM_FPGA_A";
    let rename = |name: &str| json!({"name": name});
    cloud.ask("PUT", path, 1, rename("CUSTOM_FPGA_B")).await.expect(404);
    for wrong in [json!({}), rename("FPGA_B"), json!({"name": "CUSTOM_FPGA_B", "x": 1}), Value::Null] {
        cloud.ask("PUT", path, 6, wrong).await.expect(400);
    }
    let taken = cloud.ask("PUT", path, 6, rename("CUSTOM_TAKEN")).await.expect(409);
    assert!(taken["errors"][0]["detail"].as_str().unwrap().contains("already exists"), "{taken}");
    cloud.ask("PUT", "/resource_classes/CUSTOM_NOWHERE", 6, rename("CUSTOM_FPGA_B")).await.expect(404);
    cloud.ask("PUT", "/resource_classes/VCPU", 6, rename("CUSTOM_FPGA_B")).await.expect(400);

    let renamed = cloud.ask("PUT", path, 2, rename("CUSTOM_FPGA_B")).await.expect(200);
    let link = "/placement/resource_classes/CUSTOM_FPGA_B";
    assert_eq!(renamed, json!({"name": "CUSTOM_FPGA_B", "links": [{"rel": "self", "href": link}]}));
    cloud.get(path, 6).await.expect(404);
    let usages = cloud.get(&format!("/resource_providers/{HOST}/usages"), 39).await.expect(200);
    assert_eq!(usages["usages"], json!({"CUSTOM_FPGA_B": 1}));
    let held = cloud.get(&format!("/allocations/{SERVER}"), 39).await.expect(200);
    assert_eq!(held["allocations"][HOST]["resources"], json!({"CUSTOM_FPGA_B": 1}));
    // Searches, also those of other processes, know it by its new name.
    let found = cloud.get("/allocation_candidates?resources=CUSTOM_FPGA_B:1", 39).await.expect(200);
    assert_eq!(found["allocation_requests"].as_array().map(Vec::len), Some(1));
    cloud.get("/allocation_candidates?resources=CUSTOM_FPGA_A:1", 39).await.expect(400);
    cloud.ask("PUT", path, 7, Value::Null).await.expect(201);
}
