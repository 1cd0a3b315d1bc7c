use std::collections::BTreeMap;

use placement::{CandidateRequest, Inventory};
use serde_json::json;

use crate::cloud::Cloud;

fn id(index: usize) -> String {
    format!("aaaaaaaa-0000-4000-8000-{index:012}")
}

/// Hosts with 1, 2, 3 ... CPUs; every second one has AVX2.
async fn cloud_with(cloud: Cloud, hosts: usize) -> Cloud {
    for index in 1..=hosts {
        let cpus = i64::try_from(index).unwrap();
        cloud.placement.provider_ensure(&id(index), &format!("host{index}")).await.unwrap();
        let inventories =
            BTreeMap::from([("VCPU".to_owned(), Inventory::of(cpus)), ("MEMORY_MB".to_owned(), Inventory::of(1024))]);
        cloud.placement.inventories_set(&id(index), &inventories).await.unwrap();
        if index.is_multiple_of(2) {
            cloud.placement.traits_set(&id(index), &["HW_CPU_X86_AVX2".to_owned()]).await.unwrap();
        }
    }
    cloud
}

fn asked(vcpus: i64) -> CandidateRequest {
    CandidateRequest {
        resources: BTreeMap::from([("VCPU".to_owned(), vcpus), ("MEMORY_MB".to_owned(), 512)]),
        ..CandidateRequest::default()
    }
}

async fn names(cloud: &Cloud, request: &CandidateRequest) -> Vec<String> {
    let found = cloud.placement.candidates(request).await.unwrap();
    found.into_iter().map(|candidate| candidate.name).collect()
}

#[tokio::test]
async fn candidates_have_room_and_traits() {
    candidates_have_room_and_traits_on(Cloud::new().await).await;
}

pub async fn candidates_have_room_and_traits_on(cloud: Cloud) {
    let cloud = cloud_with(cloud, 4).await;
    assert_eq!(names(&cloud, &asked(3)).await, ["host3", "host4"]);
    let avx = vec!["HW_CPU_X86_AVX2".to_owned()];
    assert_eq!(names(&cloud, &CandidateRequest { required: avx.clone(), ..asked(3) }).await, ["host4"]);
    assert_eq!(names(&cloud, &CandidateRequest { forbidden: avx.clone(), ..asked(3) }).await, ["host3"]);
    assert_eq!(names(&cloud, &CandidateRequest { required_any: vec![avx], ..asked(2) }).await, ["host2", "host4"]);
    assert_eq!(names(&cloud, &CandidateRequest { in_tree: Some(id(3)), ..asked(1) }).await, ["host3"]);
    assert_eq!(names(&cloud, &CandidateRequest { limit: Some(1), ..asked(1) }).await.len(), 1);
    cloud.placement.aggregates_set(&id(4), None, &[id(99)]).await.unwrap();
    let inside = CandidateRequest { member_of: vec![vec![id(99)]], ..asked(1) };
    assert_eq!(names(&cloud, &inside).await, ["host4"]);
    let outside = CandidateRequest { forbidden_aggregates: vec![id(99)], ..asked(3) };
    assert_eq!(names(&cloud, &outside).await, ["host3"]);
}

#[tokio::test]
async fn a_refusal_says_what_each_demand_removed() {
    a_refusal_says_what_each_demand_removed_on(Cloud::new().await).await;
}

pub async fn a_refusal_says_what_each_demand_removed_on(cloud: Cloud) {
    let cloud = cloud_with(cloud, 4).await;
    let request = CandidateRequest { required: vec!["HW_CPU_X86_AVX2".to_owned()], ..asked(9) };
    let steps = cloud.placement.candidates_explain(&request).await.unwrap();
    let short: Vec<_> = steps.iter().map(|step| (step.demand.as_str(), step.before, step.left, step.most)).collect();
    let expected = [("HW_CPU_X86_AVX2", 4, 2, None), ("MEMORY_MB", 2, 2, None), ("VCPU", 2, 0, Some(4))];
    assert_eq!(short, expected);
}

#[tokio::test]
async fn answers_have_the_shape_of_their_microversion() {
    answers_have_the_shape_of_their_microversion_on(Cloud::new().await).await;
}

pub async fn answers_have_the_shape_of_their_microversion_on(cloud: Cloud) {
    let cloud = cloud_with(cloud, 1).await;
    let path = "/allocation_candidates?resources=VCPU:1";
    cloud.get(path, 9).await.expect(404);
    let old = cloud.get(path, 10).await.expect(200);
    assert_eq!(old["allocation_requests"][0]["allocations"][0]["resource_provider"]["uuid"], id(1).as_str());
    assert_eq!(old["provider_summaries"][id(1)], json!({"resources": {"VCPU": {"capacity": 1, "used": 0}}}));
    let new = cloud.get(path, 39).await.expect(200);
    let request = json!({"allocations": {id(1): {"resources": {"VCPU": 1}}}, "mappings": {"": [id(1)]}});
    assert_eq!(new["allocation_requests"], json!([request]));
    let summary = &new["provider_summaries"][id(1)];
    assert_eq!(summary["root_provider_uuid"], id(1).as_str());
    assert!(summary["resources"]["MEMORY_MB"].is_object());
    cloud.get("/allocation_candidates", 39).await.expect(400);
    cloud.get("/allocation_candidates?resources1=VCPU:1", 39).await.expect(501);
    cloud.get("/allocation_candidates?resources=VCPU:1&required=NO_SUCH", 39).await.expect(400);
    let found = cloud.get("/resource_providers?resources=VCPU:1", 39).await.expect(200);
    assert_eq!(found["resource_providers"].as_array().unwrap().len(), 1);
}
