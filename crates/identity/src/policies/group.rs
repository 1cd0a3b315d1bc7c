use policy::Rule;

use super::rule;

const SEE: &str = "rule:admin_required or (role:reader and system_scope:all) \
    or (role:reader and domain_id:%(target.group.domain_id)s)";
const OF_USER: &str = "rule:admin_required or (role:reader and system_scope:all) \
    or (role:reader and domain_id:%(target.user.domain_id)s) or user_id:%(target.user.id)s";
const MANAGE: &str = "rule:admin_required or (role:manager and domain_id:%(target.group.domain_id)s)";
const CHECK_MEMBER: &str = "rule:admin_required or (role:reader and system_scope:all) \
    or (role:reader and domain_id:%(target.group.domain_id)s and domain_id:%(target.user.domain_id)s)";
const MANAGE_MEMBER: &str = "rule:admin_required \
    or (role:manager and domain_id:%(target.group.domain_id)s and domain_id:%(target.user.domain_id)s)";

pub(super) const RULES: &[Rule] = &[
    rule("identity:get_group", SEE, "Show a group.", &[("GET", "/v3/groups/{group_id}")]),
    rule("identity:list_groups", SEE, "List groups.", &[("GET", "/v3/groups")]),
    rule(
        "identity:list_groups_for_user",
        OF_USER,
        "List the groups that a user is in.",
        &[("GET", "/v3/users/{user_id}/groups")],
    ),
    rule("identity:create_group", MANAGE, "Create a group.", &[("POST", "/v3/groups")]),
    rule("identity:update_group", MANAGE, "Change a group.", &[("PATCH", "/v3/groups/{group_id}")]),
    rule("identity:delete_group", MANAGE, "Delete a group.", &[("DELETE", "/v3/groups/{group_id}")]),
    rule("identity:list_users_in_group", SEE, "List the users in a group.", &[("GET", "/v3/groups/{group_id}/users")]),
    rule(
        "identity:check_user_in_group",
        CHECK_MEMBER,
        "Check whether a user is in a group.",
        &[("GET", "/v3/groups/{group_id}/users/{user_id}"), ("HEAD", "/v3/groups/{group_id}/users/{user_id}")],
    ),
    rule(
        "identity:add_user_to_group",
        MANAGE_MEMBER,
        "Put a user into a group.",
        &[("PUT", "/v3/groups/{group_id}/users/{user_id}")],
    ),
    rule(
        "identity:remove_user_from_group",
        MANAGE_MEMBER,
        "Take a user out of a group.",
        &[("DELETE", "/v3/groups/{group_id}/users/{user_id}")],
    ),
];
