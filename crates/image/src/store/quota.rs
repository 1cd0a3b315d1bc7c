use db::{On, Result, Tx, sql};

db::row! {
    /// What images take.
    #[derive(Debug, Clone, Copy)]
    pub(crate) struct Used {
        pub images: i64,
        pub uploads: i64,
        pub bytes: i64,
    }
}

/// Has everybody else wait who counts for this owner, until the transaction ends.
pub(crate) async fn lock(tx: &mut Tx, owner: &str) -> Result<()> {
    sql("INSERT INTO image_quota_locks (owner) VALUES ($1) ON CONFLICT (owner) DO UPDATE SET owner = excluded.owner")
        .bind(owner)
        .execute(tx)
        .await
        .map(drop)
}

/// What the images of these projects take together.
pub(crate) async fn used(on: impl Into<On<'_>>, projects: &[String]) -> Result<Used> {
    let mut query = sql("SELECT COUNT(*) AS images, COUNT(CASE WHEN status = 'saving' THEN 1 END) AS uploads,
           CAST(COALESCE(SUM(CASE WHEN size > 0 THEN size ELSE 0 END), 0) AS BIGINT) AS bytes
         FROM image_images WHERE owner IN ");
    query.push_list(projects.iter().map(String::as_str));
    query.one(on).await
}
