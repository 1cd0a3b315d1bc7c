//! Declared rules, override files, scopes, and what a decision tells.

use crate::{Credentials, Policy, Problem, Reason, Rule, Scope, Target};

const fn rule(name: &'static str, check: &'static str) -> Rule {
    Rule { name, check, description: "For tests.", operations: &[("GET", "/things")], scopes: &[] }
}

const BASE: &[Rule] = &[
    rule("context_is_admin", "role:admin"),
    rule("owner", "project_id:%(project_id)s"),
    rule("admin_or_owner", "rule:context_is_admin or rule:owner"),
];

const THINGS: &[Rule] = &[
    rule("things:get", "rule:admin_or_owner"),
    Rule { scopes: &[Scope::System, Scope::Domain], ..rule("things:list_all", "@") },
    rule("things:create", "rule:owner and role:member"),
];

fn policy() -> Policy {
    Policy::new(&[BASE, THINGS]).unwrap()
}

fn problem(rules: &[Rule]) -> (Option<String>, Problem) {
    let error = Policy::new(&[rules]).unwrap_err();
    (error.rule, error.problem)
}

fn override_error(yaml: &str) -> String {
    policy().with_overrides(yaml).unwrap_err().to_string()
}

#[test]
fn rules_refer_to_rules_of_other_sets_declared_earlier_or_later() {
    let credentials = Credentials { project_id: Some("p1"), ..Default::default() };
    for policy in [policy(), Policy::new(&[THINGS, BASE]).unwrap()] {
        assert!(policy.check("things:get", &credentials, &Target::new().with("project_id", "p1")).allowed);
        assert!(!policy.check("things:get", &credentials, &Target::new().with("project_id", "p2")).allowed);
    }
}

#[test]
fn a_decision_names_the_rule_and_the_check_that_decided() {
    let policy = policy();
    let roles = ["member".to_owned()];
    let credentials = Credentials { project_id: Some("p1"), roles: &roles, ..Default::default() };
    let own = Target::new().with("project_id", "p1");
    let foreign = Target::new().with("project_id", "p2");

    let allowed = policy.check("things:get", &credentials, &own);
    assert_eq!((allowed.rule, allowed.decided_by), ("things:get", "owner"));
    assert_eq!(
        allowed.to_string(),
        "allowed by policy rule `things:get`: `rule:owner`, `project_id:%(project_id)s` is met"
    );
    let denied = policy.check("things:get", &credentials, &foreign);
    assert_eq!(
        denied.to_string(),
        "denied by policy rule `things:get`: `rule:admin_or_owner`, `rule:context_is_admin or rule:owner` is not met"
    );
    let stranger = Credentials { project_id: Some("p1"), ..Default::default() };
    let denied = policy.check("things:create", &stranger, &own);
    assert_eq!(denied.to_string(), "denied by policy rule `things:create`: `role:member` is not met");
}

#[test]
fn an_unknown_rule_denies_even_the_administrator() {
    let roles = ["admin".to_owned()];
    let credentials = Credentials { roles: &roles, is_admin: true, ..Default::default() };
    let policy = policy().with_overrides("default: '@'").unwrap();
    let decision = policy.check("things:nothing", &credentials, &Target::new());
    assert!(!decision.allowed);
    assert_eq!(decision.reason, Reason::UnknownRule);
}

#[test]
fn declared_scopes_are_enforced_unless_switched_off() {
    let policy = policy();
    let project = Credentials { project_id: Some("p1"), ..Default::default() };
    let domain = Credentials { domain_id: Some("d1"), ..Default::default() };
    let system = Credentials { system_scope: Some("all"), ..Default::default() };
    let target = Target::new();
    assert!(policy.check("things:list_all", &domain, &target).allowed);
    assert!(policy.check("things:list_all", &system, &target).allowed);
    let denied = policy.check("things:list_all", &project, &target);
    assert_eq!(
        denied.to_string(),
        "denied by policy rule `things:list_all`: it takes a system or domain-scoped token, this one is project-scoped"
    );
    let overridden = policy.clone().with_overrides("things:list_all: '@'").unwrap();
    assert!(!overridden.check("things:list_all", &project, &target).allowed, "an override keeps the scopes");
    assert!(policy.with_enforce_scope(false).check("things:list_all", &project, &target).allowed);
}

