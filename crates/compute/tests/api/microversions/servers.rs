//! Servers: how they are made, changed, listed and shown.

use serde_json::{Value, json};

use super::row::{Row, row};

pub fn rows() -> Vec<Row> {
    [shown(), listed(), made(), changed()].concat()
}

fn shown() -> Vec<Row> {
    let mut rows: Vec<Row> = [
        (9, "/server/locked"),
        (19, "/server/description"),
        (26, "/server/tags"),
        (47, "/server/flavor/vcpus"),
        (63, "/server/trusted_image_certificates"),
        (71, "/server/server_groups"),
        (73, "/server/locked_reason"),
        (90, "/server/OS-EXT-SRV-ATTR:hostname"),
        (96, "/server/pinned_availability_zone"),
        (98, "/server/image/properties"),
        (100, "/server/scheduler_hints"),
    ]
    .into_iter()
    .map(|(minor, field)| row(minor, "GET {server}").shows(field))
    .collect();
    for field in
        ["reservation_id", "launch_index", "kernel_id", "ramdisk_id", "hostname", "root_device_name", "user_data"]
    {
        rows.push(row(3, "GET {server}").admin().shows(field_of(field)));
    }
    for (minor, field) in [
        (9, "/servers/0/locked"),
        (19, "/servers/0/description"),
        (26, "/servers/0/tags"),
        (47, "/servers/0/flavor/extra_specs"),
        (63, "/servers/0/trusted_image_certificates"),
        (73, "/servers/0/locked_reason"),
        (90, "/servers/0/OS-EXT-SRV-ATTR:hostname"),
        (96, "/servers/0/pinned_availability_zone"),
        (98, "/servers/0/image/properties"),
        (100, "/servers/0/scheduler_hints"),
    ] {
        rows.push(row(minor, "GET /servers/detail").shows(field));
    }
    rows.extend([
        row(16, "GET {server}").admin().shows("/server/host_status"),
        row(16, "GET /servers/detail?all_tenants=1").admin().shows("/servers/0/host_status"),
        row(47, "GET {server}").hides("/server/flavor/id"),
    ]);
    rows
}

fn field_of(name: &str) -> &'static str {
    match name {
        "reservation_id" => "/server/OS-EXT-SRV-ATTR:reservation_id",
        "launch_index" => "/server/OS-EXT-SRV-ATTR:launch_index",
        "kernel_id" => "/server/OS-EXT-SRV-ATTR:kernel_id",
        "ramdisk_id" => "/server/OS-EXT-SRV-ATTR:ramdisk_id",
        "hostname" => "/server/OS-EXT-SRV-ATTR:hostname",
        "root_device_name" => "/server/OS-EXT-SRV-ATTR:root_device_name",
        _ => "/server/OS-EXT-SRV-ATTR:user_data",
    }
}

/// Filters count for those who may use them, since they may; before, the list is as if they were not there.
fn listed() -> Vec<Row> {
    let nothing = |minor, filter: &str| row(minor, &format!("GET /servers?{filter}")).hides("/servers/0");
    let mut rows = vec![
        nothing(5, "ip6=fd00::"),
        nothing(26, "tags=none"),
        nothing(26, "tags-any=none,nothing"),
        nothing(66, "changes-before=2000-01-01T00:00:00Z"),
        nothing(73, "locked=true"),
        nothing(90, "hostname=none"),
        row(38, "GET /servers?status=UNHEARD").turns(200, 400),
        row(75, "GET /servers?sort_key=vcpus").turns(200, 400),
        row(75, "GET /servers?unheard=1").turns(200, 400),
        row(75, "GET /servers/detail?unheard=1").turns(200, 400),
        row(102, "GET {server}?unheard=1").turns(200, 400),
    ];
    for filter in [
        "availability_zone=none",
        "config_drive=true",
        "key_name=none",
        "created_at=2000-01-01T00:00:00Z",
        "launched_at=2000-01-01T00:00:00Z",
        "terminated_at=2000-01-01T00:00:00Z",
        "power_state=4",
        "task_state=none",
        "vm_state=none",
        "progress=50",
        "user_id=none",
    ] {
        rows.push(nothing(83, filter));
        rows.push(row(83, &format!("GET /servers/detail?{filter}")).hides("/servers/0"));
    }
    rows
}

