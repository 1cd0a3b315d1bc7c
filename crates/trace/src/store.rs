use db::{Db, Json, Result, Tx, Value, sql};
use jiff::Timestamp;

use crate::Span;

db::row! {
    /// What went on in one request, or in one run of an operation.
    #[derive(Debug, Clone)]
    pub struct Trace {
        /// The request.
        pub request_id: String,
        /// The operation that ran for it; without one it is the request itself.
        pub operation_id: Option<String>,
        /// What was asked: `POST /compute/v2.1/servers`, or the kind of the operation.
        pub title: String,
        /// What came of it: the status of the answer.
        pub outcome: String,
        /// When it began.
        pub started_at: Timestamp,
        /// How long it took, in microseconds.
        pub micros: i64,
        /// What went on inside, in the order in which it began.
        pub spans: Json<Vec<Span>>,
    }
}

pub(crate) async fn traces_insert(tx: &mut Tx, traces: &[Trace]) -> Result<()> {
    let mut insert =
        sql("INSERT INTO traces (request_id, operation_id, title, outcome, started_at, micros, spans) VALUES ");
    for (index, trace) in traces.iter().enumerate() {
        insert.push(if index == 0 { "" } else { ", " }).push_list::<Value>([
            (&trace.request_id).into(),
            trace.operation_id.clone().into(),
            (&trace.title).into(),
            (&trace.outcome).into(),
            trace.started_at.into(),
            trace.micros.into(),
            (&trace.spans).into(),
        ]);
    }
    insert.execute(tx).await.map(drop)
}

/// What is known of a request and its operations, in order.
pub async fn traces_of(db: &Db, request_id: &str) -> Result<Vec<Trace>> {
    sql("SELECT request_id, operation_id, title, outcome, started_at, micros, spans FROM traces WHERE request_id = $1 \
         ORDER BY started_at")
    .bind(request_id)
    .all(db)
    .await
}

/// Forgets what began before.
pub(crate) async fn traces_expire(tx: &mut Tx, before: Timestamp) -> Result<u64> {
    sql("DELETE FROM traces WHERE started_at < $1").bind(before).execute(tx).await
}
