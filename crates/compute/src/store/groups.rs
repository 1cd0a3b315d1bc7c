use std::collections::BTreeMap;

use db::{Db, On, Result, Tx, sql};
use jiff::Timestamp;

use crate::groups::Group;

/// A group by its id.
pub(crate) async fn group_get(on: impl Into<On<'_>>, id: &str) -> Result<Option<Group>> {
    sql("SELECT id, project_id, user_id, name, policy, max_server_per_host FROM server_groups WHERE id = $1")
        .bind(id)
        .optional(on)
        .await
}

/// The groups of a project, or of all, oldest first.
pub(crate) async fn groups_list(db: &Db, project_id: Option<&str>, offset: i64, limit: i64) -> Result<Vec<Group>> {
    let mut query = sql("SELECT id, project_id, user_id, name, policy, max_server_per_host FROM server_groups");
    if let Some(project_id) = project_id {
        query.push(" WHERE project_id = ").push_bind(project_id);
    }
    query.push(" ORDER BY created_at, id LIMIT ").push_bind(limit).push(" OFFSET ").push_bind(offset);
    query.all(db).await
}

pub(crate) async fn group_insert(tx: &mut Tx, group: &Group, now: Timestamp) -> Result<u64> {
    sql("INSERT INTO server_groups (id, project_id, user_id, name, policy, max_server_per_host, created_at, claims)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 0)")
    .bind(&group.id)
    .bind(&group.project_id)
    .bind(&group.user_id)
    .bind(&group.name)
    .bind(&group.policy)
    .bind(group.max_server_per_host)
    .bind(now)
    .execute(tx)
    .await
}

pub(crate) async fn group_delete(tx: &mut Tx, id: &str) -> Result<u64> {
    sql("DELETE FROM server_groups WHERE id = $1").bind(id).execute(tx).await
}

/// Makes others who count or change the members wait until the transaction ends. Tells whether there is such a group.
pub(crate) async fn group_lock(tx: &mut Tx, id: &str) -> Result<bool> {
    Ok(sql("UPDATE server_groups SET claims = claims + 1 WHERE id = $1").bind(id).execute(tx).await? == 1)
}

pub(crate) async fn member_add(tx: &mut Tx, group_id: &str, server_id: &str) -> Result<u64> {
    sql("INSERT INTO server_group_members (server_id, group_id) VALUES ($1, $2)")
        .bind(server_id)
        .bind(group_id)
        .execute(tx)
        .await
}

pub(crate) async fn members_count(tx: &mut Tx, group_id: &str) -> Result<i64> {
    sql("SELECT COUNT(*) FROM server_group_members m JOIN servers s ON s.id = m.server_id
         WHERE m.group_id = $1 AND s.deleted_at IS NULL")
    .bind(group_id)
    .one(tx)
    .await
}

db::row! {
    struct Member { group_id: String, server_id: String }
}

/// The servers of groups, oldest first.
pub(crate) async fn members(db: &Db, group_ids: &[&str]) -> Result<BTreeMap<String, Vec<String>>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut query =
        sql("SELECT m.group_id, m.server_id FROM server_group_members m JOIN servers s ON s.id = m.server_id
         WHERE s.deleted_at IS NULL AND m.group_id IN ");
    query.push_list(group_ids.iter().copied()).push(" ORDER BY s.number");
    for member in query.all::<Member>(db).await? {
        found.entry(member.group_id).or_default().push(member.server_id);
    }
    Ok(found)
}

/// The group that a server is in.
pub(crate) async fn group_of(on: impl Into<On<'_>>, server_id: &str) -> Result<Option<Group>> {
    sql("SELECT g.id, g.project_id, g.user_id, g.name, g.policy, g.max_server_per_host FROM server_groups g
         JOIN server_group_members m ON m.group_id = g.id WHERE m.server_id = $1")
    .bind(server_id)
    .optional(on)
    .await
}

db::row! {
    struct OnHost { host: String, servers: i64 }
}

/// How many servers of a group each node has, without one of them.
pub(crate) async fn members_by_host(
    on: impl Into<On<'_>>,
    group_id: &str,
    without: &str,
) -> Result<BTreeMap<String, i64>> {
    let rows: Vec<OnHost> = sql("SELECT s.host, COUNT(*) AS servers FROM server_group_members m
         JOIN servers s ON s.id = m.server_id
         WHERE m.group_id = $1 AND s.id <> $2 AND s.deleted_at IS NULL AND s.host <> '' GROUP BY s.host")
    .bind(group_id)
    .bind(without)
    .all(on)
    .await?;
    Ok(rows.into_iter().map(|row| (row.host, row.servers)).collect())
}
