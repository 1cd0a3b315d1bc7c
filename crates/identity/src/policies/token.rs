use policy::{Rule, Scope};

const ANY: &[Scope] = &[Scope::System, Scope::Domain, Scope::Project];

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "identity:check_token",
        check: "rule:admin_required or (role:reader and system_scope:all) or user_id:%(target.token.user_id)s",
        description: "Check a token.",
        operations: &[("HEAD", "/v3/auth/tokens")],
        scopes: ANY,
    },
    Rule {
        name: "identity:validate_token",
        check: "rule:admin_required or (role:reader and system_scope:all) or role:service \
                or user_id:%(target.token.user_id)s",
        description: "Show what a token says.",
        operations: &[("GET", "/v3/auth/tokens")],
        scopes: ANY,
    },
    Rule {
        name: "identity:revoke_token",
        check: "rule:admin_required or user_id:%(target.token.user_id)s",
        description: "End a token.",
        operations: &[("DELETE", "/v3/auth/tokens")],
        scopes: ANY,
    },
];
