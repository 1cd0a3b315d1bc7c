//! `/servers/{id}/topology`: the NUMA nodes that a guest sees; and `/os-console-auth-tokens/{token}`: what a console's token
//! opens.

use ::api::{Error, Json, Microversion, Query, Result};
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use identity::Caller;
use policy::Target;
use serde_json::{Value, json};

use super::common::{self, NoParameters};
use crate::Compute;
use crate::server::topology::guest_nodes;

pub(super) fn routes() -> Router<Compute> {
    Router::new()
        .route("/v2.1/servers/{id}/topology", get(topology_show))
        .route("/v2.1/os-console-auth-tokens/{token}", get(token_show))
}

async fn topology_show(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    _: NoParameters,
    Path(id): Path<String>,
) -> Result<Json<Value>> {
    common::since(version, 78)?;
    let server = compute.server_for(&caller, "compute:server:topology:index", &id).await?;
    let target = Target::new().with("project_id", &server.project_id);
    let with_host = caller.may("compute:server:topology:host:index", &target);
    let topology = guest_nodes(&server);
    let nodes: Vec<Value> = topology
        .nodes
        .iter()
        .enumerate()
        .map(|(number, node)| {
            let mut view = json!({"vcpu_set": node.vcpus, "siblings": [], "memory_mb": node.memory_mb});
            if with_host {
                view["host_node"] = json!(number);
                view["cpu_pinning"] = json!({});
            }
            view
        })
        .collect();
    Ok(Json(json!({"nodes": nodes, "pagesize_kb": topology.page_kb})))
}

async fn token_show(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    query: Query,
    Path(token): Path<String>,
) -> Result<Json<Value>> {
    if version < Microversion(2, 31) {
        return Err(Error::bad_request(
            "Before microversion 2.31 only tokens of RDP consoles can be looked up, and there are none.",
        ));
    }
    common::known_only(&query, version, 99, &[])?;
    caller.allow("os_compute_api:os-console-auth-tokens", &Target::new())?;
    let console = compute.console_token_get(&token).await?;
    // Consoles are reached through unix sockets of the node, not by a port.
    Ok(Json(json!({"console": {
        "instance_uuid": console.server_id, "host": console.host, "port": null, "internal_access_path": null,
    }})))
}
