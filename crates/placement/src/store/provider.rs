use std::collections::BTreeMap;

use db::{On, Result, Tx, sql};
use jiff::Timestamp;

db::row! {
    /// A resource provider.
    #[derive(Debug, Clone)]
    pub struct Provider {
        /// Its id.
        pub id: String,
        /// Its name.
        pub name: String,
        /// Counts its changes.
        pub generation: i64,
        /// The provider above it, if it is not a root.
        pub parent_id: Option<String>,
        /// The root of its tree.
        pub root_id: String,
        /// When it was changed.
        pub updated_at: Timestamp,
    }
}

const SELECT: &str = "SELECT p.id, p.name, p.generation, p.parent_id, p.root_id, p.updated_at
    FROM placement_providers p WHERE 1 = 1";

pub(crate) async fn get(on: impl Into<On<'_>>, id: &str) -> Result<Option<Provider>> {
    let mut query = sql(SELECT);
    query.push(" AND p.id = ").push_bind(id);
    query.optional(on).await
}

pub(crate) async fn of_roots(on: impl Into<On<'_>>, roots: &[String]) -> Result<Vec<Provider>> {
    let mut query = sql(SELECT);
    query.push(" AND p.root_id IN ").push_list(roots);
    query.all(on).await
}

pub(crate) async fn generations(on: impl Into<On<'_>>, ids: &[String]) -> Result<BTreeMap<String, i64>> {
    db::row! { struct Generation { id: String, generation: i64 } }
    let mut query = sql("SELECT id, generation FROM placement_providers WHERE id IN ");
    query.push_list(ids);
    let rows: Vec<Generation> = query.all(on).await?;
    Ok(rows.into_iter().map(|row| (row.id, row.generation)).collect())
}

pub(crate) async fn insert(tx: &mut Tx, provider: &Provider) -> Result<()> {
    sql("INSERT INTO placement_providers (id, name, generation, parent_id, root_id, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6)")
    .bind(&provider.id)
    .bind(&provider.name)
    .bind(provider.generation)
    .bind(provider.parent_id.as_deref())
    .bind(&provider.root_id)
    .bind(provider.updated_at)
    .execute(tx)
    .await
    .map(drop)
}

/// Names the provider, and hangs it (with all below it, which are given in `below`) under a parent.
pub(crate) async fn update(tx: &mut Tx, provider: &Provider, below: &[String]) -> Result<()> {
    sql("UPDATE placement_providers SET name = $1, parent_id = $2, root_id = $3, updated_at = $4 WHERE id = $5")
        .bind(&provider.name)
        .bind(provider.parent_id.as_deref())
        .bind(&provider.root_id)
        .bind(provider.updated_at)
        .bind(&provider.id)
        .execute(&mut *tx)
        .await?;
    if !below.is_empty() {
        let mut query = sql("UPDATE placement_providers SET root_id = ");
        query.push_bind(&provider.root_id).push(" WHERE id IN ").push_list(below);
        query.execute(tx).await?;
    }
    Ok(())
}

/// Adds one to the generation, if it is the expected one (any, when none is given). Tells whether it was.
pub(crate) async fn advance(tx: &mut Tx, id: &str, expected: Option<i64>, now: Timestamp) -> Result<bool> {
    let changed = sql("UPDATE placement_providers SET generation = generation + 1, updated_at = $1
         WHERE id = $2 AND (CAST($3 AS BIGINT) IS NULL OR generation = $3)")
    .bind(now)
    .bind(id)
    .bind(expected)
    .execute(tx)
    .await?;
    Ok(changed == 1)
}

/// Keeps others from changing the provider until the transaction ends.
pub(crate) async fn lock(tx: &mut Tx, id: &str) -> Result<()> {
    sql("UPDATE placement_providers SET generation = generation WHERE id = $1").bind(id).execute(tx).await.map(drop)
}

pub(crate) async fn is_parent(tx: &mut Tx, id: &str) -> Result<bool> {
    let count: i64 = sql("SELECT COUNT(*) FROM placement_providers WHERE parent_id = $1").bind(id).one(tx).await?;
    Ok(count > 0)
}

pub(crate) async fn delete(tx: &mut Tx, id: &str) -> Result<bool> {
    for table in ["placement_inventories", "placement_provider_traits", "placement_provider_aggregates"] {
        let mut query = sql("DELETE FROM ");
        query.push(table).push(" WHERE provider_id = ").push_bind(id);
        query.execute(&mut *tx).await?;
    }
    Ok(sql("DELETE FROM placement_providers WHERE id = $1").bind(id).execute(tx).await? == 1)
}
