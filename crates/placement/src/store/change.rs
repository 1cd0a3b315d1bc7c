//! What changed of the providers, and when; counted, not timed.

use std::collections::BTreeSet;

use db::{Db, Result, Tx, sql};

use crate::Provider;
use crate::store::inventory;

/// How many counts deleted providers are remembered for. A copy that is further behind is read anew.
const REMEMBERED: i64 = 100_000;

pub(crate) async fn count(db: &Db) -> Result<i64> {
    sql("SELECT value FROM placement_clock WHERE id = 1").one(db).await
}

pub(crate) async fn advance(tx: &mut Tx) -> Result<i64> {
    sql("UPDATE placement_clock SET value = value + 1 WHERE id = 1 RETURNING value").one(tx).await
}

pub(crate) async fn stamp(tx: &mut Tx, provider_ids: &BTreeSet<String>, count: i64) -> Result<()> {
    if provider_ids.is_empty() {
        return Ok(());
    }
    let mut query = sql("UPDATE placement_providers SET changed = ");
    query.push_bind(count).push(" WHERE id IN ").push_list(provider_ids);
    query.execute(tx).await.map(drop)
}

/// Remembers deleted providers, and forgets those that were deleted long ago.
pub(crate) async fn bury(tx: &mut Tx, provider_ids: &BTreeSet<String>, count: i64) -> Result<()> {
    for id in provider_ids {
        sql("INSERT INTO placement_gone (provider_id, changed) VALUES ($1, $2)
             ON CONFLICT (provider_id) DO UPDATE SET changed = $2")
        .bind(id)
        .bind(count)
        .execute(&mut *tx)
        .await?;
    }
    if !provider_ids.is_empty() {
        sql("DELETE FROM placement_gone WHERE changed < $1").bind(count - REMEMBERED).execute(tx).await?;
    }
    Ok(())
}

/// Whether a copy as of `since` can be brought up to `now` by what is remembered.
pub(crate) fn is_remembered(since: i64, now: i64) -> bool {
    since > 0 && now - since < REMEMBERED
}

db::row! {
    pub(crate) struct Label { pub(crate) provider_id: String, pub(crate) label: String }
}

/// All that changed since a count.
#[derive(Default)]
pub(crate) struct Changes {
    pub(crate) providers: Vec<Provider>,
    pub(crate) stocks: Vec<inventory::Stored>,
    pub(crate) traits: Vec<Label>,
    pub(crate) aggregates: Vec<Label>,
    pub(crate) gone: Vec<String>,
}

pub(crate) async fn since(db: &Db, count: i64) -> Result<Changes> {
    let gone = sql("SELECT provider_id FROM placement_gone WHERE changed > $1").bind(count).all(db).await?;
    let providers = sql("SELECT id, name, generation, parent_id, root_id, updated_at FROM placement_providers
         WHERE changed > $1")
    .bind(count)
    .all(db)
    .await?;
    let stocks = sql("SELECT i.provider_id, i.class, i.total, i.reserved, i.min_unit, i.max_unit, i.step_size,
            i.allocation_ratio, i.used
         FROM placement_providers p JOIN placement_inventories i ON i.provider_id = p.id WHERE p.changed > $1")
    .bind(count)
    .all(db)
    .await?;
    let traits = sql("SELECT t.provider_id, t.trait AS label
         FROM placement_providers p JOIN placement_provider_traits t ON t.provider_id = p.id WHERE p.changed > $1")
    .bind(count)
    .all(db)
    .await?;
    let aggregates = sql("SELECT a.provider_id, a.aggregate_id AS label
         FROM placement_providers p JOIN placement_provider_aggregates a ON a.provider_id = p.id
         WHERE p.changed > $1")
    .bind(count)
    .all(db)
    .await?;
    Ok(Changes { providers, stocks, traits, aggregates, gone })
}
