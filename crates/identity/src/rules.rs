//! Rules that the services' own rules refer to.

use policy::Rule;

const fn base(name: &'static str, check: &'static str, description: &'static str) -> Rule {
    Rule { name, check, description, operations: &[], scopes: &[] }
}

/// The roles of the secure defaults, each on the project that owns the target.
pub const BASE_RULES: &[Rule] = &[
    base("context_is_admin", "role:admin", "The cloud's administrators"),
    base("admin_required", "role:admin", "The cloud's administrators"),
    base("owner", "user_id:%(user_id)s", "The user itself"),
    base("admin_or_owner", "rule:admin_required or rule:owner", "Administrators and the user itself"),
    base("service_or_admin", "rule:admin_required or role:service", "Administrators and other services"),
    base(
        "domain_managed_target_role",
        "'manager':%(target.role.name)s or 'member':%(target.role.name)s or 'reader':%(target.role.name)s",
        "The roles that managers of a domain may see and give",
    ),
    base("project_manager", "role:manager and project_id:%(project_id)s", "Managers of the owning project"),
    base("project_member", "role:member and project_id:%(project_id)s", "Members of the owning project"),
    base("project_reader", "role:reader and project_id:%(project_id)s", "Readers of the owning project"),
    base("project_manager_or_admin", "rule:project_manager or rule:context_is_admin", "Managers and administrators"),
    base("project_member_or_admin", "rule:project_member or rule:context_is_admin", "Members and administrators"),
    base("project_reader_or_admin", "rule:project_reader or rule:context_is_admin", "Readers and administrators"),
];
