//! 1.28 to 1.39.

use super::*;

pub(super) fn rows() -> Vec<Row> {
    [consumers(), nested(), reshaper(), places(), mappings(), roots_and_subtrees(), moves(), types(), any_traits()]
        .into_iter()
        .flatten()
        .collect()
}

/// Allocations of one consumer, with these fields beside.
fn held(allocations: &Value, fields: &Value) -> Value {
    let mut body = json!({"allocations": allocations, "project_id": "q", "user_id": "u"});
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    body
}

fn one() -> Value {
    json!({HOST: {"resources": {"VCPU": 1}}})
}

fn search(query: &str) -> String {
    format!("/allocation_candidates?{query}")
}

fn found(count: usize) -> Seen {
    seen(200).counts("/allocation_requests", count)
}

fn consumers() -> Vec<Row> {
    let consumer = "/allocations/$CONSUMER";
    let generation = |generation: Value| json!({"consumer_generation": generation});
    let (plain, new) = (held(&one(), &json!({})), held(&one(), &generation(Value::Null)));
    let old = held(&one(), &generation(json!(5)));
    let empty = held(&json!({}), &generation(Value::Null));
    let server = format!("/allocations/{SERVER}");
    let of_provider = format!("/allocations/{SERVER}/consumer_generation");
    let conflict = || seen(409).code("placement.concurrent_update").says("read its generation again");
    vec![
        get(
            28,
            &format!("/resource_providers/{HOST}/allocations"),
            seen(200).lacks(&of_provider),
            seen(200).is(&of_provider, 2),
        ),
        get(28, &server, seen(200).lacks("/consumer_generation"), seen(200).is("/consumer_generation", 2)),
        ask(28, "PUT", consumer, plain.clone(), seen(204), seen(400).says("consumer_generation")),
        ask(28, "PUT", consumer, new.clone(), unknown_before(28), seen(204)),
        ask(28, "PUT", consumer, old.clone(), unknown_before(28), conflict()),
        ask(28, "PUT", &server, new.clone(), unknown_before(28), conflict()),
        ask(28, "PUT", consumer, held(&json!({}), &json!({})), seen(400).says("1.28"), seen(400)),
        ask(28, "PUT", consumer, empty, seen(400), seen(204)),
        ask(28, "POST", "/allocations", json!({"$CONSUMER": plain}), seen(204), seen(400).says("consumer_generation")),
        ask(28, "POST", "/allocations", json!({"$CONSUMER": new}), unknown_before(28), seen(204)),
        ask(28, "POST", "/allocations", json!({"$CONSUMER": old}), unknown_before(28), conflict()),
    ]
}

fn nested() -> Vec<Row> {
    let both = format!("/allocation_requests/0/allocations/{CARD}/resources/SRIOV_NET_VF");
    let card = format!("/provider_summaries/{CARD}");
    let host = format!("/provider_summaries/{HOST}");
    vec![
        get(29, &search("resources=VCPU:1,SRIOV_NET_VF:1"), found(0), found(1).is(&both, 1)),
        get(
            29,
            &search("resources=MEMORY_MB:1"),
            found(1).lacks(&card).lacks(&format!("{host}/root_provider_uuid")),
            found(1)
                .is(&format!("{card}/parent_provider_uuid"), HOST)
                .is(&format!("{card}/root_provider_uuid"), HOST)
                .is(&format!("{host}/parent_provider_uuid"), Value::Null),
        ),
    ]
}

fn reshaper() -> Vec<Row> {
    let stocks = json!({"resource_provider_generation": 0, "inventories": {"VCPU": {"total": 4}}});
    let moved = json!({
        "inventories": {"$FRESH": stocks},
        "allocations": {"$CONSUMER": held(&json!({"$FRESH": {"resources": {"VCPU": 4}}}),
                                          &json!({"consumer_generation": null}))},
    });
    let nowhere = json!({"inventories": {NOWHERE: stocks}, "allocations": {}});
    let missing = seen(400).code("placement.resource_provider.not_found");
    let nothing = json!({"inventories": {}, "allocations": {}});
    vec![
        ask(30, "POST", "/reshaper", moved, not_yet(30), seen(204)),
        ask(30, "POST", "/reshaper", nowhere, not_yet(30), missing),
        ask(30, "POST", "/reshaper", nothing, not_yet(30), seen(400).says("inventories")),
        ask(30, "POST", "/reshaper", json!({}), not_yet(30), seen(400).says("inventories")),
    ]
}

