//! What the language means, check by check.

use crate::{Check, Credentials, Policy, Problem, Target};

fn parse(text: &str) -> Result<Check, Problem> {
    text.parse()
}

fn canonical(text: &str) -> String {
    parse(text).unwrap().to_string()
}

/// Whether a check, as the only rule of a policy, allows.
fn allows(check: &str, credentials: &Credentials<'_>, target: &Target<'_>) -> bool {
    let quoted = check.replace('\'', "''");
    let policy = Policy::new(&[]).unwrap().with_overrides(&format!("rule: '{quoted}'")).unwrap();
    policy.check("rule", credentials, target).allowed
}

fn allows_member(check: &str) -> bool {
    let roles = ["Member".to_owned(), "reader".to_owned()];
    let credentials = Credentials { user_id: "u1", project_id: Some("p1"), roles: &roles, ..Credentials::default() };
    let target = Target::new().with("project_id", "p1").with("user_id", "u2").with("role", "MEMBER");
    allows(check, &credentials, &target)
}

#[test]
fn constants() {
    assert!(allows_member("@"));
    assert!(allows_member(""));
    assert!(!allows_member("!"));
    assert!(!allows_member("not @"));
    assert!(allows_member("not !"));
    assert!(allows_member("not not @"));
}

#[test]
fn roles_match_in_any_case_and_may_come_from_the_target() {
    assert!(allows_member("role:member"));
    assert!(allows_member("role:MEMBER"));
    assert!(allows_member("role:Reader"));
    assert!(!allows_member("role:admin"));
    assert!(!allows_member("role:mem"));
    assert!(allows_member("role:%(role)s"));
    assert!(!allows_member("role:%(missing)s"));
}

#[test]
fn attributes_equal_target_values_or_text() {
    assert!(allows_member("project_id:%(project_id)s"));
    assert!(allows_member("tenant_id:%(project_id)s"));
    assert!(allows_member("project_id:p1"));
    assert!(!allows_member("user_id:%(user_id)s"));
    assert!(!allows_member("user_id:%(missing)s"));
    assert!(!allows_member("no_such_attribute:p1"));
    assert!(!allows_member("project_id:%(project_id)s1"));
    assert!(allows("user_id:a%%%(id)s-x", &Credentials { user_id: "a%7-x", ..Default::default() }, &{
        Target::new().with("id", 7)
    }));
}

#[test]
fn lists_match_by_any_element() {
    assert!(allows_member("roles:reader"));
    assert!(!allows_member("roles:member"), "only role: ignores case");
    let ids = vec!["u1".to_owned(), "u2".to_owned()];
    let target = Target::new().with("members", &ids);
    assert!(allows("user_id:%(members)s", &Credentials { user_id: "u2", ..Default::default() }, &target));
    assert!(!allows("user_id:%(members)s", &Credentials { user_id: "u3", ..Default::default() }, &target));
}

#[test]
fn flags() {
    let admin = Credentials { is_admin: true, ..Default::default() };
    assert!(allows("is_admin:True", &admin, &Target::new()));
    assert!(!allows("is_admin:1", &admin, &Target::new()));
    assert!(!allows("is_admin:True", &Credentials::default(), &Target::new()));
    assert!(allows("is_admin_project:False", &Credentials::default(), &Target::new()));
}

#[test]
fn every_documented_attribute_is_known() {
    let services = ["service".to_owned()];
    let credentials = Credentials {
        user_id: "u",
        user_domain_id: "ud",
        project_id: Some("p"),
        project_domain_id: Some("pd"),
        domain_id: Some("d"),
        system_scope: Some("all"),
        service_roles: &services,
        trust_id: Some("t"),
        trustor_id: Some("giver"),
        trustee_id: Some("taker"),
        ..Credentials::default()
    };
    for check in [
        "user_id:u",
        "user_domain_id:ud",
        "project_id:p",
        "project_domain_id:pd",
        "domain_id:d",
        "system_scope:all",
        "system:all",
        "service_roles:service",
        "trust_id:t",
        "trustor_id:giver",
        "trustee_id:taker",
    ] {
        assert!(allows(check, &credentials, &Target::new()), "{check}");
    }
}

#[test]
fn literals_equal_target_values() {
    let target =
        Target::new().with("visibility", "public").with("shared", true).with("owner", None::<&str>).with("size", 3);
    let allows = |check| allows(check, &Credentials::default(), &target);
    assert!(allows("'public':%(visibility)s"));
    assert!(allows("\"public\":%(visibility)s"));
    assert!(!allows("'private':%(visibility)s"));
    assert!(allows("True:%(shared)s"));
    assert!(!allows("False:%(shared)s"));
    assert!(allows("None:%(owner)s"));
    assert!(!allows("None:%(missing)s"));
    assert!(!allows("None:%(shared)s"));
    assert!(allows("3:%(size)s"));
}

