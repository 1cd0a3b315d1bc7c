//! What recording costs: for `bench/trace`.
//!
//! `record DATABASE TURNS BATCH` reads the traces that a cloud has recorded in its SQLite database, and so many times over
//! collects and records the same ones in an empty database, BATCH of them at a time. Whoever starts it looks at its CPU
//! time. It prints how many traces there are.
#![expect(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "it is run by people")]

use db::{Db, Json, Options, sql};
use runtime::{Runtime, request_id};
use trace::{Config, Recorder, Span, Trace, collect, failed, node, span};

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [source, turns, batch] = arguments.as_slice() else { panic!("record DATABASE TURNS BATCH") };
    let source = Db::open(&Options::Sqlite(source.into())).await.unwrap();
    let all = sql("SELECT request_id, operation_id, title, outcome, started_at, micros, spans FROM traces");
    let traces: Vec<Trace> = all.all(&source).await.unwrap();
    println!("{}", traces.len());
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(&Options::Sqlite(dir.path().join("traces.db"))).await.unwrap();
    db.migrate(trace::MIGRATIONS).await.unwrap();
    let runtime = Runtime::default();
    let recorder = Recorder::new(db, runtime.clone(), Config::default());
    for _ in 0..turns.parse::<usize>().unwrap() {
        for some in traces.chunks(batch.parse().unwrap()) {
            for trace in some {
                let ((), spans) = collect(again(&trace.spans.0)).await;
                let request_id = request_id();
                recorder.keep(Trace { request_id, spans: Json(spans), ..trace.clone() });
            }
            recorder.write().await.unwrap();
        }
    }
}

/// Goes through the same spans, in which nothing is done now.
async fn again(spans: &[Span]) {
    for known in spans {
        let inside = async {
            if let Some(name) = &known.node {
                node(name);
            }
            if let Some(error) = &known.error {
                failed(error);
            }
        };
        // Their names are as long as most are.
        span("network", "check networks", inside).await;
    }
}
