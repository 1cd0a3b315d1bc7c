use std::collections::BTreeMap;

use placement::{Claim, Inventory};
use serde_json::{Value, json};

use crate::cloud::Cloud;

const HOST: &str = "aaaaaaaa-0000-4000-8000-000000000001";
const CARD: &str = "aaaaaaaa-0000-4000-8000-000000000002";
const SERVER: &str = "bbbbbbbb-0000-4000-8000-000000000001";

/// A host with CPUs and functions of network cards, of which a server holds some, and an empty card below the host.
async fn cloud_with_card(cloud: Cloud) -> Cloud {
    cloud.placement.provider_ensure(HOST, "host").await.unwrap();
    let both = [("VCPU", 8), ("SRIOV_NET_VF", 4)];
    let both = both.map(|(class, total)| (class.to_owned(), Inventory::of(total))).into();
    cloud.placement.inventories_set(HOST, &both).await.unwrap();
    let card = json!({"uuid": CARD, "name": "card", "parent_provider_uuid": HOST});
    cloud.ask("POST", "/resource_providers", 39, card).await.expect(200);
    let held = BTreeMap::from([("VCPU".to_owned(), 2), ("SRIOV_NET_VF".to_owned(), 4)]);
    let claim = Claim {
        consumer_id: SERVER.into(),
        project_id: "project".into(),
        user_id: "user".into(),
        consumer_type: Some("INSTANCE".into()),
        allocations: BTreeMap::from([(HOST.to_owned(), held)]),
    };
    assert!(cloud.placement.allocations_claim(&claim).await.unwrap());
    cloud
}

async fn generation(cloud: &Cloud, id: &str) -> Value {
    cloud.get(&format!("/resource_providers/{id}"), 39).await.expect(200)["generation"].clone()
}

/// The functions move from the host to the card, which has `functions` of them.
async fn moved(cloud: &Cloud, functions: i64) -> Value {
    let consumer = cloud.get(&format!("/allocations/{SERVER}"), 39).await.expect(200);
    json!({
        "inventories": {
            HOST: {"resource_provider_generation": generation(cloud, HOST).await, "inventories": {"VCPU": {"total": 8}}},
            CARD: {"resource_provider_generation": generation(cloud, CARD).await,
                   "inventories": {"SRIOV_NET_VF": {"total": functions}}},
        },
        "allocations": {SERVER: {
            "allocations": {HOST: {"resources": {"VCPU": 2}}, CARD: {"resources": {"SRIOV_NET_VF": 4}}},
            "project_id": "project", "user_id": "user", "consumer_type": "INSTANCE",
            "consumer_generation": consumer["consumer_generation"],
        }},
    })
}

#[tokio::test]
async fn inventories_move_with_their_allocations() {
    inventories_move_with_their_allocations_on(Cloud::new().await).await;
}

pub async fn inventories_move_with_their_allocations_on(cloud: Cloud) {
    let cloud = cloud_with_card(cloud).await;
    let body = moved(&cloud, 4).await;
    cloud.ask("POST", "/reshaper", 29, body.clone()).await.expect(404);
    cloud.ask("POST", "/reshaper", 39, body.clone()).await.expect(204);
    let host = cloud.get(&format!("/resource_providers/{HOST}/usages"), 39).await.expect(200);
    assert_eq!(host["usages"], json!({"VCPU": 2}));
    let card = cloud.get(&format!("/resource_providers/{CARD}/usages"), 39).await.expect(200);
    assert_eq!(card["usages"], json!({"SRIOV_NET_VF": 4}));
    // The same again was decided at generations that are gone.
    let again = cloud.ask("POST", "/reshaper", 39, body).await.expect(409);
    assert_eq!(again["errors"][0]["code"], "placement.concurrent_update");
}

#[tokio::test]
async fn a_reshape_that_does_not_fit_changes_nothing() {
    a_reshape_that_does_not_fit_changes_nothing_on(Cloud::new().await).await;
}

pub async fn a_reshape_that_does_not_fit_changes_nothing_on(cloud: Cloud) {
    let cloud = cloud_with_card(cloud).await;
    let small = moved(&cloud, 3).await;
    cloud.ask("POST", "/reshaper", 39, small).await.expect(409);
    // The host's functions cannot go while the server holds them.
    let mut forgotten = moved(&cloud, 4).await;
    forgotten["allocations"] = json!({});
    let refused = cloud.ask("POST", "/reshaper", 39, forgotten).await.expect(409);
    assert_eq!(refused["errors"][0]["code"], "placement.inventory.inuse");
    let mut nowhere = moved(&cloud, 4).await;
    let shape = nowhere["inventories"][CARD].take();
    nowhere["inventories"] = json!({"cccccccc-0000-4000-8000-000000000001": shape});
    let refused = cloud.ask("POST", "/reshaper", 39, nowhere).await.expect(400);
    assert_eq!(refused["errors"][0]["code"], "placement.resource_provider.not_found");
    cloud.ask("POST", "/reshaper", 39, json!({"inventories": {}, "allocations": {}})).await.expect(400);
    let host = cloud.get(&format!("/resource_providers/{HOST}/usages"), 39).await.expect(200);
    assert_eq!(host["usages"], json!({"VCPU": 2, "SRIOV_NET_VF": 4}));
}
