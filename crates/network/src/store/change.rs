//! Notes of what was committed and perhaps not yet made real.

use std::collections::BTreeSet;

use db::{Db, Result, Tx, sql};
use jiff::Timestamp;

use crate::{Change, Kind};

db::row! {
    struct Row { kind: String, id: String, parent: Option<String>, token: String }
}

/// Notes the changes of this transaction.
pub(crate) async fn note(tx: &mut Tx, changes: &BTreeSet<Change>, token: &str, now: Timestamp) -> Result<()> {
    for part in changes.iter().collect::<Vec<_>>().chunks(500) {
        let mut statement = sql("INSERT INTO network_changes (kind, id, parent, token, created_at) VALUES ");
        for (index, change) in part.iter().enumerate() {
            statement.push(if index == 0 { "(" } else { ", (" }).push_bind(change.kind.name()).push(", ");
            statement.push_bind(&change.id).push(", ").push_bind(change.parent.as_deref()).push(", ");
            statement.push_bind(token).push(", ").push_bind(now).push(")");
        }
        statement.push(" ON CONFLICT (kind, id) DO UPDATE SET token = excluded.token, parent = excluded.parent");
        statement.execute(&mut *tx).await?;
    }
    Ok(())
}

/// Forgets the notes of that token; newer ones of the same things stay.
pub(crate) async fn forget(db: &Db, tokens: &BTreeSet<String>) -> Result<()> {
    let mut tx = db.begin().await?;
    let mut statement = sql("DELETE FROM network_changes WHERE token IN ");
    statement.push_list(tokens);
    statement.execute(&mut tx).await?;
    tx.commit().await
}

/// Forgets one note, unless it is newer than `token`.
pub(crate) async fn forget_one(db: &Db, change: &Change, token: &str) -> Result<()> {
    let mut tx = db.begin().await?;
    sql("DELETE FROM network_changes WHERE kind = $1 AND id = $2 AND token = $3")
        .bind(change.kind.name())
        .bind(&change.id)
        .bind(token)
        .execute(&mut tx)
        .await?;
    tx.commit().await
}

/// The oldest notes made before `before`, with their tokens.
pub(crate) async fn left_over(db: &Db, before: Timestamp, limit: i64) -> Result<Vec<(Change, String)>> {
    let rows: Vec<Row> = sql("SELECT kind, id, parent, token FROM network_changes
         WHERE created_at <= $1 ORDER BY created_at, kind, id LIMIT $2")
    .bind(before)
    .bind(limit)
    .all(db)
    .await?;
    Ok(rows
        .into_iter()
        .filter_map(|row| {
            Some((Change { kind: Kind::from_name(&row.kind)?, id: row.id, parent: row.parent }, row.token))
        })
        .collect())
}
