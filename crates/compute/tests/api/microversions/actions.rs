//! What is done to servers, and what belongs to them.

use serde_json::{Value, json};

use super::row::{Row, row};

/// The id of nothing.
const NO_ID: &str = "00000000-0000-4000-8000-000000000000";

pub fn rows() -> Vec<Row> {
    [consoles(), rebuilds(), moves(), others(), around(), volumes()].concat()
}

fn act(minor: u16, name: &str, body: Value) -> Row {
    row(minor, "POST {server}/action").body(json!({name: body}))
}

fn consoles() -> Vec<Row> {
    let open = |minor, protocol: &str, console: &str| {
        row(minor, "POST {server}/remote-consoles")
            .body(json!({"remote_console": {"protocol": protocol, "type": console}}))
    };
    vec![
        open(6, "vnc", "novnc").turns(404, 200),
        act(6, "os-getVNCConsole", json!({"type": "novnc"})).turns(200, 404),
        act(6, "os-getSPICEConsole", json!({"type": "spice-html5"})).turns(200, 404),
        act(6, "os-getSerialConsole", json!({"type": "serial"})).turns(200, 404),
        act(6, "os-getRDPConsole", json!({"type": "rdp-html5"})).turns(400, 404),
        open(8, "mks", "webmks").refused(400, "Invalid input", "Unavailable console type webmks"),
        open(99, "spice", "spice-direct").refused(400, "Invalid input", "Unavailable console type spice-direct"),
        row(31, "GET /os-console-auth-tokens/{token}").admin().turns(400, 200),
        row(99, "GET /os-console-auth-tokens/{token}?unheard=1").admin().turns(200, 400),
    ]
}

fn rebuilds() -> Vec<Row> {
    let rebuild =
        |minor, field: &str, value: Value| act(minor, "rebuild", json!({"imageRef": "{image}", field: value}));
    let plain = |minor| rebuild(minor, "name", json!("web")).turns(202, 202);
    vec![
        plain(9).shows("/server/locked"),
        rebuild(19, "description", json!("d")).turns(400, 202),
        plain(19).shows("/server/description"),
        plain(26).shows("/server/tags"),
        plain(47).shows("/server/flavor/vcpus"),
        rebuild(54, "key_name", json!("one")).turns(400, 202),
        plain(54).shows("/server/key_name"),
        rebuild(57, "personality", json!([])).turns(202, 400),
        rebuild(57, "user_data", json!("aGVsbG8=")).turns(400, 202),
        plain(57).shows("/server/user_data"),
        rebuild(63, "trusted_image_certificates", Value::Null).turns(400, 202),
        plain(71).shows("/server/server_groups"),
        plain(73).shows("/server/locked_reason"),
        plain(75).shows("/server/OS-EXT-STS:vm_state"),
        rebuild(90, "hostname", json!("web")).turns(400, 202),
        rebuild(94, "hostname", json!("web.example.org")).turns(400, 202),
        plain(96).shows("/server/pinned_availability_zone"),
        plain(98).shows("/server/image/properties"),
        plain(100).shows("/server/scheduler_hints"),
    ]
}

/// Servers do not move yet: what a microversion does not know is refused for another reason than what it does know.
fn moves() -> Vec<Row> {
    let act = |minor, name: &str, body: Value| act(minor, name, body).admin();
    let live = |minor, field: &str, value: Value| {
        let mut body = json!({"host": null, "block_migration": false});
        if minor < 25 || field == "disk_over_commit" {
            body["disk_over_commit"] = json!(false);
        }
        body[field] = value;
        act(minor, "os-migrateLive", body)
    };
    let (unknown, cannot) = ("Invalid input", "cannot move");
    vec![
        act(14, "evacuate", json!({"onSharedStorage": false})).refused(400, cannot, unknown),
        act(14, "evacuate", json!({})).refused(400, unknown, cannot),
        live(25, "block_migration", json!("auto")).refused(400, unknown, cannot),
        live(25, "disk_over_commit", json!(false)).refused(400, cannot, unknown),
        act(29, "evacuate", json!({"host": "node-2", "force": true})).refused(400, unknown, cannot),
        live(30, "force", json!(false)).refused(400, unknown, cannot),
        act(56, "migrate", json!({"unheard": 1})).refused(400, cannot, unknown),
        act(68, "evacuate", json!({"host": "node-2", "force": true})).refused(400, cannot, unknown),
        live(68, "force", json!(false)).refused(400, cannot, unknown),
        row(22, "POST {server}/migrations/1/action").admin().body(json!({"force_complete": null})).turns(404, 409),
        row(23, "GET {server}/migrations").admin().turns(404, 200),
        row(23, "GET {server}/migrations/1").admin().turns(404, 200),
        row(24, "DELETE {server}/migrations/1").admin().turns(404, 409),
        row(23, "GET /os-migrations").admin().shows("/migrations/0/migration_type"),
        row(23, "GET /os-migrations").admin().shows("/migrations/0/links"),
        row(59, "GET {server}/migrations").admin().shows("/migrations/0/uuid"),
        row(59, "GET {server}/migrations/1").admin().shows("/migration/uuid"),
        row(59, "GET /os-migrations").admin().shows("/migrations/0/uuid"),
        row(59, "GET /os-migrations?limit=0").admin().hides("/migrations/0"),
        row(59, "GET /os-migrations?changes-since=2100-01-01T00:00:00Z").admin().hides("/migrations/0"),
        row(59, "GET /os-migrations?unheard=1").admin().turns(200, 400),
        row(66, "GET /os-migrations?changes-before=2000-01-01T00:00:00Z").admin().turns(400, 200),
        row(80, "GET {server}/migrations").admin().shows("/migrations/0/user_id"),
        row(80, "GET {server}/migrations/1").admin().shows("/migration/project_id"),
        row(80, "GET /os-migrations").admin().shows("/migrations/0/project_id"),
        row(80, "GET /os-migrations?user_id=mia").admin().turns(400, 200),
        row(102, "GET {server}/migrations?unheard=1").admin().turns(200, 400),
        row(102, "GET {server}/migrations/1?unheard=1").admin().turns(200, 400),
    ]
}

