//! `/os-simple-tenant-usage` and `/os-instance_usage_audit_log`: what projects used.

use ::api::{Error, Json, Links, Microversion, Query, Result, time};
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use identity::Caller;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use policy::Target;
use serde_json::{Value, json};

use super::common::{self, NoParameters};
use crate::Compute;
use crate::store::usage::Period;
use crate::usage::{Audit, ServerUsage};

pub(super) fn routes() -> Router<Compute> {
    Router::new()
        .route("/v2.1/os-simple-tenant-usage", get(usages_list))
        .route("/v2.1/os-simple-tenant-usage/{project}", get(usage_show))
        .route("/v2.1/os-instance_usage_audit_log", get(audit_list))
        .route("/v2.1/os-instance_usage_audit_log/{before}", get(audit_show))
}

/// What the query asks for.
struct Asked {
    period: Period,
    detailed: bool,
    marker: Option<String>,
    limit: i64,
}

/// `2026-11-21T03:39:46`, with parts of seconds too, and with a blank for the T.
fn moment(text: &str) -> Option<Timestamp> {
    let civil: DateTime = text.trim_end_matches('Z').parse().ok()?;
    Some(civil.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

fn asked(compute: &Compute, query: &Query, version: Microversion) -> Result<Asked> {
    let paged = version >= Microversion(2, 40);
    let paging: &[&str] = if paged { &["limit", "marker"] } else { &[] };
    common::known_only(query, version, 75, &[&["start", "end", "detailed"], paging].concat())?;
    let now = compute.runtime().clock.now();
    let at = |name: &str| match query.get(name).filter(|text| !text.is_empty()) {
        None => Ok(now),
        Some(text) => moment(text).ok_or_else(|| {
            Error::bad_request(format!("Invalid datetime string for {name}: write 2026-11-21T03:39:46."))
        }),
    };
    let (begin, end) = (at("start")?, at("end")?);
    // Without either, it is the moment of the request.
    if begin > end || (begin == end && query.get("start").is_some()) {
        return Err(Error::bad_request("Invalid start time. The start time cannot occur after the end time."));
    }
    let page = if paged { query.page()? } else { ::api::Page::default() };
    Ok(Asked {
        period: Period { begin, end: end.min(now).max(begin) },
        detailed: query.get("detailed") == Some("1"),
        marker: page.marker,
        // Without pages it is all of it.
        limit: if paged { common::limit(page.limit) } else { i64::MAX },
    })
}

fn server_view(usage: &ServerUsage) -> Value {
    let (server, flavor) = (&usage.server, &usage.server.flavor.0);
    json!({
        "instance_id": server.id,
        "name": server.name,
        "tenant_id": server.project_id,
        "flavor": flavor.name,
        "vcpus": flavor.vcpus,
        "memory_mb": flavor.memory_mb,
        "local_gb": flavor.root_gb + flavor.ephemeral_gb,
        "hours": usage.hours,
        "uptime": usage.uptime,
        "state": if server.deleted_at.is_some() { "terminated" } else { &server.vm_state },
        "started_at": time::naive_micros(server.launched_at),
        "ended_at": server.deleted_at.map(time::naive_micros),
    })
}

/// The usage of one project: sums, and the servers if they are wanted.
#[expect(clippy::cast_precision_loss, reason = "sizes are below 2^31")]
fn project_view(usages: &[ServerUsage], period: Period, detailed: bool) -> Value {
    let Some(first) = usages.first() else { return json!({}) };
    let sum = |of: fn(&ServerUsage) -> i64| usages.iter().map(|usage| of(usage) as f64 * usage.hours).sum::<f64>();
    let mut view = json!({
        "tenant_id": first.server.project_id,
        "total_hours": sum(|_| 1),
        "total_vcpus_usage": sum(|usage| usage.server.flavor.0.vcpus),
        "total_memory_mb_usage": sum(|usage| usage.server.flavor.0.memory_mb),
        "total_local_gb_usage": sum(|usage| usage.server.flavor.0.root_gb + usage.server.flavor.0.ephemeral_gb),
        "start": time::naive_micros(period.begin),
        "stop": time::naive_micros(period.end),
    });
    if detailed {
        view["server_usages"] = usages.iter().map(server_view).collect();
    }
    view
}

/// Adds the link to the next page, from the microversion on that has pages.
fn linked(
    mut body: Value,
    (links, path, query): (&Links, &str, &Query),
    (version, name, limit): (Microversion, &str, i64),
    usages: &[ServerUsage],
) -> Json<Value> {
    let ids: Vec<String> = usages.iter().map(|usage| usage.server.id.clone()).collect();
    if version >= Microversion(2, 40)
        && let Some(next) = common::next(links, path, query, limit, &ids)
    {
        body[name] = next;
    }
    Json(body)
}

async fn usages_list(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    links: Links,
    query: Query,
) -> Result<Json<Value>> {
    caller.allow("os_compute_api:os-simple-tenant-usage:list", &Target::new())?;
    let asked = asked(&compute, &query, version)?;
    let usages = compute.usage(asked.period, None, asked.marker.as_deref(), asked.limit).await?;
    let by_project = usages.chunk_by(|one, other| one.server.project_id == other.server.project_id);
    let shown: Vec<Value> = by_project.map(|usages| project_view(usages, asked.period, asked.detailed)).collect();
    let place = (&links, "/v2.1/os-simple-tenant-usage", &query);
    Ok(linked(json!({"tenant_usages": shown}), place, (version, "tenant_usages_links", asked.limit), &usages))
}

async fn usage_show(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    links: Links,
    query: Query,
    Path(project): Path<String>,
) -> Result<Json<Value>> {
    caller.allow("os_compute_api:os-simple-tenant-usage:show", &Target::new().with("project_id", &project))?;
    let asked = asked(&compute, &query, version)?;
    let usages = compute.usage(asked.period, Some(&project), asked.marker.as_deref(), asked.limit).await?;
    let body = json!({"tenant_usage": project_view(&usages, asked.period, true)});
    let path = format!("/v2.1/os-simple-tenant-usage/{project}");
    Ok(linked(body, (&links, &path, &query), (version, "tenant_usage_links", asked.limit), &usages))
}

fn audit_view(audit: &Audit) -> Value {
    let count = audit.hosts.len();
    let log = |(host, servers): (&String, &i64)| {
        let message = format!("{servers} servers of host {host} are in the usage of the period.");
        (host.clone(), json!({"state": "DONE", "instances": servers, "errors": 0, "message": message}))
    };
    let at = |moment: Timestamp| moment.strftime("%Y-%m-%d %H:%M:%S").to_string();
    json!({
        "period_beginning": at(audit.period.begin),
        "period_ending": at(audit.period.end),
        "num_hosts": count,
        "num_hosts_done": count,
        "num_hosts_running": 0,
        "num_hosts_not_run": 0,
        "hosts_not_run": [],
        "total_instances": audit.hosts.values().sum::<i64>(),
        "total_errors": 0,
        "overall_status": "ALL hosts done. 0 errors.",
        "log": audit.hosts.iter().map(log).collect::<serde_json::Map<String, Value>>(),
    })
}

async fn audit_list(State(compute): State<Compute>, caller: Caller, _: NoParameters) -> Result<Json<Value>> {
    caller.allow("os_compute_api:os-instance-usage-audit-log:list", &Target::new())?;
    let audit = compute.usage_audit(compute.runtime().clock.now()).await?;
    Ok(Json(json!({"instance_usage_audit_logs": audit_view(&audit)})))
}

async fn audit_show(
    State(compute): State<Compute>,
    caller: Caller,
    _: NoParameters,
    Path(before): Path<String>,
) -> Result<Json<Value>> {
    caller.allow("os_compute_api:os-instance-usage-audit-log:show", &Target::new())?;
    let before = moment(&before).ok_or_else(|| {
        Error::bad_request(format!("Invalid timestamp for date {before}: write 2026-11-21 03:39:46."))
    })?;
    let audit = compute.usage_audit(before).await?;
    Ok(Json(json!({"instance_usage_audit_log": audit_view(&audit)})))
}
