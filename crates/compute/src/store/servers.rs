//! The rows of servers.

use db::{Db, Json, On, Result, Tx, sql};
use jiff::Timestamp;

use crate::server::{Fault, Server};
use crate::state;

pub(crate) const COLUMNS: &str = "id, number, project_id, user_id, name, description, hostname, reservation_id, \
    launch_index, flavor, image_id, image, key_name, key_type, public_key, metadata, user_data, config_drive, \
    asked_zone, asked_host, scheduler_hints, networks, security_groups, zone, host, vm_state, task_state, \
    power_state, locked, locked_reason, fault, access_ipv4, access_ipv6, disk_config, created_at, updated_at, \
    launched_at, deleted_at";

/// Writes a new server.
pub(crate) async fn server_insert(tx: &mut Tx, server: &Server) -> Result<()> {
    let mut insert = sql("INSERT INTO servers (");
    insert.push(COLUMNS).push(", flavor_id) VALUES (");
    insert.push_bind(&server.id).push(", ").push_bind(server.number).push(", ");
    for text in [&server.project_id, &server.user_id, &server.name] {
        insert.push_bind(text).push(", ");
    }
    insert.push_bind(server.description.clone()).push(", ");
    insert.push_bind(&server.hostname).push(", ").push_bind(&server.reservation_id).push(", ");
    insert.push_bind(server.launch_index).push(", ").push_bind(&server.flavor).push(", ");
    insert.push_bind(&server.image_id).push(", ").push_bind(&server.image).push(", ");
    for text in [&server.key_name, &server.key_type, &server.public_key] {
        insert.push_bind(text.clone()).push(", ");
    }
    insert.push_bind(&server.metadata).push(", ").push_bind(server.user_data.clone()).push(", ");
    insert.push_bind(server.config_drive).push(", ").push_bind(&server.asked_zone).push(", ");
    insert.push_bind(&server.asked_host).push(", ").push_bind(&server.scheduler_hints).push(", ");
    insert.push_bind(&server.networks).push(", ").push_bind(&server.security_groups).push(", ");
    for text in [&server.zone, &server.host, &server.vm_state, &server.task_state] {
        insert.push_bind(text).push(", ");
    }
    insert.push_bind(server.power_state).push(", ").push_bind(server.locked).push(", ");
    insert.push_bind(server.locked_reason.clone()).push(", ").push_bind(server.fault.clone()).push(", ");
    for text in [&server.access_ipv4, &server.access_ipv6, &server.disk_config] {
        insert.push_bind(text).push(", ");
    }
    insert.push_bind(server.created_at).push(", ").push_bind(server.updated_at).push(", ");
    insert.push_bind(server.launched_at).push(", ").push_bind(server.deleted_at).push(", ");
    insert.push_bind(&server.flavor.0.id).push(")");
    insert.execute(tx).await.map(drop)
}

/// Takes `count` numbers for new servers and returns the last of them.
pub(crate) async fn numbers_take(tx: &mut Tx, count: i64) -> Result<i64> {
    sql("UPDATE server_numbers SET last = last + $1 WHERE id = 'server' RETURNING last").bind(count).one(tx).await
}

/// A server that is not gone.
pub(crate) async fn server_get(on: impl Into<On<'_>>, id: &str) -> Result<Option<Server>> {
    let mut select = sql("SELECT ");
    select.push(COLUMNS).push(" FROM servers WHERE deleted_at IS NULL AND id = ").push_bind(id);
    select.optional(on).await
}

/// A change of state; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub(crate) struct Change<'a> {
    pub(crate) vm_state: Option<&'a str>,
    pub(crate) task_state: Option<&'a str>,
    pub(crate) power_state: Option<i64>,
    pub(crate) launched_at: Option<Timestamp>,
    pub(crate) host: Option<&'a str>,
    pub(crate) zone: Option<&'a str>,
    pub(crate) fault: Option<&'a Fault>,
}

/// Changes a server that is neither gone nor on its way out; with `from`, only if its task state is that. Tells
/// whether it did.
pub(crate) async fn state_change(
    tx: &mut Tx,
    id: &str,
    from: Option<&str>,
    change: &Change<'_>,
    now: Timestamp,
) -> Result<bool> {
    let mut update = sql("UPDATE servers SET updated_at = ");
    update.push_bind(now);
    for (column, text) in [
        (", vm_state = ", change.vm_state),
        (", task_state = ", change.task_state),
        (", host = ", change.host),
        (", zone = ", change.zone),
    ] {
        if let Some(text) = text {
            update.push(column).push_bind(text);
        }
    }
    if let Some(power_state) = change.power_state {
        update.push(", power_state = ").push_bind(power_state);
    }
    if let Some(launched_at) = change.launched_at {
        update.push(", launched_at = ").push_bind(launched_at);
    }
    if let Some(fault) = change.fault {
        update.push(", fault = ").push_bind(Json(fault));
    }
    update.push(" WHERE deleted_at IS NULL AND task_state <> ").push_bind(state::DELETING);
    update.push(" AND id = ").push_bind(id);
    if let Some(from) = from {
        update.push(" AND task_state = ").push_bind(from);
    }
    Ok(update.execute(tx).await? == 1)
}

