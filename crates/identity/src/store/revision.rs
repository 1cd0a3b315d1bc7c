use db::{On, Result, Tx, sql};
use jiff::Timestamp;

db::row! {
    /// A token, or a chain of tokens, that was ended before its time.
    pub(crate) struct Revocation {
        pub audit_id: String,
        pub chain: bool,
        pub revoked_at: Timestamp,
    }
}

/// How often identity changed.
pub(crate) async fn get(on: impl Into<On<'_>>) -> Result<i64> {
    sql("SELECT value FROM identity_revision WHERE id = 1").one(on).await
}

/// Counts a change. Changes wait for each other here, so that each sees the one before.
pub(crate) async fn bump(tx: &mut Tx) -> Result<()> {
    sql("UPDATE identity_revision SET value = value + 1 WHERE id = 1").execute(tx).await.map(drop)
}

/// Ends a token, or all tokens of its chain, and forgets those that have expired meanwhile.
pub(crate) async fn revoke(
    tx: &mut Tx,
    audit_id: &str,
    chain: bool,
    expires_at: Timestamp,
    now: Timestamp,
) -> Result<()> {
    sql("DELETE FROM identity_revocations WHERE expires_at < $1").bind(now).execute(&mut *tx).await?;
    sql("INSERT INTO identity_revocations (audit_id, chain, expires_at, revoked_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (audit_id, chain) DO NOTHING")
    .bind(audit_id)
    .bind(chain)
    .bind(expires_at)
    .bind(now)
    .execute(tx)
    .await
    .map(drop)
}

/// Whether the token, or the chain that it belongs to, was ended.
pub(crate) async fn is_revoked(on: impl Into<On<'_>>, audit_id: &str, chain_id: &str) -> Result<bool> {
    let found: Option<String> = sql("SELECT audit_id FROM identity_revocations
         WHERE (audit_id = $1 AND NOT chain) OR (audit_id = $2 AND chain)")
    .bind(audit_id)
    .bind(chain_id)
    .optional(on)
    .await?;
    Ok(found.is_some())
}

/// What was ended since then and would still be valid, the oldest first.
pub(crate) async fn revocations(on: impl Into<On<'_>>, now: Timestamp, since: Timestamp) -> Result<Vec<Revocation>> {
    sql("SELECT audit_id, chain, revoked_at FROM identity_revocations
         WHERE expires_at >= $1 AND revoked_at >= $2 ORDER BY revoked_at, audit_id")
    .bind(now)
    .bind(since)
    .all(on)
    .await
}
