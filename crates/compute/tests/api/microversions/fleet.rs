//! What administrators see and tell: services, nodes, aggregates, events.

use serde_json::json;

use super::row::{Row, row};

pub fn rows() -> Vec<Row> {
    [services(), hypervisors(), events(), aggregates()].concat().into_iter().map(Row::admin).collect()
}

fn services() -> Vec<Row> {
    let old = json!({"host": "node-1", "binary": "nova-compute"});
    let down = json!({"host": "node-1", "binary": "nova-compute", "forced_down": false});
    vec![
        row(11, "GET /os-services").shows("/services/0/forced_down"),
        row(11, "PUT /os-services/force-down").body(down.clone()).turns(404, 200),
        row(53, "GET /os-services").renames("/services/0/id"),
        row(53, "PUT /os-services/enable").body(old).turns(200, 400),
        row(53, "PUT /os-services/force-down").body(down).turns(200, 400),
        row(53, "PUT /os-services/{service}").body(json!({"status": "enabled"})).turns(400, 200),
        row(75, "GET /os-services?unheard=1").turns(200, 400),
        row(43, "GET /os-hosts").turns(200, 404),
        row(43, "GET /os-hosts/node-1").turns(200, 404),
    ]
}

fn hypervisors() -> Vec<Row> {
    let mut rows = vec![
        row(28, "GET /os-hypervisors/{hypervisor_number}").shows("/hypervisor/cpu_info/arch"),
        row(33, "GET /os-hypervisors?limit=1").shows("/hypervisors_links"),
        row(33, "GET /os-hypervisors?marker=77").turns(200, 400),
        row(53, "GET /os-hypervisors/{hypervisor_number}").turns(200, 400),
        row(53, "GET /os-hypervisors/{hypervisor}").turns(404, 200),
        row(53, "GET /os-hypervisors/{hypervisor}/uptime").turns(404, 200),
        row(53, "GET /os-hypervisors?unheard=1").turns(200, 400),
        row(53, "GET /os-hypervisors/detail?unheard=1").turns(200, 400),
        row(53, "GET /os-hypervisors").renames("/hypervisors/0/id"),
        row(53, "GET /os-hypervisors/detail").renames("/hypervisors/0/service/id"),
        row(53, "GET /os-hypervisors/node/search").turns(200, 404),
        row(53, "GET /os-hypervisors/node/servers").turns(200, 404),
        row(53, "GET /os-hypervisors?hypervisor_hostname_pattern=none").turns(200, 404),
        row(53, "GET /os-hypervisors?with_servers=true").shows("/hypervisors/0/servers"),
        row(75, "GET /os-hypervisors?with_servers=true&hypervisor_hostname_pattern=node-2")
            .shows("/hypervisors/0/servers"),
        row(88, "GET /os-hypervisors/statistics").turns(200, 404),
        row(88, "GET /os-hypervisors/{hypervisor}/uptime").turns(200, 404),
        row(88, "GET /os-hypervisors/{hypervisor}").shows("/hypervisor/uptime"),
        row(88, "GET /os-hypervisors/detail").shows("/hypervisors/0/uptime"),
    ];
    for field in [
        "/hypervisor/current_workload",
        "/hypervisor/cpu_info",
        "/hypervisor/vcpus",
        "/hypervisor/vcpus_used",
        "/hypervisor/free_disk_gb",
        "/hypervisor/local_gb",
        "/hypervisor/local_gb_used",
        "/hypervisor/disk_available_least",
        "/hypervisor/free_ram_mb",
        "/hypervisor/memory_mb",
        "/hypervisor/memory_mb_used",
        "/hypervisor/running_vms",
    ] {
        rows.push(row(88, "GET /os-hypervisors/{hypervisor}").hides(field));
    }
    rows
}

fn events() -> Vec<Row> {
    [(51, "volume-extended"), (76, "power-update"), (82, "accelerator-request-bound"), (93, "volume-reimaged")]
        .into_iter()
        .map(|(minor, name)| {
            let event = json!({"name": name, "server_uuid": "{server_id}", "tag": "x", "status": "completed"});
            row(minor, "POST /os-server-external-events").body(json!({"events": [event]})).turns(400, 200)
        })
        .collect()
}

fn aggregates() -> Vec<Row> {
    vec![
        row(41, "GET /os-aggregates").shows("/aggregates/0/uuid"),
        row(41, "GET /os-aggregates/{aggregate}").shows("/aggregate/uuid"),
        row(41, "POST /os-aggregates").body(json!({"aggregate": {"name": "a{n}"}})).shows("/aggregate/uuid"),
        row(81, "POST /os-aggregates/{aggregate}/images").body(json!({"cache": [{"id": "{image}"}]})).turns(404, 202),
        row(102, "GET /os-aggregates?unheard=1").turns(200, 400),
        row(102, "GET /os-aggregates/{aggregate}?unheard=1").turns(200, 400),
        row(102, "GET /os-availability-zone?unheard=1").turns(200, 400),
        row(102, "GET /os-availability-zone/detail?unheard=1").turns(200, 400),
        row(102, "GET /os-instance_usage_audit_log?unheard=1").turns(200, 400),
        row(102, "GET /extensions?unheard=1").turns(200, 400),
        row(102, "GET /extensions/os-keypairs?unheard=1").turns(200, 400),
    ]
}