fn others() -> Vec<Row> {
    vec![
        act(17, "trigger_crash_dump", Value::Null).turns(404, 202),
        act(39, "createImage", json!({"name": "image", "metadata": {"a": "1", "b": "2", "c": "3"}})).turns(403, 202),
        act(44, "addFixedIp", json!({"networkId": "{network}"})).turns(202, 404),
        act(44, "removeFixedIp", json!({"address": "10.0.77.77"})).turns(400, 404),
        act(44, "addFloatingIp", json!({"address": "10.0.77.77"})).refused(404, "Floating IP", "gone since"),
        act(45, "createImage", json!({"name": "image"})).turns(202, 202).shows("/image_id").drops_header("location"),
        act(45, "createBackup", json!({"name": "b", "backup_type": "daily", "rotation": 1}))
            .turns(202, 202)
            .shows("/image_id")
            .drops_header("location"),
        act(73, "lock", json!({"unheard": 1})).turns(202, 400),
        row(77, "POST {paused}/action").body(json!({"unshelve": {"unheard": 1}})).turns(409, 400),
        row(91, "POST {paused}/action").admin().body(json!({"unshelve": {"host": "node-1"}})).turns(400, 409),
        row(91, "POST {paused}/action").body(json!({"unshelve": {"availability_zone": null}})).turns(400, 409),
    ]
}

fn around() -> Vec<Row> {
    let mut rows = vec![
        row(21, "GET {gone}/os-instance-actions").turns(404, 200),
        row(26, "GET {server}/tags").turns(404, 200),
        row(26, "GET {server}/tags/none").refused(404, "since microversion", "has no tag"),
        row(26, "PUT {server}/tags").body(json!({"tags": ["blue"]})).turns(404, 200),
        row(26, "PUT {server}/tags/t{n}").turns(404, 201),
        row(26, "DELETE {server}/tags").turns(404, 204),
        row(48, "GET {server}/diagnostics").admin().shows("/state"),
        row(49, "POST {paused}/os-interface")
            .body(json!({"interfaceAttachment": {"net_id": "{network}", "tag": "nic"}}))
            .turns(400, 200),
        row(70, "POST {paused}/os-interface")
            .body(json!({"interfaceAttachment": {"net_id": "{network}"}}))
            .shows("/interfaceAttachment/tag"),
        row(51, "GET {server}/os-instance-actions/{made}").shows("/instanceAction/events"),
        row(58, "GET {server}/os-instance-actions").shows("/instanceActions/0/updated_at"),
        row(58, "GET {paused}/os-instance-actions?limit=1").hides("/instanceActions/1"),
        row(58, "GET {paused}/os-instance-actions?unheard=1").turns(200, 400),
        row(58, "GET {paused}/os-instance-actions?changes-since=2100-01-01T00:00:00Z").hides("/instanceActions/0"),
        row(62, "GET {server}/os-instance-actions/{made}").shows("/instanceAction/events/0/hostId"),
        row(62, "GET {server}/os-instance-actions/{made}").admin().shows("/instanceAction/events/4/host"),
        row(66, "GET {paused}/os-instance-actions?changes-before=2000-01-01T00:00:00Z").turns(400, 200),
        row(70, "GET {server}/os-interface").shows("/interfaceAttachments/0/tag"),
        row(78, "GET {server}/topology").turns(404, 200),
        row(84, "GET {paused}/os-instance-actions/{failed}").shows("/instanceAction/events/0/details"),
        row(97, "GET {server}/shares").turns(404, 200),
        row(97, "POST {server}/shares").body(json!({"share": {"share_id": NO_ID}})).refused(
            404,
            "since microversion",
            "no shares",
        ),
        row(97, "GET {server}/shares/none").refused(404, "since microversion", "has no share"),
        row(97, "DELETE {server}/shares/none").refused(404, "since microversion", "has no share"),
    ];
    for path in [
        "/diagnostics",
        "/ips",
        "/ips/net",
        "/metadata",
        "/os-instance-actions/{made}",
        "/os-interface",
        "/os-security-groups",
        "/os-server-password",
        "/tags",
        "/topology",
    ] {
        rows.push(row(102, &format!("GET {{server}}{path}?unheard=1")).admin().turns(200, 400));
    }
    rows
}

/// There are no volumes yet: what a microversion does not know is refused for another reason than what it does know.
fn volumes() -> Vec<Row> {
    let attach = |minor, field: &str, value: Value| {
        row(minor, "POST {server}/os-volume_attachments")
            .body(json!({"volumeAttachment": {"volumeId": NO_ID, field: value}}))
    };
    vec![
        attach(49, "tag", json!("disk")).refused(400, "Invalid input", "no volumes"),
        attach(79, "delete_on_termination", json!(true)).refused(400, "Invalid input", "no volumes"),
        row(75, "GET {server}/os-volume_attachments?unheard=1").turns(200, 400),
        row(85, "PUT {server}/os-volume_attachments/none")
            .body(json!({"volumeAttachment": {"volumeId": NO_ID, "delete_on_termination": true}}))
            .turns(400, 404),
    ]
}
