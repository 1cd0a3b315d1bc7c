//! Traces on both databases.

use std::time::Duration;

use db::Json;
use db::testing::each_engine;
use jiff::ToSpan as _;
use runtime::{Clock, Runtime};
use trace::{Config, Recorder, Trace, collect, span, traces_of};

#[tokio::test]
async fn what_was_collected_is_there_until_it_is_too_old() {
    each_engine(trace::MIGRATIONS, async |db| {
        let now = "2026-11-25T10:00:00Z".parse().unwrap();
        let runtime = Runtime { clock: Clock::manual(now), ..Runtime::default() };
        let recorder = Recorder::new(db.clone(), runtime.clone(), Config { keep_days: 2 });
        let ((), spans) = collect(span("image", "show", async {})).await;
        let trace = |request_id: &str, operation_id: Option<&str>| Trace {
            request_id: request_id.to_owned(),
            operation_id: operation_id.map(str::to_owned),
            title: "POST /compute/v2.1/servers".to_owned(),
            outcome: "202".to_owned(),
            started_at: recorder.began(Duration::from_millis(3)),
            micros: 3000,
            spans: Json(spans.clone()),
        };
        recorder.keep(trace("req-1", None));
        recorder.keep(trace("req-1", Some("operation")));
        // More than one statement takes.
        for _ in 0..20 {
            recorder.keep(trace("req-2", None));
        }
        recorder.write().await.unwrap();
        recorder.write().await.unwrap();

        let found = traces_of(&db, "req-1").await.unwrap();
        assert_eq!(found.len(), 2);
        assert!(found.iter().all(|trace| trace.spans.0 == spans && trace.micros == 3000));
        assert_eq!(traces_of(&db, "req-2").await.unwrap().len(), 20);
        assert_eq!(now.duration_since(found[0].started_at).as_millis(), 3);

        assert_eq!(recorder.expire().await.unwrap(), 0);
        runtime.clock.set(now.checked_add(49.hours()).unwrap());
        assert_eq!(recorder.expire().await.unwrap(), 22);
        assert!(traces_of(&db, "req-1").await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn nothing_is_recorded_where_nothing_is_to_be_kept() {
    each_engine(trace::MIGRATIONS, async |db| {
        let recorder = Recorder::new(db.clone(), Runtime::default(), Config { keep_days: 0 });
        recorder.keep(Trace {
            request_id: "req-1".to_owned(),
            operation_id: None,
            title: "GET /".to_owned(),
            outcome: "200".to_owned(),
            started_at: recorder.began(Duration::ZERO),
            micros: 0,
            spans: Json(Vec::new()),
        });
        recorder.write().await.unwrap();
        assert!(traces_of(&db, "req-1").await.unwrap().is_empty());
    })
    .await;
}
