use std::collections::{BTreeMap, BTreeSet};

use placement::{CandidateRequest, Group, Inventory};
use serde_json::{Value, json};

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

fn asked(vcpus: i64) -> Group {
    Group { resources: BTreeMap::from([("VCPU".to_owned(), vcpus), ("MEMORY_MB".to_owned(), 512)]), ..Group::default() }
}

async fn names(cloud: &Cloud, group: &Group) -> Vec<String> {
    let found = cloud.placement.candidates(&CandidateRequest::unnamed(group.clone())).await.unwrap();
    found.into_iter().map(|candidate| candidate.root.provider.name.clone()).collect()
}

#[tokio::test]
async fn candidates_have_room_and_traits() {
    candidates_have_room_and_traits_on(Cloud::new().await).await;
}

pub async fn candidates_have_room_and_traits_on(cloud: Cloud) {
    let cloud = cloud_with(cloud, 4).await;
    assert_eq!(names(&cloud, &asked(3)).await, ["host3", "host4"]);
    let avx = BTreeSet::from(["HW_CPU_X86_AVX2".to_owned()]);
    assert_eq!(names(&cloud, &Group { required: vec![avx.clone()], ..asked(3) }).await, ["host4"]);
    assert_eq!(names(&cloud, &Group { forbidden: avx.clone(), ..asked(3) }).await, ["host3"]);
    assert_eq!(names(&cloud, &Group { required: vec![avx], ..asked(2) }).await, ["host2", "host4"]);
    assert_eq!(names(&cloud, &Group { in_tree: Some(id(3)), ..asked(1) }).await, ["host3"]);
    let one = CandidateRequest { limit: Some(1), ..CandidateRequest::unnamed(asked(1)) };
    assert_eq!(cloud.placement.candidates(&one).await.unwrap().len(), 1);
    cloud.placement.aggregates_set(&id(4), None, &[id(99)]).await.unwrap();
    let inside = Group { member_of: vec![BTreeSet::from([id(99)])], ..asked(1) };
    assert_eq!(names(&cloud, &inside).await, ["host4"]);
    let outside = Group { forbidden_aggregates: BTreeSet::from([id(99)]), ..asked(3) };
    assert_eq!(names(&cloud, &outside).await, ["host3"]);
}

#[tokio::test]
async fn a_search_sees_what_changed_a_moment_ago() {
    a_search_sees_what_changed_a_moment_ago_on(Cloud::new().await).await;
}

