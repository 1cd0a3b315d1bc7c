//! The policy rules of what compute only passes on, as old clients know it.

use policy::Rule;

use crate::rules::{READER, rule};
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
];
