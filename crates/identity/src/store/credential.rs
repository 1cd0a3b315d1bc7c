use api::Page;
use db::{On, Result, Tx, sql};

use super::{BY_ID, Extra, Filter, push_filters, push_page};

db::row! {
    /// A secret of a user's, encrypted.
    #[derive(Clone, Debug)]
    pub(crate) struct Credential {
        pub id: String,
        pub user_id: String,
        pub project_id: Option<String>,
        pub kind: String,
        pub encrypted_blob: String,
        /// The hash of the key that it is encrypted with.
        pub key_hash: String,
        pub extra: Extra,
    }
}

pub(crate) async fn get(on: impl Into<On<'_>>, id: &str) -> Result<Option<Credential>> {
    sql("SELECT * FROM identity_credentials WHERE id = $1").bind(id).optional(on).await
}

pub(crate) async fn list(on: impl Into<On<'_>>, filters: Vec<Filter>, page: &Page) -> Result<Vec<Credential>> {
    let mut sql = sql("SELECT * FROM identity_credentials WHERE TRUE");
    push_filters(&mut sql, "identity_credentials", filters);
    push_page(&mut sql, "identity_credentials", BY_ID, page);
    sql.all(on).await
}

pub(crate) async fn of_user(on: impl Into<On<'_>>, user_id: &str, kind: &str) -> Result<Vec<Credential>> {
    sql("SELECT * FROM identity_credentials WHERE user_id = $1 AND kind = $2 ORDER BY id")
        .bind(user_id)
        .bind(kind)
        .all(on)
        .await
}

pub(crate) async fn count(on: impl Into<On<'_>>, user_id: &str) -> Result<i64> {
    sql("SELECT COUNT(*) FROM identity_credentials WHERE user_id = $1").bind(user_id).one(on).await
}

/// Some that are not encrypted with that key.
pub(crate) async fn of_other_keys(on: impl Into<On<'_>>, key_hash: &str, limit: i64) -> Result<Vec<Credential>> {
    sql("SELECT * FROM identity_credentials WHERE key_hash <> $1 ORDER BY id LIMIT $2")
        .bind(key_hash)
        .bind(limit)
        .all(on)
        .await
}

pub(crate) async fn insert(tx: &mut Tx, new: &Credential) -> Result<()> {
    sql("INSERT INTO identity_credentials (id, user_id, project_id, kind, encrypted_blob, key_hash, extra)
         VALUES ($1, $2, $3, $4, $5, $6, $7)")
    .bind(&new.id)
    .bind(&new.user_id)
    .bind(new.project_id.as_deref())
    .bind(&new.kind)
    .bind(&new.encrypted_blob)
    .bind(&new.key_hash)
    .bind(&new.extra)
    .execute(tx)
    .await
    .map(drop)
}

pub(crate) async fn update(tx: &mut Tx, new: &Credential) -> Result<u64> {
    sql("UPDATE identity_credentials SET user_id = $2, project_id = $3, kind = $4, encrypted_blob = $5, key_hash = $6,
            extra = $7 WHERE id = $1")
    .bind(&new.id)
    .bind(&new.user_id)
    .bind(new.project_id.as_deref())
    .bind(&new.kind)
    .bind(&new.encrypted_blob)
    .bind(&new.key_hash)
    .bind(&new.extra)
    .execute(tx)
    .await
}

/// Puts a newly encrypted blob in the place of the old one, unless that has changed meanwhile.
pub(crate) async fn reencrypt(tx: &mut Tx, old: &Credential, blob: &str, key_hash: &str) -> Result<u64> {
    sql("UPDATE identity_credentials SET encrypted_blob = $3, key_hash = $4 WHERE id = $1 AND encrypted_blob = $2")
        .bind(&old.id)
        .bind(&old.encrypted_blob)
        .bind(blob)
        .bind(key_hash)
        .execute(tx)
        .await
}

pub(crate) async fn delete(tx: &mut Tx, id: &str) -> Result<u64> {
    sql("DELETE FROM identity_credentials WHERE id = $1").bind(id).execute(tx).await
}

/// Takes the passcode of a time window as used; tells whether it or a later one was used before.
pub(crate) async fn passcode_use(tx: &mut Tx, id: &str, window: i64) -> Result<bool> {
    let rows = sql("INSERT INTO identity_used_passcodes (credential_id, time_window) VALUES ($1, $2)
         ON CONFLICT (credential_id) DO UPDATE SET time_window = excluded.time_window
         WHERE identity_used_passcodes.time_window < excluded.time_window")
    .bind(id)
    .bind(window)
    .execute(tx)
    .await?;
    Ok(rows == 0)
}
