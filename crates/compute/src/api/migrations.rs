//! `/os-migrations` and `/servers/{id}/migrations`: servers' moves.

use ::api::{Error, Json, Links, Microversion, Query, Result, time};
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::{get, post};
use identity::Caller;
use policy::Target;
use serde::Deserialize;
use serde_json::{Value, json};

use super::common::{self, NoParameters};
use crate::Compute;
use crate::migrations::{IN_PROGRESS, LIVE};
use crate::server::Server;
use crate::server::actions::key_check;
use crate::store::migrations::{Filter, Migration};

pub(super) fn routes() -> Router<Compute> {
    Router::new()
        .route("/v2.1/os-migrations", get(migrations_list))
        .route("/v2.1/servers/{id}/migrations", get(server_migrations_list))
        .route("/v2.1/servers/{id}/migrations/{number}", get(server_migration_show).delete(server_migration_abort))
        .route("/v2.1/servers/{id}/migrations/{number}/action", post(server_migration_force))
}

/// What both forms show of a move.
fn base(migration: &Migration, version: Microversion, hosts: bool) -> Value {
    let host = |name: &Option<String>| if hosts { json!(name) } else { Value::Null };
    let source = |name: &str| if hosts { json!(name) } else { Value::Null };
    let mut view = json!({
        "id": migration.number,
        "status": migration.status,
        "source_compute": source(&migration.source_compute),
        "source_node": source(&migration.source_node),
        "dest_compute": host(&migration.dest_compute),
        "dest_node": host(&migration.dest_node),
        "dest_host": host(&migration.dest_host),
        "created_at": time::naive_micros(migration.created_at),
        "updated_at": time::naive_micros(migration.updated_at),
    });
    if version >= Microversion(2, 59) {
        view["uuid"] = json!(migration.id);
    }
    if version >= Microversion(2, 80) {
        view["user_id"] = json!(migration.user_id);
        view["project_id"] = json!(migration.project_id);
    }
    view
}

fn listed(migration: &Migration, version: Microversion, hosts: bool, links: &Links) -> Value {
    let mut view = base(migration, version, hosts);
    view["instance_uuid"] = json!(migration.server_id);
    // The contract has whole numbers here; a flavor whose id is none cannot be told.
    let number = |id: &Option<String>| json!(id.as_deref().and_then(|id| id.parse::<i64>().ok()));
    view["old_instance_type_id"] = number(&migration.old_flavor_id);
    view["new_instance_type_id"] = number(&migration.new_flavor_id);
    if version >= Microversion(2, 23) {
        view["migration_type"] = json!(migration.type_);
        if migration.type_ == LIVE && IN_PROGRESS.contains(&migration.status.as_str()) {
            let collection = format!("servers/{}/migrations", migration.server_id);
            view["links"] = common::own_links(links, &collection, &migration.number.to_string());
        }
    }
    view
}

fn of_server(migration: &Migration, version: Microversion, hosts: bool) -> Value {
    let mut view = base(migration, version, hosts);
    view["server_uuid"] = json!(migration.server_id);
    for (name, bytes) in [
        ("memory_total_bytes", migration.memory_total),
        ("memory_processed_bytes", migration.memory_processed),
        ("memory_remaining_bytes", migration.memory_remaining),
        ("disk_total_bytes", migration.disk_total),
        ("disk_processed_bytes", migration.disk_processed),
        ("disk_remaining_bytes", migration.disk_remaining),
    ] {
        view[name] = json!(bytes);
    }
    view
}

/// Which moves the query asks for.
fn filter(query: &Query, version: Microversion) -> Result<Filter> {
    let mut known = vec!["hidden", "host", "instance_uuid", "source_compute", "status", "migration_type"];
    for (since, names) in
        [(59, &["limit", "marker", "changes-since"][..]), (66, &["changes-before"]), (80, &["user_id", "project_id"])]
    {
        if version >= Microversion(2, since) {
            known.extend(names);
        }
    }
    common::known_only(query, version, 59, &known)?;
    let text = |name: &str| query.get(name).filter(|_| known.contains(&name)).map(str::to_owned);
    let at = |name: &str| -> Result<Option<jiff::Timestamp>> {
        let wrong = || Error::bad_request(format!("Invalid {name} value: write 2026-11-21T03:39:46Z."));
        text(name).map(|text| time::parse(&text).ok_or_else(wrong)).transpose()
    };
    let filter = Filter {
        server_id: text("instance_uuid"),
        project_id: text("project_id"),
        user_id: text("user_id"),
        source_compute: text("source_compute"),
        host: text("host"),
        kind: text("migration_type"),
        statuses: query.all("status").map(str::to_owned).collect(),
        hidden: query.flag("hidden")?.unwrap_or(false),
        changed_since: at("changes-since")?,
        changed_before: at("changes-before")?,
    };
    if let (Some(since), Some(before)) = (filter.changed_since, filter.changed_before)
        && before < since
    {
        return Err(Error::bad_request("The value of changes-since must be less than or equal to changes-before."));
    }
    Ok(filter)
}

