use policy::Rule;

use super::{ADMIN, ANYONE, cloud_rule, rule};

const SEE: &str = "rule:admin_required or (role:reader and system_scope:all) \
    or domain_id:%(target.limit.domain.id)s or domain_id:%(target.limit.project.domain_id)s \
    or (project_id:%(target.limit.project_id)s and not None:%(target.limit.project_id)s)";

pub(super) const RULES: &[Rule] = &[
    rule(
        "identity:get_registered_limit",
        ANYONE,
        "Show a registered limit.",
        &[("GET", "/v3/registered_limits/{registered_limit_id}")],
    ),
    rule("identity:list_registered_limits", ANYONE, "List registered limits.", &[("GET", "/v3/registered_limits")]),
    cloud_rule(
        "identity:create_registered_limits",
        ADMIN,
        "Register limits of a service's resources.",
        &[("POST", "/v3/registered_limits")],
    ),
    cloud_rule(
        "identity:update_registered_limit",
        ADMIN,
        "Change a registered limit.",
        &[("PATCH", "/v3/registered_limits/{registered_limit_id}")],
    ),
    cloud_rule(
        "identity:delete_registered_limit",
        ADMIN,
        "Delete a registered limit.",
        &[("DELETE", "/v3/registered_limits/{registered_limit_id}")],
    ),
    rule("identity:get_limit_model", ANYONE, "Show how limits go together.", &[("GET", "/v3/limits/model")]),
    rule("identity:get_limit", SEE, "Show a limit.", &[("GET", "/v3/limits/{limit_id}")]),
    rule("identity:list_limits", ANYONE, "List limits; each caller sees its own.", &[("GET", "/v3/limits")]),
    cloud_rule("identity:create_limits", ADMIN, "Limit projects or domains.", &[("POST", "/v3/limits")]),
    cloud_rule("identity:update_limit", ADMIN, "Change a limit.", &[("PATCH", "/v3/limits/{limit_id}")]),
    cloud_rule("identity:delete_limit", ADMIN, "Delete a limit.", &[("DELETE", "/v3/limits/{limit_id}")]),
];
