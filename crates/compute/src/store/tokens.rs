//! Console tokens, by their hash.

use db::{Db, Result, Tx, sql};
use jiff::Timestamp;

db::row! {
    /// What a token opens.
    #[derive(Debug, Clone)]
    pub(crate) struct Token {
        pub(crate) server_id: String,
        pub(crate) host: String,
        pub(crate) kind: String,
    }
}

/// Writes a token, and forgets the expired ones.
pub(crate) async fn token_insert(
    tx: &mut Tx,
    hash: &str,
    token: &Token,
    expires_at: Timestamp,
    now: Timestamp,
) -> Result<()> {
    sql("DELETE FROM console_tokens WHERE expires_at <= $1").bind(now).execute(&mut *tx).await?;
    sql("INSERT INTO console_tokens (hash, server_id, host, kind, expires_at) VALUES ($1, $2, $3, $4, $5)")
        .bind(hash)
        .bind(&token.server_id)
        .bind(&token.host)
        .bind(&token.kind)
        .bind(expires_at)
        .execute(tx)
        .await
        .map(drop)
}

/// What a valid token opens: only a server that is still on the node that it was given for.
pub(crate) async fn token_get(db: &Db, hash: &str, now: Timestamp) -> Result<Option<Token>> {
    sql("SELECT t.server_id, t.host, t.kind FROM console_tokens t JOIN servers s ON s.id = t.server_id \
         WHERE t.hash = $1 AND t.expires_at > $2 AND s.deleted_at IS NULL AND s.host = t.host")
    .bind(hash)
    .bind(now)
    .optional(db)
    .await
}
