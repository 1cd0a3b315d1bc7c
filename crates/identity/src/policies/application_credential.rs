use policy::Rule;

use super::{cloud_rule, project_rule};

const SEE: &str = "rule:admin_required or (role:reader and system_scope:all) or rule:owner";
const SEE_RULES: &str = "(role:reader and system_scope:all) or user_id:%(target.user.id)s";

pub(super) const RULES: &[Rule] = &[
    project_rule(
        "identity:create_application_credential",
        "user_id:%(user_id)s",
        "Create an application credential.",
        &[("POST", "/v3/users/{user_id}/application_credentials")],
    ),
    cloud_rule(
        "identity:get_application_credential",
        SEE,
        "Show an application credential.",
        &[("GET", "/v3/users/{user_id}/application_credentials/{application_credential_id}")],
    ),
    cloud_rule(
        "identity:list_application_credentials",
        SEE,
        "List a user's application credentials.",
        &[("GET", "/v3/users/{user_id}/application_credentials")],
    ),
    cloud_rule(
        "identity:delete_application_credential",
        "rule:admin_or_owner",
        "Delete an application credential.",
        &[("DELETE", "/v3/users/{user_id}/application_credentials/{application_credential_id}")],
    ),
    cloud_rule(
        "identity:get_access_rule",
        SEE_RULES,
        "Show an access rule.",
        &[("GET", "/v3/users/{user_id}/access_rules/{access_rule_id}")],
    ),
    cloud_rule(
        "identity:list_access_rules",
        SEE_RULES,
        "List a user's access rules.",
        &[("GET", "/v3/users/{user_id}/access_rules")],
    ),
    cloud_rule(
        "identity:delete_access_rule",
        "(role:admin and system_scope:all) or user_id:%(target.user.id)s",
        "Delete an access rule that is not in use.",
        &[("DELETE", "/v3/users/{user_id}/access_rules/{access_rule_id}")],
    ),
];
