use db::{Db, Direction, Keyset, On, Result, Tx, sql};

use crate::key_pairs::KeyPair;

const KEY_PAIR: &str = "SELECT id, user_id, name, type AS kind, public_key, fingerprint, created_at FROM key_pairs";

pub(crate) async fn key_pair_get(on: impl Into<On<'_>>, user_id: &str, name: &str) -> Result<Option<KeyPair>> {
    let mut query = sql(KEY_PAIR);
    query.push(" WHERE user_id = ").push_bind(user_id).push(" AND name = ").push_bind(name);
    query.optional(on).await
}

/// One page of a user's key pairs by name, after the one with the id `marker`.
pub(crate) async fn key_pairs_list(
    db: &Db,
    user_id: &str,
    marker: Option<&str>,
    limit: Option<i64>,
) -> Result<Vec<KeyPair>> {
    let mut query = sql(KEY_PAIR);
    query.push(" WHERE user_id = ").push_bind(user_id);
    let sort = [("name", Direction::Ascending)];
    query.push_keyset(&Keyset { table: "key_pairs", sort: &sort, marker, limit });
    query.all(db).await
}

pub(crate) async fn key_pair_insert(tx: &mut Tx, key_pair: &KeyPair) -> Result<u64> {
    sql("INSERT INTO key_pairs (id, user_id, name, type, public_key, fingerprint, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)")
    .bind(&key_pair.id)
    .bind(&key_pair.user_id)
    .bind(&key_pair.name)
    .bind(&key_pair.kind)
    .bind(&key_pair.public_key)
    .bind(&key_pair.fingerprint)
    .bind(key_pair.created_at)
    .execute(tx)
    .await
}

pub(crate) async fn key_pair_delete(tx: &mut Tx, user_id: &str, name: &str) -> Result<u64> {
    sql("DELETE FROM key_pairs WHERE user_id = $1 AND name = $2").bind(user_id).bind(name).execute(tx).await
}
