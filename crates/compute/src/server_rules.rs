//! The policy rules of servers.

use policy::Rule;

use crate::rules::{ADMIN, READER, rule};

pub(crate) const MEMBER: &str = "rule:project_member_or_admin";

pub(crate) const SERVERS: &[Rule] = &[
    rule("os_compute_api:servers:index", READER, "List servers", &[("GET", "/servers")]),
    rule("os_compute_api:servers:detail", READER, "List servers with details", &[("GET", "/servers/detail")]),
    rule(
        "os_compute_api:servers:index:get_all_tenants",
        ADMIN,
        "List the servers of all projects",
        &[("GET", "/servers")],
    ),
    rule(
        "os_compute_api:servers:detail:get_all_tenants",
        ADMIN,
        "List the servers of all projects with details",
        &[("GET", "/servers/detail")],
    ),
    rule(
        "os_compute_api:servers:allow_all_filters",
        ADMIN,
        "Filter lists of servers by everything",
        &[("GET", "/servers"), ("GET", "/servers/detail")],
    ),
    rule("os_compute_api:servers:show", READER, "Show a server", &[("GET", "/servers/{server_id}")]),
    rule(
        "os_compute_api:servers:show:host_status",
        ADMIN,
        "See the state of a server's node",
        &[("GET", "/servers/{server_id}"), ("GET", "/servers/detail")],
    ),
    rule(
        "os_compute_api:servers:show:host_status:unknown-only",
        ADMIN,
        "See that the state of a server's node is unknown",
        &[("GET", "/servers/{server_id}"), ("GET", "/servers/detail")],
    ),
    rule(
        "os_compute_api:servers:show:flavor-extra-specs",
        READER,
        "See the extra specs of a server's flavor",
        &[("GET", "/servers/{server_id}"), ("GET", "/servers/detail")],
    ),
    rule(
        "os_compute_api:os-extended-server-attributes",
        ADMIN,
        "See a server's node and internal names",
        &[("GET", "/servers/{server_id}"), ("GET", "/servers/detail")],
    ),
    rule("os_compute_api:servers:create", MEMBER, "Create a server", &[("POST", "/servers")]),
    rule(
        "os_compute_api:servers:create:attach_network",
        MEMBER,
        "Create a server on networks that one names",
        &[("POST", "/servers")],
    ),
    rule(
        "os_compute_api:servers:create:forced_host",
        ADMIN,
        "Create a server on a node, past the scheduler",
        &[("POST", "/servers")],
    ),
    rule(
        "compute:servers:create:requested_destination",
        ADMIN,
        "Create a server on a node that the scheduler agrees to",
        &[("POST", "/servers")],
    ),
    rule(
        "os_compute_api:servers:create:zero_disk_flavor",
        ADMIN,
        "Have a server of a flavor without a disk from an image, whose disk nobody counts",
        &[
            ("POST", "/servers"),
            ("POST", "/servers/{server_id}/action (rebuild)"),
            ("POST", "/servers/{server_id}/action (resize)"),
        ],
    ),
    rule("os_compute_api:servers:update", MEMBER, "Change a server's names", &[("PUT", "/servers/{server_id}")]),
    rule("os_compute_api:servers:delete", MEMBER, "Delete a server", &[("DELETE", "/servers/{server_id}")]),
    rule(
        "os_compute_api:servers:start",
        MEMBER,
        "Start a server",
        &[("POST", "/servers/{server_id}/action (os-start)")],
    ),
    rule("os_compute_api:servers:stop", MEMBER, "Stop a server", &[("POST", "/servers/{server_id}/action (os-stop)")]),
    rule(
        "os_compute_api:servers:reboot",
        MEMBER,
        "Reboot a server",
        &[("POST", "/servers/{server_id}/action (reboot)")],
    ),
    rule(
        "os_compute_api:os-console-output",
        MEMBER,
        "Read a server's serial log",
        &[("POST", "/servers/{server_id}/action (os-getConsoleOutput)")],
    ),
    rule(
        "os_compute_api:os-remote-consoles",
        MEMBER,
        "Open a server's console",
        &[
            ("POST", "/servers/{server_id}/remote-consoles"),
            ("POST", "/servers/{server_id}/action (os-getVNCConsole)"),
            ("POST", "/servers/{server_id}/action (os-getSerialConsole)"),
        ],
    ),
    rule(
        "os_compute_api:server-metadata:index",
        READER,
        "List a server's metadata",
        &[("GET", "/servers/{server_id}/metadata")],
    ),
    rule(
        "os_compute_api:server-metadata:show",
        READER,
        "Show an item of a server's metadata",
        &[("GET", "/servers/{server_id}/metadata/{key}")],
    ),
    rule(
        "os_compute_api:server-metadata:create",
        MEMBER,
        "Add to a server's metadata",
        &[("POST", "/servers/{server_id}/metadata")],
    ),
    rule(
        "os_compute_api:server-metadata:update_all",
        MEMBER,
        "Replace a server's metadata",
        &[("PUT", "/servers/{server_id}/metadata")],
    ),
    rule(
        "os_compute_api:server-metadata:update",
        MEMBER,
        "Change an item of a server's metadata",
        &[("PUT", "/servers/{server_id}/metadata/{key}")],
    ),
    rule(
        "os_compute_api:server-metadata:delete",
        MEMBER,
        "Remove an item of a server's metadata",
        &[("DELETE", "/servers/{server_id}/metadata/{key}")],
    ),
    rule(
        "os_compute_api:os-server-tags:index",
        READER,
        "List a server's tags",
        &[("GET", "/servers/{server_id}/tags")],
    ),
    rule(
        "os_compute_api:os-server-tags:show",
        READER,
        "Ask for a tag of a server",
        &[("GET", "/servers/{server_id}/tags/{tag}")],
    ),
    rule(
        "os_compute_api:os-server-tags:update",
        MEMBER,
        "Add a tag to a server",
        &[("PUT", "/servers/{server_id}/tags/{tag}")],
    ),
    rule(
        "os_compute_api:os-server-tags:update_all",
        MEMBER,
        "Replace a server's tags",
        &[("PUT", "/servers/{server_id}/tags")],
    ),
    rule(
        "os_compute_api:os-server-tags:delete",
        MEMBER,
        "Take a tag from a server",
        &[("DELETE", "/servers/{server_id}/tags/{tag}")],
    ),
    rule(
        "os_compute_api:os-server-tags:delete_all",
        MEMBER,
        "Take all tags from a server",
        &[("DELETE", "/servers/{server_id}/tags")],
    ),
    rule(
        "os_compute_api:os-instance-actions:list",
        READER,
        "List what was done to a server",
        &[("GET", "/servers/{server_id}/os-instance-actions")],
    ),
    rule(
        "os_compute_api:os-instance-actions:show",
        READER,
        "Show something that was done to a server",
        &[("GET", "/servers/{server_id}/os-instance-actions/{request_id}")],
    ),
    rule(
        "os_compute_api:os-instance-actions:events",
        ADMIN,
        "See the errors of what was done to a server",
        &[("GET", "/servers/{server_id}/os-instance-actions/{request_id}")],
    ),
    rule(
        "os_compute_api:os-instance-actions:events:details",
        ADMIN,
        "See the details of what was done to a server",
        &[("GET", "/servers/{server_id}/os-instance-actions/{request_id}")],
    ),
    rule(
        "os_compute_api:os-attach-interfaces:list",
        READER,
        "List a server's interfaces",
        &[("GET", "/servers/{server_id}/os-interface")],
    ),
    rule(
        "os_compute_api:os-attach-interfaces:show",
        READER,
        "Show an interface of a server",
        &[("GET", "/servers/{server_id}/os-interface/{port_id}")],
    ),
    rule("os_compute_api:ips:index", READER, "List a server's addresses", &[("GET", "/servers/{server_id}/ips")]),
    rule(
        "os_compute_api:ips:show",
        READER,
        "List a server's addresses in a network",
        &[("GET", "/servers/{server_id}/ips/{network_label}")],
    ),
    rule(
        "os_compute_api:os-security-groups:list",
        READER,
        "List a server's security groups",
        &[("GET", "/servers/{server_id}/os-security-groups")],
    ),
];
