use std::collections::BTreeMap;

use db::{Db, Result, Tx, sql};
use jiff::Timestamp;

use crate::nodes::Node;
use crate::store::nodes::NODE;

/// Which state of the nodes this is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Revision {
    /// Counts deleted nodes.
    pub(crate) deleted: i64,
    /// Counts changed ones.
    pub(crate) changed: i64,
}

db::row! {
    struct Counted { name: String, value: i64 }
}

pub(crate) async fn revision(db: &Db) -> Result<Revision> {
    let rows: Vec<Counted> =
        sql("SELECT name, value FROM compute_revisions WHERE name IN ('nodes', 'nodes_deleted')").all(db).await?;
    let value = |name: &str| rows.iter().find(|row| row.name == name).map_or(0, |row| row.value);
    Ok(Revision { deleted: value("nodes_deleted"), changed: value("nodes") })
}

/// Says that the node of a host changed. The last statement of its transaction, so that others wait only this long and
/// revisions become visible in their order.
pub(crate) async fn node_changed(tx: &mut Tx, host: &str) -> Result<u64> {
    let revision: i64 = sql("UPDATE compute_revisions SET value = value + 1 WHERE name = 'nodes' RETURNING value")
        .one(&mut *tx)
        .await?;
    sql("UPDATE compute_nodes SET changed = $2 WHERE host = $1").bind(host).bind(revision).execute(tx).await
}

/// Says that a node is gone.
pub(crate) async fn node_gone(tx: &mut Tx) -> Result<u64> {
    sql("UPDATE compute_revisions SET value = value + 1 WHERE name = 'nodes_deleted'").execute(tx).await
}

/// The nodes that changed since a revision.
pub(crate) async fn nodes_since(db: &Db, changed: i64) -> Result<Vec<Node>> {
    let mut query = sql(NODE);
    query.push(" WHERE compute_nodes.changed > ").push_bind(changed);
    query.all(db).await
}

db::row! {
    /// When a node was heard of.
    pub(crate) struct Seen { pub(crate) host: String, pub(crate) seen_at: Timestamp }
}

/// The nodes that were heard of since then.
pub(crate) async fn seen_since(db: &Db, since: Timestamp) -> Result<Vec<Seen>> {
    sql("SELECT host, seen_at FROM compute_services WHERE name = 'nova-compute' AND seen_at > $1")
        .bind(since)
        .all(db)
        .await
}

db::row! {
    struct OnHost { host: String, servers: i64 }
}

fn by_host(rows: Vec<OnHost>) -> BTreeMap<String, i64> {
    rows.into_iter().map(|row| (row.host, row.servers)).collect()
}

/// How many servers something is being done to, by node.
pub(crate) async fn busy_by_host(db: &Db) -> Result<BTreeMap<String, i64>> {
    // The condition is that of the index, which holds only those.
    let rows = sql("SELECT host, COUNT(*) AS servers FROM servers
         WHERE deleted_at IS NULL AND task_state <> '' AND host <> '' GROUP BY host")
    .all(db)
    .await?;
    Ok(by_host(rows))
}

/// How many servers these nodes have.
pub(crate) async fn servers_by_host(db: &Db, hosts: &[&str]) -> Result<BTreeMap<String, i64>> {
    let mut found = BTreeMap::new();
    for hosts in hosts.chunks(1000) {
        let mut query = sql("SELECT host, COUNT(*) AS servers FROM servers WHERE deleted_at IS NULL AND host IN ");
        query.push_list(hosts.iter().copied()).push(" GROUP BY host");
        found.extend(by_host(query.all(db).await?));
    }
    Ok(found)
}

/// Counts a server that failed to come up on a node.
pub(crate) async fn build_failed(tx: &mut Tx, host: &str) -> Result<()> {
    sql("UPDATE compute_nodes SET failed_builds = failed_builds + 1 WHERE host = $1")
        .bind(host)
        .execute(&mut *tx)
        .await?;
    node_changed(tx, host).await.map(drop)
}

/// Forgets them when one came up.
pub(crate) async fn build_succeeded(tx: &mut Tx, host: &str) -> Result<()> {
    let failed = sql("UPDATE compute_nodes SET failed_builds = 0 WHERE host = $1 AND failed_builds > 0")
        .bind(host)
        .execute(&mut *tx)
        .await?;
    if failed > 0 { node_changed(tx, host).await.map(drop) } else { Ok(()) }
}
