use policy::Rule;

use super::{ADMIN, READ, rule};

const SEE: &str = "rule:admin_required or (role:reader and system_scope:all) or role:manager";

pub(super) const RULES: &[Rule] = &[
    rule("identity:get_role", SEE, "Show a role.", &[("GET", "/v3/roles/{role_id}")]),
    rule("identity:list_roles", SEE, "List roles.", &[("GET", "/v3/roles")]),
    rule("identity:create_role", ADMIN, "Create a role.", &[("POST", "/v3/roles")]),
    rule("identity:update_role", ADMIN, "Change a role.", &[("PATCH", "/v3/roles/{role_id}")]),
    rule(
        "identity:delete_role",
        ADMIN,
        "Delete a role, and with it all its assignments.",
        &[("DELETE", "/v3/roles/{role_id}")],
    ),
    rule(
        "identity:get_implied_role",
        READ,
        "Show that one role implies another.",
        &[("GET", "/v3/roles/{prior_role_id}/implies/{implied_role_id}")],
    ),
    rule(
        "identity:check_implied_role",
        READ,
        "Check whether one role implies another.",
        &[("HEAD", "/v3/roles/{prior_role_id}/implies/{implied_role_id}")],
    ),
    rule(
        "identity:list_implied_roles",
        READ,
        "List the roles that a role implies.",
        &[("GET", "/v3/roles/{prior_role_id}/implies")],
    ),
    rule(
        "identity:create_implied_role",
        ADMIN,
        "Let one role imply another.",
        &[("PUT", "/v3/roles/{prior_role_id}/implies/{implied_role_id}")],
    ),
    rule(
        "identity:delete_implied_role",
        ADMIN,
        "Let one role no longer imply another.",
        &[("DELETE", "/v3/roles/{prior_role_id}/implies/{implied_role_id}")],
    ),
    rule(
        "identity:list_role_inference_rules",
        READ,
        "List which role implies which.",
        &[("GET", "/v3/role_inferences")],
    ),
];
