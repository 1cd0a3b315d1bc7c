//! 1.1 to 1.14.

use super::*;

pub(super) fn rows() -> Vec<Row> {
    [aggregates_and_classes(), filters_and_traits(), owners_and_usages(), dictionaries(), trees()]
        .into_iter()
        .flatten()
        .collect()
}

fn aggregates_and_classes() -> Vec<Row> {
    let host = format!("/resource_providers/{HOST}");
    let aggregates = format!("{host}/aggregates");
    let fresh = "/resource_providers/$FRESH/aggregates";
    let class = |name: &str| json!({"name": name});
    let old_class = "/resource_classes/CUSTOM_$COUNT";
    vec![
        get(1, &aggregates, not_yet(1), seen(200).is("/aggregates", json!([AGGREGATE]))),
        ask(1, "PUT", fresh, json!([ELSEWHERE]), not_yet(1), seen(200).is("/aggregates", json!([ELSEWHERE]))),
        get(1, &host, seen(200).counts("/links", 3), seen(200).counts("/links", 4).is("/links/3/rel", "aggregates")),
        get(2, "/resource_classes", not_yet(2), seen(200).is("/resource_classes/0/name", "VCPU")),
        get(2, "/resource_classes/VCPU", not_yet(2), seen(200).is("/name", "VCPU")),
        get(2, "/resource_classes/CUSTOM_NONE", not_yet(2), seen(404).says("No such resource class")),
        ask(2, "POST", "/resource_classes", class("CUSTOM_$COUNT"), not_yet(2), seen(201).has_header("location")),
        ask(2, "POST", "/resource_classes", class("MY_$COUNT"), not_yet(2), seen(400).says("CUSTOM_")),
        ask(2, "PUT", old_class, class("CUSTOM_NEW"), not_yet(2), seen(404).says("No such resource class")),
        ask(2, "DELETE", old_class, Value::Null, not_yet(2), seen(404).says("No such resource class")),
        ask(2, "DELETE", "/resource_classes/VCPU", Value::Null, not_yet(2), seen(400).says("standard")),
    ]
}

fn filters_and_traits() -> Vec<Row> {
    let list = "/resource_providers?";
    let traits = format!("/resource_providers/{CARD}/traits");
    let fresh = "/resource_providers/$FRESH/traits";
    let put = json!({"resource_provider_generation": 0, "traits": ["HW_CPU_X86_SSE2"]});
    let found = |count| seen(200).counts("/resource_providers", count);
    let links = seen(200).counts("/links", 5).is("/links/4/rel", "traits");
    vec![
        get(3, &format!("{list}member_of={AGGREGATE}"), unknown_before(3), found(1)),
        get(3, &format!("{list}member_of=in:{AGGREGATE},{NOWHERE}"), unknown_before(3), found(1)),
        get(3, &format!("{list}member_of={AGGREGATE},{NOWHERE}"), unknown_before(3), seen(400).says("in:")),
        get(4, &format!("{list}resources=VCPU:1,MEMORY_MB:512"), unknown_before(4), found(1)),
        get(4, &format!("{list}resources=VCPU:63"), unknown_before(4), found(0)),
        get(4, &format!("{list}resources=CUSTOM_NONE:1"), unknown_before(4), seen(400).says("CUSTOM_NONE")),
        ask(5, "DELETE", "/resource_providers/$FRESH/inventories", Value::Null, seen(405).says("1.5"), seen(204)),
        get(6, "/traits?name=in:HW_CPU_X86_AVX2", not_yet(6), seen(200).is("/traits", json!(["HW_CPU_X86_AVX2"]))),
        get(6, "/traits?associated=true", not_yet(6), seen(200).counts("/traits", 3)),
        get(6, "/traits/CUSTOM_FAST", not_yet(6), seen(204)),
        get(6, "/traits/CUSTOM_NONE", not_yet(6), seen(404).says("No such trait")),
        ask(6, "PUT", "/traits/CUSTOM_T$COUNT", Value::Null, not_yet(6), seen(201).has_header("location")),
        ask(6, "PUT", "/traits/CUSTOM_FAST", Value::Null, not_yet(6), seen(204).has_header("location")),
        ask(6, "PUT", "/traits/fast", Value::Null, not_yet(6), seen(400).says("CUSTOM_")),
        ask(6, "DELETE", "/traits/CUSTOM_FAST", Value::Null, not_yet(6), seen(409).says("in use")),
        ask(6, "DELETE", "/traits/HW_CPU_X86_AVX2", Value::Null, not_yet(6), seen(400).says("standard")),
        get(6, &traits, not_yet(6), seen(200).is("/traits", json!(["CUSTOM_FAST"]))),
        ask(6, "PUT", fresh, put, not_yet(6), seen(200).is("/resource_provider_generation", 1)),
        ask(6, "DELETE", fresh, Value::Null, not_yet(6), seen(204)),
        get(6, &format!("/resource_providers/{HOST}"), seen(200).counts("/links", 4), links),
        ask(7, "PUT", "/resource_classes/CUSTOM_N$COUNT", Value::Null, seen(400), seen(201).has_header("location")),
        ask(7, "PUT", "/resource_classes/N$COUNT", Value::Null, seen(400), seen(400).says("CUSTOM_")),
    ]
}

