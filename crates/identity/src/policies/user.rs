use policy::Rule;

use super::rule;

const SEE: &str = "rule:admin_required or (role:reader and system_scope:all) \
    or (role:reader and domain_id:%(target.user.domain_id)s) or user_id:%(target.user.id)s";
const LIST: &str = "rule:admin_required or (role:reader and system_scope:all) \
    or (role:reader and domain_id:%(target.domain_id)s)";
const MANAGE: &str = "rule:admin_required or (role:manager and domain_id:%(target.user.domain_id)s)";

pub(super) const RULES: &[Rule] = &[
    rule("identity:get_user", SEE, "Show a user.", &[("GET", "/v3/users/{user_id}")]),
    rule("identity:list_users", LIST, "List users.", &[("GET", "/v3/users")]),
    rule("identity:create_user", MANAGE, "Create a user.", &[("POST", "/v3/users")]),
    rule("identity:update_user", MANAGE, "Change a user.", &[("PATCH", "/v3/users/{user_id}")]),
    rule("identity:delete_user", MANAGE, "Delete a user.", &[("DELETE", "/v3/users/{user_id}")]),
];
