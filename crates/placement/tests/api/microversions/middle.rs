//! 1.15 to 1.27.

use super::*;

pub(super) fn rows() -> Vec<Row> {
    [dates(), candidates(), answers(), forbidden(), codes(), groups(), inventories()].into_iter().flatten().collect()
}

fn dates() -> Vec<Row> {
    let host = format!("/resource_providers/{HOST}");
    let below = |rest: &str| format!("{host}/{rest}");
    let read = [
        "/resource_providers".to_owned(),
        host.clone(),
        below("inventories"),
        below("inventories/VCPU"),
        below("aggregates"),
        below("traits"),
        below("usages"),
        below("allocations"),
        "/traits".to_owned(),
        "/resource_classes".to_owned(),
        "/resource_classes/VCPU".to_owned(),
        "/usages?project_id=p".to_owned(),
        format!("/allocations/{SERVER}"),
        "/allocation_candidates?resources=VCPU:1".to_owned(),
    ];
    let mut rows: Vec<Row> = read.iter().map(|path| get(15, path, seen(200).undated(), seen(200).dated())).collect();
    let fresh = |rest: &str| format!("/resource_providers/$FRESH{rest}");
    let stocks = json!({"resource_provider_generation": 0, "inventories": {"DISK_GB": {"total": 8}}});
    let traits = json!({"resource_provider_generation": 0, "traits": ["HW_CPU_X86_SSE2"]});
    for (method, path, body, status) in [
        ("PUT", fresh(""), json!({"name": "dated$COUNT"}), 200),
        ("PUT", fresh("/inventories"), stocks, 200),
        ("POST", fresh("/inventories"), json!({"resource_class": "DISK_GB", "total": 8}), 201),
        ("PUT", fresh("/traits"), traits, 200),
        ("PUT", fresh("/aggregates"), json!([ELSEWHERE]), 200),
        ("PUT", "/traits/CUSTOM_FAST".to_owned(), Value::Null, 204),
    ] {
        rows.push(ask(15, method, &path, body, seen(status).undated(), seen(status).dated()));
    }
    rows.push(get(15, "/traits/CUSTOM_FAST", seen(204).undated(), seen(204).dated()));
    // What has no body has no date, and errors have none.
    rows.push(ask(
        15,
        "POST",
        "/resource_providers",
        json!({"name": "new$COUNT"}),
        seen(201).undated(),
        seen(201).undated(),
    ));
    rows.push(get(15, &format!("/resource_providers/{NOWHERE}"), seen(404).undated(), seen(404).undated()));
    rows
}

fn candidates() -> Vec<Row> {
    let search = |query: &str| format!("/allocation_candidates?resources=VCPU:1&{query}");
    let list = |query: &str| format!("/resource_providers?{query}");
    let found = |count| seen(200).counts("/allocation_requests", count);
    let providers = |count| seen(200).counts("/resource_providers", count);
    let traits = format!("/provider_summaries/{HOST}/traits");
    vec![
        get(16, &search("limit=1"), unknown_before(16), found(1)),
        get(16, &search("limit=0"), unknown_before(16), seen(400).says("limit")),
        get(17, &search("required=HW_CPU_X86_AVX2"), unknown_before(17), found(1)),
        get(17, &search("required=CUSTOM_NONE"), unknown_before(17), seen(400).says("CUSTOM_NONE")),
        get(17, &search(""), seen(200).lacks(&traits), seen(200).is(&traits, json!(["HW_CPU_X86_AVX2"]))),
        get(18, &list("required=HW_CPU_X86_AVX2"), unknown_before(18), providers(1)),
        get(18, &list("required=HW_CPU_X86_AVX2,HW_CPU_X86_SSE"), unknown_before(18), providers(0)),
        get(18, &list("required=CUSTOM_NONE"), unknown_before(18), seen(400).says("CUSTOM_NONE")),
        get(18, &list("required="), unknown_before(18), seen(400).says("required")),
    ]
}

fn answers() -> Vec<Row> {
    let fresh = "/resource_providers/$FRESH/aggregates";
    let checked = |generation: i64| json!({"resource_provider_generation": generation, "aggregates": [ELSEWHERE]});
    let generation = "/resource_provider_generation";
    let changed = seen(409).says("changed by somebody else");
    let whole = seen(200).is("/generation", 0).is("/parent_provider_uuid", Value::Null).has_header("location").dated();
    let search = |query: &str| format!("/allocation_candidates?resources=VCPU:1&{query}");
    let found = |count| seen(200).counts("/allocation_requests", count);
    vec![
        get(19, fresh, seen(200).lacks(generation), seen(200).is(generation, 0)),
        ask(19, "PUT", fresh, checked(0), seen(400).says("1.19"), seen(200).is(generation, 1)),
        ask(19, "PUT", fresh, checked(7), seen(400).says("1.19"), changed),
        ask(19, "PUT", fresh, json!([ELSEWHERE]), seen(200).lacks(generation), seen(400).says("1.19")),
        ask(
            20,
            "POST",
            "/resource_providers",
            json!({"name": "made$COUNT"}),
            seen(201).lacks("/uuid").has_header("location"),
            whole,
        ),
        get(21, &search(&format!("member_of={AGGREGATE}")), unknown_before(21), found(1)),
        get(21, &search(&format!("member_of=in:{AGGREGATE},{NOWHERE}")), unknown_before(21), found(1)),
        get(21, &search("member_of=no-uuid"), unknown_before(21), seen(400).says("member_of")),
    ]
}

