use db::{Db, Direction, Keyset, Result, Sql, Tx, sql};
use jiff::Timestamp;

use crate::nodes::{Node, Service};

pub(crate) const NODE: &str = "SELECT compute_nodes.id, compute_nodes.host, version, address, hypervisor_type, hypervisor_version,
    cpu_info, vcpus, dedicated_cpus, memory_mb, memory_used_mb, disk_gb, disk_free_gb, traits, servers_running, booted_at, failed_builds,
    numa, allocation_ratios, told, s.id AS service_id, s.number, s.disabled, s.disabled_reason, s.forced_down, s.seen_at
    FROM compute_nodes JOIN compute_services s ON s.host = compute_nodes.host AND s.name = 'nova-compute'";

const SERVICE: &str =
    "SELECT id, number, host, name, disabled, disabled_reason, forced_down, seen_at FROM compute_services";

/// Which nodes a list shows.
#[derive(Debug, Default)]
pub(crate) struct Filter<'a> {
    /// Part of the name.
    pub(crate) pattern: Option<&'a str>,
    /// The last node of the page before.
    pub(crate) marker: Option<&'a str>,
    pub(crate) limit: Option<i64>,
}

pub(crate) async fn nodes_list(db: &Db, filter: &Filter<'_>) -> Result<Vec<Node>> {
    let mut query = sql(NODE);
    query.push(" WHERE 1 = 1");
    if let Some(pattern) = filter.pattern {
        query.push(" AND compute_nodes.host LIKE ").push_bind(format!("%{}%", like(pattern))).push(" ESCAPE '\\'");
    }
    let sort = [("host", Direction::Ascending)];
    query.push_keyset(&Keyset { table: "compute_nodes", sort: &sort, marker: filter.marker, limit: filter.limit });
    query.all(db).await
}

/// Escapes what LIKE would read as a wildcard.
fn like(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

pub(crate) async fn node_of_host(db: &Db, host: &str) -> Result<Option<Node>> {
    push(NODE, " WHERE compute_nodes.host = ", host).optional(db).await
}

pub(crate) async fn node_get(db: &Db, id: &str) -> Result<Option<Node>> {
    push(NODE, " WHERE compute_nodes.id = ", id).optional(db).await
}

pub(crate) async fn node_of_number(db: &Db, number: i64) -> Result<Option<Node>> {
    push(NODE, " WHERE s.number = ", number).optional(db).await
}

fn push(select: &'static str, condition: &str, value: impl Into<db::Value>) -> Sql {
    let mut query = sql(select);
    query.push(condition).push_bind(value);
    query
}

/// Writes a new node, or what changed of a known one.
pub(crate) async fn node_upsert(tx: &mut Tx, node: &Node, now: Timestamp) -> Result<u64> {
    sql("INSERT INTO compute_nodes (id, host, version, address, hypervisor_type, hypervisor_version, cpu_info, vcpus,
            memory_mb, memory_used_mb, disk_gb, disk_free_gb, traits, servers_running, booted_at, told, created_at,
            dedicated_cpus, allocation_ratios, numa)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, '', $16, $17, $18, $19)
         ON CONFLICT (host) DO UPDATE SET version = excluded.version, address = excluded.address,
            hypervisor_type = excluded.hypervisor_type, hypervisor_version = excluded.hypervisor_version,
            cpu_info = excluded.cpu_info, vcpus = excluded.vcpus,
            dedicated_cpus = excluded.dedicated_cpus, memory_mb = excluded.memory_mb,
            memory_used_mb = excluded.memory_used_mb, disk_gb = excluded.disk_gb,
            disk_free_gb = excluded.disk_free_gb, traits = excluded.traits,
            servers_running = excluded.servers_running, booted_at = excluded.booted_at,
            allocation_ratios = excluded.allocation_ratios, numa = excluded.numa")
    .bind(&node.id)
    .bind(&node.host)
    .bind(&node.version)
    .bind(&node.address)
    .bind(&node.hypervisor_type)
    .bind(node.hypervisor_version)
    .bind(&node.cpu_info)
    .bind(node.vcpus)
    .bind(node.memory_mb)
    .bind(node.memory_used_mb)
    .bind(node.disk_gb)
    .bind(node.disk_free_gb)
    .bind(&node.traits)
    .bind(node.servers_running)
    .bind(node.booted_at)
    .bind(now)
    .bind(node.dedicated_cpus)
    .bind(&node.allocation_ratios)
    .bind(&node.numa)
    .execute(tx)
    .await
}

/// Remembers what placement was told about a node.
pub(crate) async fn node_told(tx: &mut Tx, id: &str, told: &str) -> Result<u64> {
    sql("UPDATE compute_nodes SET told = $2 WHERE id = $1").bind(id).bind(told).execute(tx).await
}

pub(crate) async fn node_delete(tx: &mut Tx, host: &str) -> Result<u64> {
    sql("DELETE FROM compute_nodes WHERE host = $1").bind(host).execute(tx).await
}

/// Says that a service was heard of just now; makes it when it is new.
pub(crate) async fn service_seen(tx: &mut Tx, id: &str, host: &str, name: &str, now: Timestamp) -> Result<()> {
    let known = sql("UPDATE compute_services SET seen_at = $3 WHERE host = $1 AND name = $2")
        .bind(host)
        .bind(name)
        .bind(now)
        .execute(&mut *tx)
        .await?;
    if known == 0 {
        // One newcomer at a time, or two would take the same number.
        sql("UPDATE server_numbers SET last = last WHERE id = 'server'").execute(&mut *tx).await?;
        sql("INSERT INTO compute_services (id, number, host, name, disabled, forced_down, seen_at, created_at)
             SELECT $1, COALESCE(MAX(number), 0) + 1, $2, $3, FALSE, FALSE, $4, $4 FROM compute_services
             WHERE 1 = 1 ON CONFLICT (host, name) DO UPDATE SET seen_at = excluded.seen_at")
        .bind(id)
        .bind(host)
        .bind(name)
        .bind(now)
        .execute(tx)
        .await?;
    }
    Ok(())
}

pub(crate) async fn services_list(db: &Db, host: Option<&str>, name: Option<&str>) -> Result<Vec<Service>> {
    let mut query = sql(SERVICE);
    query.push(" WHERE 1 = 1");
    if let Some(host) = host {
        query.push(" AND host = ").push_bind(host);
    }
    if let Some(name) = name {
        query.push(" AND name = ").push_bind(name);
    }
    query.push(" ORDER BY number");
    query.all(db).await
}

pub(crate) async fn service_get(db: &Db, id: &str) -> Result<Option<Service>> {
    push(SERVICE, " WHERE id = ", id).optional(db).await
}

pub(crate) async fn service_of_number(db: &Db, number: i64) -> Result<Option<Service>> {
    push(SERVICE, " WHERE number = ", number).optional(db).await
}

pub(crate) async fn service_update(tx: &mut Tx, service: &Service, now: Timestamp) -> Result<u64> {
    sql("UPDATE compute_services SET disabled = $2, disabled_reason = $3, forced_down = $4, updated_at = $5
         WHERE id = $1")
    .bind(&service.id)
    .bind(service.disabled)
    .bind(service.disabled_reason.as_deref())
    .bind(service.forced_down)
    .bind(now)
    .execute(tx)
    .await
}

pub(crate) async fn service_delete(tx: &mut Tx, id: &str) -> Result<u64> {
    sql("DELETE FROM compute_services WHERE id = $1").bind(id).execute(tx).await
}