fn places() -> Vec<Row> {
    let cpu = |query: String| search(&format!("resources=VCPU:1&{query}"));
    let list = |query: String| format!("/resource_providers?resources=VCPU:1,MEMORY_MB:1&{query}");
    let unknown = || seen(400).says("member_of");
    let named = "resources_NET-1=VCPU:1";
    vec![
        get(31, &cpu(format!("in_tree={CARD}")), unknown_before(31), found(1)),
        get(31, &search(&format!("resources1=VCPU:1&in_tree1={OTHER}")), unknown_before(31), found(1)),
        get(31, &cpu(format!("in_tree={NOWHERE}")), unknown_before(31), found(0)),
        get(31, &cpu("in_tree=no-uuid".to_owned()), unknown_before(31), seen(400).says("no-uuid")),
        get(32, &list(format!("member_of=!{AGGREGATE}")), unknown(), seen(200).counts("/resource_providers", 0)),
        get(32, &list(format!("member_of=!{NOWHERE}")), unknown(), seen(200).counts("/resource_providers", 1)),
        get(
            32,
            &cpu(format!("member_of=!{AGGREGATE}")),
            unknown(),
            seen(200).lacks(&format!("/provider_summaries/{HOST}")),
        ),
        get(32, &cpu(format!("member_of=!in:{AGGREGATE},{NOWHERE}&in_tree={HOST}")), unknown(), found(0)),
        get(32, &cpu(format!("member_of=in:{AGGREGATE},!{NOWHERE}")), unknown(), unknown()),
        get(33, &search(&format!("{named}&in_tree_NET-1={HOST}")), seen(400).says("1.33"), found(1)),
        get(33, &search("resources_NET.1=VCPU:1"), seen(400).says("1.33"), seen(400).says("1.33")),
        get(33, &search(&format!("resources{}=VCPU:1", "A".repeat(65))), seen(400).says("1.33"), seen(400).says("64")),
    ]
}

fn mappings() -> Vec<Row> {
    let fields = json!({"consumer_generation": null, "mappings": {"": [HOST]}});
    let stocks = json!({"resource_provider_generation": 0, "inventories": {}});
    let mapped = || json!({"$CONSUMER": held(&one(), &fields)});
    let reshaped = json!({"inventories": {"$FRESH": stocks}, "allocations": mapped()});
    let query = format!("resources=MEMORY_MB:1&resources_NET=SRIOV_NET_VF:1&in_tree_NET={HOST}");
    let both = json!({"": [HOST], "_NET": [CARD]});
    let pointer = "/allocation_requests/0/mappings";
    vec![
        get(34, &search(&query), found(1).lacks(pointer), found(1).is(pointer, both)),
        ask(34, "PUT", "/allocations/$CONSUMER", held(&one(), &fields), unknown_before(34), seen(204)),
        ask(34, "POST", "/allocations", mapped(), unknown_before(34), seen(204)),
        ask(34, "POST", "/reshaper", reshaped, unknown_before(34), seen(204)),
    ]
}

fn roots_and_subtrees() -> Vec<Row> {
    let root = |traits: &str| search(&format!("resources=VCPU:1&in_tree={HOST}&root_required={traits}"));
    let groups = "resources_C=VCPU:1&resources_N=SRIOV_NET_VF:1&group_policy=none";
    let subtree = |names: &str| search(&format!("{groups}&same_subtree={names}"));
    let bad_value = |gist: &str| seen(400).code("placement.query.bad_value").says(gist);
    let twice = seen(400).code("placement.query.duplicate_key").says("only once");
    vec![
        get(35, &root("HW_CPU_X86_AVX2"), unknown_before(35), found(1)),
        get(35, &root("!HW_CPU_X86_AVX2"), unknown_before(35), found(0)),
        get(35, &root("CUSTOM_FAST"), unknown_before(35), found(0)),
        get(35, &root("CUSTOM_NONE"), unknown_before(35), seen(400).says("CUSTOM_NONE")),
        get(35, &root("CUSTOM_FAST,!CUSTOM_FAST"), unknown_before(35), bad_value("Conflicting")),
        get(35, &root("CUSTOM_FAST&root_required=CUSTOM_FAST"), unknown_before(35), twice),
        get(36, &subtree("_C,_N"), unknown_before(36), found(1)),
        get(36, &subtree("_C,_X"), unknown_before(36), bad_value("_X")),
        get(36, &subtree("_C,"), unknown_before(36), bad_value("unnamed")),
        get(
            36,
            &search("resources=VCPU:1&required_X=CUSTOM_FAST"),
            seen(400).code("placement.undefined_code").says("must specify resources"),
            bad_value("same_subtree"),
        ),
        get(
            36,
            &search(&format!(
                "resources_C=VCPU:1&required_X=CUSTOM_FAST&in_tree_C={HOST}&same_subtree=_C,_X&group_policy=none"
            )),
            unknown_before(36),
            found(1).is("/allocation_requests/0/mappings", json!({"_C": [HOST], "_X": [CARD]})),
        ),
        get(
            36,
            &search("required_X=CUSTOM_FAST"),
            seen(400).code("placement.undefined_code"),
            seen(400).code("placement.query.missing_value"),
        ),
    ]
}

