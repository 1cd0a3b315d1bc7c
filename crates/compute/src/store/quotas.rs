use db::{On, Result, Tx, sql};

db::row! {
    /// A limit that somebody set.
    pub(crate) struct Limit {
        pub(crate) owner_id: String,
        pub(crate) resource: String,
        pub(crate) most: i64,
    }
}

db::row! {
    /// What is in use.
    pub(crate) struct Usage {
        pub(crate) resource: String,
        pub(crate) used: i64,
    }
}

/// Who claims one resource, and where its limit is looked up: the first two of `limited_by` that have one, then
/// `unified`, the third of `limited_by`, `built_in`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Claim<'a> {
    pub(crate) owner_id: &'a str,
    pub(crate) resource: &'a str,
    pub(crate) amount: i64,
    pub(crate) limited_by: [&'a str; 3],
    pub(crate) unified: Option<i64>,
    pub(crate) built_in: i64,
}

/// Adds to a usage if the limit allows it, and tells whether it did. Claims on one row wait for each other.
pub(crate) async fn usage_claim(tx: &mut Tx, claim: Claim<'_>) -> Result<bool> {
    let [first, second, third] = claim.limited_by;
    sql("INSERT INTO compute_usages (owner_id, resource, used) VALUES ($1, $2, 0) ON CONFLICT DO NOTHING")
        .bind(claim.owner_id)
        .bind(claim.resource)
        .execute(&mut *tx)
        .await?;
    let claimed = sql("UPDATE compute_usages SET used = used + $3 WHERE owner_id = $1 AND resource = $2
         AND used + $3 <= (SELECT CASE WHEN most < 0 THEN 9223372036854775807 ELSE most END FROM (
             SELECT COALESCE((SELECT most FROM compute_quotas WHERE owner_id = $4 AND resource = $2),
                             (SELECT most FROM compute_quotas WHERE owner_id = $5 AND resource = $2),
                             $8,
                             (SELECT most FROM compute_quotas WHERE owner_id = $6 AND resource = $2),
                             $7) AS most) AS limits)")
    .bind(claim.owner_id)
    .bind(claim.resource)
    .bind(claim.amount)
    .bind(first)
    .bind(second)
    .bind(third)
    .bind(claim.built_in)
    .bind(claim.unified)
    .execute(&mut *tx)
    .await?;
    Ok(claimed == 1)
}

pub(crate) async fn usage_release(tx: &mut Tx, owner_id: &str, resource: &str, amount: i64) -> Result<u64> {
    sql("UPDATE compute_usages SET used = CASE WHEN used > $3 THEN used - $3 ELSE 0 END
         WHERE owner_id = $1 AND resource = $2")
    .bind(owner_id)
    .bind(resource)
    .bind(amount)
    .execute(tx)
    .await
}

pub(crate) async fn usage_exists(on: impl Into<On<'_>>, owner_id: &str, resource: &str) -> Result<bool> {
    let found: Option<i64> = sql("SELECT used FROM compute_usages WHERE owner_id = $1 AND resource = $2")
        .bind(owner_id)
        .bind(resource)
        .optional(on)
        .await?;
    Ok(found.is_some())
}

/// Begins to count, unless somebody else did meanwhile.
pub(crate) async fn usage_start(tx: &mut Tx, owner_id: &str, resource: &str, used: i64) -> Result<u64> {
    sql("INSERT INTO compute_usages (owner_id, resource, used) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
        .bind(owner_id)
        .bind(resource)
        .bind(used)
        .execute(tx)
        .await
}

/// What several owners use together.
pub(crate) async fn usages_sum(tx: &mut Tx, owners: &[String], resource: &str) -> Result<i64> {
    let mut sum = 0;
    // As many parameters as every engine takes.
    for owners in owners.chunks(1000) {
        let mut sql = sql("SELECT CAST(COALESCE(SUM(used), 0) AS BIGINT) FROM compute_usages WHERE resource = $1");
        sql = sql.bind(resource);
        sql.push(" AND owner_id IN ").push_list(owners);
        sum += sql.one::<i64>(&mut *tx).await?;
    }
    Ok(sum)
}

/// Forgets what the owners use whose names begin so; the beginning ends with a slash.
pub(crate) async fn usages_forget(tx: &mut Tx, beginning: &str) -> Result<u64> {
    sql("DELETE FROM compute_usages WHERE owner_id > $1 AND owner_id < $2")
        .bind(beginning)
        .bind(format!("{}0", beginning.trim_end_matches('/')))
        .execute(tx)
        .await
}

pub(crate) async fn usages_list(on: impl Into<On<'_>>, owner_id: &str) -> Result<Vec<Usage>> {
    sql("SELECT resource, used FROM compute_usages WHERE owner_id = $1").bind(owner_id).all(on).await
}

pub(crate) async fn limits_list(on: impl Into<On<'_>>, owners: [&str; 3]) -> Result<Vec<Limit>> {
    let mut query = sql("SELECT owner_id, resource, most FROM compute_quotas WHERE owner_id IN ");
    query.push_list(owners);
    query.all(on).await
}

pub(crate) async fn limit_set(tx: &mut Tx, owner_id: &str, resource: &str, most: i64) -> Result<u64> {
    sql("INSERT INTO compute_quotas (owner_id, resource, most) VALUES ($1, $2, $3)
         ON CONFLICT (owner_id, resource) DO UPDATE SET most = excluded.most")
    .bind(owner_id)
    .bind(resource)
    .bind(most)
    .execute(tx)
    .await
}

/// Forgets the limits of an owner; of a project also those of its users.
pub(crate) async fn limits_delete(tx: &mut Tx, owner_id: &str) -> Result<u64> {
    sql("DELETE FROM compute_quotas WHERE owner_id = $1 OR (owner_id > $2 AND owner_id < $3)")
        .bind(owner_id)
        .bind(format!("{owner_id}/"))
        .bind(format!("{owner_id}0"))
        .execute(tx)
        .await
}