pub async fn a_search_sees_what_changed_a_moment_ago_on(cloud: Cloud) {
    let cloud = cloud_with(cloud, 3).await;
    // Another process over the same database sees each change too.
    let other = cloud.another();
    let seen = async |group: &Group| {
        let found = other.candidates(&CandidateRequest::unnamed(group.clone())).await.unwrap();
        found.into_iter().map(|candidate| candidate.root.provider.name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(seen(&asked(3)).await, ["host3"]);
    let claim = placement::Claim {
        consumer_id: id(50),
        project_id: "p".into(),
        user_id: "u".into(),
        allocations: BTreeMap::from([(id(3), BTreeMap::from([("VCPU".to_owned(), 1)]))]),
        ..placement::Claim::default()
    };
    assert!(cloud.placement.allocations_claim(&claim).await.unwrap());
    assert!(seen(&asked(3)).await.is_empty());
    cloud.placement.allocations_release(&id(50)).await.unwrap();
    assert_eq!(seen(&asked(3)).await, ["host3"]);
    cloud.placement.provider_delete(&id(3)).await.unwrap();
    assert_eq!(seen(&asked(2)).await, ["host2"]);
    cloud.placement.provider_ensure(&id(3), "host3 again").await.unwrap();
    cloud.placement.inventories_set(&id(3), &BTreeMap::from([("VCPU".to_owned(), Inventory::of(8))])).await.unwrap();
    let cpus = Group { resources: BTreeMap::from([("VCPU".to_owned(), 3)]), ..Group::default() };
    assert_eq!(seen(&cpus).await, ["host3 again"]);
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
    cloud.get("/allocation_candidates?resources=VCPU:1&required=NO_SUCH", 39).await.expect(400);
    let found = cloud.get("/resource_providers?resources=VCPU:1", 39).await.expect(200);
    assert_eq!(found["resource_providers"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_long_search_answers_as_a_short_one_does() {
    a_long_search_answers_as_a_short_one_does_on(Cloud::new().await).await;
}

pub async fn a_long_search_answers_as_a_short_one_does_on(cloud: Cloud) {
    let cloud = cloud_with(cloud, 4).await;
    let of = async |limit: &str| {
        let path = format!("/allocation_candidates?resources=VCPU:2,MEMORY_MB:64{limit}");
        cloud.get(&path, 39).await.expect(200)
    };
    // With so large a limit another thread searches.
    let long = of("&limit=100000").await;
    assert_eq!(long["allocation_requests"].as_array().map(Vec::len), Some(3));
    assert_eq!((&of("&limit=10").await, &of("").await), (&long, &long));
}

/// A host with CPUs and memory, two NUMA nodes below it with CPUs, and below each of those two network cards with two
/// functions; every first card has a trait. Beside it a shared disk that is in its aggregate.
async fn tree(cloud: Cloud) -> Cloud {
    let placement = &cloud.placement;
    let provider = async |number: usize, name: &str, parent: Option<usize>, stocks: &[(&str, i64)]| {
        let body = json!({"uuid": id(number), "name": name, "parent_provider_uuid": parent.map(id)});
        cloud.ask("POST", "/resource_providers", 39, body).await.expect(200);
        let stocks = stocks.iter().map(|(class, total)| ((*class).to_owned(), Inventory::of(*total))).collect();
        placement.inventories_set(&id(number), &stocks).await.unwrap();
    };
    provider(1, "host", None, &[("MEMORY_MB", 4096)]).await;
    for (numa, name) in [(10, "numa0"), (20, "numa1")] {
        provider(numa, name, Some(1), &[("VCPU", 4)]).await;
        for card in [1, 2] {
            let card_name = format!("{name}-card{card}");
            provider(numa + card, &card_name, Some(numa), &[("SRIOV_NET_VF", 2)]).await;
        }
        placement.traits_set(&id(numa + 1), &["CUSTOM_FAST".to_owned()]).await.unwrap();
        placement.traits_set(&id(numa), &["HW_NUMA_ROOT".to_owned()]).await.unwrap();
    }
    provider(90, "disk", None, &[("DISK_GB", 100)]).await;
    placement.traits_set(&id(90), &["MISC_SHARES_VIA_AGGREGATE".to_owned()]).await.unwrap();
    placement.aggregates_set(&id(90), None, &[id(99)]).await.unwrap();
    placement.aggregates_set(&id(1), None, &[id(99)]).await.unwrap();
    cloud
}

/// Where each group is met, of every candidate: `GROUP:NAME,NAME`, sorted.
async fn mapped(cloud: &Cloud, query: &str, minor: u16) -> Vec<Vec<String>> {
    let answer = cloud.get(&format!("/allocation_candidates?{query}"), minor).await.expect(200);
    let number = |id: &Value| id.as_str().unwrap()[30..].trim_start_matches('0').to_owned();
    let one = |request: &Value| {
        let mappings = request["mappings"].as_object().unwrap().iter();
        let group = |(name, ids): (&String, &Value)| {
            let ids: Vec<String> = ids.as_array().unwrap().iter().map(number).collect();
            format!("{name}:{}", ids.join(","))
        };
        mappings.map(group).collect::<Vec<_>>()
    };
    let mut found: Vec<Vec<String>> = answer["allocation_requests"].as_array().unwrap().iter().map(one).collect();
    found.sort();
    found
}

#[tokio::test]
async fn the_unnamed_group_spreads_over_a_tree_and_what_is_shared_with_it() {
    the_unnamed_group_spreads_over_a_tree_on(Cloud::new().await).await;
}

pub async fn the_unnamed_group_spreads_over_a_tree_on(cloud: Cloud) {
    let cloud = tree(cloud).await;
    let query = "resources=VCPU:2,MEMORY_MB:512,DISK_GB:5";
    assert_eq!(mapped(&cloud, query, 39).await, [[":1,10,90"], [":1,20,90"]]);
    // Traits may come from any of the providers, but none may have a forbidden one.
    let fast = "resources=VCPU:2,SRIOV_NET_VF:1&required=CUSTOM_FAST&in_tree=".to_owned() + &id(11);
    assert_eq!(mapped(&cloud, &fast, 39).await, [[":10,11"], [":10,21"], [":11,20"], [":20,21"]]);
    let slow = "resources=VCPU:2,SRIOV_NET_VF:1&required=!CUSTOM_FAST";
    assert_eq!(mapped(&cloud, slow, 39).await, [[":10,12"], [":10,22"], [":12,20"], [":20,22"]]);
    // The disk alone is found once, although the host can use it too.
    assert_eq!(mapped(&cloud, "resources=DISK_GB:5", 39).await, [[":90"]]);
    assert_eq!(mapped(&cloud, "resources=DISK_GB:5&root_required=HW_NUMA_ROOT", 39).await, [[""; 0]; 0]);
    // An aggregate of the root holds the whole tree, but not what shares with it.
    cloud.placement.aggregates_set(&id(1), None, &[id(98), id(99)]).await.unwrap();
    let asked = format!("resources=VCPU:2,DISK_GB:5&member_of={}", id(99));
    assert_eq!(mapped(&cloud, &asked, 39).await, [[":10,90"], [":20,90"]]);
    let asked = format!("resources=VCPU:2&member_of={}", id(98));
    assert_eq!(mapped(&cloud, &asked, 39).await, [[":10"], [":20"]]);
    let asked = format!("resources=VCPU:2,DISK_GB:5&member_of={}", id(98));
    assert_eq!(mapped(&cloud, &asked, 39).await, [[""; 0]; 0]);
    let asked = format!("resources=VCPU:2,DISK_GB:5&member_of=!{}", id(98));
    assert_eq!(mapped(&cloud, &asked, 39).await, [[""; 0]; 0]);
    // Whoever does not know trees gets no candidates that spread over one, but such that share.
    let old = cloud.get("/allocation_candidates?resources=VCPU:1,MEMORY_MB:1", 28).await.expect(200);
    assert_eq!(old["allocation_requests"], json!([]));
    let old = cloud.get("/allocation_candidates?resources=DISK_GB:1,MEMORY_MB:1", 28).await.expect(200);
    assert_eq!(old["allocation_requests"].as_array().unwrap().len(), 1);
    assert_eq!(old["provider_summaries"].as_object().unwrap().len(), 2);
    let new = cloud.get("/allocation_candidates?resources=DISK_GB:1,MEMORY_MB:1", 29).await.expect(200);
    assert_eq!(new["provider_summaries"].as_object().unwrap().len(), 8);
}

#[tokio::test]
async fn named_groups_are_met_by_one_provider_each() {
    named_groups_are_met_by_one_provider_each_on(Cloud::new().await).await;
}

pub async fn named_groups_are_met_by_one_provider_each_on(cloud: Cloud) {
    let cloud = tree(cloud).await;
    let two = "resources1=SRIOV_NET_VF:1&resources2=SRIOV_NET_VF:2&group_policy";
    let isolated = mapped(&cloud, &format!("{two}=isolate"), 39).await;
    assert_eq!(isolated.len(), 12);
    // One and two are three, which no card has: without isolation nothing is added.
    assert_eq!(mapped(&cloud, &format!("{two}=none"), 39).await, isolated);
    let small = "resources1=SRIOV_NET_VF:1&resources2=SRIOV_NET_VF:1&group_policy";
    assert_eq!(mapped(&cloud, &format!("{small}=isolate"), 39).await.len(), 12);
    assert_eq!(mapped(&cloud, &format!("{small}=none"), 39).await.len(), 16);
    // Amounts of several groups from one provider add up.
    let answer = cloud
        .get(
            &format!(
                "/allocation_candidates?{small}=none&in_tree1={}&required1=CUSTOM_FAST&required2=CUSTOM_FAST",
                id(1)
            ),
            39,
        )
        .await;
    let answer = answer.expect(200);
    let requests = answer["allocation_requests"].as_array().unwrap();
    let doubled = json!({id(11): {"resources": {"SRIOV_NET_VF": 2}}});
    assert!(requests.iter().any(|request| request["allocations"] == doubled), "{answer}");
}

#[tokio::test]
async fn groups_can_be_asked_to_be_in_one_subtree() {
    groups_can_be_asked_to_be_in_one_subtree_on(Cloud::new().await).await;
}

pub async fn groups_can_be_asked_to_be_in_one_subtree_on(cloud: Cloud) {
    let cloud = tree(cloud).await;
    let query = "resources_CPU=VCPU:1&resources_NET=SRIOV_NET_VF:1&required_NET=CUSTOM_FAST&group_policy=none";
    assert_eq!(mapped(&cloud, query, 36).await.len(), 4);
    let near = mapped(&cloud, &format!("{query}&same_subtree=_CPU,_NET"), 36).await;
    assert_eq!(near, [["_CPU:10", "_NET:11"], ["_CPU:20", "_NET:21"]]);
    // A group without resources ties others to one of its providers.
    let tied = "resources_A=SRIOV_NET_VF:1&resources_B=SRIOV_NET_VF:1&required_N=HW_NUMA_ROOT&group_policy=isolate\
                &same_subtree=_A,_B,_N";
    let tied = mapped(&cloud, tied, 36).await;
    assert_eq!(tied.len(), 4);
    assert!(tied.iter().all(|groups| groups[0][3..4] == groups[1][3..4]), "{tied:?}");
}

#[tokio::test]
async fn a_wide_tree_does_not_explode() {
    let cloud = Cloud::new().await;
    cloud.placement.provider_ensure(&id(1), "wide").await.unwrap();
    for number in 2..10 {
        let body = json!({"uuid": id(number), "name": format!("child{number}"), "parent_provider_uuid": id(1)});
        cloud.ask("POST", "/resource_providers", 39, body).await.expect(200);
        let stock = BTreeMap::from([("SRIOV_NET_VF".to_owned(), Inventory::of(8))]);
        cloud.placement.inventories_set(&id(number), &stock).await.unwrap();
    }
    let groups: String = (1..7).map(|n| format!("resources{n}=SRIOV_NET_VF:1&")).collect();
    for policy in ["none", "isolate"] {
        assert_eq!(mapped(&cloud, &format!("{groups}group_policy={policy}"), 39).await.len(), 1000);
    }
    assert_eq!(mapped(&cloud, &format!("{groups}group_policy=none&limit=7"), 39).await.len(), 7);
}
