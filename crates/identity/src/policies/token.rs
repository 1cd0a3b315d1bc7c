use policy::Rule;

use super::{ANYONE, cloud_rule, rule};

const VALIDATE: &str = "rule:admin_required or (role:reader and system_scope:all) or role:service \
    or user_id:%(target.token.user_id)s";
const CHECK: &str = "rule:admin_required or (role:reader and system_scope:all) or user_id:%(target.token.user_id)s";
const REVOKE: &str = "rule:admin_required or user_id:%(target.token.user_id)s";

pub(super) const RULES: &[Rule] = &[
    rule("identity:validate_token", VALIDATE, "Show what a token says.", &[("GET", "/v3/auth/tokens")]),
    rule("identity:check_token", CHECK, "Check whether a token is valid.", &[("HEAD", "/v3/auth/tokens")]),
    rule("identity:revoke_token", REVOKE, "End a token.", &[("DELETE", "/v3/auth/tokens")]),
    cloud_rule(
        "identity:list_revoke_events",
        "rule:service_or_admin",
        "List the tokens that were ended before their time.",
        &[("GET", "/v3/OS-REVOKE/events")],
    ),
    rule("identity:get_auth_catalog", ANYONE, "Show the catalog of the token.", &[("GET", "/v3/auth/catalog")]),
    rule(
        "identity:get_auth_projects",
        ANYONE,
        "List the projects that the user may get tokens for.",
        &[("GET", "/v3/auth/projects")],
    ),
    rule(
        "identity:get_auth_domains",
        ANYONE,
        "List the domains that the user may get tokens for.",
        &[("GET", "/v3/auth/domains")],
    ),
    rule(
        "identity:get_auth_system",
        ANYONE,
        "Show whether the user may get a token for the system.",
        &[("GET", "/v3/auth/system")],
    ),
];
