use protocol::CpuSet;

use super::*;

fn node(host: &str) -> Node {
    Node {
        host: host.into(),
        zone: "nova".into(),
        alive: true,
        enabled: true,
        hypervisor_type: "QEMU".into(),
        hypervisor_version: 8_002_000,
        architecture: "x86_64".into(),
        traits: Arc::new(BTreeSet::from(["HW_CPU_X86_AVX2".to_owned()])),
        vcpus: Capacity { total: 16, used: 4 },
        memory_mb: Capacity { total: 8192, used: 4096 },
        disk_gb: Capacity { total: 100, used: 10 },
        ..Node::default()
    }
}

fn request() -> Request {
    Request { vcpus: 1, memory_mb: 512, disk_gb: 1, ..Request::default() }
}

fn hosts(nodes: &[Node], request: &Request) -> Vec<String> {
    select(nodes, request, &Config::default())
        .map(|nodes| nodes.iter().map(|node| node.host.to_string()).collect())
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
        ("ResourcesFilter", node("a"), Request { resources: BTreeMap::from([("CUSTOM_GPU".into(), 1)]), ..request() }),
        ("ResourceGroupsFilter", node("a"), Request { has_groups: true, ..request() }),
        ("ComputeCapabilitiesFilter", node("a"), Request { extra_specs: map("vcpus_total", ">= 17"), ..request() }),
        ("ImagePropertiesFilter", node("a"), Request { image_properties: map("hw_vm_mode", "xen"), ..request() }),
        (
            "ImagePropertiesFilter",
            node("a"),
            Request { image_properties: map("img_hv_requested_version", ">=8.0,<8.2"), ..request() },
        ),
    ];
    for (filter, node, request) in refusals {
        let refusal = select(std::slice::from_ref(&node), &request, &Config::default()).unwrap_err();
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
    let far = Node { zone: "far".into(), memory_mb: Capacity { total: 1500, used: 0 }, ..node("far") };
    let wanted = Request { memory_mb: 2048, zone: "nova".into(), ..request() };
    let refusal = select(&[full, small, far], &wanted, &Config::default()).unwrap_err();
    assert_eq!(
        refusal.message(),
        "No valid host was found. filter AvailabilityZoneFilter removed 1 of 3 hosts; filter RamFilter removed 2 of 2 \
         hosts; the smallest change that would succeed: memory ≤ 1024 MB."
    );
    let nobody = select(&[], &wanted, &Config::default()).unwrap_err();
    assert!(nobody.message().starts_with("No valid host was found. There is no compute node"));
    let down = select(&[Node { alive: false, ..node("a") }], &request(), &Config::default()).unwrap_err();
    assert!(down.message().contains("no other request would succeed now"));
}

