use policy::Rule;

use super::{ADMIN, READ, cloud_rule, rule};

const CHECK: &str = "rule:admin_required or (role:reader and system_scope:all) or (role:reader \
    and (domain_id:%(target.user.domain_id)s or domain_id:%(target.group.domain_id)s) \
    and (domain_id:%(target.project.domain_id)s or domain_id:%(target.domain.id)s) \
    and (domain_id:%(target.role.domain_id)s or None:%(target.role.domain_id)s))";
const LIST: &str = "rule:admin_required or (role:reader and system_scope:all) or (role:reader \
    and (domain_id:%(target.user.domain_id)s or domain_id:%(target.group.domain_id)s) \
    and (domain_id:%(target.project.domain_id)s or domain_id:%(target.domain.id)s))";
const GIVE: &str = "rule:admin_required or (role:manager \
    and (domain_id:%(target.user.domain_id)s or domain_id:%(target.group.domain_id)s) \
    and (domain_id:%(target.project.domain_id)s or domain_id:%(target.domain.id)s) \
    and rule:domain_managed_target_role)";
const ASSIGNMENTS: &str = "rule:admin_required or (role:reader and system_scope:all) \
    or (role:reader and domain_id:%(target.domain_id)s)";

pub(super) const RULES: &[Rule] = &[
    rule(
        "identity:check_grant",
        CHECK,
        "Check whether a role is given.",
        &[
            ("GET", "/v3/projects/{project_id}/users/{user_id}/roles/{role_id}"),
            ("GET", "/v3/projects/{project_id}/groups/{group_id}/roles/{role_id}"),
            ("GET", "/v3/domains/{domain_id}/users/{user_id}/roles/{role_id}"),
            ("GET", "/v3/domains/{domain_id}/groups/{group_id}/roles/{role_id}"),
            ("GET", "/v3/OS-INHERIT/projects/{project_id}/users/{user_id}/roles/{role_id}/inherited_to_projects"),
            ("GET", "/v3/OS-INHERIT/projects/{project_id}/groups/{group_id}/roles/{role_id}/inherited_to_projects"),
            ("GET", "/v3/OS-INHERIT/domains/{domain_id}/users/{user_id}/roles/{role_id}/inherited_to_projects"),
            ("GET", "/v3/OS-INHERIT/domains/{domain_id}/groups/{group_id}/roles/{role_id}/inherited_to_projects"),
            ("HEAD", "/v3/projects/{project_id}/users/{user_id}/roles/{role_id}"),
            ("HEAD", "/v3/projects/{project_id}/groups/{group_id}/roles/{role_id}"),
            ("HEAD", "/v3/domains/{domain_id}/users/{user_id}/roles/{role_id}"),
            ("HEAD", "/v3/domains/{domain_id}/groups/{group_id}/roles/{role_id}"),
            ("HEAD", "/v3/OS-INHERIT/projects/{project_id}/users/{user_id}/roles/{role_id}/inherited_to_projects"),
            ("HEAD", "/v3/OS-INHERIT/projects/{project_id}/groups/{group_id}/roles/{role_id}/inherited_to_projects"),
            ("HEAD", "/v3/OS-INHERIT/domains/{domain_id}/users/{user_id}/roles/{role_id}/inherited_to_projects"),
            ("HEAD", "/v3/OS-INHERIT/domains/{domain_id}/groups/{group_id}/roles/{role_id}/inherited_to_projects"),
        ],
    ),
    rule(
        "identity:list_grants",
        LIST,
        "List the roles given to a user or group on a project or domain.",
        &[
            ("GET", "/v3/projects/{project_id}/users/{user_id}/roles"),
            ("GET", "/v3/projects/{project_id}/groups/{group_id}/roles"),
            ("GET", "/v3/domains/{domain_id}/users/{user_id}/roles"),
            ("GET", "/v3/domains/{domain_id}/groups/{group_id}/roles"),
            ("GET", "/v3/OS-INHERIT/projects/{project_id}/users/{user_id}/roles/inherited_to_projects"),
            ("GET", "/v3/OS-INHERIT/projects/{project_id}/groups/{group_id}/roles/inherited_to_projects"),
            ("GET", "/v3/OS-INHERIT/domains/{domain_id}/users/{user_id}/roles/inherited_to_projects"),
            ("GET", "/v3/OS-INHERIT/domains/{domain_id}/groups/{group_id}/roles/inherited_to_projects"),
        ],
    ),
    rule(
        "identity:create_grant",
        GIVE,
        "Give a role on a project or domain.",
        &[
            ("PUT", "/v3/projects/{project_id}/users/{user_id}/roles/{role_id}"),
            ("PUT", "/v3/projects/{project_id}/groups/{group_id}/roles/{role_id}"),
            ("PUT", "/v3/domains/{domain_id}/users/{user_id}/roles/{role_id}"),
            ("PUT", "/v3/domains/{domain_id}/groups/{group_id}/roles/{role_id}"),
            ("PUT", "/v3/OS-INHERIT/projects/{project_id}/users/{user_id}/roles/{role_id}/inherited_to_projects"),
            ("PUT", "/v3/OS-INHERIT/projects/{project_id}/groups/{group_id}/roles/{role_id}/inherited_to_projects"),
            ("PUT", "/v3/OS-INHERIT/domains/{domain_id}/users/{user_id}/roles/{role_id}/inherited_to_projects"),
            ("PUT", "/v3/OS-INHERIT/domains/{domain_id}/groups/{group_id}/roles/{role_id}/inherited_to_projects"),
        ],
    ),
    rule(
        "identity:revoke_grant",
        GIVE,
        "Take a role on a project or domain away.",
        &[
            ("DELETE", "/v3/projects/{project_id}/users/{user_id}/roles/{role_id}"),
            ("DELETE", "/v3/projects/{project_id}/groups/{group_id}/roles/{role_id}"),
            ("DELETE", "/v3/domains/{domain_id}/users/{user_id}/roles/{role_id}"),
            ("DELETE", "/v3/domains/{domain_id}/groups/{group_id}/roles/{role_id}"),
            ("DELETE", "/v3/OS-INHERIT/projects/{project_id}/users/{user_id}/roles/{role_id}/inherited_to_projects"),
            ("DELETE", "/v3/OS-INHERIT/projects/{project_id}/groups/{group_id}/roles/{role_id}/inherited_to_projects"),
            ("DELETE", "/v3/OS-INHERIT/domains/{domain_id}/users/{user_id}/roles/{role_id}/inherited_to_projects"),
            ("DELETE", "/v3/OS-INHERIT/domains/{domain_id}/groups/{group_id}/roles/{role_id}/inherited_to_projects"),
        ],
    ),
    cloud_rule(
        "identity:list_system_grants_for_user",
        READ,
        "List the roles of a user on the system.",
        &[("GET", "/v3/system/users/{user_id}/roles")],
    ),
    cloud_rule(
        "identity:check_system_grant_for_user",
        READ,
        "Check whether a user has a role on the system.",
        &[
            ("GET", "/v3/system/users/{user_id}/roles/{role_id}"),
            ("HEAD", "/v3/system/users/{user_id}/roles/{role_id}"),
        ],
    ),
    cloud_rule(
        "identity:create_system_grant_for_user",
        ADMIN,
        "Give a user a role on the system.",
        &[("PUT", "/v3/system/users/{user_id}/roles/{role_id}")],
    ),
    cloud_rule(
        "identity:revoke_system_grant_for_user",
        ADMIN,
        "Take a role on the system from a user.",
        &[("DELETE", "/v3/system/users/{user_id}/roles/{role_id}")],
    ),
    cloud_rule(
        "identity:list_system_grants_for_group",
        READ,
        "List the roles of a group on the system.",
        &[("GET", "/v3/system/groups/{group_id}/roles")],
    ),
    cloud_rule(
        "identity:check_system_grant_for_group",
        READ,
        "Check whether a group has a role on the system.",
        &[
            ("GET", "/v3/system/groups/{group_id}/roles/{role_id}"),
            ("HEAD", "/v3/system/groups/{group_id}/roles/{role_id}"),
        ],
    ),
    cloud_rule(
        "identity:create_system_grant_for_group",
        ADMIN,
        "Give a group a role on the system.",
        &[("PUT", "/v3/system/groups/{group_id}/roles/{role_id}")],
    ),
    cloud_rule(
        "identity:revoke_system_grant_for_group",
        ADMIN,
        "Take a role on the system from a group.",
        &[("DELETE", "/v3/system/groups/{group_id}/roles/{role_id}")],
    ),
    rule("identity:list_role_assignments", ASSIGNMENTS, "List role assignments.", &[("GET", "/v3/role_assignments")]),
    rule(
        "identity:list_role_assignments_for_tree",
        ASSIGNMENTS,
        "List the role assignments on a project and all below it.",
        &[("GET", "/v3/role_assignments?scope.project.id={project_id}&include_subtree")],
    ),
];