fn moves() -> Vec<Row> {
    let child = "/resource_providers/$CHILD";
    let to = |parent: Value| json!({"name": "moved$COUNT", "parent_provider_uuid": parent});
    let kept = || seen(400).says("1.37");
    vec![
        ask(37, "PUT", child, to(json!(OTHER)), kept(), seen(200).is("/root_provider_uuid", OTHER)),
        ask(37, "PUT", child, to(Value::Null), kept(), seen(200).is("/parent_provider_uuid", Value::Null)),
        ask(
            37,
            "PUT",
            &format!("/resource_providers/{HOST}"),
            to(json!(CARD)),
            seen(400),
            seen(400).says("below itself"),
        ),
        // The same parent is no move.
        ask(37, "PUT", child, to(json!(HOST)), seen(200), seen(200).is("/parent_provider_uuid", HOST)),
    ]
}

fn types() -> Vec<Row> {
    let consumer = "/allocations/$CONSUMER";
    let typed = json!({"consumer_generation": null, "consumer_type": "MIGRATION"});
    let plain = json!({"consumer_generation": null});
    let stocks = json!({"resource_provider_generation": 0, "inventories": {}});
    let reshaped =
        |fields: &Value| json!({"inventories": {"$FRESH": stocks}, "allocations": {"$CONSUMER": held(&one(), fields)}});
    let several = |fields: &Value| json!({"$CONSUMER": held(&one(), fields)});
    let required = || seen(400).says("consumer_type is required");
    let wrong = json!({"consumer_generation": null, "consumer_type": "migration"});
    let grouped = seen(200).is("/usages", json!({"INSTANCE": {"VCPU": 2, "consumer_count": 1}}));
    let usages = |query: &str| format!("/usages?project_id=p{query}");
    vec![
        ask(38, "PUT", consumer, held(&one(), &plain), seen(204), required()),
        ask(38, "PUT", consumer, held(&one(), &typed), unknown_before(38), seen(204)),
        ask(38, "PUT", consumer, held(&one(), &wrong), unknown_before(38), seen(400).says("A-Z")),
        ask(38, "POST", "/allocations", several(&plain), seen(204), required()),
        ask(38, "POST", "/allocations", several(&typed), unknown_before(38), seen(204)),
        ask(38, "POST", "/reshaper", reshaped(&plain), seen(204), required()),
        ask(38, "POST", "/reshaper", reshaped(&typed), unknown_before(38), seen(204)),
        get(
            38,
            &format!("/allocations/{SERVER}"),
            seen(200).lacks("/consumer_type"),
            seen(200).is("/consumer_type", "INSTANCE"),
        ),
        get(38, &usages(""), seen(200).is("/usages", json!({"VCPU": 2})), grouped),
        get(
            38,
            &usages("&consumer_type=all"),
            unknown_before(38),
            seen(200).is("/usages", json!({"all": {"VCPU": 2, "consumer_count": 1}})),
        ),
        get(38, &usages("&consumer_type=unknown"), unknown_before(38), seen(200).is("/usages", json!({}))),
        get(38, &usages("&consumer_type=MIGRATION"), unknown_before(38), seen(200).is("/usages", json!({}))),
        // Before types were known, consumers had none.
        get(38, "/usages?project_id=r&consumer_type=all", unknown_before(38), seen(200).is("/usages", json!({}))),
    ]
}

fn any_traits() -> Vec<Row> {
    let any = "required=in:HW_CPU_X86_AVX2,HW_CPU_X86_SSE";
    let list = |query: &str| format!("/resource_providers?{query}");
    let cpu = |query: &str| search(&format!("resources=VCPU:1&{query}"));
    let unknown = || seen(400).says("1.39");
    let both = format!("{any}&required=!HW_CPU_X86_SSE");
    let providers = |count| seen(200).counts("/resource_providers", count);
    vec![
        get(39, &list(any), unknown(), providers(2)),
        get(39, &cpu(any), unknown(), found(2)),
        get(39, &search(&format!("resources1=VCPU:1&{}", any.replace("required", "required1"))), unknown(), found(2)),
        // Before, the last of several counted alone.
        get(39, &list(&both.replace("&required", "&resources=VCPU:1&required")), seen(200), providers(1)),
        get(39, &cpu("required=HW_CPU_X86_AVX2&required=HW_CPU_X86_SSE"), found(1), found(0)),
        get(
            39,
            &cpu("required=in:HW_CPU_X86_AVX2,!HW_CPU_X86_SSE"),
            unknown(),
            seen(400).says("none of them forbidden"),
        ),
        get(
            39,
            &cpu(&format!("{any}&required=!HW_CPU_X86_AVX2,!HW_CPU_X86_SSE")),
            seen(200),
            seen(400).says("Conflicting"),
        ),
    ]
}