async fn migrations_list(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    links: Links,
    query: Query,
) -> Result<Json<Value>> {
    let own = caller.token.project_id.clone().unwrap_or_default();
    let target = Target::new().with("project_id", &own);
    caller.allow("os_compute_api:os-migrations:index", &target)?;
    if query.get("project_id") != Some(&own) {
        caller.allow("os_compute_api:os-migrations:index:all_projects", &target)?;
    }
    let hosts = caller.may("os_compute_api:os-migrations:index:host", &target);
    let mut filter = filter(&query, version)?;
    // Before microversion 2.80 the project is no filter, but whoever may only see their own sees no more.
    if !caller.may("os_compute_api:os-migrations:index:all_projects", &target) {
        filter.project_id = Some(own);
    }
    let paged = version >= Microversion(2, 59);
    let page = if paged { query.page()? } else { ::api::Page::default() };
    let limit = common::limit(page.limit);
    let found = compute.migrations_list(&filter, page.marker.as_deref(), limit).await?;
    let ids: Vec<String> = found.iter().map(|migration| migration.id.clone()).collect();
    let shown: Vec<Value> = found.iter().map(|migration| listed(migration, version, hosts, &links)).collect();
    let mut body = json!({"migrations": shown});
    if let Some(next) = common::next(&links, "/v2.1/os-migrations", &query, limit, &ids).filter(|_| paged) {
        body["migrations_links"] = next;
    }
    Ok(Json(body))
}

async fn server_migrations_list(
    State(compute): State<Compute>,
    caller: Caller,
    _: NoParameters,
    version: Microversion,
    Path(id): Path<String>,
) -> Result<Json<Value>> {
    common::since(version, 23)?;
    let server = compute.server_for(&caller, "os_compute_api:servers:migrations:index", &id).await?;
    let target = Target::new().with("project_id", &server.project_id);
    let hosts = caller.may("os_compute_api:servers:migrations:index:host", &target);
    let found = compute.migrations_of_server(&server.id).await?;
    let shown: Vec<Value> = found.iter().map(|migration| of_server(migration, version, hosts)).collect();
    Ok(Json(json!({"migrations": shown})))
}

async fn server_migration_show(
    State(compute): State<Compute>,
    caller: Caller,
    _: NoParameters,
    version: Microversion,
    Path((id, number)): Path<(String, String)>,
) -> Result<Json<Value>> {
    common::since(version, 23)?;
    let server = compute.server_for(&caller, "os_compute_api:servers:migrations:show", &id).await?;
    let number = number.parse().map_err(|_| Error::not_found(format!("There is no migration {number}.")))?;
    let found = compute.migration_of_server(&server.id, number).await?;
    Ok(Json(json!({"migration": of_server(&found, version, true)})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Force {
    #[serde(rename = "force_complete")]
    _force: (),
}

async fn server_migration_force(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    Path((id, _)): Path<(String, String)>,
    Json(_): Json<Force>,
) -> Result<()> {
    common::since(version, 22)?;
    let server = compute.server_for(&caller, "os_compute_api:servers:migrations:force_complete", &id).await?;
    key_check(&caller, &server)?;
    Err(not_moving(&server, "force_complete"))
}

async fn server_migration_abort(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    Path((id, _)): Path<(String, String)>,
) -> Result<()> {
    common::since(version, 24)?;
    let server = compute.server_for(&caller, "os_compute_api:servers:migrations:delete", &id).await?;
    key_check(&caller, &server)?;
    Err(not_moving(&server, "abort live migration"))
}

/// Running servers do not move yet, so none is ever in the state that these ask for.
fn not_moving(server: &Server, action: &str) -> Error {
    let task = if server.task_state.is_empty() { "None" } else { &server.task_state };
    Error::conflict(format!("Cannot '{action}' instance {} while it is in task_state {task}", server.id))
}
