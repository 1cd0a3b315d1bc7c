use super::*;

fn node(host: &str) -> Node {
    Node {
        id: format!("id-{host}"),
        host: host.to_owned(),
        zone: "nova".to_owned(),
        alive: true,
        enabled: true,
        hypervisor_type: "QEMU".to_owned(),
        hypervisor_version: 8_002_000,
        architecture: "x86_64".to_owned(),
        traits: BTreeSet::from(["HW_CPU_X86_AVX2".to_owned()]),
        vcpus: Capacity { total: 16, used: 4 },
        memory_mb: Capacity { total: 8192, used: 4096 },
        disk_gb: Capacity { total: 100, used: 10 },
    }
}

fn request() -> Request {
    Request { vcpus: 1, memory_mb: 512, disk_gb: 1, ..Request::default() }
}

fn hosts(nodes: &[Node], request: &Request) -> Vec<String> {
    select(nodes, request, Multipliers::default())
        .map(|nodes| nodes.iter().map(|node| node.host.clone()).collect())
        .unwrap_or_default()
}

fn map(key: &str, value: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(key.to_owned(), value.to_owned())])
}

#[test]
fn each_filter_removes_what_it_is_there_for() {
    let nodes = [node("a")];
    assert_eq!(hosts(&nodes, &request()), ["a"]);
    let refusals: Vec<(&str, Node, Request)> = vec![
        ("ComputeFilter", Node { alive: false, ..node("a") }, request()),
        ("ComputeFilter", Node { enabled: false, ..node("a") }, request()),
        ("RetryFilter", node("a"), Request { excluded: vec!["a".into()], ..request() }),
        ("TargetHostFilter", node("a"), Request { host: "b".into(), ..request() }),
        ("AvailabilityZoneFilter", node("a"), Request { zone: "east".into(), ..request() }),
        (
            "ImagePropertiesFilter",
            node("a"),
            Request { image_properties: map("hw_architecture", "aarch64"), ..request() },
        ),
        ("ImagePropertiesFilter", node("a"), Request { image_properties: map("img_hv_type", "lxc"), ..request() }),
        (
            "ComputeCapabilitiesFilter",
            node("a"),
            Request { extra_specs: map("capabilities:hypervisor_type", "s== lxc"), ..request() },
        ),
        ("TraitsFilter", node("a"), Request { required_traits: vec!["CUSTOM_GPU".into()], ..request() }),
        ("TraitsFilter", node("a"), Request { forbidden_traits: vec!["HW_CPU_X86_AVX2".into()], ..request() }),
        ("CoreFilter", node("a"), Request { vcpus: 13, ..request() }),
        ("RamFilter", node("a"), Request { memory_mb: 4097, ..request() }),
        ("DiskFilter", node("a"), Request { disk_gb: 91, ..request() }),
    ];
    for (filter, node, request) in refusals {
        let refusal = select(std::slice::from_ref(&node), &request, Multipliers::default()).unwrap_err();
        let expected = format!("filter {filter} removed 1 of 1 hosts");
        assert!(refusal.message().contains(&expected), "{filter}: {}", refusal.message());
        assert!(!refusal.message().contains(" a,"), "users do not learn hosts' names");
        assert_eq!(refusal.details(), format!("{filter}: a"));
    }
}

#[test]
fn a_refusal_says_the_smallest_change_that_would_succeed() {
    let small = Node { memory_mb: Capacity { total: 1024, used: 0 }, ..node("small") };
    let full = Node { memory_mb: Capacity { total: 1024, used: 512 }, ..node("full") };
    let far = Node { zone: "far".to_owned(), memory_mb: Capacity { total: 1500, used: 0 }, ..node("far") };
    let wanted = Request { memory_mb: 2048, zone: "nova".to_owned(), ..request() };
    let refusal = select(&[full, small, far], &wanted, Multipliers::default()).unwrap_err();
    assert_eq!(
        refusal.message(),
        "No valid host was found. filter AvailabilityZoneFilter removed 1 of 3 hosts; filter RamFilter removed 2 of 2 \
         hosts; the smallest change that would succeed: memory ≤ 1024 MB."
    );
    let nobody = select(&[], &wanted, Multipliers::default()).unwrap_err();
    assert!(nobody.message().starts_with("No valid host was found. There is no compute node"));
    let down = select(&[Node { alive: false, ..node("a") }], &request(), Multipliers::default()).unwrap_err();
    assert!(down.message().contains("no other request would succeed now"));
}

#[test]
fn weighers_prefer_room_and_obey_their_multipliers() {
    let roomy = Node { memory_mb: Capacity { total: 16384, used: 0 }, ..node("roomy") };
    let nodes = [node("tight"), roomy];
    assert_eq!(hosts(&nodes, &request()), ["roomy", "tight"]);
    let packing = Multipliers { ram: -1.0, cpu: 0.0, disk: 0.0 };
    assert_eq!(select(&nodes, &request(), packing).unwrap()[0].host, "tight");
    let fast = Node { vcpus: Capacity { total: 64, used: 0 }, ..node("fast") };
    let nodes = [node("slow"), fast];
    assert_eq!(hosts(&nodes, &request()), ["fast", "slow"]);
}

#[test]
fn names_of_one_architecture_are_one() {
    let wanted = Request { image_properties: map("architecture", "amd64"), ..request() };
    assert_eq!(hosts(&[node("a")], &wanted), ["a"]);
    let wanted = Request { image_properties: map("img_hv_type", "kvm"), ..request() };
    assert_eq!(hosts(&[node("a")], &wanted), ["a"]);
}
