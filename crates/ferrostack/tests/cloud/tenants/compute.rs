//! Every operation of compute, for `table`.

use super::row::Row;
use super::table::{admin, anyone, delete, own, post, put};

pub fn compute() -> Vec<Row> {
    let version = |row: Row, version| row.header("openstack-api-version", version);
    let server = |rest: &str| format!("/servers/{{server}}{rest}");
    let action =
        |name: &str, body: &str| post(&server(&format!("/action ({name})")), &format!(r#"{{"{name}": {body}}}"#));
    let quota = r#"{"quota_set": {"cores": 21}}"#;
    let access = |name: &str| {
        post(
            &format!("/flavors/{{private_flavor}}/action ({name})"),
            &format!(r#"{{"{name}": {{"tenant": "{{bob}}"}}}}"#),
        )
    };
    let new_server = |rest: &str| {
        format!(r#"{{"server": {{"name": "cake", "imageRef": "{{image}}", "flavorRef": "{{flavor}}", {rest}}}}}"#)
    };
    let mut rows = vec![
        anyone("").open().without_token(),
        anyone("/versions/v2.1").open(),
        anyone("/flavors").open(),
        anyone("/flavors/detail"),
        anyone("/flavors/{flavor}"),
        post("/flavors", r#"{"flavor": {"name": "cake", "ram": 64, "vcpus": 1, "disk": 1}}"#),
        version(put("/flavors/{flavor}", r#"{"flavor": {"description": "cake"}}"#), "compute 2.55"),
        access("addTenantAccess"),
        admin("/flavors/{private_flavor}/os-flavor-access"),
        access("removeTenantAccess"),
        anyone("/flavors/{flavor}/os-extra_specs"),
        anyone("/flavors/{flavor}/os-extra_specs/hw:boot_menu"),
        post("/flavors/{flavor}/os-extra_specs", r#"{"extra_specs": {"quota:cpu_shares": "10"}}"#),
        put("/flavors/{flavor}/os-extra_specs/hw:boot_menu", r#"{"hw:boot_menu": "false"}"#),
        delete("/flavors/{flavor}/os-extra_specs/hw:boot_menu"),
        version(admin("/os-keypairs").query("?user_id={user}"), "compute 2.10"),
        anyone("/os-keypairs"),
        version(post("/os-keypairs", r#"{"keypair": {"name": "cake", "user_id": "{user}"}}"#), "compute 2.10"),
        admin("/os-keypairs/{keypair}").admin(404, "the administrator has no such key pair"),
        version(admin("/os-keypairs/{keypair}").query("?user_id={user}"), "compute 2.10"),
        own("/os-quota-sets/{project}"),
        own("/os-quota-sets/{project}/detail"),
        anyone("/os-quota-sets/{bob}/defaults"),
        put("/os-quota-sets/{project}", quota),
        delete("/os-quota-sets/{project}"),
        admin("/os-quota-class-sets/default"),
        put("/os-quota-class-sets/default", r#"{"quota_class_set": {"cores": 20}}"#),
        anyone("/limits"),
        admin("/limits").query("?tenant_id={project}").also(200, "a reader's own project"),
        admin("/os-services"),
        version(put("/os-services/{service}", r#"{"status": "enabled"}"#), "compute 2.53"),
        admin("/os-hypervisors"),
        admin("/os-hypervisors/detail"),
        admin("/os-hypervisors/statistics"),
        version(admin("/os-hypervisors/{hypervisor}"), "compute 2.53"),
        version(admin("/os-hypervisors/{hypervisor}/uptime"), "compute 2.53"),
        admin("/os-hypervisors/node/search"),
        admin("/os-hypervisors/node/servers"),
        anyone("/os-availability-zone"),
        admin("/os-availability-zone/detail"),
        anyone("/extensions"),
        anyone("/extensions/os-keypairs").open().also(404, "there need not be one of that name").admin(404, "the same"),
        anyone("/servers"),
        anyone("/servers/detail"),
        anyone("/servers").query("?project_id={project}"),
        admin("/servers").query("?all_tenants=1"),
        admin("/servers/detail").query("?all_tenants=1"),
        own(&server("")),
        post("/servers", &new_server(r#""networks": [{"uuid": "{network}"}]"#)).also(400, "there is no such image"),
        post("/servers", &new_server(r#""networks": [{"port": "{port}"}]"#)).also(400, "there is no such image"),
        post("/servers", BOBS_SERVER_WITH_ALICES_KEY).also(400, "there is no such key").admin(400, "the same"),
        put(&server(""), r#"{"server": {"name": "cake"}}"#),
        action("os-getConsoleOutput", "{}"),
        action("os-getVNCConsole", r#"{"type": "novnc"}"#),
        action("os-getSerialConsole", r#"{"type": "serial"}"#),
        version(
            post(&server("/remote-consoles"), r#"{"remote_console": {"protocol": "vnc", "type": "novnc"}}"#),
            "compute 2.6",
        ),
        own(&server("/metadata")),
        own(&server("/metadata/colour")),
        post(&server("/metadata"), r#"{"metadata": {"taste": "sweet"}}"#),
        put(&server("/metadata/colour"), r#"{"meta": {"colour": "red"}}"#),
        put(&server("/metadata"), r#"{"metadata": {"colour": "red"}}"#),
        delete(&server("/metadata/colour")),
    ];
    rows.extend(aggregates());
    rows.extend(groups());
    rows.extend(proxies());
    rows.extend(small());
    let tags = [
        own(&server("/tags")),
        own(&server("/tags/blue")),
        put(&server("/tags/red"), ""),
        put(&server("/tags"), r#"{"tags": ["green"]}"#),
        delete(&server("/tags/green")),
        delete(&server("/tags")),
    ];
    rows.extend(tags.into_iter().map(|row| version(row, "compute 2.26")));
    rows.extend([
        own(&server("/os-instance-actions")),
        own(&server("/os-instance-actions/{request}")),
        own(&server("/os-interface")),
        own(&server("/os-interface/{server_port}")),
        own(&server("/ips")),
        own(&server("/ips/alices")),
        own(&server("/os-security-groups")),
        action("os-stop", "null"),
        action("os-start", "null").admin(409, "the server is still stopping"),
        action("reboot", r#"{"type": "HARD"}"#).admin(409, "the server is still stopping"),
    ]);
    rows.extend(while_stopping());
    rows.extend([
        version(delete("/os-keypairs/{keypair}").query("?user_id={user}"), "compute 2.10"),
        action("forceDelete", "null"),
        delete(&server("")).admin(404, "it is gone already").also(404, "the same"),
        delete("/flavors/{flavor}"),
        version(delete("/os-services/{service}"), "compute 2.53").admin(409, "the node is in use"),
    ]);
    rows
}

/// What nobody can do to a server that is being stopped, and what does not depend on it.
fn while_stopping() -> Vec<Row> {
    let server = "/servers/{server}";
    let action =
        |name: &str, body: &str| post(&format!("{server}/action ({name})"), &format!(r#"{{"{name}": {body}}}"#));
    let mut rows: Vec<Row> = [
        ("pause", "null"),
        ("unpause", "null"),
        ("suspend", "null"),
        ("resume", "null"),
        ("restore", "null"),
        ("changePassword", r#"{"adminPass": "secret"}"#),
        ("rescue", "null"),
        ("unrescue", "null"),
        ("createImage", r#"{"name": "cake"}"#),
        ("createBackup", r#"{"name": "cake", "backup_type": "daily", "rotation": 1}"#),
        ("resize", r#"{"flavorRef": "{private_flavor}"}"#),
        ("confirmResize", "null"),
        ("revertResize", "null"),
        ("shelve", "null"),
        ("shelveOffload", "null"),
        ("unshelve", "null"),
    ]
    .into_iter()
    .map(|(name, body)| action(name, body).admin(409, "the server is being stopped"))
    .collect();
    let version = |row: Row, version| row.header("openstack-api-version", version);
    rows.extend([
        version(action("trigger_crash_dump", "null"), "compute 2.17").admin(409, "the server is being stopped"),
        action("rebuild", r#"{"imageRef": "{public_image}"}"#).admin(409, "the server is being stopped"),
        action("migrate", "null").admin(400, "servers do not move yet"),
        action("os-migrateLive", r#"{"host": null, "block_migration": false, "disk_over_commit": false}"#)
            .admin(400, "servers do not move yet"),
        action("evacuate", r#"{"onSharedStorage": false}"#).admin(400, "servers do not move yet"),
        action("injectNetworkInfo", "null"),
        action("addSecurityGroup", r#"{"name": "default"}"#),
        action("removeSecurityGroup", r#"{"name": "default"}"#),
        action("addFixedIp", r#"{"networkId": "{network}"}"#),
        action("removeFixedIp", r#"{"address": "192.0.2.99"}"#).admin(400, "the server does not have that"),
        action("addFloatingIp", r#"{"address": "192.0.2.99"}"#).admin(404, "there is no such address"),
        action("removeFloatingIp", r#"{"address": "192.0.2.99"}"#).admin(404, "there is no such address"),
        post(&format!("{server}/os-interface"), r#"{"interfaceAttachment": {"net_id": "{network}"}}"#)
            .admin(409, "the server is being stopped"),
        delete(&format!("{server}/os-interface/{{server_port}}")).admin(409, "the server is being stopped"),
        admin(&format!("{server}/diagnostics")).admin(409, "the server is being stopped"),
        own(&format!("{server}/os-volume_attachments")),
        post(&format!("{server}/os-volume_attachments"), VOLUME).admin(400, "there are no volumes yet"),
        own(&format!("{server}/os-volume_attachments/none"))
            .also(404, "there are no volumes yet")
            .admin(404, "the same"),
        put(&format!("{server}/os-volume_attachments/none"), VOLUME).admin(404, "there are no volumes yet"),
        delete(&format!("{server}/os-volume_attachments/none")).admin(404, "there are no volumes yet"),
        version(own(&format!("{server}/shares")), "compute 2.97"),
        version(post(&format!("{server}/shares"), SHARE), "compute 2.97").admin(404, "there are no shares yet"),
        version(own(&format!("{server}/shares/none")), "compute 2.97")
            .also(404, "there are no shares yet")
            .admin(404, "the same"),
        version(delete(&format!("{server}/shares/none")), "compute 2.97").admin(404, "there are no shares yet"),
        own(&format!("{server}/os-server-password")),
        delete(&format!("{server}/os-server-password")),
        action("lock", "null"),
        action("unlock", "null"),
        action("os-resetState", r#"{"state": "active"}"#),
    ]);
    rows
}

fn aggregates() -> [Row; 9] {
    let action = |name: &str, body: &str| {
        post(&format!("/os-aggregates/{{aggregate}}/action ({name})"), &format!(r#"{{"{name}": {body}}}"#))
    };
    [
        admin("/os-aggregates"),
        post("/os-aggregates", r#"{"aggregate": {"name": "cake"}}"#),
        admin("/os-aggregates/{aggregate}"),
        put("/os-aggregates/{aggregate}", r#"{"aggregate": {"name": "bread"}}"#),
        action("add_host", r#"{"host": "{node}"}"#),
        action("set_metadata", r#"{"metadata": {"colour": "red"}}"#),
        post("/os-aggregates/{aggregate}/images", r#"{"cache": [{"id": "{public_image}"}]}"#)
            .header("openstack-api-version", "compute 2.81"),
        action("remove_host", r#"{"host": "{node}"}"#),
        delete("/os-aggregates/{aggregate}"),
    ]
}

fn groups() -> [Row; 5] {
    [
        anyone("/os-server-groups"),
        anyone("/os-server-groups").query("?all_projects=1"),
        own("/os-server-groups/{server_group}"),
        post("/os-server-groups", r#"{"server_group": {"name": "cake", "policies": ["affinity"]}}"#)
            .also(200, "a stranger's own")
            .not_by_admin(),
        delete("/os-server-groups/{server_group}"),
    ]
}

fn small() -> Vec<Row> {
    let version = |row: Row, version| row.header("openstack-api-version", version);
    let host = |rest: &str| format!("/os-hosts/{{node}}{rest}");
    let events = r#"{"events": [{"name": "network-changed", "server_uuid": "{server}"}]}"#;
    let snapshot = r#"{"snapshot": {"volume_id": "cake", "create_info": {"snapshot_id": "cake", "type": "qcow2",
        "new_file": "cake"}}}"#;
    vec![
        admin("/os-simple-tenant-usage").query("?start=2020-01-01T00:00:00"),
        own("/os-simple-tenant-usage/{project}").query("?start=2020-01-01T00:00:00"),
        admin("/os-instance_usage_audit_log"),
        admin("/os-instance_usage_audit_log/2020-01-01%2000:00:00"),
        admin("/os-hosts"),
        admin(&host("")),
        put(&host(""), r#"{"status": "enable"}"#),
        admin(&host("/startup")).admin(501, "hypervisors do not start hosts"),
        admin(&host("/shutdown")).admin(501, "hypervisors do not stop hosts"),
        admin(&host("/reboot")).admin(501, "hypervisors do not reboot hosts"),
        post("/os-server-external-events", events),
        post("/os-assisted-volume-snapshots", snapshot).admin(400, "there are no volumes"),
        delete("/os-assisted-volume-snapshots/cake").query("?delete_info=x").admin(400, "there are no volumes"),
        admin("/os-migrations"),
        version(admin("/os-migrations").query("?project_id={project}"), "compute 2.80"),
        version(admin("/servers/{server}/migrations"), "compute 2.23"),
        version(admin("/servers/{server}/migrations/1"), "compute 2.23").admin(404, "there is no migration"),
        version(
            post("/servers/{server}/migrations/1/action (force_complete)", r#"{"force_complete": null}"#),
            "compute 2.22",
        )
        .admin(409, "the server does not move"),
        version(delete("/servers/{server}/migrations/1"), "compute 2.24").admin(409, "the server does not move"),
        version(admin("/os-console-auth-tokens/cake"), "compute 2.31").admin(404, "there is no such token"),
        version(own("/servers/{server}/topology"), "compute 2.78"),
    ]
}

fn proxies() -> Vec<Row> {
    let image = |rest: &str| format!("/images/{{image}}{rest}");
    let rule = r#"{"security_group_rule": {"parent_group_id": "{security_group}", "ip_protocol": "tcp",
        "from_port": 1, "to_port": 2}}"#;
    vec![
        anyone("/images").open(),
        anyone("/images/detail").open(),
        own(&image("")).open(),
        own(&image("/metadata")).open(),
        own(&image("/metadata/cake")).open().also(404, "there is no such item").admin(404, "the same"),
        post(&image("/metadata"), r#"{"metadata": {"cake": "sweet"}}"#).open(),
        put(&image("/metadata/cake"), r#"{"meta": {"cake": "dry"}}"#).open(),
        delete(&image("/metadata/cake")).open().also(404, "there is no such item"),
        put(&image("/metadata"), r#"{"metadata": {}}"#).open(),
        delete(&image("")).open().not_by_admin(),
        anyone("/os-security-groups"),
        own("/os-security-groups/{security_group}"),
        post("/os-security-groups", r#"{"security_group": {"name": "cake", "description": ""}}"#)
            .also(200, "a stranger's own"),
        put("/os-security-groups/{security_group}", r#"{"security_group": {"name": "cake", "description": ""}}"#),
        post("/os-security-group-rules", rule),
        delete("/os-security-group-rules/{security_group_rule}"),
        delete("/os-security-groups/{security_group}").not_by_admin(),
        anyone("/os-networks"),
        own("/os-networks/{network}"),
        anyone("/os-tenant-networks"),
        own("/os-tenant-networks/{network}"),
        anyone("/os-floating-ip-pools"),
        anyone("/os-floating-ips"),
        own("/os-floating-ips/{floatingip}"),
        post("/os-floating-ips", r#"{"pool": "no such pool"}"#)
            .also(404, "there is no such pool")
            .admin(404, "the same"),
        delete("/os-floating-ips/{floatingip}").not_by_admin(),
        anyone("/os-volumes"),
        anyone("/os-volumes/detail"),
        own("/os-volumes/none").also(404, "there are no volumes").admin(404, "the same"),
        post("/os-volumes", r#"{"volume": {"size": 1}}"#).also(400, "there is no block storage").admin(400, "the same"),
        delete("/os-volumes/none").also(404, "there are no volumes").admin(404, "the same"),
        anyone("/os-snapshots"),
        anyone("/os-snapshots/detail"),
        own("/os-snapshots/none").also(404, "there are no volumes").admin(404, "the same"),
        post("/os-snapshots", r#"{"snapshot": {"volume_id": "none"}}"#)
            .also(400, "there are no volumes")
            .admin(400, "the same"),
        delete("/os-snapshots/none").also(404, "there are no volumes").admin(404, "the same"),
        admin("/os-baremetal-nodes"),
        admin("/os-baremetal-nodes/none").admin(404, "there is no bare metal"),
        anyone("/os-volumes_boot").open(),
        own("/os-volumes_boot/{server}").open(),
    ]
}

const SHARE: &str = r#"{"share": {"share_id": "00000000-0000-4000-8000-000000000000"}}"#;
const VOLUME: &str = r#"{"volumeAttachment": {"volumeId": "00000000-0000-4000-8000-000000000000"}}"#;

/// A stranger may use all of it but the key.
const BOBS_SERVER_WITH_ALICES_KEY: &str = r#"{"server": {"name": "cake", "imageRef": "{public_image}",
    "flavorRef": "{flavor}", "networks": [{"uuid": "{bobs_network}"}], "key_name": "{keypair}"}}"#;
