use std::collections::BTreeMap;

use db::{Db, Direction, Tx};
use jiff::{Timestamp, ToSpan as _};

use super::image::{self as store, Condition, Stored, Viewer};
use super::{member, quota};
use crate::image::{ImageInfo, Status, Visibility};

fn now() -> Timestamp {
    "2026-11-21T04:00:00Z".parse().unwrap()
}

fn image(id: &str, owner: &str, visibility: Visibility) -> ImageInfo {
    ImageInfo {
        id: id.to_owned(),
        name: Some(format!("name of {id}")),
        owner: owner.to_owned(),
        visibility,
        status: Status::Queued,
        disk_format: Some("raw".to_owned()),
        container_format: Some("bare".to_owned()),
        size: None,
        virtual_size: None,
        checksum: None,
        os_hash_value: None,
        min_disk: 0,
        min_ram: 0,
        protected: false,
        os_hidden: false,
        properties: BTreeMap::from([("kind".to_owned(), id.to_owned())]),
        tags: vec!["tag".to_owned()],
        created_at: now(),
        updated_at: now(),
        upload: None,
        revision: 1,
    }
}

async fn begin(db: &Db) -> Tx {
    db.begin().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_owns_its_image_until_it_ends_or_dies() {
    db::testing::each_engine(crate::MIGRATIONS, async |db| {
        let mut tx = begin(&db).await;
        store::insert(&mut tx, &image("a", "one", Visibility::Shared)).await.unwrap();
        tx.commit().await.unwrap();
        let queued = store::get(&db, "a").await.unwrap().unwrap();
        assert_eq!((queued.tags.len(), queued.properties["kind"].as_str(), queued.size), (1, "a", None));

        let mut tx = begin(&db).await;
        assert!(store::upload_claim(&mut tx, &queued, "first", now()).await.unwrap());
        assert!(!store::upload_claim(&mut tx, &queued, "second", now()).await.unwrap());
        assert!(!store::update(&mut tx, &queued, now()).await.unwrap());
        assert!(store::upload_renew(&mut tx, "first", now() + 1.minute()).await.unwrap());
        assert_eq!(store::upload_release_lapsed(&mut tx, now() + 30.seconds()).await.unwrap(), 0);
        assert_eq!(store::uploads_known(&mut tx, &["first".into(), "x".into()]).await.unwrap(), ["first"]);
        assert_eq!(store::upload_release_lapsed(&mut tx, now() + 2.minutes()).await.unwrap(), 1);
        assert!(!store::upload_renew(&mut tx, "first", now()).await.unwrap());
        tx.commit().await.unwrap();

        let queued = store::get(&db, "a").await.unwrap().unwrap();
        let stored = Stored { size: 5, virtual_size: None, checksum: "c".into(), hash_value: "h".into() };
        let mut tx = begin(&db).await;
        assert!(store::upload_claim(&mut tx, &queued, "second", now()).await.unwrap());
        assert!(!store::upload_finish(&mut tx, "first", &stored, now()).await.unwrap());
        assert!(store::upload_finish(&mut tx, "second", &stored, now()).await.unwrap());
        store::upload_release(&mut tx, "second").await.unwrap();
        tx.commit().await.unwrap();
        let active = store::get(&db, "a").await.unwrap().unwrap();
        assert_eq!((active.status, active.size, active.virtual_size), (Status::Active, Some(5), None));

        let mut tx = begin(&db).await;
        assert_eq!(store::delete(&mut tx, "a").await.unwrap().unwrap().upload.as_deref(), Some("second"));
        assert!(store::delete(&mut tx, "a").await.unwrap().is_none());
        tx.commit().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_holds_what_the_viewer_may_see() {
    db::testing::each_engine(crate::MIGRATIONS, async |db| {
        let mut tx = begin(&db).await;
        for (id, owner, visibility) in [
            ("a", "one", Visibility::Private),
            ("b", "one", Visibility::Shared),
            ("c", "one", Visibility::Community),
            ("d", "admin", Visibility::Public),
            ("e", "two", Visibility::Private),
        ] {
            store::insert(&mut tx, &image(id, owner, visibility)).await.unwrap();
        }
        member::insert(&mut tx, "b", "two", now()).await.unwrap();
        tx.commit().await.unwrap();
        let sort = [("name", Direction::Ascending), ("id", Direction::Ascending)];
        let ids = async |viewer: &Viewer, conditions: &[Condition], marker: Option<&str>, limit: i64| {
            let list = store::list(&db, viewer, conditions, &sort, marker, limit).await.unwrap();
            list.into_iter().map(|image| image.id).collect::<Vec<_>>().concat()
        };
        let two = |status: Option<&str>| Viewer::Project("two".into(), status.map(Into::into));
        assert_eq!(ids(&Viewer::Admin, &[], None, 9).await, "abcde");
        assert_eq!(ids(&Viewer::Admin, &[], Some("b"), 2).await, "cd");
        assert_eq!(ids(&Viewer::Nobody, &[], None, 9).await, "cd");
        assert_eq!(ids(&two(Some("accepted")), &[], None, 9).await, "cde");
        assert_eq!(ids(&two(None), &[], None, 9).await, "bcde");
        let own = [Condition::NoForeignCommunity(Some("two".into())), Condition::Tag("tag".into())];
        assert_eq!(ids(&two(Some("pending")), &own, None, 9).await, "bde");
        let some = [
            Condition::Text("id", vec!["a".into(), "d".into()]),
            Condition::Property("kind".into(), "d".into()),
            Condition::Number("size", " < ", 0),
            Condition::Flag("protected", false),
        ];
        assert_eq!(ids(&Viewer::Admin, &some, None, 9).await, "d");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_counts_waits_for_who_counts() {
    db::testing::each_engine(crate::MIGRATIONS, async |db| {
        let tasks = (0..12).map(|number| {
            let db = db.clone();
            tokio::spawn(async move {
                let mut tx = begin(&db).await;
                quota::lock(&mut tx, "one").await.unwrap();
                let used = quota::used(&mut tx, &["one".to_owned()]).await.unwrap();
                if used.images < 5 {
                    store::insert(&mut tx, &image(&number.to_string(), "one", Visibility::Shared)).await.unwrap();
                }
                tx.commit().await.unwrap();
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await.unwrap();
        }
        let used = quota::used(&db, &["one".to_owned(), "two".to_owned()]).await.unwrap();
        assert_eq!((used.images, used.uploads, used.bytes), (5, 0, 0));
    })
    .await;
}
