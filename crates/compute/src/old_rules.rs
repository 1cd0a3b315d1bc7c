//! The policy rules of usage, hosts, events, migrations and other small resources.

use policy::Rule;

use crate::rules::{ADMIN, READER, rule};

pub(crate) const MANAGER: &str = "rule:project_manager_or_admin";
const SERVICE: &str = "rule:service_or_admin";

pub(crate) const OLD: &[Rule] = &[
    rule(
        "os_compute_api:os-simple-tenant-usage:list",
        ADMIN,
        "List what all projects used",
        &[("GET", "/os-simple-tenant-usage")],
    ),
    rule(
        "os_compute_api:os-simple-tenant-usage:show",
        READER,
        "Show what a project used",
        &[("GET", "/os-simple-tenant-usage/{tenant_id}")],
    ),
    rule(
        "os_compute_api:os-instance-usage-audit-log:list",
        ADMIN,
        "Show the audit of the last month's usage",
        &[("GET", "/os-instance_usage_audit_log")],
    ),
    rule(
        "os_compute_api:os-instance-usage-audit-log:show",
        ADMIN,
        "Show the audit of the month before a time",
        &[("GET", "/os-instance_usage_audit_log/{before_timestamp}")],
    ),
    rule("os_compute_api:os-hosts:list", ADMIN, "List the hosts", &[("GET", "/os-hosts")]),
    rule(
        "os_compute_api:os-hosts:show",
        ADMIN,
        "Show what a host has and what is used",
        &[("GET", "/os-hosts/{host_name}")],
    ),
    rule("os_compute_api:os-hosts:update", ADMIN, "Enable or disable a host", &[("PUT", "/os-hosts/{host_name}")]),
    rule("os_compute_api:os-hosts:start", ADMIN, "Start a host", &[("GET", "/os-hosts/{host_name}/startup")]),
    rule("os_compute_api:os-hosts:shutdown", ADMIN, "Shut a host down", &[("GET", "/os-hosts/{host_name}/shutdown")]),
    rule("os_compute_api:os-hosts:reboot", ADMIN, "Reboot a host", &[("GET", "/os-hosts/{host_name}/reboot")]),
    rule(
        "os_compute_api:os-server-external-events:create",
        SERVICE,
        "Tell of what happened to servers",
        &[("POST", "/os-server-external-events")],
    ),
    rule(
        "os_compute_api:os-assisted-volume-snapshots:create",
        SERVICE,
        "Have a snapshot made of a volume in use",
        &[("POST", "/os-assisted-volume-snapshots")],
    ),
    rule(
        "os_compute_api:os-assisted-volume-snapshots:delete",
        SERVICE,
        "Delete a snapshot of a volume in use",
        &[("DELETE", "/os-assisted-volume-snapshots/{snapshot_id}")],
    ),
    rule("os_compute_api:os-migrations:index", MANAGER, "List servers' moves", &[("GET", "/os-migrations")]),
    rule(
        "os_compute_api:os-migrations:index:all_projects",
        ADMIN,
        "List the moves of all projects' servers",
        &[("GET", "/os-migrations")],
    ),
    rule(
        "os_compute_api:os-migrations:index:host",
        ADMIN,
        "See the nodes of servers' moves",
        &[("GET", "/os-migrations")],
    ),
    rule(
        "os_compute_api:servers:migrations:index",
        MANAGER,
        "List a server's moves that are on their way",
        &[("GET", "/servers/{server_id}/migrations")],
    ),
    rule(
        "os_compute_api:servers:migrations:index:host",
        ADMIN,
        "See the nodes of a server's moves",
        &[("GET", "/servers/{server_id}/migrations")],
    ),
    rule(
        "os_compute_api:servers:migrations:force_complete",
        MANAGER,
        "Have a server's move end, at the cost of a pause",
        &[("POST", "/servers/{server_id}/migrations/{migration_id}/action (force_complete)")],
    ),
    rule(
        "os_compute_api:servers:migrations:delete",
        MANAGER,
        "Break off a server's move",
        &[("DELETE", "/servers/{server_id}/migrations/{migration_id}")],
    ),
    rule(
        "os_compute_api:servers:migrations:show",
        ADMIN,
        "Show a server's move that is on its way",
        &[("GET", "/servers/{server_id}/migrations/{migration_id}")],
    ),
    rule(
        "os_compute_api:os-console-auth-tokens",
        ADMIN,
        "Show what the token of a console opens",
        &[("GET", "/os-console-auth-tokens/{console_token}")],
    ),
    rule(
        "compute:server:topology:index",
        READER,
        "Show the NUMA nodes that a server sees",
        &[("GET", "/servers/{server_id}/topology")],
    ),
    rule(
        "compute:server:topology:host:index",
        ADMIN,
        "See which of the host's NUMA nodes a server uses",
        &[("GET", "/servers/{server_id}/topology")],
    ),
];
