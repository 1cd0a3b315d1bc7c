//! `/os-availability-zone`.

use std::collections::BTreeMap;

use ::api::{Json, Result, time};
use axum::Router;
use axum::extract::State;
use axum::routing::get;
use identity::Caller;
use policy::Target;
use serde_json::{Value, json};

use crate::Compute;
use crate::nodes::{AGENT, Service};

pub(super) fn routes() -> Router<Compute> {
    Router::new()
        .route("/v2.1/os-availability-zone", get(zones_list))
        .route("/v2.1/os-availability-zone/detail", get(zones_detail))
}

/// A zone is available while any of its services is up and enabled.
fn zone(compute: &Compute, name: &str, services: &[&Service], detail: bool) -> Value {
    let available = services.iter().any(|service| !service.disabled && compute.service_is_up(service));
    let mut hosts: BTreeMap<&str, BTreeMap<&str, Value>> = BTreeMap::new();
    for service in services.iter().filter(|service| !service.disabled) {
        let view = json!({
            "available": compute.service_is_up(service),
            "active": !service.disabled,
            "updated_at": time::naive_micros(service.seen_at),
        });
        hosts.entry(&service.host).or_default().insert(&service.name, view);
    }
    json!({
        "zoneName": name,
        "zoneState": {"available": available},
        "hosts": if detail && available { json!(hosts) } else { Value::Null },
    })
}

async fn zones_list(State(compute): State<Compute>, caller: Caller) -> Result<Json<Value>> {
    caller.allow("os_compute_api:os-availability-zone:list", &Target::new())?;
    let services = compute.services_list(None, Some(AGENT)).await?;
    let services: Vec<&Service> = services.iter().collect();
    Ok(Json(json!({"availabilityZoneInfo": [zone(&compute, &compute.options().zone, &services, false)]})))
}

async fn zones_detail(State(compute): State<Compute>, caller: Caller) -> Result<Json<Value>> {
    caller.allow("os_compute_api:os-availability-zone:detail", &Target::new())?;
    let services = compute.services_list(None, None).await?;
    let (agents, others): (Vec<&Service>, Vec<&Service>) = services.iter().partition(|s| s.name == AGENT);
    let mut zones = vec![zone(&compute, &compute.options().zone, &agents, true)];
    if !others.is_empty() {
        zones.insert(0, zone(&compute, "internal", &others, true));
    }
    Ok(Json(json!({"availabilityZoneInfo": zones})))
}
