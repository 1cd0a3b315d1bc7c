//! The rows of servers.

use std::collections::BTreeMap;

use db::{Db, Json, On, Result, Tx, sql};
use jiff::Timestamp;

use crate::server::{Fault, Flavor, Image, Server};
use crate::state;

pub(crate) const COLUMNS: &str = "id, number, project_id, user_id, name, description, hostname, reservation_id, \
    launch_index, flavor, image_id, image, key_name, key_type, public_key, metadata, user_data, config_drive, \
    asked_zone, asked_host, scheduler_hints, networks, security_groups, zone, host, vm_state, task_state, \
    power_state, locked, locked_reason, fault, access_ipv4, access_ipv6, disk_config, created_at, updated_at, \
    launched_at, deleted_at, locked_by, rescue, resized_from, shelved_image_id, password, personality, local_disks";

/// Writes a new server.
pub(crate) async fn server_insert(tx: &mut Tx, server: &Server) -> Result<()> {
    let mut insert = sql("INSERT INTO servers (");
    insert.push(COLUMNS).push(", flavor_id, state_since) VALUES (");
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
    insert.push_bind(&server.locked_by).push(", ").push_bind(server.rescue.clone()).push(", ");
    insert.push_bind(server.resized_from.clone()).push(", ").push_bind(&server.shelved_image_id).push(", ");
    insert.push_bind(&server.password).push(", ").push_bind(&server.personality).push(", ");
    insert.push_bind(&server.local_disks).push(", ");
    insert.push_bind(&server.flavor.0.id).push(", ").push_bind(server.created_at).push(")");
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
    /// What it is rescued with, in JSON.
    pub(crate) rescue: Option<Option<String>>,
    /// What it was before a resize, in JSON.
    pub(crate) resized_from: Option<Option<String>>,
    pub(crate) shelved_image_id: Option<&'a str>,
    pub(crate) flavor: Option<&'a Flavor>,
    pub(crate) image: Option<(&'a str, &'a Image)>,
}

/// The two states that a server must be in still, for a change.
#[derive(Debug, Clone, Copy)]
pub(crate) struct From<'a> {
    pub(crate) vm_state: &'a str,
    pub(crate) task_state: &'a str,
}