fn owners_and_usages() -> Vec<Row> {
    let consumer = "/allocations/$CONSUMER";
    let list = json!([{"resource_provider": {"uuid": HOST}, "resources": {"VCPU": 1}}]);
    let bare = json!({"allocations": list});
    let owned = json!({"allocations": list, "project_id": "q", "user_id": "u"});
    let usages = |used: Value| seen(200).is("/usages", used);
    let links = seen(200).counts("/links", 6).is("/links/5/rel", "allocations");
    vec![
        ask(8, "PUT", consumer, bare, seen(204), seen(400).says("project_id")),
        ask(8, "PUT", consumer, owned, unknown_before(8), seen(204)),
        get(9, "/usages?project_id=p", not_yet(9), usages(json!({"VCPU": 2}))),
        get(9, "/usages?project_id=p&user_id=u", not_yet(9), usages(json!({"VCPU": 2}))),
        get(9, "/usages?project_id=p&user_id=other", not_yet(9), usages(json!({}))),
        get(9, "/usages", not_yet(9), seen(400).says("project_id")),
        get(
            10,
            "/allocation_candidates?resources=VCPU:63",
            not_yet(10),
            seen(200).is("/allocation_requests", json!([])).is("/provider_summaries", json!({})),
        ),
        get(
            10,
            "/allocation_candidates?resources=MEMORY_MB:512",
            not_yet(10),
            seen(200)
                .is("/allocation_requests/0/allocations/0/resource_provider/uuid", HOST)
                .is("/allocation_requests/0/allocations/0/resources", json!({"MEMORY_MB": 512}))
                .is(&format!("/provider_summaries/{HOST}/resources/MEMORY_MB"), json!({"capacity": 1024, "used": 0}))
                .lacks(&format!("/provider_summaries/{OTHER}")),
        ),
        get(10, "/allocation_candidates", not_yet(10), seen(400).says("resources")),
        get(10, "/allocation_candidates?resources=NONE:1", not_yet(10), seen(400).says("NONE")),
        get(11, &format!("/resource_providers/{HOST}"), seen(200).counts("/links", 5), links),
    ]
}

fn dictionaries() -> Vec<Row> {
    let consumer = "/allocations/$CONSUMER";
    let owned = |allocations: Value| json!({"allocations": allocations, "project_id": "q", "user_id": "u"});
    let list = owned(json!([{"resource_provider": {"uuid": HOST}, "resources": {"VCPU": 1}}]));
    let dict = owned(json!({HOST: {"resources": {"VCPU": 1}}}));
    let several = json!({"$CONSUMER": dict, SERVER: {
        "allocations": {HOST: {"resources": {"VCPU": 2}}}, "project_id": "p", "user_id": "u",
    }});
    let resources = format!("/allocation_requests/0/allocations/{HOST}/resources");
    vec![
        ask(12, "PUT", consumer, list, seen(204), seen(400).says("1.12")),
        ask(12, "PUT", consumer, dict, seen(400).says("1.12"), seen(204)),
        get(
            12,
            &format!("/allocations/{SERVER}"),
            seen(200).lacks("/project_id").lacks("/user_id"),
            seen(200).is("/project_id", "p").is("/user_id", "u"),
        ),
        get(
            12,
            "/allocation_candidates?resources=MEMORY_MB:1",
            seen(200).is("/allocation_requests/0/allocations/0/resources", json!({"MEMORY_MB": 1})),
            seen(200).is(&resources, json!({"MEMORY_MB": 1})),
        ),
        ask(13, "POST", "/allocations", several, not_yet(13), seen(204)),
        ask(13, "POST", "/allocations", json!({"$CONSUMER": owned(json!({}))}), not_yet(13), seen(204)),
    ]
}

fn trees() -> Vec<Row> {
    let child = json!({"name": "child$COUNT", "parent_provider_uuid": OTHER});
    let moved = json!({"name": "renamed$COUNT", "parent_provider_uuid": OTHER});
    let lost = json!({"name": "lost$COUNT", "parent_provider_uuid": NOWHERE});
    let place = seen(200).is("/parent_provider_uuid", HOST).is("/root_provider_uuid", HOST);
    vec![
        get(
            14,
            &format!("/resource_providers/{CARD}"),
            seen(200).lacks("/parent_provider_uuid").lacks("/root_provider_uuid"),
            place,
        ),
        get(
            14,
            &format!("/resource_providers?in_tree={CARD}"),
            unknown_before(14),
            seen(200).counts("/resource_providers", 2),
        ),
        ask(14, "POST", "/resource_providers", child, unknown_before(14), seen(201)),
        ask(14, "POST", "/resource_providers", lost, unknown_before(14), seen(400).says("does not exist")),
        ask(
            14,
            "PUT",
            "/resource_providers/$FRESH",
            moved,
            unknown_before(14),
            seen(200).is("/root_provider_uuid", OTHER),
        ),
    ]
}
