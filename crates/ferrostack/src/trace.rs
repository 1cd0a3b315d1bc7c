//! `ferrostack trace`: which way a request went, from what is always recorded.

use std::time::Duration;

use ::trace::{Span, Trace, traces_of};
use anyhow::{Result, bail};
use db::Db;
use ferrostack::state::State;
use jiff::Timestamp;
use serde::Serialize;
use work::{Record, StepRecord};

use crate::database::Database;
use crate::output;

/// How long what was recorded may take to be in the database.
const PATIENCE: Duration = Duration::from_secs(2);

/// Which request.
#[derive(clap::Args)]
pub struct Arguments {
    /// The id of the request, as the answer's header x-openstack-request-id has it (clients print it with --debug; the
    /// events of a server list it)
    #[arg(value_name = "REQUEST-ID")]
    request_id: String,
    /// As JSON, instead of a tree
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    database: Database,
}

/// What went on, and what went on inside of it.
#[derive(Debug, Serialize)]
struct Event {
    what: String,
    started_at: Timestamp,
    /// Nothing while it goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    milliseconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<String>,
    /// What came of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    inside: Vec<Event>,
}

/// Prints the way of the request.
pub async fn run(state: &State, arguments: &Arguments) -> Result<()> {
    let db = arguments.database.open(state).await?;
    let mut events = events(&db, &arguments.request_id).await?;
    if events.is_empty() {
        tokio::time::sleep(PATIENCE).await;
        events = self::events(&db, &arguments.request_id).await?;
    }
    let Some(first) = events.first() else {
        bail!(
            "nothing is known of {}: the id is another, it is too old ([trace] keep_days), or it only read and was \
             answered at once by one service alone",
            arguments.request_id
        );
    };
    if arguments.json {
        output::line(&serde_json::to_string_pretty(&events)?);
        return Ok(());
    }
    output::line(&format!("{} of {}\n", arguments.request_id, first.started_at.strftime("%Y-%m-%d %H:%M:%S%.3f UTC")));
    output::line("     AT ms    TOOK ms");
    let start = first.started_at;
    for event in &events {
        event.print(start, "", "");
    }
    Ok(())
}

/// The request and the operations that it caused, in order.
async fn events(db: &Db, request_id: &str) -> Result<Vec<Event>> {
    let traces = traces_of(db, request_id).await?;
    let mut events: Vec<Event> = traces.iter().filter(|trace| trace.operation_id.is_none()).map(of_request).collect();
    for operation in work::operations_of_request(db, request_id).await? {
        let steps = work::steps_of(db, &operation.id).await?;
        let runs: Vec<&Trace> =
            traces.iter().filter(|trace| trace.operation_id.as_deref() == Some(&operation.id)).collect();
        events.push(of_operation(&operation, &steps, &runs));
    }
    Ok(events)
}

fn of_request(trace: &Trace) -> Event {
    Event {
        what: trace.title.clone(),
        started_at: trace.started_at,
        milliseconds: Some(milliseconds(trace.micros)),
        node: None,
        outcome: Some(trace.outcome.clone()),
        inside: inside(trace, None),
    }
}

/// An operation, its steps, and what the runs of the operation did in them.
fn of_operation(operation: &Record, steps: &[StepRecord], runs: &[&Trace]) -> Event {
    let ended = matches!(operation.phase.as_str(), "done" | "undone");
    Event {
        what: format!("{} {}", operation.kind, operation.target),
        started_at: operation.created_at,
        milliseconds: ended.then(|| between(operation.created_at, operation.updated_at)),
        node: None,
        outcome: match &operation.failure {
            Some(failure) => Some(format!("{}: {failure}", operation.phase)),
            None => Some(operation.phase.clone()),
        },
        inside: steps.iter().map(|step| of_step(step, runs)).collect(),
    }
}

fn of_step(step: &StepRecord, runs: &[&Trace]) -> Event {
    let part = if step.undo { "undo" } else { "step" };
    let within = |at: Timestamp| at >= step.started_at && step.finished_at.is_none_or(|end| at <= end);
    let spans = runs.iter().flat_map(|run| {
        let own = run.spans.0.iter().enumerate().filter(|(_, span)| {
            span.parent.is_none() && span.part == part && span.name == step.name && within(began(run, span))
        });
        own.flat_map(|(index, _)| inside(run, Some(index)))
    });
    Event {
        what: if step.undo { format!("undo {}", step.name) } else { step.name.clone() },
        started_at: step.started_at,
        milliseconds: step.finished_at.map(|end| between(step.started_at, end)),
        node: step.host.clone(),
        outcome: step.error.clone(),
        inside: spans.collect(),
    }
}

/// What went on inside of a span, or directly in the whole.
fn inside(trace: &Trace, parent: Option<usize>) -> Vec<Event> {
    let spans = trace.spans.0.iter().enumerate().filter(|(_, span)| span.parent == parent);
    spans
        .map(|(index, span)| Event {
            what: format!("{}: {}", span.part, span.name),
            started_at: began(trace, span),
            milliseconds: span.micros.map(|micros| milliseconds(i64::try_from(micros).unwrap_or(i64::MAX))),
            node: span.node.clone(),
            outcome: span.error.clone(),
            inside: inside(trace, Some(index)),
        })
        .collect()
}

fn began(trace: &Trace, span: &Span) -> Timestamp {
    trace.started_at.checked_add(Duration::from_micros(span.at)).unwrap_or(Timestamp::MAX)
}

fn between(start: Timestamp, end: Timestamp) -> f64 {
    milliseconds(i64::try_from(end.duration_since(start).as_micros()).unwrap_or(i64::MAX))
}

fn milliseconds(micros: i64) -> f64 {
    micros as f64 / 1000.0
}

impl Event {
    /// Prints it as one line and what went on inside below. `start` is when the request began, `branch` what leads to
    /// this line and `below` what leads to those below it.
    fn print(&self, start: Timestamp, branch: &str, below: &str) {
        let took = self.milliseconds.map_or_else(|| "goes on".to_owned(), |took| format!("{took:.1}"));
        let node = self.node.as_deref().map(|node| format!(" on {node}")).unwrap_or_default();
        let outcome = self.outcome.as_deref().map(|outcome| format!("  ({outcome})")).unwrap_or_default();
        output::line(&format!(
            "{:>10.1} {took:>10}  {branch}{}{node}{outcome}",
            between(start, self.started_at),
            self.what
        ));
        for (index, event) in self.inside.iter().enumerate() {
            let last = index + 1 == self.inside.len();
            let (own, further) = if last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
            event.print(start, &format!("{below}{own}"), &format!("{below}{further}"));
        }
    }
}