/// Changes a server that is not gone; its states only if it is not on its way out either; with `from`, only if it is in
/// these states. Without, a server that is switched off to be kept stays that, whatever else is said of it. Tells whether
/// it did.
pub(crate) async fn state_change(
    tx: &mut Tx,
    id: &str,
    from: Option<From<'_>>,
    change: &Change<'_>,
    now: Timestamp,
) -> Result<bool> {
    let mut update = sql("UPDATE servers SET updated_at = ");
    update.push_bind(now);
    if let Some(vm_state) = change.vm_state {
        update.push(", vm_state = ").push_bind(vm_state);
        update.push(", state_since = CASE WHEN vm_state = ").push_bind(vm_state);
        update.push(" THEN state_since ELSE ").push_bind(now).push(" END");
    }
    if let Some(task_state) = change.task_state {
        update.push(", task_state = ");
        if from.is_none() {
            update.push("CASE task_state WHEN ").push_bind(state::SOFT_DELETING).push(" THEN task_state ELSE ");
            update.push_bind(task_state).push(" END");
        } else {
            update.push_bind(task_state);
        }
    }
    for (column, text) in
        [(", host = ", change.host), (", zone = ", change.zone), (", shelved_image_id = ", change.shelved_image_id)]
    {
        if let Some(text) = text {
            update.push(column).push_bind(text);
        }
    }
    for (column, text) in [(", rescue = ", &change.rescue), (", resized_from = ", &change.resized_from)] {
        if let Some(text) = text {
            update.push(column).push_bind(text.clone());
        }
    }
    if let Some(flavor) = change.flavor {
        update.push(", flavor = ").push_bind(Json(flavor)).push(", flavor_id = ").push_bind(&flavor.id);
    }
    if let Some((id, image)) = change.image {
        update.push(", image_id = ").push_bind(id).push(", image = ").push_bind(Json(image));
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
    update.push(" WHERE deleted_at IS NULL AND id = ").push_bind(id);
    if from.is_some() || change.vm_state.is_some() || change.task_state.is_some() {
        update.push(" AND task_state <> ").push_bind(state::DELETING);
    }
    if let Some(from) = from {
        update.push(" AND task_state = ").push_bind(from.task_state);
        update.push(" AND vm_state = ").push_bind(from.vm_state);
    }
    Ok(update.execute(tx).await? == 1)
}

/// Says where a server is, even one on its way out. Tells whether it may be there: nothing of an earlier time is left there.
pub(crate) async fn host_set(tx: &mut Tx, id: &str, host: &str, zone: &str, now: Timestamp) -> Result<bool> {
    let set = sql("UPDATE servers SET host = $2, zone = $3, updated_at = $4 WHERE id = $1 AND deleted_at IS NULL
         AND NOT EXISTS (SELECT 1 FROM server_leftovers WHERE server_id = $1 AND host = $2)")
    .bind(id)
    .bind(host)
    .bind(zone)
    .bind(now)
    .execute(tx)
    .await?;
    Ok(set == 1)
}

/// Locks a server for somebody (`owner`, `admin`), or unlocks it for nobody.
pub(crate) async fn lock_set(
    tx: &mut Tx,
    id: &str,
    locked_by: &str,
    reason: Option<&str>,
    now: Timestamp,
) -> Result<()> {
    sql("UPDATE servers SET locked = $2, locked_by = $3, locked_reason = $4, updated_at = $5 \
         WHERE id = $1 AND deleted_at IS NULL")
    .bind(id)
    .bind(!locked_by.is_empty())
    .bind(locked_by)
    .bind(reason)
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
    /// The node that it has to be on.
    pub(crate) asked_host: Option<String>,
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
        (", asked_host = ", &edit.asked_host),
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

/// What a user gives for a guest when it is made anew; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub(crate) struct Given {
    pub(crate) metadata: Option<BTreeMap<String, String>>,
    /// Name, type and public key.
    pub(crate) key: Option<Option<(String, String, String)>>,
    pub(crate) user_data: Option<Option<String>>,
    pub(crate) personality: Option<BTreeMap<String, String>>,
    /// Whether it needs a config drive.
    pub(crate) config_drive: bool,
}

/// Writes what a user gave.
pub(crate) async fn given_set(tx: &mut Tx, id: &str, given: &Given) -> Result<()> {
    let mut update = sql("UPDATE servers SET id = id");
    for (column, map) in [(", metadata = ", &given.metadata), (", personality = ", &given.personality)] {
        if let Some(map) = map {
            update.push(column).push_bind(Json(map));
        }
    }
    if let Some(key) = &given.key {
        let (name, kind, public) = match key {
            Some((name, kind, public)) => (Some(name), Some(kind), Some(public)),
            None => (None, None, None),
        };
        update.push(", key_name = ").push_bind(name.cloned()).push(", key_type = ").push_bind(kind.cloned());
        update.push(", public_key = ").push_bind(public.cloned());
    }
    if let Some(user_data) = &given.user_data {
        update.push(", user_data = ").push_bind(user_data.clone());
    }
    if given.config_drive {
        update.push(", config_drive = ").push_bind(true);
    }
    update.push(" WHERE deleted_at IS NULL AND id = ").push_bind(id);
    update.execute(tx).await.map(drop)
}

/// The servers that have been in a state, with nothing being done to them, since before a time.
pub(crate) async fn servers_waiting(db: &Db, vm_state: &str, before: Timestamp) -> Result<Vec<Server>> {
    let mut select = sql("SELECT ");
    select.push(COLUMNS).push(" FROM servers WHERE deleted_at IS NULL AND task_state = '' AND vm_state = ");
    select.push_bind(vm_state).push(" AND state_since <= ").push_bind(before).push(" ORDER BY state_since LIMIT 1000");
    select.all(db).await
}

/// The servers of projects for which nothing says how much of a resource they use.
pub(crate) async fn servers_uncounted(tx: &mut Tx, resource: &str) -> Result<Vec<Server>> {
    let mut select = sql("SELECT ");
    select.push(COLUMNS).push(" FROM servers WHERE deleted_at IS NULL AND project_id NOT IN ");
    select.push("(SELECT owner_id FROM compute_usages WHERE resource = ").push_bind(resource).push(")");
    select.all(tx).await
}

/// Keeps the password that a guest told, encrypted, or forgets it. With `once` only if there is none yet; tells whether
/// it did.
pub(crate) async fn password_set(tx: &mut Tx, id: &str, password: &str, once: bool) -> Result<bool> {
    let mut update = sql("UPDATE servers SET password = ");
    update.push_bind(password).push(" WHERE deleted_at IS NULL AND id = ").push_bind(id);
    if once {
        update.push(" AND password = ''");
    }
    Ok(update.execute(tx).await? == 1)
}

/// Replaces a server's metadata, if it is still what it was.
pub(crate) async fn metadata_replace(
    tx: &mut Tx,
    server: &Server,
    metadata: BTreeMap<String, String>,
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

/// Whether any server is on a node.
pub(crate) async fn are_on(on: impl Into<On<'_>>, host: &str) -> Result<bool> {
    let first = sql("SELECT id FROM servers WHERE deleted_at IS NULL AND host = $1 LIMIT 1").bind(host);
    Ok(first.optional::<String>(on).await?.is_some())
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

/// Where a server is.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// Empty where it is on no node.
    pub(crate) host: String,
    pub(crate) is_gone: bool,
}

/// Where those of the servers are that there are or were.
pub(crate) async fn whereabouts(db: &Db, ids: &[String]) -> Result<BTreeMap<String, Place>> {
    db::row! { struct Found { id: String, host: String, deleted_at: Option<Timestamp> } }
    let mut select = sql("SELECT id, host, deleted_at FROM servers WHERE id IN ");
    select.push_list(ids);
    let rows: Vec<Found> = select.all(db).await?;
    let place = |row: Found| (row.id, Place { host: row.host, is_gone: row.deleted_at.is_some() });
    Ok(rows.into_iter().map(place).collect())
}

db::row! {
    struct Hosted { id: String, host: String }
}

/// The nodes of those of the servers that there are; empty for those that have none yet.
pub(crate) async fn hosts_of(db: &Db, ids: &[String]) -> Result<BTreeMap<String, String>> {
    let mut select = sql("SELECT id, host FROM servers WHERE deleted_at IS NULL AND id IN ");
    select.push_list(ids);
    let rows: Vec<Hosted> = select.all(db).await?;
    Ok(rows.into_iter().map(|row| (row.id, row.host)).collect())
}
