//! The policy rules of nodes and of what groups them or the servers on them.

use policy::Rule;

use crate::rules::{ADMIN, READER, rule};
use crate::server_rules::MEMBER;

pub(crate) const FLEET: &[Rule] = &[
    rule("os_compute_api:os-services:list", ADMIN, "List the services", &[("GET", "/os-services")]),
    rule(
        "os_compute_api:os-services:update",
        ADMIN,
        "Enable, disable or force down a service",
        &[("PUT", "/os-services/{service_id}")],
    ),
    rule("os_compute_api:os-services:delete", ADMIN, "Delete a service", &[("DELETE", "/os-services/{service_id}")]),
    rule("os_compute_api:os-hypervisors:list", ADMIN, "List the nodes", &[("GET", "/os-hypervisors")]),
    rule(
        "os_compute_api:os-hypervisors:list-detail",
        ADMIN,
        "List the nodes with details",
        &[("GET", "/os-hypervisors/detail")],
    ),
    rule(
        "os_compute_api:os-hypervisors:statistics",
        ADMIN,
        "Show the sums over all nodes",
        &[("GET", "/os-hypervisors/statistics")],
    ),
    rule("os_compute_api:os-hypervisors:show", ADMIN, "Show a node", &[("GET", "/os-hypervisors/{hypervisor_id}")]),
    rule(
        "os_compute_api:os-hypervisors:uptime",
        ADMIN,
        "Show how long a node is up",
        &[("GET", "/os-hypervisors/{hypervisor_id}/uptime")],
    ),
    rule(
        "os_compute_api:os-hypervisors:search",
        ADMIN,
        "Find nodes by name",
        &[("GET", "/os-hypervisors/{hypervisor_hostname_pattern}/search")],
    ),
    rule(
        "os_compute_api:os-hypervisors:servers",
        ADMIN,
        "List the servers on nodes",
        &[("GET", "/os-hypervisors/{hypervisor_hostname_pattern}/servers")],
    ),
    rule(
        "os_compute_api:os-availability-zone:list",
        "@",
        "List the availability zones",
        &[("GET", "/os-availability-zone")],
    ),
    rule(
        "os_compute_api:os-availability-zone:detail",
        ADMIN,
        "List the availability zones with their nodes",
        &[("GET", "/os-availability-zone/detail")],
    ),
    rule("os_compute_api:os-aggregates:index", ADMIN, "List the aggregates", &[("GET", "/os-aggregates")]),
    rule("os_compute_api:os-aggregates:create", ADMIN, "Create an aggregate", &[("POST", "/os-aggregates")]),
    rule("os_compute_api:os-aggregates:show", ADMIN, "Show an aggregate", &[("GET", "/os-aggregates/{aggregate_id}")]),
    rule(
        "os_compute_api:os-aggregates:update",
        ADMIN,
        "Change an aggregate's name or zone",
        &[("PUT", "/os-aggregates/{aggregate_id}")],
    ),
    rule(
        "os_compute_api:os-aggregates:delete",
        ADMIN,
        "Delete an aggregate",
        &[("DELETE", "/os-aggregates/{aggregate_id}")],
    ),
    rule(
        "os_compute_api:os-aggregates:add_host",
        ADMIN,
        "Add a node to an aggregate",
        &[("POST", "/os-aggregates/{aggregate_id}/action (add_host)")],
    ),
    rule(
        "os_compute_api:os-aggregates:remove_host",
        ADMIN,
        "Take a node out of an aggregate",
        &[("POST", "/os-aggregates/{aggregate_id}/action (remove_host)")],
    ),
    rule(
        "os_compute_api:os-aggregates:set_metadata",
        ADMIN,
        "Change an aggregate's metadata",
        &[("POST", "/os-aggregates/{aggregate_id}/action (set_metadata)")],
    ),
    rule(
        "compute:aggregates:images",
        ADMIN,
        "Bring images to the nodes of an aggregate ahead of time",
        &[("POST", "/os-aggregates/{aggregate_id}/images")],
    ),
    rule("os_compute_api:os-server-groups:index", READER, "List server groups", &[("GET", "/os-server-groups")]),
    rule(
        "os_compute_api:os-server-groups:index:all_projects",
        ADMIN,
        "List the server groups of all projects",
        &[("GET", "/os-server-groups")],
    ),
    rule("os_compute_api:os-server-groups:create", MEMBER, "Create a server group", &[("POST", "/os-server-groups")]),
    rule(
        "os_compute_api:os-server-groups:show",
        READER,
        "Show a server group",
        &[("GET", "/os-server-groups/{server_group_id}")],
    ),
    rule(
        "os_compute_api:os-server-groups:delete",
        MEMBER,
        "Delete a server group",
        &[("DELETE", "/os-server-groups/{server_group_id}")],
    ),
];