/// An order with one more field.
fn order(field: &str, value: Value) -> Value {
    let mut order = json!({"server": {
        "name": "web", "flavorRef": "1", "imageRef": "{image}", "networks": [{"uuid": "{network}"}],
    }});
    if value.is_null() {
        order["server"].as_object_mut().unwrap().remove(field);
    } else {
        order["server"][field] = value;
    }
    order
}

fn made() -> Vec<Row> {
    let make = |minor, field: &str, value: Value| row(minor, "POST /servers").body(order(field, value));
    let mapping = |field: &str, value: Value| {
        let mut mapping = json!({"source_type": "image", "destination_type": "local", "boot_index": 0,
            "uuid": "{image}"});
        mapping[field] = value;
        json!([mapping])
    };
    let tagged = json!([{"uuid": "{network}", "tag": "nic"}]);
    vec![
        make(19, "description", json!("d")).turns(400, 202),
        make(32, "networks", tagged.clone()).turns(400, 202),
        make(32, "block_device_mapping_v2", mapping("tag", json!("disk"))).turns(400, 202),
        make(33, "block_device_mapping_v2", mapping("tag", json!("disk"))).turns(202, 400),
        make(37, "networks", tagged.clone()).turns(202, 400),
        make(37, "networks", Value::Null).turns(202, 400),
        make(37, "networks", json!("none")).turns(400, 202),
        make(42, "networks", tagged).turns(400, 202),
        make(42, "block_device_mapping_v2", mapping("tag", json!("disk"))).turns(400, 202),
        make(52, "tags", json!(["blue"])).turns(400, 202),
        make(57, "personality", json!([])).turns(202, 400),
        make(63, "trusted_image_certificates", json!(["one"])).refused(
            400,
            "unexpected in microversion",
            "not possible",
        ),
        make(
            67,
            "block_device_mapping_v2",
            json!([{"source_type": "blank", "destination_type": "volume",
            "volume_size": 1, "volume_type": "fast"}]),
        )
        .refused(400, "volume_type", "no volumes"),
        make(74, "host", json!("node-1")).admin().turns(400, 202),
        make(74, "hypervisor_hostname", json!("node-1")).admin().turns(400, 202),
        make(74, "host", json!("node-1")).turns(400, 403),
        make(90, "hostname", json!("web")).turns(400, 202),
        make(94, "hostname", json!("web.example.org")).turns(400, 202),
    ]
}

fn changed() -> Vec<Row> {
    let change = |minor, body: Value| row(minor, "PUT {server}").body(json!({"server": body}));
    vec![
        change(9, json!({"name": "web"})).shows("/server/locked"),
        change(19, json!({"description": "d"})).turns(400, 200),
        change(26, json!({"name": "web"})).shows("/server/tags"),
        change(63, json!({"name": "web"})).shows("/server/trusted_image_certificates"),
        change(71, json!({"name": "web"})).shows("/server/server_groups"),
        change(73, json!({"name": "web"})).shows("/server/locked_reason"),
        change(75, json!({"name": "web"})).shows("/server/OS-EXT-STS:vm_state"),
        change(75, json!({"name": "web"})).shows("/server/addresses/net/0/OS-EXT-IPS:type"),
        change(90, json!({"hostname": "web"})).turns(400, 200),
        change(94, json!({"hostname": "web.example.org"})).turns(400, 200),
        change(96, json!({"name": "web"})).shows("/server/pinned_availability_zone"),
        change(98, json!({"name": "web"})).shows("/server/image/properties"),
        change(100, json!({"name": "web"})).shows("/server/scheduler_hints"),
        change(104, json!({"pinned_availability_zone": null})).turns(400, 200),
    ]
}
