//! The policy rules of what is done to servers.

use policy::Rule;

use crate::rules::{ADMIN, READER, rule};
use crate::server_rules::MEMBER;

pub(crate) const ACTIONS: &[Rule] = &[
    rule(
        "os_compute_api:os-pause-server:pause",
        MEMBER,
        "Pause a server",
        &[("POST", "/servers/{server_id}/action (pause)")],
    ),
    rule(
        "os_compute_api:os-pause-server:unpause",
        MEMBER,
        "Unpause a server",
        &[("POST", "/servers/{server_id}/action (unpause)")],
    ),
    rule(
        "os_compute_api:os-suspend-server:suspend",
        MEMBER,
        "Suspend a server",
        &[("POST", "/servers/{server_id}/action (suspend)")],
    ),
    rule(
        "os_compute_api:os-suspend-server:resume",
        MEMBER,
        "Resume a suspended server",
        &[("POST", "/servers/{server_id}/action (resume)")],
    ),
    rule(
        "os_compute_api:servers:trigger_crash_dump",
        MEMBER,
        "Have a guest dump its memory",
        &[("POST", "/servers/{server_id}/action (trigger_crash_dump)")],
    ),
    rule(
        "os_compute_api:os-lock-server:lock",
        MEMBER,
        "Lock a server",
        &[("POST", "/servers/{server_id}/action (lock)")],
    ),
    rule(
        "os_compute_api:os-lock-server:unlock",
        MEMBER,
        "Unlock a server",
        &[("POST", "/servers/{server_id}/action (unlock)")],
    ),
    rule(
        "os_compute_api:os-lock-server:unlock:unlock_override",
        ADMIN,
        "Unlock a server that an administrator locked",
        &[("POST", "/servers/{server_id}/action (unlock)")],
    ),
    rule(
        "os_compute_api:os-admin-actions:reset_state",
        ADMIN,
        "State what a server is",
        &[("POST", "/servers/{server_id}/action (os-resetState)")],
    ),
    rule(
        "os_compute_api:os-admin-actions:inject_network_info",
        ADMIN,
        "Tell a guest of its network",
        &[("POST", "/servers/{server_id}/action (injectNetworkInfo)")],
    ),
    rule(
        "os_compute_api:os-deferred-delete:restore",
        MEMBER,
        "Restore a deleted server",
        &[("POST", "/servers/{server_id}/action (restore)")],
    ),
    rule(
        "os_compute_api:os-deferred-delete:force",
        MEMBER,
        "Delete a server at once",
        &[("POST", "/servers/{server_id}/action (forceDelete)")],
    ),
    rule(
        "os_compute_api:os-admin-password",
        MEMBER,
        "Change a guest's password",
        &[("POST", "/servers/{server_id}/action (changePassword)")],
    ),
    rule(
        "os_compute_api:servers:rebuild",
        MEMBER,
        "Rebuild a server",
        &[("POST", "/servers/{server_id}/action (rebuild)")],
    ),
    rule("os_compute_api:os-rescue", MEMBER, "Rescue a server", &[("POST", "/servers/{server_id}/action (rescue)")]),
    rule(
        "os_compute_api:os-unrescue",
        MEMBER,
        "End the rescue of a server",
        &[("POST", "/servers/{server_id}/action (unrescue)")],
    ),
    rule(
        "os_compute_api:servers:create_image",
        MEMBER,
        "Make an image of a server",
        &[("POST", "/servers/{server_id}/action (createImage)")],
    ),
    rule(
        "os_compute_api:os-create-backup",
        MEMBER,
        "Back a server up",
        &[("POST", "/servers/{server_id}/action (createBackup)")],
    ),
    rule(
        "os_compute_api:servers:resize",
        MEMBER,
        "Resize a server",
        &[("POST", "/servers/{server_id}/action (resize)")],
    ),
    rule(
        "os_compute_api:servers:confirm_resize",
        MEMBER,
        "Confirm a resize",
        &[("POST", "/servers/{server_id}/action (confirmResize)")],
    ),
    rule(
        "os_compute_api:servers:revert_resize",
        MEMBER,
        "Revert a resize",
        &[("POST", "/servers/{server_id}/action (revertResize)")],
    ),
    rule(
        "os_compute_api:os-shelve:shelve",
        MEMBER,
        "Shelve a server",
        &[("POST", "/servers/{server_id}/action (shelve)")],
    ),
    rule(
        "os_compute_api:os-shelve:shelve_offload",
        ADMIN,
        "Take a shelved server off its node",
        &[("POST", "/servers/{server_id}/action (shelveOffload)")],
    ),
    rule(
        "os_compute_api:os-shelve:unshelve",
        MEMBER,
        "Unshelve a server",
        &[("POST", "/servers/{server_id}/action (unshelve)")],
    ),
    rule(
        "os_compute_api:os-shelve:unshelve_to_host",
        ADMIN,
        "Unshelve a server on a certain node",
        &[("POST", "/servers/{server_id}/action (unshelve)")],
    ),
    rule(
        "os_compute_api:os-migrate-server:migrate",
        ADMIN,
        "Move a server",
        &[("POST", "/servers/{server_id}/action (migrate)")],
    ),
    rule(
        "os_compute_api:os-migrate-server:migrate_live",
        ADMIN,
        "Move a running server",
        &[("POST", "/servers/{server_id}/action (os-migrateLive)")],
    ),
    rule(
        "os_compute_api:os-evacuate",
        ADMIN,
        "Rebuild a server of a lost node elsewhere",
        &[("POST", "/servers/{server_id}/action (evacuate)")],
    ),
    rule(
        "os_compute_api:os-multinic:add",
        MEMBER,
        "Give a server an address of a network",
        &[("POST", "/servers/{server_id}/action (addFixedIp)")],
    ),
    rule(
        "os_compute_api:os-multinic:remove",
        MEMBER,
        "Take an address from a server",
        &[("POST", "/servers/{server_id}/action (removeFixedIp)")],
    ),
    rule(
        "os_compute_api:os-floating-ips:add",
        MEMBER,
        "Lead a floating address to a server",
        &[("POST", "/servers/{server_id}/action (addFloatingIp)")],
    ),
    rule(
        "os_compute_api:os-floating-ips:remove",
        MEMBER,
        "Take a floating address from a server",
        &[("POST", "/servers/{server_id}/action (removeFloatingIp)")],
    ),
    rule(
        "os_compute_api:os-security-groups:add",
        MEMBER,
        "Put a server into a security group",
        &[("POST", "/servers/{server_id}/action (addSecurityGroup)")],
    ),
    rule(
        "os_compute_api:os-security-groups:remove",
        MEMBER,
        "Take a server out of a security group",
        &[("POST", "/servers/{server_id}/action (removeSecurityGroup)")],
    ),
    rule(
        "os_compute_api:os-attach-interfaces:create",
        MEMBER,
        "Attach a port to a server",
        &[("POST", "/servers/{server_id}/os-interface")],
    ),
    rule(
        "os_compute_api:os-attach-interfaces:delete",
        MEMBER,
        "Detach a port from a server",
        &[("DELETE", "/servers/{server_id}/os-interface/{port_id}")],
    ),
    rule(
        "os_compute_api:os-server-diagnostics",
        ADMIN,
        "See what a server has used",
        &[("GET", "/servers/{server_id}/diagnostics")],
    ),
    rule(
        "os_compute_api:os-server-password:show",
        READER,
        "Read a guest's encrypted password",
        &[("GET", "/servers/{server_id}/os-server-password")],
    ),
    rule(
        "os_compute_api:os-server-password:clear",
        MEMBER,
        "Forget a guest's encrypted password",
        &[("DELETE", "/servers/{server_id}/os-server-password")],
    ),
];
