use std::collections::BTreeMap;

use db::{On, Result, Tx, sql};

db::row! {
    struct Tag { resource_id: String, tag: String }
}

/// The tags of many resources at once, sorted.
pub(crate) async fn of(on: On<'_>, ids: &[String]) -> Result<BTreeMap<String, Vec<String>>> {
    let mut tags: BTreeMap<String, Vec<String>> = BTreeMap::new();
    if ids.is_empty() {
        return Ok(tags);
    }
    let mut statement = sql("SELECT resource_id, tag FROM network_tags WHERE resource_id IN ");
    statement.push_list(ids).push(" ORDER BY resource_id, tag");
    for row in statement.all::<Tag>(on).await? {
        tags.entry(row.resource_id).or_default().push(row.tag);
    }
    Ok(tags)
}

pub(crate) async fn add(tx: &mut Tx, resource_id: &str, tag: &str) -> Result<()> {
    sql("INSERT INTO network_tags (resource_id, tag) VALUES ($1, $2) ON CONFLICT DO NOTHING")
        .bind(resource_id)
        .bind(tag)
        .execute(tx)
        .await
        .map(drop)
}

pub(crate) async fn remove(tx: &mut Tx, resource_id: &str, tag: &str) -> Result<u64> {
    sql("DELETE FROM network_tags WHERE resource_id = $1 AND tag = $2").bind(resource_id).bind(tag).execute(tx).await
}

pub(crate) async fn clear(tx: &mut Tx, resource_id: &str) -> Result<()> {
    sql("DELETE FROM network_tags WHERE resource_id = $1").bind(resource_id).execute(tx).await.map(drop)
}
