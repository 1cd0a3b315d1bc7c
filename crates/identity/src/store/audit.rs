use db::{On, Result, Tx, sql};
use jiff::Timestamp;

use super::Extra;

db::row! {
    /// One change, and who made it.
    #[derive(Clone, Debug)]
    pub(crate) struct Record {
        pub id: String,
        pub at: Timestamp,
        pub action: String,
        pub target_type: String,
        pub target_id: String,
        pub initiator_id: Option<String>,
        pub initiator_project_id: Option<String>,
        pub initiator_domain_id: Option<String>,
        pub initiator_address: Option<String>,
        pub request_id: Option<String>,
        pub details: Extra,
    }
}

pub(crate) async fn insert(tx: &mut Tx, record: &Record) -> Result<()> {
    sql("INSERT INTO identity_audit (id, at, action, target_type, target_id, initiator_id, initiator_project_id,
            initiator_domain_id, initiator_address, request_id, details)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)")
    .bind(&record.id)
    .bind(record.at)
    .bind(&record.action)
    .bind(&record.target_type)
    .bind(&record.target_id)
    .bind(record.initiator_id.as_deref())
    .bind(record.initiator_project_id.as_deref())
    .bind(record.initiator_domain_id.as_deref())
    .bind(record.initiator_address.as_deref())
    .bind(record.request_id.as_deref())
    .bind(&record.details)
    .execute(tx)
    .await
    .map(drop)
}

/// Forgets what is older.
pub(crate) async fn forget(tx: &mut Tx, before: Timestamp) -> Result<()> {
    sql("DELETE FROM identity_audit WHERE at < $1").bind(before).execute(tx).await.map(drop)
}

/// The newest records about a target or by an initiator, if one is named.
pub(crate) async fn list(
    on: impl Into<On<'_>>,
    target_id: Option<&str>,
    initiator_id: Option<&str>,
    since: Timestamp,
    limit: i64,
) -> Result<Vec<Record>> {
    let mut sql = sql("SELECT * FROM identity_audit WHERE at >= $1").bind(since);
    if let Some(id) = target_id {
        sql.push(" AND target_id = ").push_bind(id);
    }
    if let Some(id) = initiator_id {
        sql.push(" AND initiator_id = ").push_bind(id);
    }
    sql.push(" ORDER BY at DESC, id DESC LIMIT ").push_bind(limit);
    sql.all(on).await
}
