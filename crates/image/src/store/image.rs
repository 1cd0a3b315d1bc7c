use std::collections::BTreeMap;

use db::{Db, Direction, Keyset, On, Result, Sql, Tx, sql};
use jiff::Timestamp;

use crate::image::{ImageInfo, Status, Visibility};

db::row! {
    struct Record {
        id: String,
        name: String,
        owner: String,
        visibility: String,
        status: String,
        disk_format: String,
        container_format: String,
        size: i64,
        virtual_size: i64,
        checksum: Option<String>,
        hash_value: Option<String>,
        min_disk: i64,
        min_ram: i64,
        protected: bool,
        os_hidden: bool,
        upload: Option<String>,
        revision: i64,
        created_at: Timestamp,
        updated_at: Timestamp,
    }
}

db::row! {
    struct Property { image_id: String, name: String, value: String }
}

db::row! {
    struct Tag { image_id: String, tag: String }
}

/// Who asks for a list, as far as it decides what they see.
#[derive(Debug, Clone)]
pub(crate) enum Viewer {
    /// Everything.
    Admin,
    /// What is open, the project's own, and what is shared with it in that state (any without one).
    Project(String, Option<String>),
    /// Only what is open.
    Nobody,
}

/// One thing that listed images must fulfil. Columns and comparisons are constants of this crate.
#[derive(Debug, Clone)]
pub(crate) enum Condition {
    /// The column holds one of the texts.
    Text(&'static str, Vec<String>),
    /// The column holds the flag.
    Flag(&'static str, bool),
    /// The column compares so with the number.
    Number(&'static str, &'static str, i64),
    /// The image has the tag.
    Tag(String),
    /// The image has the property with that value.
    Property(String, String),
    /// Community images count only when they are the project's own.
    NoForeignCommunity(Option<String>),
}

impl From<Record> for ImageInfo {
    fn from(row: Record) -> Self {
        let text = |text: String| Some(text).filter(|text| !text.is_empty());
        let number = |number: i64| Some(number).filter(|number| *number >= 0);
        Self {
            id: row.id,
            name: text(row.name),
            owner: row.owner,
            visibility: Visibility::parse(&row.visibility).unwrap_or(Visibility::Private),
            status: Status::parse(&row.status),
            disk_format: text(row.disk_format),
            container_format: text(row.container_format),
            size: number(row.size),
            virtual_size: number(row.virtual_size),
            checksum: row.checksum,
            os_hash_value: row.hash_value,
            min_disk: row.min_disk,
            min_ram: row.min_ram,
            protected: row.protected,
            os_hidden: row.os_hidden,
            properties: BTreeMap::new(),
            tags: Vec::new(),
            created_at: row.created_at,
            updated_at: row.updated_at,
            upload: row.upload,
            revision: row.revision,
        }
    }
}

pub(crate) async fn get(db: &Db, id: &str) -> Result<Option<ImageInfo>> {
    let found: Option<Record> = sql("SELECT * FROM image_images WHERE id = $1").bind(id).optional(db).await?;
    Ok(complete(db, found.into_iter().collect()).await?.pop())
}

/// One page. `sort` ends in the id.
pub(crate) async fn list(
    db: &Db,
    viewer: &Viewer,
    conditions: &[Condition],
    sort: &[(&'static str, Direction)],
    marker: Option<&str>,
    limit: i64,
) -> Result<Vec<ImageInfo>> {
    let mut query = sql("SELECT image_images.* FROM image_images WHERE 1 = 1");
    push_viewer(&mut query, viewer);
    for condition in conditions {
        push_condition(&mut query, condition);
    }
    query.push_keyset(&Keyset { table: "image_images", sort, marker, limit: Some(limit) });
    let records = query.all(db).await?;
    complete(db, records).await
}

fn push_viewer(query: &mut Sql, viewer: &Viewer) {
    const OPEN: &str = " AND (image_images.visibility IN ('public', 'community')";
    match viewer {
        Viewer::Admin => {}
        Viewer::Nobody => drop(query.push(OPEN).push(")")),
        Viewer::Project(project, status) => {
            query.push(OPEN).push(" OR image_images.owner = ").push_bind(project);
            query.push(
                " OR (image_images.visibility = 'shared' AND EXISTS (SELECT 1 FROM image_members m
                   WHERE m.image_id = image_images.id AND m.member_id = ",
            );
            query.push_bind(project);
            if let Some(status) = status {
                query.push(" AND m.status = ").push_bind(status);
            }
            query.push(")))");
        }
    }
}

fn push_condition(query: &mut Sql, condition: &Condition) {
    match condition {
        Condition::Text(column, texts) => {
            query.push(" AND image_images.").push(column).push(" IN ").push_list(texts.iter().map(String::as_str))
        }
        Condition::Flag(column, flag) => query.push(" AND image_images.").push(column).push(" = ").push_bind(*flag),
        Condition::Number(column, comparison, number) => {
            query.push(" AND image_images.").push(column).push(comparison).push_bind(*number)
        }
        Condition::Tag(tag) => query
            .push(" AND EXISTS (SELECT 1 FROM image_tags t WHERE t.image_id = image_images.id AND t.tag = ")
            .push_bind(tag)
            .push(")"),
        Condition::Property(name, value) => query
            .push(" AND EXISTS (SELECT 1 FROM image_properties p WHERE p.image_id = image_images.id AND p.name = ")
            .push_bind(name)
            .push(" AND p.value = ")
            .push_bind(value)
            .push(")"),
        Condition::NoForeignCommunity(project) => {
            query.push(" AND (image_images.visibility <> 'community'");
            if let Some(project) = project {
                query.push(" OR image_images.owner = ").push_bind(project);
            }
            query.push(")")
        }
    };
}

/// Adds properties and tags: two statements however many images there are.
async fn complete(db: &Db, records: Vec<Record>) -> Result<Vec<ImageInfo>> {
    if records.is_empty() {
        return Ok(Vec::new());
    }
    let of_these = |text: &'static str, order: &str| {
        let mut query = sql(text);
        query.push_list(records.iter().map(|record| record.id.as_str())).push(order);
        query
    };
    let properties: Vec<Property> = of_these("SELECT * FROM image_properties WHERE image_id IN ", "").all(db).await?;
    let tags: Vec<Tag> = of_these("SELECT * FROM image_tags WHERE image_id IN ", " ORDER BY tag").all(db).await?;
    let mut images: Vec<ImageInfo> = records.into_iter().map(ImageInfo::from).collect();
    let places: BTreeMap<String, usize> =
        images.iter().enumerate().map(|(place, image)| (image.id.clone(), place)).collect();
    let place = |id: &str| places.get(id).copied().unwrap_or_default();
    for property in properties {
        images[place(&property.image_id)].properties.insert(property.name, property.value);
    }
    for tag in tags {
        images[place(&tag.image_id)].tags.push(tag.tag);
    }
    Ok(images)
}

/// Adds a queued image.
pub(crate) async fn insert(tx: &mut Tx, image: &ImageInfo) -> Result<()> {
    sql("INSERT INTO image_images (id, name, owner, visibility, status, disk_format, container_format, size,
           virtual_size, min_disk, min_ram, protected, os_hidden, revision, created_at, updated_at)
         VALUES ($1, $2, $3, $4, 'queued', $5, $6, -1, -1, $7, $8, $9, $10, 1, $11, $11)")
    .bind(&image.id)
    .bind(image.name.clone().unwrap_or_default())
    .bind(&image.owner)
    .bind(image.visibility.as_str())
    .bind(image.disk_format.clone().unwrap_or_default())
    .bind(image.container_format.clone().unwrap_or_default())
    .bind(image.min_disk)
    .bind(image.min_ram)
    .bind(image.protected)
    .bind(image.os_hidden)
    .bind(image.created_at)
    .execute(&mut *tx)
    .await?;
    insert_details(tx, image).await
}

/// Writes what users may change, if nobody else changed the image since it was read. Tells whether it did.
pub(crate) async fn update(tx: &mut Tx, image: &ImageInfo, now: Timestamp) -> Result<bool> {
    let changed = sql("UPDATE image_images SET name = $1, owner = $2, visibility = $3, disk_format = $4,
           container_format = $5, min_disk = $6, min_ram = $7, protected = $8, os_hidden = $9, updated_at = $10,
           revision = revision + 1
         WHERE id = $11 AND revision = $12")
    .bind(image.name.clone().unwrap_or_default())
    .bind(&image.owner)
    .bind(image.visibility.as_str())
    .bind(image.disk_format.clone().unwrap_or_default())
    .bind(image.container_format.clone().unwrap_or_default())
    .bind(image.min_disk)
    .bind(image.min_ram)
    .bind(image.protected)
    .bind(image.os_hidden)
    .bind(now)
    .bind(&image.id)
    .bind(image.revision)
    .execute(&mut *tx)
    .await?;
    if changed == 0 {
        return Ok(false);
    }
    sql("DELETE FROM image_properties WHERE image_id = $1").bind(&image.id).execute(&mut *tx).await?;
    sql("DELETE FROM image_tags WHERE image_id = $1").bind(&image.id).execute(&mut *tx).await?;
    insert_details(tx, image).await?;
    Ok(true)
}

async fn insert_details(tx: &mut Tx, image: &ImageInfo) -> Result<()> {
    let mut query = sql("INSERT INTO image_properties (image_id, name, value) VALUES ");
    for (index, (name, value)) in image.properties.iter().enumerate() {
        query.push(if index == 0 { "(" } else { ", (" }).push_bind(&image.id).push(", ");
        query.push_bind(name).push(", ").push_bind(value).push(")");
    }
    if !image.properties.is_empty() {
        query.execute(&mut *tx).await?;
    }
    let mut query = sql("INSERT INTO image_tags (image_id, tag) VALUES ");
    for (index, tag) in image.tags.iter().enumerate() {
        query.push(if index == 0 { "(" } else { ", (" }).push_bind(&image.id).push(", ").push_bind(tag).push(")");
    }
    if !image.tags.is_empty() {
        query.execute(&mut *tx).await?;
    }
    Ok(())
}

/// Deletes an image that is not protected; gives it as it was.
pub(crate) async fn delete(tx: &mut Tx, id: &str) -> Result<Option<ImageInfo>> {
    let deleted: Option<Record> =
        sql("DELETE FROM image_images WHERE id = $1 AND protected = FALSE RETURNING *").bind(id).optional(tx).await?;
    Ok(deleted.map(ImageInfo::from))
}

pub(crate) async fn status_swap(tx: &mut Tx, id: &str, from: &str, to: &str, now: Timestamp) -> Result<bool> {
    let changed = sql("UPDATE image_images SET status = $1, updated_at = $2, revision = revision + 1
         WHERE id = $3 AND status = $4")
    .bind(to)
    .bind(now)
    .bind(id)
    .bind(from)
    .execute(tx)
    .await?;
    Ok(changed > 0)
}

/// Makes a queued image the one that this upload fills, if it still is as it was read.
pub(crate) async fn upload_claim(tx: &mut Tx, image: &ImageInfo, upload: &str, until: Timestamp) -> Result<bool> {
    let changed = sql("UPDATE image_images SET status = 'saving', upload = $1, upload_until = $2,
           revision = revision + 1
         WHERE id = $3 AND status = 'queued' AND revision = $4")
    .bind(upload)
    .bind(until)
    .bind(&image.id)
    .bind(image.revision)
    .execute(tx)
    .await?;
    Ok(changed > 0)
}

/// Says that the upload is alive; false when the image is not waiting for it any more.
pub(crate) async fn upload_renew(tx: &mut Tx, upload: &str, until: Timestamp) -> Result<bool> {
    let changed = sql("UPDATE image_images SET upload_until = $1 WHERE upload = $2 AND status = 'saving'")
        .bind(until)
        .bind(upload)
        .execute(tx)
        .await?;
    Ok(changed > 0)
}

/// What an upload has brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    pub size: i64,
    pub virtual_size: Option<i64>,
    pub checksum: String,
    pub hash_value: String,
}

/// Makes the image active; false when it is not waiting for this upload any more.
pub(crate) async fn upload_finish(tx: &mut Tx, upload: &str, stored: &Stored, now: Timestamp) -> Result<bool> {
    let changed = sql("UPDATE image_images SET status = 'active', upload_until = NULL, size = $1, virtual_size = $2,
           checksum = $3, hash_value = $4, updated_at = $5, revision = revision + 1
         WHERE upload = $6 AND status = 'saving'")
    .bind(stored.size)
    .bind(stored.virtual_size.unwrap_or(-1))
    .bind(&stored.checksum)
    .bind(&stored.hash_value)
    .bind(now)
    .bind(upload)
    .execute(tx)
    .await?;
    Ok(changed > 0)
}

const RELEASE: &str = "UPDATE image_images SET status = 'queued', upload = NULL, upload_until = NULL,
    revision = revision + 1 WHERE status = 'saving'";

/// Gives the image back to the queue.
pub(crate) async fn upload_release(tx: &mut Tx, upload: &str) -> Result<()> {
    let mut query = sql(RELEASE);
    query.push(" AND upload = ").push_bind(upload);
    query.execute(tx).await.map(drop)
}

/// Gives back one image that is being uploaded.
pub(crate) async fn upload_release_image(tx: &mut Tx, id: &str) -> Result<()> {
    let mut query = sql(RELEASE);
    query.push(" AND id = ").push_bind(id);
    query.execute(tx).await.map(drop)
}

/// Gives back every image whose upload has not been heard of in time.
pub(crate) async fn upload_release_lapsed(tx: &mut Tx, now: Timestamp) -> Result<u64> {
    let mut query = sql(RELEASE);
    query.push(" AND upload_until < ").push_bind(now);
    query.execute(tx).await
}

/// Which of the uploads belong to an image.
pub(crate) async fn uploads_known(on: impl Into<On<'_>>, uploads: &[String]) -> Result<Vec<String>> {
    let mut query = sql("SELECT upload FROM image_images WHERE upload IN ");
    query.push_list(uploads.iter().map(String::as_str));
    query.all(on).await
}
