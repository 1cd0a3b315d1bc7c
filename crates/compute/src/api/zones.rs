//! `/os-availability-zone`.

use std::collections::BTreeMap;

use ::api::{Json, Result, time};
use axum::Router;
use axum::extract::State;
use axum::routing::get;
use identity::Caller;
use policy::Target;
use serde_json::{Value, json};

use super::common::NoParameters;
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

/// The services by zone, and beside them the zone of nodes that are in none by an aggregate, if there are nodes.
async fn by_zone(compute: &Compute, agents: &[Service], detail: bool) -> Result<Vec<Value>> {
    let aggregates = compute.aggregates().await?;
    let mut zones: BTreeMap<String, Vec<&Service>> = BTreeMap::new();
    for agent in agents {
        zones.entry(compute.zone_of(&aggregates, &agent.host)).or_default().push(agent);
    }
    if agents.is_empty() {
        zones.insert(compute.options().config.default_availability_zone.clone(), Vec::new());
    }
    Ok(zones.iter().map(|(name, services)| zone(compute, name, services, detail)).collect())
}

async fn zones_list(State(compute): State<Compute>, caller: Caller, _: NoParameters) -> Result<Json<Value>> {
    caller.allow("os_compute_api:os-availability-zone:list", &Target::new())?;
    let agents = compute.services_list(None, Some(AGENT)).await?;
    Ok(Json(json!({"availabilityZoneInfo": by_zone(&compute, &agents, false).await?})))
}

async fn zones_detail(State(compute): State<Compute>, caller: Caller, _: NoParameters) -> Result<Json<Value>> {
    caller.allow("os_compute_api:os-availability-zone:detail", &Target::new())?;
    let services = compute.services_list(None, None).await?;
    let (agents, others): (Vec<Service>, Vec<Service>) = services.into_iter().partition(|s| s.name == AGENT);
    let mut zones = by_zone(&compute, &agents, true).await?;
    if !others.is_empty() {
        zones.insert(0, zone(&compute, "internal", &others.iter().collect::<Vec<_>>(), true));
    }
    Ok(Json(json!({"availabilityZoneInfo": zones})))
}
