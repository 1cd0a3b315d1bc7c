//! The policy rules of what compute only passes on, as old clients know it.

use policy::Rule;

use crate::rules::{ADMIN, READER, rule};
use crate::server_rules::MEMBER;

pub(crate) const PROXIES: &[Rule] = &[
    rule("os_compute_api:os-security-groups:get", READER, "List security groups", &[("GET", "/os-security-groups")]),
    rule(
        "os_compute_api:os-security-groups:show",
        READER,
        "Show a security group",
        &[("GET", "/os-security-groups/{security_group_id}")],
    ),
    rule(
        "os_compute_api:os-security-groups:create",
        MEMBER,
        "Create a security group",
        &[("POST", "/os-security-groups")],
    ),
    rule(
        "os_compute_api:os-security-groups:update",
        MEMBER,
        "Change a security group",
        &[("PUT", "/os-security-groups/{security_group_id}")],
    ),
    rule(
        "os_compute_api:os-security-groups:delete",
        MEMBER,
        "Delete a security group",
        &[("DELETE", "/os-security-groups/{security_group_id}")],
    ),
    rule(
        "os_compute_api:os-security-groups:rule:create",
        MEMBER,
        "Add a rule to a security group",
        &[("POST", "/os-security-group-rules")],
    ),
    rule(
        "os_compute_api:os-security-groups:rule:delete",
        MEMBER,
        "Delete a rule of a security group",
        &[("DELETE", "/os-security-group-rules/{security_group_id}")],
    ),
    rule("os_compute_api:os-networks:list", READER, "List networks", &[("GET", "/os-networks")]),
    rule("os_compute_api:os-networks:show", READER, "Show a network", &[("GET", "/os-networks/{network_id}")]),
    rule("os_compute_api:os-tenant-networks:list", READER, "List networks", &[("GET", "/os-tenant-networks")]),
    rule(
        "os_compute_api:os-tenant-networks:show",
        READER,
        "Show a network",
        &[("GET", "/os-tenant-networks/{network_id}")],
    ),
    rule(
        "os_compute_api:os-floating-ip-pools",
        "@",
        "List the networks that floating IPs come from",
        &[("GET", "/os-floating-ip-pools")],
    ),
    rule("os_compute_api:os-floating-ips:list", READER, "List floating IPs", &[("GET", "/os-floating-ips")]),
    rule(
        "os_compute_api:os-floating-ips:show",
        READER,
        "Show a floating IP",
        &[("GET", "/os-floating-ips/{floating_ip_id}")],
    ),
    rule("os_compute_api:os-floating-ips:create", MEMBER, "Take a floating IP", &[("POST", "/os-floating-ips")]),
    rule(
        "os_compute_api:os-floating-ips:delete",
        MEMBER,
        "Give a floating IP back",
        &[("DELETE", "/os-floating-ips/{floating_ip_id}")],
    ),
    rule("os_compute_api:os-volumes:list", READER, "List volumes", &[("GET", "/os-volumes")]),
    rule("os_compute_api:os-volumes:detail", READER, "List volumes with details", &[("GET", "/os-volumes/detail")]),
    rule("os_compute_api:os-volumes:create", MEMBER, "Make a volume", &[("POST", "/os-volumes")]),
    rule("os_compute_api:os-volumes:show", READER, "Show a volume", &[("GET", "/os-volumes/{volume_id}")]),
    rule("os_compute_api:os-volumes:delete", MEMBER, "Delete a volume", &[("DELETE", "/os-volumes/{volume_id}")]),
    rule("os_compute_api:os-volumes:snapshots:list", READER, "List snapshots", &[("GET", "/os-snapshots")]),
    rule(
        "os_compute_api:os-volumes:snapshots:detail",
        READER,
        "List snapshots with details",
        &[("GET", "/os-snapshots/detail")],
    ),
    rule("os_compute_api:os-volumes:snapshots:create", MEMBER, "Make a snapshot", &[("POST", "/os-snapshots")]),
    rule(
        "os_compute_api:os-volumes:snapshots:show",
        READER,
        "Show a snapshot",
        &[("GET", "/os-snapshots/{snapshot_id}")],
    ),
    rule(
        "os_compute_api:os-volumes:snapshots:delete",
        MEMBER,
        "Delete a snapshot",
        &[("DELETE", "/os-snapshots/{snapshot_id}")],
    ),
    rule(
        "os_compute_api:os-baremetal-nodes:list",
        ADMIN,
        "List nodes of bare metal",
        &[("GET", "/os-baremetal-nodes")],
    ),
    rule(
        "os_compute_api:os-baremetal-nodes:show",
        ADMIN,
        "Show a node of bare metal",
        &[("GET", "/os-baremetal-nodes/{node_id}")],
    ),
];