fn forbidden() -> Vec<Row> {
    let search = |query: &str| format!("/allocation_candidates?resources=VCPU:1&{query}");
    let list = |query: &str| format!("/resource_providers?{query}");
    let unknown = || seen(400).says("1.22");
    vec![
        get(22, &search("required=!HW_CPU_X86_SSE"), unknown(), seen(200).counts("/allocation_requests", 1)),
        get(
            22,
            &list("resources=VCPU:1&required=!HW_CPU_X86_SSE"),
            unknown(),
            seen(200).counts("/resource_providers", 1),
        ),
        get(22, &search("required=HW_CPU_X86_SSE,!HW_CPU_X86_SSE"), unknown(), seen(400).says("Conflicting")),
    ]
}

fn codes() -> Vec<Row> {
    let host = format!("/resource_providers/{HOST}");
    let nowhere = format!("/resource_providers/{NOWHERE}");
    let stocks = json!({"resource_provider_generation": 0, "inventories": {}});
    let no_code = |status| seen(status).lacks("/errors/0/code");
    let coded = |status, code: &str| seen(status).code(&format!("placement.{code}"));
    let list = |query: &str| format!("/resource_providers?member_of={AGGREGATE}&{query}");
    let search = |query: &str| format!("/allocation_candidates?resources=VCPU:1&member_of={AGGREGATE}&{query}");
    vec![
        get(23, &nowhere, no_code(404), coded(404, "undefined_code")),
        get(23, "/nowhere", no_code(404), coded(404, "undefined_code")),
        ask(23, "PATCH", "/traits", Value::Null, no_code(405).has_header("allow"), coded(405, "undefined_code")),
        ask(23, "POST", "/resource_providers", json!({"name": HOST}), no_code(409), coded(409, "duplicate_name")),
        ask(23, "PUT", &format!("{host}/inventories"), stocks, no_code(409), coded(409, "concurrent_update")),
        ask(23, "DELETE", &format!("{host}/inventories"), Value::Null, no_code(409), coded(409, "inventory.inuse")),
        ask(23, "DELETE", &host, Value::Null, no_code(409), coded(409, "resource_provider.cannot_delete_parent")),
        get(
            24,
            &list(&format!("member_of={NOWHERE}")),
            seen(400).says("1.24"),
            seen(200).counts("/resource_providers", 0),
        ),
        get(
            24,
            &search(&format!("member_of=in:{NOWHERE},{AGGREGATE}")),
            seen(400).says("1.24"),
            seen(200).counts("/allocation_requests", 1),
        ),
    ]
}

fn groups() -> Vec<Row> {
    let search = |query: &str| format!("/allocation_candidates?{query}");
    let two = "resources1=VCPU:1&resources2=VCPU:1";
    let found = |count| seen(200).counts("/allocation_requests", count);
    vec![
        get(25, &search("resources1=VCPU:1&required1=HW_CPU_X86_AVX2"), seen(400).says("1.25"), found(1)),
        get(25, &search("resources1=VCPU:1,MEMORY_MB:1"), seen(400).says("1.25"), found(1)),
        get(25, &search(two), seen(400).says("1.25"), seen(400).says("group_policy")),
        get(25, &search(&format!("{two}&group_policy=none")), seen(400).says("1.25"), found(2)),
        get(25, &search(&format!("{two}&group_policy=isolate")), seen(400).says("1.25"), found(0)),
        get(25, &search(&format!("{two}&group_policy=some")), seen(400).says("1.25"), seen(400).says("group_policy")),
        get(
            25,
            &search("resources=VCPU:1&required2=HW_CPU_X86_AVX2"),
            seen(400).says("1.25"),
            seen(400).says("All request groups must specify resources"),
        ),
    ]
}

fn inventories() -> Vec<Row> {
    let kept = json!({"resource_class": "VCPU", "total": 8, "reserved": 8});
    let more = json!({"resource_class": "VCPU", "total": 8, "reserved": 9});
    let fresh = "/resource_providers/$FRESH/inventories";
    let memory = format!("/provider_summaries/{HOST}/resources/MEMORY_MB");
    let used = json!({"capacity": 1024, "used": 0});
    vec![
        ask(26, "POST", fresh, kept, seen(400).says("reserved"), seen(201).is("/reserved", 8)),
        ask(26, "POST", fresh, more, seen(400).says("reserved"), seen(400).says("reserved")),
        get(27, "/allocation_candidates?resources=VCPU:1", seen(200).lacks(&memory), seen(200).is(&memory, used)),
    ]
}
