use db::{Db, Result, Tx, sql};
use jiff::Timestamp;

db::row! {
    /// A project that an image is shared with.
    #[derive(Debug, Clone)]
    pub(crate) struct Member {
        pub image_id: String,
        pub member_id: String,
        pub status: String,
        pub created_at: Timestamp,
        pub updated_at: Timestamp,
    }
}

pub(crate) async fn get(db: &Db, image_id: &str, member_id: &str) -> Result<Option<Member>> {
    sql("SELECT * FROM image_members WHERE image_id = $1 AND member_id = $2")
        .bind(image_id)
        .bind(member_id)
        .optional(db)
        .await
}

pub(crate) async fn list(db: &Db, image_id: &str) -> Result<Vec<Member>> {
    sql("SELECT * FROM image_members WHERE image_id = $1 ORDER BY member_id").bind(image_id).all(db).await
}

pub(crate) async fn insert(tx: &mut Tx, image_id: &str, member_id: &str, now: Timestamp) -> Result<Member> {
    sql("INSERT INTO image_members (image_id, member_id, status, created_at, updated_at)
         VALUES ($1, $2, 'pending', $3, $3) RETURNING *")
    .bind(image_id)
    .bind(member_id)
    .bind(now)
    .one(tx)
    .await
}

pub(crate) async fn update(
    tx: &mut Tx,
    image_id: &str,
    member_id: &str,
    status: &str,
    now: Timestamp,
) -> Result<Option<Member>> {
    sql("UPDATE image_members SET status = $1, updated_at = $2 WHERE image_id = $3 AND member_id = $4 RETURNING *")
        .bind(status)
        .bind(now)
        .bind(image_id)
        .bind(member_id)
        .optional(tx)
        .await
}

pub(crate) async fn delete(tx: &mut Tx, image_id: &str, member_id: &str) -> Result<bool> {
    let deleted = sql("DELETE FROM image_members WHERE image_id = $1 AND member_id = $2")
        .bind(image_id)
        .bind(member_id)
        .execute(tx)
        .await?;
    Ok(deleted > 0)
}
