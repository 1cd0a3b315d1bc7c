//! Quotas, and what they count, claimed in the transaction of what is counted.

use std::collections::BTreeMap;

use db::{Db, On, Result, Tx, sql};

db::row! {
    struct Number { resource: String, number: i64 }
}

db::row! {
    /// A quota that a project was given.
    pub(crate) struct Quota { pub project_id: String, pub resource: String, pub quota: i64 }
}

fn map(numbers: Vec<Number>) -> BTreeMap<String, i64> {
    numbers.into_iter().map(|n| (n.resource, n.number)).collect()
}

/// The quotas that the project was given; others have the defaults.
pub(crate) async fn given(on: impl Into<On<'_>>, project_id: &str) -> Result<BTreeMap<String, i64>> {
    sql("SELECT resource, quota AS number FROM network_quotas WHERE project_id = $1")
        .bind(project_id)
        .all(on)
        .await
        .map(map)
}

/// Every quota that was given.
pub(crate) async fn all(db: &Db) -> Result<Vec<Quota>> {
    sql("SELECT project_id, resource, quota FROM network_quotas ORDER BY project_id, resource").all(db).await
}

/// What the project uses.
pub(crate) async fn used(on: impl Into<On<'_>>, project_id: &str) -> Result<BTreeMap<String, i64>> {
    sql("SELECT resource, used AS number FROM network_usage WHERE project_id = $1")
        .bind(project_id)
        .all(on)
        .await
        .map(map)
}

/// What several projects use together.
pub(crate) async fn sum(tx: &mut Tx, projects: &[String], resource: &str) -> Result<i64> {
    let mut sum = 0;
    // As many parameters as every engine takes.
    for projects in projects.chunks(1000) {
        let mut sql = sql("SELECT CAST(COALESCE(SUM(used), 0) AS BIGINT) FROM network_usage WHERE resource = $1");
        sql = sql.bind(resource);
        sql.push(" AND project_id IN ").push_list(projects);
        sum += sql.one::<i64>(&mut *tx).await?;
    }
    Ok(sum)
}

/// Begins to count, unless somebody else did meanwhile.
pub(crate) async fn start(tx: &mut Tx, owner: &str, resource: &str, used: i64) -> Result<()> {
    sql("INSERT INTO network_usage (project_id, resource, used) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
        .bind(owner)
        .bind(resource)
        .bind(used)
        .execute(tx)
        .await
        .map(drop)
}

/// Forgets the counts of the owners whose names begin so; the beginning ends with a slash.
pub(crate) async fn forget(tx: &mut Tx, beginning: &str) -> Result<u64> {
    sql("DELETE FROM network_usage WHERE project_id > $1 AND project_id < $2")
        .bind(beginning)
        .bind(format!("{}0", beginning.trim_end_matches('/')))
        .execute(tx)
        .await
}

pub(crate) async fn set(tx: &mut Tx, project_id: &str, resource: &str, quota: i64) -> Result<()> {
    sql("INSERT INTO network_quotas (project_id, resource, quota) VALUES ($1, $2, $3)
         ON CONFLICT (project_id, resource) DO UPDATE SET quota = excluded.quota")
    .bind(project_id)
    .bind(resource)
    .bind(quota)
    .execute(tx)
    .await
    .map(drop)
}

pub(crate) async fn reset(tx: &mut Tx, project_id: &str) -> Result<u64> {
    sql("DELETE FROM network_quotas WHERE project_id = $1").bind(project_id).execute(tx).await
}

/// Counts `count` more (or less, when negative) if that stays within `limit`; a negative limit is none. Tells whether
/// it did. Others who count the same wait until this transaction ends.
pub(crate) async fn count(tx: &mut Tx, project_id: &str, resource: &str, count: i64, limit: i64) -> Result<bool> {
    sql("INSERT INTO network_usage (project_id, resource, used) VALUES ($1, $2, 0) ON CONFLICT DO NOTHING")
        .bind(project_id)
        .bind(resource)
        .execute(&mut *tx)
        .await?;
    let counted = sql("UPDATE network_usage SET used = used + $3
         WHERE project_id = $1 AND resource = $2 AND ($4 < 0 OR used + $3 <= $4)")
    .bind(project_id)
    .bind(resource)
    .bind(count)
    .bind(limit)
    .execute(tx)
    .await?;
    Ok(counted == 1)
}
