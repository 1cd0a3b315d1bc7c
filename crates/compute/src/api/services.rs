//! `/os-services`: what runs where, and whether new servers may go there.

use ::api::{Error, Json, Microversion, Query, Result, fields, time};
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::{get, put};
use http::StatusCode;
use identity::Caller;
use policy::Target;
use serde::Deserialize;
use serde_json::{Value, json};

use super::common::{self, Flag};
use crate::Compute;
use crate::aggregates::Aggregates;
use crate::nodes::Service;
use crate::services::{Change, Reference};

pub(super) fn routes() -> Router<Compute> {
    Router::new()
        .route("/v2.1/os-services", get(services_list))
        .route("/v2.1/os-services/{id}", put(service_update).delete(service_delete))
}

/// A UUID since microversion 2.53, a number before.
pub(super) fn reference(version: Microversion, id: &str) -> Result<Reference<'_>> {
    if version >= Microversion(2, 53) {
        return match fields::is_uuid(id) {
            true => Ok(Reference::Id(id)),
            false => Err(Error::bad_request(format!("Invalid uuid {id}"))),
        };
    }
    id.parse().map(Reference::Number).map_err(|_| {
        Error::bad_request(format!("{id} is not a whole number. Services have UUIDs since microversion 2.53."))
    })
}

fn view(compute: &Compute, aggregates: &Aggregates, service: &Service, version: Microversion) -> Value {
    let is_agent = service.name == crate::nodes::AGENT;
    let mut view = json!({
        "id": service.number,
        "binary": service.name,
        "host": service.host,
        "zone": if is_agent { compute.zone_of(aggregates, &service.host) } else { "internal".to_owned() },
        "status": if service.disabled { "disabled" } else { "enabled" },
        "state": if compute.service_is_up(service) { "up" } else { "down" },
        "updated_at": time::naive_micros(service.seen_at),
        "disabled_reason": service.disabled_reason,
    });
    if version >= Microversion(2, 11) {
        view["forced_down"] = json!(service.forced_down);
    }
    if version >= Microversion(2, 53) {
        view["id"] = json!(service.id);
    }
    view
}

async fn services_list(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    query: Query,
) -> Result<Json<Value>> {
    caller.allow("os_compute_api:os-services:list", &Target::new())?;
    common::known_only(&query, version, 75, &["host", "binary"])?;
    let given = |name| query.get(name).filter(|value| !value.is_empty());
    let services = compute.services_list(given("host"), given("binary")).await?;
    let aggregates = compute.aggregates().await?;
    let shown: Vec<Value> = services.iter().map(|service| view(&compute, &aggregates, service, version)).collect();
    Ok(Json(json!({"services": shown})))
}

/// All that any microversion takes; which of it, is looked at below.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Update {
    host: Option<String>,
    binary: Option<String>,
    status: Option<String>,
    disabled_reason: Option<String>,
    forced_down: Option<Flag>,
}

async fn service_update(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    Path(id): Path<String>,
    Json(body): Json<Update>,
) -> Result<Json<Value>> {
    caller.allow("os_compute_api:os-services:update", &Target::new())?;
    if let Some(reason) = &body.disabled_reason {
        fields::length("disabled_reason", reason, 1, 255)?;
    }
    if version < Microversion(2, 53) {
        return service_action(&compute, version, &id, body).await;
    }
    if body.host.is_some() || body.binary.is_some() {
        return Err(Error::bad_request("host and binary are not known since microversion 2.53: the URL says which."));
    }
    let reference = reference(version, &id)?;
    let disabled = match (body.status.as_deref(), body.disabled_reason) {
        (None, None) => None,
        (Some("enabled"), None) => Some((false, None)),
        (Some("disabled"), reason) => Some((true, reason)),
        (Some("enabled"), Some(_)) => {
            return Err(Error::bad_request("Specifying 'disabled_reason' with status 'enabled' is invalid."));
        }
        (None, Some(_)) => return Err(Error::bad_request("disabled_reason needs \"status\": \"disabled\" beside it.")),
        (Some(_), _) => return Err(Error::bad_request("status must be enabled or disabled.")),
    };
    let change = Change { disabled, forced_down: body.forced_down.map(|flag| flag.0) };
    if change.disabled.is_none() && change.forced_down.is_none() {
        return Err(Error::bad_request(
            "No updates were requested. Fields 'status' or 'forced_down' should be specified.",
        ));
    }
    let service = compute.service_get(reference).await?;
    let service = compute.service_update(service, change).await?;
    Ok(Json(json!({"service": view(&compute, &*compute.aggregates().await?, &service, version)})))
}

/// Before microversion 2.53: the URL says what to do, the body to which.
async fn service_action(compute: &Compute, version: Microversion, action: &str, body: Update) -> Result<Json<Value>> {
    let (Some(host), Some(name), None) = (body.host, body.binary, body.status) else {
        return Err(Error::bad_request("The body must have host and binary, and no status before microversion 2.53."));
    };
    let mut shown = json!({"host": host, "binary": name});
    let change = match action {
        "enable" => {
            shown["status"] = json!("enabled");
            Change { disabled: Some((false, None)), ..Change::default() }
        }
        "disable" => {
            shown["status"] = json!("disabled");
            Change { disabled: Some((true, None)), ..Change::default() }
        }
        "disable-log-reason" => {
            let reason = body.disabled_reason.ok_or_else(|| Error::bad_request("Missing disabled reason field"))?;
            shown["status"] = json!("disabled");
            shown["disabled_reason"] = json!(reason);
            Change { disabled: Some((true, Some(reason))), ..Change::default() }
        }
        "force-down" if version >= Microversion(2, 11) => {
            let Flag(forced) = body.forced_down.ok_or_else(|| Error::bad_request("Missing forced_down field"))?;
            shown["forced_down"] = json!(forced);
            Change { forced_down: Some(forced), ..Change::default() }
        }
        _ => return Err(Error::not_found(format!("Unknown action {action}."))),
    };
    let service = compute.service_of(&host, &name).await?;
    compute.service_update(service, change).await?;
    Ok(Json(json!({"service": shown})))
}

async fn service_delete(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    Path(id): Path<String>,
) -> Result<StatusCode> {
    caller.allow("os_compute_api:os-services:delete", &Target::new())?;
    let service = compute.service_get(reference(version, &id)?).await?;
    compute.service_delete(&service).await?;
    Ok(StatusCode::NO_CONTENT)
}
