//! The same promises on both engines.

use db::testing::each_engine;
use db::{Db, Direction, Error, Keyset, Migration, sql};

const MIGRATIONS: &[Migration] = &[Migration {
    service: "test",
    version: 1,
    sql: "CREATE TABLE things (id TEXT PRIMARY KEY, size BIGINT NOT NULL, seen BOOLEAN);
          CREATE TABLE parts (id TEXT PRIMARY KEY, thing_id TEXT NOT NULL REFERENCES things (id));",
}];

db::row! {
    #[derive(Debug, PartialEq)]
    struct Thing { id: String, size: i64, seen: Option<bool> }
}

async fn insert(db: Db, id: &str, size: i64) -> Result<(), Error> {
    let mut tx = db.begin().await?;
    sql("INSERT INTO things (id, size, seen) VALUES ($1, $2, $3)")
        .bind(id)
        .bind(size)
        .bind(None::<bool>)
        .execute(&mut tx)
        .await?;
    tx.commit().await
}

#[tokio::test]
async fn writes_are_read_back() {
    each_engine(MIGRATIONS, async |db| {
        // Handlers run on any thread: the future must be `Send`.
        tokio::spawn(insert(db.clone(), "a", 4)).await.unwrap().unwrap();
        let thing: Thing = sql("SELECT id, size, seen FROM things WHERE id = $1").bind("a").one(&db).await.unwrap();
        assert_eq!(thing, Thing { id: "a".into(), size: 4, seen: None });
    })
    .await;
}

#[tokio::test]
async fn violations_are_told_apart() {
    each_engine(MIGRATIONS, async |db| {
        insert(db.clone(), "a", 1).await.unwrap();
        assert!(insert(db.clone(), "a", 2).await.unwrap_err().is_unique());
        let mut tx = db.begin().await.unwrap();
        let orphan = sql("INSERT INTO parts (id, thing_id) VALUES ('p', 'none')").execute(&mut tx).await;
        assert!(matches!(orphan, Err(Error::ForeignKey)));
    })
    .await;
}

#[tokio::test]
async fn a_dropped_transaction_rolls_back() {
    each_engine(MIGRATIONS, async |db| {
        let mut tx = db.begin().await.unwrap();
        sql("INSERT INTO things (id, size) VALUES ('a', 1)").execute(&mut tx).await.unwrap();
        drop(tx);
        let count: i64 = sql("SELECT COUNT(*) FROM things").one(&db).await.unwrap();
        assert_eq!(count, 0);
    })
    .await;
}

#[tokio::test]
async fn migrations_run_once() {
    each_engine(MIGRATIONS, async |db| {
        db.migrate(MIGRATIONS).await.unwrap();
        let edited = [Migration { sql: "CREATE TABLE other (id TEXT);", ..MIGRATIONS[0] }];
        assert!(matches!(db.migrate(&edited).await, Err(Error::Migration { .. })));
    })
    .await;
}

#[tokio::test]
async fn two_claims_of_the_last_one_are_one() {
    each_engine(MIGRATIONS, async |db| {
        insert(db.clone(), "quota", 1).await.unwrap();
        let claims = (0..20).map(|_| {
            let db = db.clone();
            tokio::spawn(async move {
                let mut tx = db.begin().await.unwrap();
                let claimed = sql("UPDATE things SET size = size - 1 WHERE id = 'quota' AND size > 0")
                    .execute(&mut tx)
                    .await
                    .unwrap();
                tx.commit().await.unwrap();
                claimed
            })
        });
        let mut total = 0;
        for claim in claims.collect::<Vec<_>>() {
            total += claim.await.unwrap();
        }
        assert_eq!(total, 1);
    })
    .await;
}

#[tokio::test]
async fn pages_follow_each_other_in_mixed_order() {
    each_engine(MIGRATIONS, async |db| {
        for (id, size) in [("a", 1), ("b", 2), ("c", 2), ("d", 3), ("e", 1)] {
            insert(db.clone(), id, size).await.unwrap();
        }
        let largest_first = ("size", Direction::Descending);
        let ones_last = ("COALESCE(NULLIF({}.size, 1), 9)", Direction::Ascending);
        for (first, order) in [(largest_first, ["d", "b", "c", "a", "e"]), (ones_last, ["b", "c", "d", "a", "e"])] {
            let sort = [first, ("id", Direction::Ascending)];
            let (mut seen, mut marker) = (Vec::new(), None::<String>);
            loop {
                let mut select = sql("SELECT id, size, seen FROM things WHERE size > ").clone();
                select.push_bind(0).push_keyset(&Keyset {
                    table: "things",
                    sort: &sort,
                    marker: marker.as_deref(),
                    limit: Some(2),
                });
                let page: Vec<Thing> = select.all(&db).await.unwrap();
                let Some(last) = page.last() else { break };
                marker = Some(last.id.clone());
                seen.extend(page.into_iter().map(|thing| thing.id));
            }
            assert_eq!(seen, order);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_writer_has_its_turn_also_after_those_that_gave_up_waiting() {
    each_engine(MIGRATIONS, async |db| {
        insert(db.clone(), "count", 0).await.unwrap();
        let write = |db: Db| async move {
            let mut tx = db.begin().await?;
            sql("UPDATE things SET size = size + 1 WHERE id = 'count'").execute(&mut tx).await?;
            tokio::task::yield_now().await;
            tx.commit().await
        };
        let mut writers = Vec::new();
        for number in 0..200 {
            let writer = tokio::spawn(write(db.clone()));
            if number % 4 == 0 {
                writer.abort();
            }
            writers.push(writer);
        }
        let mut written = 0;
        for writer in writers {
            written += i64::from(writer.await.is_ok_and(|outcome| outcome.is_ok()));
        }
        assert!(written >= 150);
        let size: i64 = sql("SELECT size FROM things WHERE id = 'count'").one(&db).await.unwrap();
        // One that was ended after its commit has written too.
        assert!(size >= written);
        let held = db.begin().await.unwrap();
        let waiting = tokio::spawn(write(db.clone()));
        tokio::task::yield_now().await;
        held.rollback().await.unwrap();
        waiting.await.unwrap().unwrap();
    })
    .await;
}
