//! `/servers/{id}/os-instance-actions`: what was done to a server, and its steps.

use ::api::{Error, Json, Links, Microversion, Query, Result, time};
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use identity::Caller;
use policy::Target;
use serde_json::{Value, json};
use work::StepRecord;

use super::common::{self, NoParameters};
use super::server_view::host_id;
use crate::Compute;
use crate::server::history::Action;

pub(super) fn routes() -> Router<Compute> {
    Router::new()
        .route("/v2.1/servers/{id}/os-instance-actions", get(actions_list))
        .route("/v2.1/servers/{id}/os-instance-actions/{request_id}", get(action_show))
}

/// Checks that the caller may see the server's history; since 2.21 also that of a server that is gone.
async fn allowed(compute: &Compute, caller: &Caller, version: Microversion, rule: &str, id: &str) -> Result<String> {
    match compute.server_for(caller, rule, id).await {
        Ok(server) => Ok(server.project_id),
        Err(error) if error.kind == ::api::Kind::NotFound && version >= Microversion(2, 21) => {
            let gone = compute.actions_of(id).await?;
            let project_id = gone.first().and_then(|action| action.record.project_id.clone()).ok_or(error)?;
            let target = Target::new().with("project_id", &project_id);
            if !caller.may(rule, &target) {
                return Err(crate::server::not_found(id));
            }
            Ok(project_id)
        }
        Err(error) => Err(error),
    }
}

fn written(action: &Action, server_id: &str, version: Microversion) -> Value {
    let record = &action.record;
    let mut value = json!({
        "action": action.name,
        "instance_uuid": server_id,
        "request_id": record.request_id,
        "user_id": record.user_id,
        "project_id": record.project_id,
        "start_time": time::naive_micros(record.created_at),
        "message": action.message(),
    });
    if version >= Microversion(2, 58) {
        value["updated_at"] = json!(time::naive_micros(record.updated_at));
    }
    value
}

async fn actions_list(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    links: Links,
    query: Query,
    Path(id): Path<String>,
) -> Result<Json<Value>> {
    let since_66: &[&str] = if version >= Microversion(2, 66) { &["changes-before"] } else { &[] };
    common::known_only(&query, version, 58, &[&["limit", "marker", "changes-since"], since_66].concat())?;
    allowed(&compute, &caller, version, "os_compute_api:os-instance-actions:list", &id).await?;
    let mut actions = compute.actions_of(&id).await?;
    let mut next = None;
    if version >= Microversion(2, 58) {
        let bound = |name: &str| {
            let text = query.get(name).map(|text| (text, time::parse(text)));
            match text {
                Some((text, None)) => Err(Error::bad_request(format!("Invalid {name} value: {text}."))),
                other => Ok(other.and_then(|(_, time)| time)),
            }
        };
        if let Some(since) = bound("changes-since")? {
            actions.retain(|action| action.record.updated_at >= since);
        }
        if let Some(before) = bound("changes-before")? {
            actions.retain(|action| action.record.updated_at <= before);
        }
        let page = query.page()?;
        if let Some(marker) = &page.marker {
            let place = actions.iter().position(|action| action.record.request_id == *marker);
            let place = place.ok_or_else(|| Error::bad_request(format!("marker [{marker}] not found")))?;
            actions.drain(..=place);
        }
        let limit = common::limit(page.limit);
        actions.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        let ids: Vec<String> = actions.iter().map(|action| action.record.request_id.clone()).collect();
        let path = format!("/v2.1/servers/{id}/os-instance-actions");
        next = page.limit.and_then(|_| common::next(&links, &path, &query, limit, &ids));
    }
    let list: Vec<Value> = actions.iter().map(|action| written(action, &id, version)).collect();
    let mut answer = json!({"instanceActions": list});
    if let Some(next) = next {
        answer["links"] = next;
    }
    Ok(Json(answer))
}

async fn action_show(
    State(compute): State<Compute>,
    caller: Caller,
    _: NoParameters,
    version: Microversion,
    Path((id, request_id)): Path<(String, String)>,
) -> Result<Json<Value>> {
    let project_id = allowed(&compute, &caller, version, "os_compute_api:os-instance-actions:show", &id).await?;
    let (action, steps) = compute.action_of(&id, &request_id).await?;
    let target = Target::new().with("project_id", &project_id);
    let admin = caller.may("os_compute_api:os-instance-actions:events", &target);
    let mut value = written(&action, &id, version);
    if admin || version >= Microversion(2, 51) {
        let details = caller.may("os_compute_api:os-instance-actions:events:details", &target);
        let seen = Seen { version, admin, details };
        // The last first, as actions are.
        let events: Vec<Value> = steps.iter().rev().map(|step| event(step, &action, seen, &project_id)).collect();
        value["events"] = json!(events);
    }
    Ok(Json(json!({"instanceAction": value})))
}

/// What the caller sees of steps.
#[derive(Clone, Copy)]
struct Seen {
    version: Microversion,
    /// Errors and nodes.
    admin: bool,
    /// The details of errors.
    details: bool,
}

/// A step. Everybody reads what went wrong in the words that are for users; only administrators read which node it was.
fn event(step: &StepRecord, action: &Action, seen: Seen, project_id: &str) -> Value {
    let Seen { version, admin, details } = seen;
    let failed = step.error.is_some() && step.finished_at.is_some();
    let name = if step.undo { format!("undo_{}", step.name) } else { step.name.clone() };
    let mut value = json!({
        "event": name,
        "start_time": time::naive_micros(step.started_at),
        "finish_time": step.finished_at.map(time::naive_micros),
        "result": step.finished_at.map(|_| if failed { "Error" } else { "Success" }),
    });
    if admin {
        value["traceback"] = json!(step.error.as_ref().filter(|_| failed));
    }
    if version >= Microversion(2, 62) {
        value["hostId"] = json!(host_id(project_id, step.host.as_deref().unwrap_or_default()));
        // Steps of the control, which are on no node, have none.
        if let Some(host) = step.host.as_ref().filter(|_| admin) {
            value["host"] = json!(host);
        }
    }
    if version >= Microversion(2, 84) {
        let reason = action.record.failure.as_ref().filter(|_| failed && !step.undo);
        value["details"] = json!(if details { step.error.as_ref().filter(|_| failed) } else { reason });
    }
    value
}
