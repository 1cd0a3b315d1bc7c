use policy::Rule;

use super::{ADMIN, READ, cloud_rule, rule};

const SEE: &str = "rule:admin_required or (role:reader and system_scope:all) \
    or (role:manager and rule:domain_managed_target_role)";
const LIST: &str = "rule:admin_required or (role:reader and system_scope:all) \
    or (role:manager and not domain_id:None)";

pub(super) const RULES: &[Rule] = &[
    rule("identity:get_role", SEE, "Show a role.", &[("GET", "/v3/roles/{role_id}")]),
    rule("identity:list_roles", LIST, "List roles.", &[("GET", "/v3/roles")]),
    cloud_rule("identity:create_role", ADMIN, "Create a role.", &[("POST", "/v3/roles")]),
    cloud_rule("identity:update_role", ADMIN, "Change a role.", &[("PATCH", "/v3/roles/{role_id}")]),
    cloud_rule(
        "identity:delete_role",
        ADMIN,
        "Delete a role, and with it all its assignments.",
        &[("DELETE", "/v3/roles/{role_id}")],
    ),
    cloud_rule("identity:get_domain_role", READ, "Show a role of a domain.", &[]),
    cloud_rule("identity:list_domain_roles", READ, "List the roles of a domain.", &[]),
    cloud_rule("identity:create_domain_role", ADMIN, "Create a role of a domain.", &[]),
    cloud_rule("identity:update_domain_role", ADMIN, "Change a role of a domain.", &[]),
    cloud_rule("identity:delete_domain_role", ADMIN, "Delete a role of a domain.", &[]),
    cloud_rule(
        "identity:get_implied_role",
        READ,
        "Show that one role implies another.",
        &[("GET", "/v3/roles/{prior_role_id}/implies/{implied_role_id}")],
    ),
    cloud_rule(
        "identity:check_implied_role",
        READ,
        "Check whether one role implies another.",
        &[("HEAD", "/v3/roles/{prior_role_id}/implies/{implied_role_id}")],
    ),
    cloud_rule(
        "identity:list_implied_roles",
        READ,
        "List the roles that a role implies.",
        &[("GET", "/v3/roles/{prior_role_id}/implies")],
    ),
    cloud_rule(
        "identity:create_implied_role",
        ADMIN,
        "Let one role imply another.",
        &[("PUT", "/v3/roles/{prior_role_id}/implies/{implied_role_id}")],
    ),
    cloud_rule(
        "identity:delete_implied_role",
        ADMIN,
        "Let one role no longer imply another.",
        &[("DELETE", "/v3/roles/{prior_role_id}/implies/{implied_role_id}")],
    ),
    cloud_rule(
        "identity:list_role_inference_rules",
        READ,
        "List which role implies which.",
        &[("GET", "/v3/role_inferences")],
    ),
];
