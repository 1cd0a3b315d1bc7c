use db::{On, Result, Tx, sql};
use jiff::Timestamp;

use super::Extra;

db::row! {
    /// What one user lets another do for it on a project.
    #[derive(Clone, Debug)]
    pub(crate) struct Trust {
        pub id: String,
        pub trustor_user_id: String,
        pub trustee_user_id: String,
        pub project_id: Option<String>,
        pub impersonation: bool,
        pub expires_at: Option<Timestamp>,
        /// How many tokens may still be made; `None` for any number.
        pub remaining_uses: Option<i64>,
        /// The trust that it was handed on from.
        pub redelegated_trust_id: Option<String>,
        /// How often it may be handed on.
        pub redelegation_count: i64,
        pub created_at: Timestamp,
        pub extra: Extra,
    }
}

pub(crate) async fn get(on: impl Into<On<'_>>, id: &str) -> Result<Option<Trust>> {
    sql("SELECT * FROM identity_trusts WHERE id = $1").bind(id).optional(on).await
}

/// The trust and those that it was handed on from, the first one last.
pub(crate) async fn pedigree(on: impl Into<On<'_>>, id: &str) -> Result<Vec<Trust>> {
    sql("WITH RECURSIVE up AS (
            SELECT id, redelegated_trust_id, 0 AS depth FROM identity_trusts WHERE id = $1
            UNION ALL SELECT t.id, t.redelegated_trust_id, up.depth + 1
                FROM identity_trusts t JOIN up ON t.id = up.redelegated_trust_id)
         SELECT t.* FROM identity_trusts t JOIN up ON up.id = t.id ORDER BY up.depth")
    .bind(id)
    .all(on)
    .await
}

/// All trusts, or those of a trustor or trustee.
pub(crate) async fn list(
    on: impl Into<On<'_>>,
    trustor_id: Option<&str>,
    trustee_id: Option<&str>,
) -> Result<Vec<Trust>> {
    sql("SELECT * FROM identity_trusts WHERE (CAST($1 AS TEXT) IS NULL OR trustor_user_id = $1)
            AND (CAST($2 AS TEXT) IS NULL OR trustee_user_id = $2) ORDER BY created_at, id")
    .bind(trustor_id)
    .bind(trustee_id)
    .all(on)
    .await
}

/// The ids of the roles that it gives.
pub(crate) async fn roles(on: impl Into<On<'_>>, id: &str) -> Result<Vec<String>> {
    sql("SELECT role_id FROM identity_trust_roles WHERE trust_id = $1 ORDER BY role_id").bind(id).all(on).await
}

pub(crate) async fn insert(tx: &mut Tx, new: &Trust, roles: &[String]) -> Result<()> {
    sql("INSERT INTO identity_trusts (id, trustor_user_id, trustee_user_id, project_id, impersonation, expires_at,
            remaining_uses, redelegated_trust_id, redelegation_count, created_at, extra)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)")
    .bind(&new.id)
    .bind(&new.trustor_user_id)
    .bind(&new.trustee_user_id)
    .bind(new.project_id.as_deref())
    .bind(new.impersonation)
    .bind(new.expires_at)
    .bind(new.remaining_uses)
    .bind(new.redelegated_trust_id.as_deref())
    .bind(new.redelegation_count)
    .bind(new.created_at)
    .bind(&new.extra)
    .execute(&mut *tx)
    .await?;
    for role_id in roles {
        sql("INSERT INTO identity_trust_roles (trust_id, role_id) VALUES ($1, $2)")
            .bind(&new.id)
            .bind(role_id)
            .execute(&mut *tx)
            .await?;
    }
    Ok(())
}

/// Counts a use of a trust that has a number of them; tells whether one was left.
pub(crate) async fn use_one(tx: &mut Tx, id: &str) -> Result<bool> {
    let rows =
        sql("UPDATE identity_trusts SET remaining_uses = remaining_uses - 1 WHERE id = $1 AND remaining_uses > 0")
            .bind(id)
            .execute(tx)
            .await?;
    Ok(rows > 0)
}

/// Removes the trust and all that it was handed on to.
pub(crate) async fn delete(tx: &mut Tx, id: &str) -> Result<u64> {
    sql("DELETE FROM identity_trusts WHERE id = $1").bind(id).execute(tx).await
}