#[test]
fn weighers_prefer_room_and_obey_their_multipliers() {
    let roomy = Node { memory_mb: Capacity { total: 16384, used: 0 }, ..node("roomy") };
    let nodes = [node("tight"), roomy];
    assert_eq!(hosts(&nodes, &request()), ["roomy", "tight"]);
    let packing = Config {
        ram_weight_multiplier: -1.0,
        cpu_weight_multiplier: 0.0,
        disk_weight_multiplier: 0.0,
        ..Config::default()
    };
    assert_eq!(select(&nodes, &request(), &packing).unwrap()[0].host.as_ref(), "tight");
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

fn all_filters() -> Config {
    Config { enabled_filters: filters::names().map(str::to_owned).collect(), ..Config::default() }
}

fn aggregate(name: &str, value: &str) -> Vec<Arc<Aggregate>> {
    vec![Arc::new(Aggregate {
        id: "id".to_owned(),
        number: 1,
        name: "aggregate".to_owned(),
        metadata: map(name, value),
        hosts: Vec::new(),
        created_at: jiff::Timestamp::UNIX_EPOCH,
        updated_at: None,
    })]
}

/// What a server asks of so many NUMA nodes with a processor each, and as many more of the last.
fn guest(cells: u32, cpus: u32) -> numa::Guest {
    let cell = |id: u32| {
        let end = if id + 1 == cells { cpus } else { id + 1 };
        numa::GuestCell { cpus: (id..end).collect(), memory_mb: 64 }
    };
    numa::Guest { cells: (0..cells).map(cell).collect(), ..numa::Guest::default() }
}

/// What a server asks that wants its processors for itself, each in a NUMA node of its own.
fn own(cpus: u32) -> numa::Guest {
    numa::Guest { dedicated: (0..cpus).collect(), ..guest(cpus, cpus) }
}

/// So many NUMA nodes with two processors each, of which the second is set aside; a server may have one already.
fn numa(cells: u32, taken: Option<&str>) -> Arc<numa::Host> {
    let cell = |id: u32| numa::HostCell {
        id,
        pages: vec![(2048, 0), (4, 64 << 10)],
        cpus: (2 * id..2 * id + 2).collect(),
        ..numa::HostCell::default()
    };
    let pin = |cpu: &str| numa::Taken { pins: vec![cpu.parse().unwrap()], ..numa::Taken::default() };
    Arc::new(numa::Host {
        cells: (0..cells).map(cell).collect(),
        dedicated: (0..cells).map(|id| 2 * id + 1).collect(),
        taken: taken.map(|cpu| ("taker".to_owned(), pin(cpu))).into_iter().collect(),
    })
}

#[test]
fn choosy_servers_are_told_the_most_that_there_is() {
    let refused = |cells, taken, guest| {
        let node = Node { numa: numa(cells, taken), ..node("a") };
        select(&[node], &Request { guest, ..request() }, &all_filters()).unwrap_err().message()
    };
    let told = refused(1, None, own(2));
    assert!(told.ends_with("at most 1 NUMA nodes of 1 vCPUs and 64 MB in pages of 4 KiB."), "{told}");
    let told = refused(2, Some("3"), own(2));
    assert!(told.ends_with("at most 2 NUMA nodes of 1 vCPUs and 64 MB in pages of 4 KiB."), "{told}");
    let told = refused(1, Some("1"), own(1));
    assert!(told.contains("no other request would succeed now"), "{told}");
    let none =
        Node { numa: Arc::new(numa::Host { dedicated: CpuSet::default(), ..(*numa(2, None)).clone() }), ..node("a") };
    let told = select(&[none], &Request { guest: own(2), ..request() }, &all_filters()).unwrap_err().message();
    assert!(told.ends_with("processors that are shared with others."), "{told}");
}

#[test]
fn each_chosen_filter_removes_what_it_is_there_for() {
    let group = |policy, host: &str| Some(Group { policy, hosts: BTreeMap::from([(host.to_owned(), 1)]) });
    let within = |name: &str, value: &str| Node { aggregates: aggregate(name, value), ..node("a") };
    let refusals: Vec<(&str, Node, Request)> = vec![
        ("SameHostFilter", node("a"), Request { same_hosts: Some(BTreeSet::from(["b".to_owned()])), ..request() }),
        ("DifferentHostFilter", node("a"), Request { different_hosts: BTreeSet::from(["a".to_owned()]), ..request() }),
        ("SimpleCIDRAffinityFilter", node("a"), Request { near: "10.0.0.0/24".parse().ok(), ..request() }),
        ("JsonFilter", node("a"), Request { query: Some(serde_json::json!(["=", "$host", "b"])), ..request() }),
        ("ServerGroupAffinityFilter", node("a"), Request { group: group(Policy::Affinity, "b"), ..request() }),
        (
            "ServerGroupAntiAffinityFilter",
            node("a"),
            Request { group: group(Policy::AntiAffinity(1), "a"), ..request() },
        ),
        ("NumInstancesFilter", Node { servers: 50, ..node("a") }, request()),
        ("AggregateNumInstancesFilter", Node { servers: 2, ..within("max_instances_per_host", "2") }, request()),
        ("IoOpsFilter", Node { io_ops: 8, ..node("a") }, request()),
        ("AggregateIoOpsFilter", Node { io_ops: 1, ..within("max_io_ops_per_host", "1") }, request()),
        ("NUMATopologyFilter", Node { numa: numa(1, None), ..node("a") }, Request { guest: guest(2, 2), ..request() }),
        ("NUMATopologyFilter", Node { numa: numa(1, None), ..node("a") }, Request { guest: guest(1, 3), ..request() }),
        ("NUMATopologyFilter", Node { numa: numa(2, Some("1")), ..node("a") }, Request { guest: own(2), ..request() }),
        ("AggregateInstanceExtraSpecsFilter", node("a"), Request { extra_specs: map("ssd", "true"), ..request() }),
        (
            "AggregateImagePropertiesIsolation",
            within("os_distro", "debian, ubuntu"),
            Request { image_properties: map("os_distro", "windows"), ..request() },
        ),
        ("AggregateMultiTenancyIsolation", within("filter_tenant_id2", "red,blue"), request()),
        ("AggregateTypeAffinityFilter", within("instance_type", "tiny, small"), request()),
    ];
    for (filter, node, request) in refusals {
        let refusal = select(std::slice::from_ref(&node), &request, &all_filters()).unwrap_err();
        let expected = format!("filter {filter} removed 1 of 1 hosts");
        assert!(refusal.message().contains(&expected), "{filter}: {}", refusal.message());
    }
}

#[test]
fn what_aggregates_and_groups_allow_passes() {
    let within = |name: &str, value: &str| Node { aggregates: aggregate(name, value), ..node("a") };
    let group = Group { policy: Policy::AntiAffinity(2), hosts: BTreeMap::from([("a".to_owned(), 1)]) };
    let accepted: Vec<(Node, Request)> = vec![
        (
            within("ssd", "true"),
            Request { extra_specs: map("aggregate_instance_extra_specs:ssd", "true"), ..request() },
        ),
        (within("ram", "64"), Request { extra_specs: map("ram", ">= 32"), ..request() }),
        (within("os_distro", "debian"), Request { image_properties: map("os_distro", "debian"), ..request() }),
        (within("filter_tenant_id", "red"), Request { project_id: "red".to_owned(), ..request() }),
        (Node { numa: numa(2, None), ..node("a") }, Request { guest: own(2), ..request() }),
        // A node of an older release tells of no NUMA nodes.
        (node("a"), Request { guest: own(2), ..request() }),
        (
            Node { numa: numa(2, Some("1")), ..node("a") },
            Request { guest: own(2), server_id: "taker".to_owned(), ..request() },
        ),
        (within("instance_type", "tiny"), Request { flavor: "tiny".to_owned(), ..request() }),
        (node("a"), Request { group: Some(group), ..request() }),
        (Node { address: "10.0.0.9".into(), ..node("a") }, Request { near: "10.0.0.0/24".parse().ok(), ..request() }),
    ];
    for (node, request) in accepted {
        assert!(select(std::slice::from_ref(&node), &request, &all_filters()).is_ok(), "{request:?}");
    }
}

#[test]
fn groups_failures_load_and_aggregates_weigh() {
    let first = |nodes: &[Node], request: &Request| hosts(nodes, request)[0].clone();
    let group = |policy| Some(Group { policy, hosts: BTreeMap::from([("a".to_owned(), 1)]) });
    let soft = Request { group: group(Policy::SoftAffinity), ..request() };
    assert_eq!(first(&[node("b"), node("a")], &soft), "a");
    // A member takes little of its node: that alone sends nobody elsewhere.
    let filled =
        Node { memory_mb: Capacity { total: 8192, used: 4608 }, vcpus: Capacity { total: 16, used: 5 }, ..node("a") };
    assert_eq!(first(&[node("b"), filled], &soft), "a");
    let soft = Request { group: group(Policy::SoftAntiAffinity), ..request() };
    assert_eq!(first(&[node("a"), node("b")], &soft), "b");
    assert_eq!(first(&[Node { io_ops: 1, ..node("a") }, node("b")], &request()), "b");
    let roomy = Node { memory_mb: Capacity { total: 65536, used: 0 }, build_failures: 1, ..node("a") };
    assert_eq!(first(&[roomy.clone(), node("b")], &request()), "b");
    let packed = Node { build_failures: 0, aggregates: aggregate("ram_weight_multiplier", "-1.0"), ..roomy };
    assert_eq!(first(&[packed, node("b")], &request()), "b");
    let mut measured = Config::default();
    measured.metrics.weight_setting.insert("memory.percent".to_owned(), -1.0);
    let busy = Node { metrics: BTreeMap::from([("memory.percent", 90.0)]).into(), ..node("a") };
    let idle = Node { metrics: BTreeMap::from([("memory.percent", 10.0)]).into(), ..node("b") };
    assert_eq!(select(&[busy, idle], &request(), &measured).unwrap()[0].host.as_ref(), "b");
}

#[test]
fn names_in_the_configuration_are_checked() {
    let config: Config = serde_json::from_value(serde_json::json!({"enabled_filters": ["JsonFilter"]})).unwrap();
    assert!(config.has_filter("JsonFilter") && !config.has_filter("ImagePropertiesFilter"));
    let wrong = serde_json::from_value::<Config>(serde_json::json!({"weight_classes": ["Luck"]})).unwrap_err();
    assert!(wrong.to_string().contains("there is no Luck; there are: RAMWeigher"), "{wrong}");
}
