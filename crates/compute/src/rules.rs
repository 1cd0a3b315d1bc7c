//! Who may do what, by the names and defaults that operators of OpenStack know.

use policy::Rule;

use crate::action_rules::ACTIONS;
use crate::fleet_rules::FLEET;
use crate::old_rules::OLD;
use crate::proxy_rules::PROXIES;
use crate::server_rules::SERVERS;

/// Every rule of the service.
pub const RULES: &[Rule] = &joined();

/// The rules of each part of the service.
const PARTS: &[&[Rule]] = &[ACTIONS, BASE, FLEET, OLD, PROXIES, SERVERS];

const COUNT: usize = {
    let mut count = 0;
    let mut part = 0;
    while part < PARTS.len() {
        count += PARTS[part].len();
        part += 1;
    }
    count
};

const fn joined() -> [Rule; COUNT] {
    let mut rules = [BASE[0]; COUNT];
    let (mut part, mut next) = (0, 0);
    while part < PARTS.len() {
        let mut index = 0;
        while index < PARTS[part].len() {
            rules[next] = PARTS[part][index];
            next += 1;
            index += 1;
        }
        part += 1;
    }
    rules
}

/// A rule whose scope is a project, as all of compute's are.
pub(crate) const fn rule(
    name: &'static str,
    check: &'static str,
    description: &'static str,
    operations: &'static [(&'static str, &'static str)],
) -> Rule {
    Rule { name, check, description, operations, scopes: &[policy::Scope::Project] }
}

pub(crate) const ADMIN: &str = "rule:context_is_admin";
pub(crate) const READER: &str = "rule:project_reader_or_admin";

const BASE: &[Rule] = &[
    rule("os_compute_api:os-flavor-manage:create", ADMIN, "Create a flavor", &[("POST", "/flavors")]),
    rule(
        "os_compute_api:os-flavor-manage:update",
        ADMIN,
        "Change a flavor's description",
        &[("PUT", "/flavors/{flavor_id}")],
    ),
    rule("os_compute_api:os-flavor-manage:delete", ADMIN, "Delete a flavor", &[("DELETE", "/flavors/{flavor_id}")]),
    rule(
        "os_compute_api:os-flavor-access",
        ADMIN,
        "List the projects that may use a flavor",
        &[("GET", "/flavors/{flavor_id}/os-flavor-access")],
    ),
    rule(
        "os_compute_api:os-flavor-access:add_tenant_access",
        ADMIN,
        "Let a project use a flavor",
        &[("POST", "/flavors/{flavor_id}/action (addTenantAccess)")],
    ),
    rule(
        "os_compute_api:os-flavor-access:remove_tenant_access",
        ADMIN,
        "Let a project no longer use a flavor",
        &[("POST", "/flavors/{flavor_id}/action (removeTenantAccess)")],
    ),
    rule(
        "os_compute_api:os-flavor-extra-specs:index",
        READER,
        "List a flavor's extra specs",
        &[("GET", "/flavors/{flavor_id}/os-extra_specs"), ("GET", "/flavors/detail"), ("GET", "/flavors/{flavor_id}")],
    ),
    rule(
        "os_compute_api:os-flavor-extra-specs:show",
        READER,
        "Show an extra spec of a flavor",
        &[("GET", "/flavors/{flavor_id}/os-extra_specs/{key}")],
    ),
    rule(
        "os_compute_api:os-flavor-extra-specs:create",
        ADMIN,
        "Add extra specs to a flavor",
        &[("POST", "/flavors/{flavor_id}/os-extra_specs")],
    ),
    rule(
        "os_compute_api:os-flavor-extra-specs:update",
        ADMIN,
        "Change an extra spec of a flavor",
        &[("PUT", "/flavors/{flavor_id}/os-extra_specs/{key}")],
    ),
    rule(
        "os_compute_api:os-flavor-extra-specs:delete",
        ADMIN,
        "Delete an extra spec of a flavor",
        &[("DELETE", "/flavors/{flavor_id}/os-extra_specs/{key}")],
    ),
    rule("os_compute_api:os-keypairs:index", OWNING_USER, "List a user's key pairs", &[("GET", "/os-keypairs")]),
    rule("os_compute_api:os-keypairs:create", OWNING_USER, "Create or import a key pair", &[("POST", "/os-keypairs")]),
    rule("os_compute_api:os-keypairs:show", OWNING_USER, "Show a key pair", &[("GET", "/os-keypairs/{keypair_name}")]),
    rule(
        "os_compute_api:os-keypairs:delete",
        OWNING_USER,
        "Delete a key pair",
        &[("DELETE", "/os-keypairs/{keypair_name}")],
    ),
    rule(
        "os_compute_api:os-quota-sets:show",
        READER,
        "Show a project's quota",
        &[("GET", "/os-quota-sets/{tenant_id}")],
    ),
    rule(
        "os_compute_api:os-quota-sets:detail",
        READER,
        "Show a project's quota and use",
        &[("GET", "/os-quota-sets/{tenant_id}/detail")],
    ),
    rule(
        "os_compute_api:os-quota-sets:defaults",
        "@",
        "Show the default quota",
        &[("GET", "/os-quota-sets/{tenant_id}/defaults")],
    ),
    rule(
        "os_compute_api:os-quota-sets:update",
        ADMIN,
        "Change a project's quota",
        &[("PUT", "/os-quota-sets/{tenant_id}")],
    ),
    rule(
        "os_compute_api:os-quota-sets:delete",
        ADMIN,
        "Give a project the default quota again",
        &[("DELETE", "/os-quota-sets/{tenant_id}")],
    ),
    rule(
        "os_compute_api:os-quota-class-sets:show",
        ADMIN,
        "Show the quota of a class",
        &[("GET", "/os-quota-class-sets/{quota_class}")],
    ),
    rule(
        "os_compute_api:os-quota-class-sets:update",
        ADMIN,
        "Change the quota of a class",
        &[("PUT", "/os-quota-class-sets/{quota_class}")],
    ),
    rule("os_compute_api:limits", "@", "Show the caller's limits", &[("GET", "/limits")]),
    rule("os_compute_api:limits:other_project", ADMIN, "Show another project's limits", &[("GET", "/limits")]),
    rule("os_compute_api:extensions", "@", "List the extensions", &[("GET", "/extensions")]),
];

const OWNING_USER: &str = "rule:context_is_admin or user_id:%(user_id)s";