#[test]
fn declarations_are_checked_at_start() {
    assert_eq!(problem(&[rule("a", "rule:b")]), (Some("a".to_owned()), Problem::UnknownRule("b".to_owned())));
    assert_eq!(
        problem(&[rule("a", "@ or rule:b"), rule("b", "not rule:c"), rule("c", "rule:b")]),
        (Some("b".to_owned()), Problem::Cycle("b -> c -> b".to_owned()))
    );
    assert_eq!(problem(&[rule("a", "rule:a")]).1, Problem::Cycle("a -> a".to_owned()));
    assert_eq!(problem(&[rule("a", "@"), rule("a", "!")]), (Some("a".to_owned()), Problem::Duplicate));
    assert_eq!(problem(&[rule("a", "@ and")]), (Some("a".to_owned()), Problem::Incomplete));
    assert!(Policy::new(&[BASE, BASE]).is_ok(), "a set shared by two services");
}

#[test]
fn overrides_replace_rules_and_add_helpers() {
    let policy = policy()
        .with_overrides(
            "# by the operator\nsupport: role:support\n\"things:get\": \"rule:support or rule:owner\"\n\
             'things:create': [[\"role:a\", \"role:b\"], \"role:c\", []]\n\"owner\": []\n\"context_is_admin\": [[]]\n",
        )
        .unwrap();
    let allowed = |name, role: &str| {
        let roles = [role.to_owned()];
        policy.check(name, &Credentials { roles: &roles, ..Default::default() }, &Target::new()).allowed
    };
    assert!(allowed("things:get", "support"));
    assert!(allowed("things:create", "c"));
    assert!(!allowed("things:create", "a"));
    assert!(allowed("owner", "x"), "an empty list always allows");
    assert!(!allowed("context_is_admin", "admin"), "a list of an empty list never does");

    let rules: Vec<_> = policy.rules().collect();
    assert_eq!(rules.len(), 7);
    assert_eq!((rules[3].check, rules[3].default_check), ("rule:support or rule:owner", Some("rule:admin_or_owner")));
    assert_eq!(rules[3].operations, [("GET", "/things")]);
    assert_eq!(rules[5].check, "role:a and role:b or role:c");
    assert_eq!((rules[6].name, rules[6].default_check), ("support", None));
}

#[test]
fn an_override_file_may_be_empty_or_json() {
    for yaml in ["", "# nothing\n", "{}", "---\n"] {
        assert_eq!(policy().with_overrides(yaml).unwrap().rules().count(), 6, "{yaml:?}");
    }
    let policy = policy().with_overrides("{\"owner\": \"!\",\n \"more\": \"rule:owner\"}").unwrap();
    assert_eq!(policy.rules().count(), 7);
}

#[test]
fn errors_of_an_override_file_name_rule_and_line() {
    assert_eq!(
        override_error("owner: '@'\n\n\"things:get\": \"rule:nobody\"\n"),
        "policy rule `things:get` (line 3): it refers to `rule:nobody`, which is not defined"
    );
    assert_eq!(override_error("a: rule:b\nb: rule:a\n"), "policy rule `a` (line 1): it refers to itself: a -> b -> a");
    assert!(
        override_error("x: '@'\nowner: http://example.org/\n").starts_with("policy rule `owner` (line 2): `http:`")
    );
    assert!(override_error("owner:\n").contains("`null` is not a check"), "in oslo.policy this would allow all");
    assert!(override_error("owner: true\n").contains("`true` is not a check"));
    assert!(override_error("owner: [[role:a and role:b]]\n").contains("a list holds single checks"));
    assert!(override_error("- owner\n").contains("must map names"));
    assert!(override_error("1: '@'\n").contains("must be a text"));
    assert!(override_error("owner: '@'\nowner: '!'\n").contains("duplicate"));
    assert!(override_error("ok: '@'\nowner: 'open\n").starts_with("policy file (line "));
}

#[test]
fn the_deepest_policy_fits_a_small_stack() {
    let chain = |length: usize| {
        let (open, close) = ("(! or @ and ".repeat(15), ")".repeat(15));
        let step = |n| format!("r{n}: '{open}rule:r{}{close}'\n", n + 1);
        (1..length).map(step).chain([format!("r{length}: '@'\n")]).collect::<String>()
    };
    let load = move |length| Policy::new(&[]).unwrap().with_overrides(&chain(length));
    let evaluate = move || {
        let policy = load(5).unwrap();
        assert!(policy.check("r1", &Credentials::default(), &Target::new()).allowed);
        for length in [6, 5_000] {
            assert_eq!(load(length).unwrap_err().problem, Problem::TooDeep);
        }
    };
    let small = std::thread::Builder::new().stack_size(256 * 1024).spawn(evaluate);
    small.unwrap().join().unwrap();
}