/// Says where a server is, even one on its way out.
pub(crate) async fn host_set(tx: &mut Tx, id: &str, host: &str, zone: &str, now: Timestamp) -> Result<()> {
    sql("UPDATE servers SET host = $2, zone = $3, updated_at = $4 WHERE id = $1 AND deleted_at IS NULL")
        .bind(id)
        .bind(host)
        .bind(zone)
        .bind(now)
        .execute(tx)
        .await
        .map(drop)
}

/// Puts a server on its way out; `false` when it is already.
pub(crate) async fn deleting_set(tx: &mut Tx, id: &str, now: Timestamp) -> Result<bool> {
    let changed = sql("UPDATE servers SET task_state = $2, updated_at = $3 \
         WHERE id = $1 AND deleted_at IS NULL AND task_state <> $2")
    .bind(id)
    .bind(state::DELETING)
    .bind(now)
    .execute(tx)
    .await?;
    Ok(changed == 1)
}

/// Marks a server as gone; `false` when it is already.
pub(crate) async fn server_bury(tx: &mut Tx, id: &str, now: Timestamp) -> Result<bool> {
    let changed = sql("UPDATE servers SET vm_state = $2, task_state = '', power_state = 0, deleted_at = $3, \
         updated_at = $3 WHERE id = $1 AND deleted_at IS NULL")
    .bind(id)
    .bind(state::DELETED)
    .bind(now)
    .execute(&mut *tx)
    .await?;
    sql("DELETE FROM server_tags WHERE server_id = $1").bind(id).execute(&mut *tx).await?;
    sql("DELETE FROM console_tokens WHERE server_id = $1").bind(id).execute(&mut *tx).await?;
    sql("DELETE FROM server_group_members WHERE server_id = $1").bind(id).execute(&mut *tx).await?;
    Ok(changed == 1)
}

/// What users change of a server; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub(crate) struct Edit {
    pub(crate) name: Option<String>,
    pub(crate) description: Option<Option<String>>,
    pub(crate) hostname: Option<String>,
    pub(crate) access_ipv4: Option<String>,
    pub(crate) access_ipv6: Option<String>,
    pub(crate) disk_config: Option<String>,
    /// The zone in which the server has to stay; empty for any.
    pub(crate) asked_zone: Option<String>,
}

/// Writes what a user changed.
pub(crate) async fn server_edit(tx: &mut Tx, id: &str, edit: &Edit, now: Timestamp) -> Result<()> {
    let mut update = sql("UPDATE servers SET updated_at = ");
    update.push_bind(now);
    for (column, text) in [
        (", name = ", &edit.name),
        (", hostname = ", &edit.hostname),
        (", access_ipv4 = ", &edit.access_ipv4),
        (", access_ipv6 = ", &edit.access_ipv6),
        (", disk_config = ", &edit.disk_config),
        (", asked_zone = ", &edit.asked_zone),
    ] {
        if let Some(text) = text {
            update.push(column).push_bind(text);
        }
    }
    if let Some(description) = &edit.description {
        update.push(", description = ").push_bind(description.clone());
    }
    update.push(" WHERE deleted_at IS NULL AND id = ").push_bind(id);
    update.execute(tx).await.map(drop)
}

/// Replaces a server's metadata, if it is still what it was.
pub(crate) async fn metadata_replace(
    tx: &mut Tx,
    server: &Server,
    metadata: std::collections::BTreeMap<String, String>,
    now: Timestamp,
) -> Result<bool> {
    let changed = sql("UPDATE servers SET metadata = $2, updated_at = $3 \
         WHERE id = $1 AND deleted_at IS NULL AND metadata = $4")
    .bind(&server.id)
    .bind(Json(metadata))
    .bind(now)
    .bind(&server.metadata)
    .execute(tx)
    .await?;
    Ok(changed == 1)
}

db::row! {
    /// What a node's report is compared with.
    #[derive(Debug, Clone)]
    pub(crate) struct Placed {
        pub(crate) id: String,
        pub(crate) vm_state: String,
        pub(crate) task_state: String,
        pub(crate) power_state: i64,
        pub(crate) updated_at: Timestamp,
    }
}

/// The servers that should be on a node.
pub(crate) async fn servers_of_host(db: &Db, host: &str) -> Result<Vec<Placed>> {
    sql("SELECT id, vm_state, task_state, power_state, updated_at FROM servers WHERE deleted_at IS NULL \
         AND host = $1")
    .bind(host)
    .all(db)
    .await
}

db::row! {
    /// A server and the node that it is on.
    #[derive(Debug, Clone)]
    pub(crate) struct OnNode { pub(crate) host: String, pub(crate) id: String, pub(crate) name: String }
}

/// The servers of several nodes, oldest first.
pub(crate) async fn servers_of_hosts(db: &Db, hosts: &[&str]) -> Result<Vec<OnNode>> {
    let mut select = sql("SELECT host, id, name FROM servers WHERE deleted_at IS NULL AND host IN ");
    select.push_list(hosts.iter().copied()).push(" ORDER BY number");
    select.all(db).await
}

db::row! {
    struct Hosted { id: String, host: String }
}

/// The nodes of those of the servers that there are; empty for those that have none yet.
pub(crate) async fn hosts_of(db: &Db, ids: &[String]) -> Result<std::collections::BTreeMap<String, String>> {
    let mut select = sql("SELECT id, host FROM servers WHERE deleted_at IS NULL AND id IN ");
    select.push_list(ids);
    let rows: Vec<Hosted> = select.all(db).await?;
    Ok(rows.into_iter().map(|row| (row.id, row.host)).collect())
}
