//! Statements and transactions on SQLite.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use db::{Db, Error, Migration, Options, sql};

const MIGRATIONS: &[Migration] = &[Migration {
    service: "test",
    version: 1,
    sql: "CREATE TABLE things (id TEXT PRIMARY KEY, size BIGINT NOT NULL, seen BOOLEAN);",
}];

db::row! {
    #[derive(Debug, PartialEq)]
    struct Thing { id: String, size: i64, seen: Option<bool> }
}

async fn open(dir: &tempfile::TempDir) -> Db {
    let db = Db::open(&Options::Sqlite(dir.path().join("test.db"))).await.unwrap();
    db.migrate(MIGRATIONS).await.unwrap();
    db.migrate(MIGRATIONS).await.unwrap();
    db
}

async fn insert(db: Db, id: &str) -> Result<(), Error> {
    let mut tx = db.begin().await?;
    sql("INSERT INTO things (id, size, seen) VALUES ($1, $2, $3)")
        .bind(id)
        .bind(4)
        .bind(None::<bool>)
        .execute(&mut tx)
        .await?;
    tx.commit().await
}

#[tokio::test]
async fn writes_are_read_back() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(&dir).await;
    // Handlers run on any thread: the future must be `Send`.
    tokio::spawn(insert(db.clone(), "a")).await.unwrap().unwrap();
    let thing: Thing = sql("SELECT id, size, seen FROM things WHERE id = $1").bind("a").one(&db).await.unwrap();
    assert_eq!(thing, Thing { id: "a".into(), size: 4, seen: None });
    assert!(insert(db, "a").await.unwrap_err().is_unique());
}

#[tokio::test]
async fn a_dropped_transaction_rolls_back() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(&dir).await;
    let mut tx = db.begin().await.unwrap();
    sql("INSERT INTO things (id, size) VALUES ('a', 1)").execute(&mut tx).await.unwrap();
    drop(tx);
    let count: i64 = sql("SELECT COUNT(*) FROM things").one(&db).await.unwrap();
    assert_eq!(count, 0);
}