#[test]
fn a_missing_attribute_never_equals_a_missing_value() {
    let nobody = Credentials::default();
    for value in [Target::new().with("project_id", None::<&str>), Target::new().with("project_id", "None")] {
        assert!(!allows("project_id:%(project_id)s", &nobody, &value));
    }
    assert!(!allows("user_id:%(user_id)s", &nobody, &Target::new().with("user_id", "")));
    assert!(allows("project_id:None", &nobody, &Target::new()));
}

#[test]
fn token_documents_are_followed_through_objects_and_lists() {
    let token = serde_json::json!({
        "user": {"domain": {"id": "default"}, "enabled": true, "age": 7, "nick": null},
        "catalog": [{"endpoints": [{"id": "e1"}, {"id": "e2"}]}, {"endpoints": []}, {}],
    });
    let credentials = Credentials { token: Some(&token), ..Default::default() };
    let allows = |check| allows(check, &credentials, &Target::new().with("id", "e2"));
    assert!(allows("token.user.domain.id:default"));
    assert!(allows("token.user.enabled:True"));
    assert!(allows("token.user.age:7"));
    assert!(allows("token.user.nick:None"));
    assert!(allows("token.catalog.endpoints.id:%(id)s"));
    assert!(!allows("token.catalog.endpoints.id:e3"));
    assert!(!allows("token.user.domain:default"), "an object is no text");
    assert!(!allows("token.user.domain.id.x:default"));
    assert!(!allows("token.nothing:None"));
}

#[test]
fn not_binds_tightest_and_binds_before_or() {
    assert!(allows_member("@ or @ and !"));
    assert!(allows_member("! and ! or @"));
    assert!(!allows_member("(@ or @) and !"));
    assert!(allows_member("not ! or !"));
    assert!(!allows_member("not (! or @)"));
    assert!(allows_member("not ! and not !"));
    assert_eq!(canonical("role:a or role:b and role:c"), "role:a or role:b and role:c");
    assert_eq!(parse("a:1 or b:2 and c:3 or d:4"), parse("a:1 or (b:2 and c:3) or d:4"));
    assert_eq!(parse("a:1 and b:2 or c:3 and not d:4"), parse("(a:1 and b:2) or (c:3 and (not d:4))"));
}

#[test]
fn operators_are_words_in_any_case() {
    assert_eq!(parse("((role:x  OR role:y)\tAnd\nNOT (rule:z))"), parse("(role:x or role:y) and not rule:z"));
    assert!(parse("not(role:x)").is_err(), "an operator is a word of its own, as in oslo.policy");
}

#[test]
fn canonical_text() {
    for (text, expected) in [
        ("", "@"),
        ("((role:Admin))", "role:admin"),
        ("( role:a AND  role:b )", "role:a and role:b"),
        ("not (role:a or role:b)", "not (role:a or role:b)"),
        ("\"public\":%(visibility)s", "'public':%(visibility)s"),
        ("\"it's\":%(x)s", "\"it's\":%(x)s"),
        ("'None':%(x)s", "None:%(x)s"),
        ("user_id:%(a)s%%%(b)s", "user_id:%(a)s%%%(b)s"),
        ("rule:compute:servers:index", "rule:compute:servers:index"),
        ("project_id:%(target.project.id)s", "project_id:%(target.project.id)s"),
    ] {
        assert_eq!(canonical(text), expected);
    }
}

#[test]
fn what_is_no_check_is_refused() {
    for text in [
        "role:a role:b",
        "role:a and",
        "or role:a",
        "(role:a",
        "role:a)",
        "()",
        "not",
        "admin",
        "role:",
        ":x",
        "rule:",
        "'a:%(x)s",
        "'a\\'b':%(x)s",
        "a..b:%(x)s",
        "user_id:%(x)d",
        "user_id:%(x",
        "user_id:%x",
        "user_id:%()s",
        "   ",
        "http://example.org/%(x)s",
        "https://example.org",
        "field:networks:shared=True",
        "1.5:%(x)s",
        "'a b':%(x)s",
    ] {
        assert!(parse(text).is_err(), "{text:?} was accepted");
    }
    let message = parse("http:x").unwrap_err().to_string();
    assert!(message.contains("`http:` checks are not supported"), "{message}");
}

#[test]
fn nesting_is_limited() {
    let nested = |depth: usize| format!("{}role:a{}", "(".repeat(depth), ")".repeat(depth));
    assert!(parse(&nested(20)).is_ok());
    assert_eq!(parse(&nested(100_000)), Err(Problem::TooNested));
    assert_eq!(parse(&"not ".repeat(100_000)), Err(Problem::TooNested));
}
