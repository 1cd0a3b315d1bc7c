//! `/servers/{id}/diagnostics`: what a server has used.

use ::api::{Error, Json, Microversion, Result};
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use identity::Caller;
use protocol::{Counters, Diagnostics};
use serde_json::{Map, Value, json};

use super::common::NoParameters;
use crate::Compute;
use crate::server::Server;
use crate::state;

pub(super) fn routes() -> Router<Compute> {
    Router::new().route("/v2.1/servers/{id}/diagnostics", get(diagnostics_show))
}

async fn diagnostics_show(
    State(compute): State<Compute>,
    caller: Caller,
    _: NoParameters,
    version: Microversion,
    Path(id): Path<String>,
) -> Result<Json<Value>> {
    let server = compute.server_for(&caller, "os_compute_api:os-server-diagnostics", &id).await?;
    let diagnostics = compute.diagnostics_of(&server).await?;
    Ok(Json(if version >= Microversion(2, 48) {
        written(&server, &diagnostics)
    } else {
        Value::Object(old(&diagnostics))
    }))
}

/// The format since 2.48, the same for all hypervisors.
fn written(server: &Server, diagnostics: &Diagnostics) -> Value {
    let cpus: Vec<Value> = diagnostics
        .cpus
        .iter()
        .map(|cpu| json!({"id": cpu.id, "time": cpu.time_ns, "utilisation": Value::Null}))
        .collect();
    let nics: Vec<Value> = diagnostics
        .nics
        .iter()
        .map(|nic| {
            let mut value = json!({"mac_address": nic.mac_address});
            for (way, counters) in [("rx", &nic.received), ("tx", &nic.sent)] {
                for (what, count) in counted(counters) {
                    value[format!("{way}_{what}")] = json!(count);
                }
                value[format!("{way}_rate")] = Value::Null;
            }
            value
        })
        .collect();
    let disks: Vec<Value> = diagnostics
        .disks
        .iter()
        .map(|disk| {
            json!({
                "read_bytes": disk.read_bytes,
                "read_requests": disk.read_requests,
                "write_bytes": disk.write_bytes,
                "write_requests": disk.write_requests,
                "errors_count": disk.errors,
            })
        })
        .collect();
    json!({
        "state": state_word(server),
        "driver": diagnostics.driver,
        "hypervisor": diagnostics.hypervisor,
        "hypervisor_os": diagnostics.hypervisor_os,
        "uptime": diagnostics.uptime,
        "config_drive": server.config_drive,
        "num_cpus": cpus.len(),
        "num_nics": nics.len(),
        "num_disks": disks.len(),
        "cpu_details": cpus,
        "nic_details": nics,
        "disk_details": disks,
        "memory_details": {"maximum": diagnostics.memory_maximum_mb, "used": diagnostics.memory_used_mb},
    })
}

fn counted(counters: &Counters) -> [(&'static str, Option<u64>); 4] {
    [("octets", counters.octets), ("packets", counters.packets), ("errors", counters.errors), ("drop", counters.drops)]
}

/// The power as a word.
fn state_word(server: &Server) -> &'static str {
    match server.power_state {
        1 => "running",
        3 => "paused",
        4 => "shutdown",
        6 => "crashed",
        7 => "suspended",
        _ => "pending",
    }
}

/// The names that libvirt's driver had before.
fn old(diagnostics: &Diagnostics) -> Map<String, Value> {
    let mut all = Map::new();
    for cpu in &diagnostics.cpus {
        all.insert(format!("cpu{}_time", cpu.id), json!(cpu.time_ns));
    }
    for disk in &diagnostics.disks {
        for (what, count) in [
            ("read", disk.read_bytes),
            ("read_req", disk.read_requests),
            ("write", disk.write_bytes),
            ("write_req", disk.write_requests),
            ("errors", disk.errors),
        ] {
            all.insert(format!("{}_{what}", disk.device), json!(count));
        }
    }
    for nic in &diagnostics.nics {
        for (way, counters) in [("rx", &nic.received), ("tx", &nic.sent)] {
            for (what, count) in counted(counters) {
                let what = if what == "octets" { String::new() } else { format!("_{what}") };
                all.insert(format!("{}_{way}{what}", nic.tap), json!(count));
            }
        }
    }
    all.insert("memory".to_owned(), json!(diagnostics.memory_maximum_mb.map(|mb| mb * 1024)));
    all
}

impl Compute {
    /// What the server's node says of it.
    async fn diagnostics_of(&self, server: &Server) -> Result<Diagnostics> {
        state::Action::Diagnostics.check(&server.id, &server.vm_state, &server.task_state)?;
        crate::server::actions::placed(server)?;
        let call = protocol::Call::ServerDiagnostics { server_id: server.id.clone() };
        match self.ask(&server.host, &call).await {
            Ok(protocol::Answer::Diagnostics(diagnostics)) => Ok(*diagnostics),
            Ok(_) => Err(Error::conflict("The node does not know what the server has used.")),
            Err(trouble) => Err(Error::conflict(format!("The server's node cannot tell what it has used: {trouble}"))),
        }
    }
}
