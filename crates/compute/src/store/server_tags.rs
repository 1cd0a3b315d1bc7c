//! The tags of servers.

use std::collections::BTreeMap;

use db::{On, Result, Tx, sql};

/// The tags of many servers, sorted.
pub(crate) async fn tags_of(on: impl Into<On<'_>>, ids: &[String]) -> Result<BTreeMap<String, Vec<String>>> {
    db::row! { struct Tag { server_id: String, tag: String } }
    let mut select = sql("SELECT server_id, tag FROM server_tags WHERE server_id IN ");
    select.push_list(ids).push(" ORDER BY server_id, tag");
    let mut tags: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for Tag { server_id, tag } in select.all::<Tag>(on).await? {
        tags.entry(server_id).or_default().push(tag);
    }
    Ok(tags)
}

/// Adds tags; those that are there already stay. Returns how many were new.
pub(crate) async fn tags_add(tx: &mut Tx, id: &str, tags: &[String]) -> Result<u64> {
    let mut added = 0;
    for tag in tags {
        added += sql("INSERT INTO server_tags (server_id, tag) VALUES ($1, $2) ON CONFLICT DO NOTHING")
            .bind(id)
            .bind(tag)
            .execute(&mut *tx)
            .await?;
    }
    Ok(added)
}

/// Removes one tag, or all. Returns how many went.
pub(crate) async fn tags_remove(tx: &mut Tx, id: &str, tag: Option<&str>) -> Result<u64> {
    let mut delete = sql("DELETE FROM server_tags WHERE server_id = ");
    delete.push_bind(id);
    if let Some(tag) = tag {
        delete.push(" AND tag = ").push_bind(tag);
    }
    delete.execute(tx).await
}
