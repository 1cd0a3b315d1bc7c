use std::any::Any;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use db::{Db, Json, Result, Tx};
use jiff::Timestamp;
use runtime::Runtime;
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use trace::{Span, Trace};
use tracing::Instrument as _;

use crate::operation::{Failure, Operation, Progress, Step};
use crate::store::{self, NewOperation, Record, StepRecord};

/// How durable work is run.
#[derive(Clone)]
pub struct Options {
    /// This process's name; the same after a restart, so that it takes up at once what it held.
    pub owner: String,
    /// How long a lease lasts without being renewed.
    pub lease: Duration,
    /// How many operations run at the same time.
    pub concurrency: usize,
    /// The longest time between two looks for work that no hint announced.
    pub poll: Duration,
    /// A point at which to fail, for tests.
    pub fault: Option<FaultPoint>,
    /// Where it is recorded what the steps did.
    pub recorder: Option<trace::Recorder>,
}

/// Where a test lets an operation fail.
#[derive(Debug, Clone)]
pub struct FaultPoint {
    /// The operation's kind.
    pub kind: String,
    /// The step's name.
    pub step: String,
    /// When, around the step.
    pub moment: Moment,
}

/// A moment around a step's run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The process is killed before the step runs.
    KillBefore,
    /// The process is killed after the step ran and before that is recorded.
    KillAfter,
    /// The step runs and then counts as failed for good.
    Fail,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            owner: "control".to_owned(),
            lease: Duration::from_secs(30),
            concurrency: 64,
            poll: Duration::from_secs(2),
            fault: None,
            recorder: None,
        }
    }
}

/// Why an operation ended that something else took the place of.
const CANCELLED: &str = "The request was cancelled: a later one took its place.";

/// The runner of durable work; a cheap handle.
#[derive(Clone)]
pub struct Work(Arc<Inner>);

struct Inner {
    db: Db,
    runtime: Runtime,
    options: Options,
    kinds: Mutex<HashMap<&'static str, Arc<dyn Kind>>>,
    wake: Notify,
    slots: Arc<Semaphore>,
    /// What cancels the operations that run here, by their ids.
    running: Mutex<HashMap<String, CancellationToken>>,
}

impl Work {
    /// A runner over `db`. Register the kinds of work, then [`start`](Self::start) it.
    pub fn new(db: Db, runtime: Runtime, options: Options) -> Self {
        let slots = Arc::new(Semaphore::new(options.concurrency));
        let (kinds, running) = (Mutex::default(), Mutex::default());
        Self(Arc::new(Inner { db, runtime, options, kinds, wake: Notify::new(), slots, running }))
    }

    /// Makes operations of the kind `O` runnable here.
    pub fn register<O: Operation>(&self, context: Arc<O::Context>) {
        self.kinds().insert(O::KIND, Arc::new(Registered::<O> { context }));
    }

    /// The kinds of work that are runnable here, each with the names of its steps.
    pub fn known(&self) -> BTreeMap<&'static str, Vec<&'static str>> {
        self.kinds().iter().map(|(name, kind)| (*name, kind.steps())).collect()
    }

    fn kinds(&self) -> std::sync::MutexGuard<'_, HashMap<&'static str, Arc<dyn Kind>>> {
        self.0.kinds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes an operation in the caller's transaction and returns its id. Call [`wake`](Self::wake) after the commit.
    pub async fn submit<O: Operation>(&self, tx: &mut Tx, new: &NewOperation<O>) -> Result<String> {
        let id = self.0.runtime.ids.uuid();
        let data = serde_json::to_string(&new.data)
            .map_err(|source| db::Error::Column { column: "data".to_owned(), source: Box::new(source) })?;
        let now = self.0.runtime.clock.now();
        let row = store::Inserted { id: &id, kind: O::KIND, phase: "run", data: &data, now };
        store::operation_insert(tx, new, row).await?;
        Ok(id)
    }

    /// Writes down, in the caller's transaction, what that transaction itself did: an operation that is over.
    pub async fn record(&self, tx: &mut Tx, kind: &str, new: &NewOperation<()>) -> Result<()> {
        let (id, now) = (self.0.runtime.ids.uuid(), self.0.runtime.clock.now());
        let row = store::Inserted { id: &id, kind, phase: "done", data: "null", now };
        store::operation_insert(tx, new, row).await?;
        store::step_start(tx, &id, kind, false, now).await?;
        store::step_note(tx, &id, Some(now), None, None).await
    }

    /// Asks, in the caller's transaction, for the open operations on `target` to be undone, because something takes
    /// their place. Returns their ids; [`interrupt`](Self::interrupt) them after the commit.
    pub async fn cancel(&self, tx: &mut Tx, target: &str) -> Result<Vec<String>> {
        store::operations_cancel(tx, target).await
    }

    /// Has cancelled operations that run here wait for nothing any longer.
    pub fn interrupt(&self, ids: &[String]) {
        let running = self.0.running();
        for token in ids.iter().filter_map(|id| running.get(id)) {
            token.cancel();
        }
    }

    /// Whether the operation has ended, and if it failed why; `None` while it goes on.
    pub async fn outcome(&self, id: &str) -> Result<Option<Option<String>>> {
        Ok(match store::operation_phase(&self.0.db, id).await? {
            Some(row) if row.phase == "done" => Some(None),
            Some(row) if row.phase == "undone" => Some(Some(row.failure.unwrap_or_default())),
            Some(_) => None,
            // Nobody remembers it: it ended long ago.
            None => Some(None),
        })
    }

    /// Says that there may be work to do.
    pub fn wake(&self) {
        self.0.wake.notify_one();
    }

    /// Starts running work, beginning with what this process held when it died.
    pub async fn start(&self) -> Result<()> {
        let freed = store::leases_release(&self.0.db, &self.0.options.owner).await?;
        if freed > 0 {
            tracing::info!(freed, "taking up the work of the process before");
        }
        let work = self.clone();
        self.0.runtime.tasks.spawn_until_stop("work", async move { work.watch().await });
        Ok(())
    }

    /// The operations on `target`, newest first.
    pub async fn history(&self, target: &str) -> Result<Vec<Record>> {
        store::operations_of(&self.0.db, target).await
    }

    /// The steps of one operation, as they were started.
    pub async fn steps(&self, operation_id: &str) -> Result<Vec<StepRecord>> {
        store::steps_of(&self.0.db, operation_id).await
    }

    /// How many operations are open, anywhere.
    pub async fn open(&self) -> Result<i64> {
        store::operations_open(&self.0.db).await
    }

    async fn watch(&self) {
        loop {
            let pause = match self.claim().await {
                Ok(pause) => pause,
                Err(error) => {
                    tracing::error!(?error, "cannot look for work");
                    self.0.options.poll
                }
            };
            tokio::select! {
                () = self.0.wake.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Starts what is due and returns how long nothing else will be.
    async fn claim(&self) -> Result<Duration> {
        let Inner { db, runtime, options, slots, .. } = &*self.0;
        loop {
            let free = slots.available_permits();
            if free == 0 {
                return Ok(options.poll);
            }
            let now = runtime.clock.now();
            let claimed =
                store::operations_claim(db, &options.owner, now, later(now, options.lease), free as i64).await?;
            if claimed.is_empty() {
                let wait = store::operations_next(db).await?.map(|due| due.duration_since(runtime.clock.now()));
                let wait = wait.and_then(|wait| Duration::try_from(wait).ok()).unwrap_or(options.poll);
                return Ok(wait.clamp(Duration::from_millis(5), options.poll));
            }
            for record in claimed {
                let Ok(slot) = Arc::clone(slots).acquire_owned().await else { return Ok(options.poll) };
                let work = self.clone();
                runtime.tasks.spawn_until_stop("operation", async move {
                    work.run_leased(record).await;
                    drop(slot);
                    // Its target's next operation may be due now.
                    work.wake();
                });
            }
        }
    }

    async fn run_leased(&self, record: Record) {
        let span = tracing::info_span!("operation", id = record.request_id, kind = record.kind, target = record.target);
        let kind = self.kinds().get(record.kind.as_str()).cloned();
        let Some(kind) = kind else {
            tracing::error!(parent: &span, "nobody here knows this kind of work");
            return;
        };
        let id = record.id.clone();
        let run = async {
            let (request_id, title, started) = (record.request_id.clone(), record.kind.clone(), Instant::now());
            let (outcome, spans) = trace::collect(kind.run(&self.0, record)).await;
            if let Err(error) = outcome {
                tracing::error!(?error, "cannot record the operation; whoever takes its lease goes on with it");
            }
            self.trace_keep(&id, request_id, title, started.elapsed(), spans);
        };
        tokio::select! {
            () = run.instrument(span) => {}
            () = self.keep_lease(&id) => {}
        }
        self.0.running().remove(&id);
    }

    /// Has it recorded which parts the steps asked. The steps themselves are in the database already.
    fn trace_keep(&self, id: &str, request_id: String, title: String, took: Duration, spans: Vec<Span>) {
        let Some(recorder) = &self.0.options.recorder else { return };
        if spans.iter().all(|span| span.parent.is_none()) {
            return;
        }
        recorder.keep(Trace {
            request_id,
            operation_id: Some(id.to_owned()),
            title,
            outcome: String::new(),
            started_at: recorder.began(took),
            micros: i64::try_from(took.as_micros()).unwrap_or(i64::MAX),
            spans: Json(spans),
        });
    }

    /// Renews the lease until another process has it.
    async fn keep_lease(&self, id: &str) {
        let Inner { db, runtime, options, .. } = &*self.0;
        loop {
            tokio::time::sleep(options.lease / 3).await;
            match store::lease_renew(db, id, &options.owner, later(runtime.clock.now(), options.lease)).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => tracing::warn!(?error, "cannot renew the lease"),
            }
        }
    }
}

fn later(now: Timestamp, by: Duration) -> Timestamp {
    now.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// A kind of work, without its type.
#[async_trait]
trait Kind: Any + Send + Sync {
    /// The names of its steps.
    fn steps(&self) -> Vec<&'static str>;

    async fn run(&self, work: &Inner, record: Record) -> Result<()>;
}

struct Registered<O: Operation> {
    context: Arc<O::Context>,
}

#[async_trait]
impl<O: Operation> Kind for Registered<O> {
    fn steps(&self) -> Vec<&'static str> {
        O::steps().iter().map(|step| step.name()).collect()
    }

    async fn run(&self, work: &Inner, mut record: Record) -> Result<()> {
        let mut data: O = match serde_json::from_str(&record.data) {
            Ok(data) => data,
            Err(source) => return Err(db::Error::Column { column: "data".to_owned(), source: Box::new(source) }),
        };
        let mut is_started = false;
        let token = work.running().entry(record.id.clone()).or_default().clone();
        if record.cancelled || store::operation_is_cancelled(&work.db, &record.id).await? {
            token.cancel();
        }
        while let Some(undo) = open_phase(&record) {
            let Some(step) = step_of::<O>(&record) else { return close(work, record).await };
            if record.attempts == 0 && !is_started {
                let mut tx = work.db.begin().await?;
                store::step_start(&mut tx, &record.id, step.name(), undo, work.runtime.clock.now()).await?;
                tx.commit().await?;
            }
            let mut progress = progress(&record, &token);
            let outcome = if O::GIVES_UP && !undo && token.is_cancelled() {
                Err(Failure::Fatal(CANCELLED.to_owned()))
            } else {
                self.attempt(work, step, undo, &mut data, &mut progress).await
            };
            record.data = encode(&data)?;
            if !advance::<O>(work, &mut record, step.name(), undo, outcome, &progress).await? {
                return Ok(());
            }
            // Together with the end of the one before.
            is_started = true;
        }
        Ok(())
    }
}

impl<O: Operation> Registered<O> {
    /// Runs or undoes one step.
    async fn attempt(
        &self,
        work: &Inner,
        step: &dyn Step<O>,
        undo: bool,
        data: &mut O,
        progress: &mut Progress,
    ) -> Result<(), Failure> {
        let moment = work.fault(O::KIND, step.name()).filter(|_| !undo);
        if moment == Some(Moment::KillBefore) {
            std::process::abort();
        }
        let outcome = if undo {
            trace::span("undo", step.name(), step.undo(&self.context, data, progress)).await
        } else {
            trace::span("step", step.name(), step.run(&self.context, data, progress)).await
        };
        match moment {
            Some(Moment::KillAfter) if outcome.is_ok() => std::process::abort(),
            Some(Moment::Fail) if outcome.is_ok() => Err(Failure::Fatal("A test let this step fail.".to_owned())),
            _ => outcome,
        }
    }
}

impl Inner {
    fn running(&self) -> std::sync::MutexGuard<'_, HashMap<String, CancellationToken>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fault(&self, kind: &str, step: &str) -> Option<Moment> {
        self.options.fault.as_ref().filter(|fault| fault.kind == kind && fault.step == step).map(|fault| fault.moment)
    }
}

/// The step that the operation is at; nothing when a newer release has a shorter list.
fn step_of<O: Operation>(record: &Record) -> Option<&'static dyn Step<O>> {
    usize::try_from(record.step).ok().and_then(|index| O::steps().get(index)).copied()
}

fn open_phase(record: &Record) -> Option<bool> {
    match record.phase.as_str() {
        "run" => Some(false),
        "undo" => Some(true),
        _ => None,
    }
}

fn progress(record: &Record, cancelled: &CancellationToken) -> Progress {
    Progress {
        operation_id: record.id.clone(),
        request_id: record.request_id.clone(),
        attempts: record.attempts,
        failure: record.failure.clone(),
        host: None,
        cancelled: cancelled.clone(),
    }
}

fn encode<O: Operation>(data: &O) -> Result<String> {
    serde_json::to_string(data)
        .map_err(|source| db::Error::Column { column: "data".to_owned(), source: Box::new(source) })
}

/// Ends an operation that has no step left, which happens only when a newer release has a shorter list.
async fn close(work: &Inner, mut record: Record) -> Result<()> {
    record.phase = if record.phase == "run" { "done" } else { "undone" }.to_owned();
    record.updated_at = work.runtime.clock.now();
    let mut tx = work.db.begin().await?;
    store::operation_save(&mut tx, &record, &work.options.owner, record.updated_at, Timestamp::UNIX_EPOCH).await?;
    tx.commit().await
}

/// Moves the operation on by what its step came to, and records it and the start of the step that follows at once. `false`:
/// it is not to be run on here and now.
async fn advance<O: Operation>(
    work: &Inner,
    record: &mut Record,
    name: &str,
    undo: bool,
    outcome: Result<(), Failure>,
    progress: &Progress,
) -> Result<bool> {
    let now = work.runtime.clock.now();
    let mut not_before = now;
    let mut note = None;
    let attempts = record.attempts;
    record.attempts = 0;
    match outcome {
        Ok(()) if undo => undo_next(record),
        Ok(()) => run_next::<O>(record),
        Err(failure) => {
            note = Some(failure.to_string());
            let wait = waiting(&failure, attempts).filter(|_| undo || now < record.deadline);
            match (failure, wait) {
                (_, Some(wait)) => {
                    record.attempts = attempts + 1;
                    not_before = later(now, wait);
                }
                (_, None) if undo || !O::GIVES_UP => {
                    record.attempts = attempts + 1;
                    not_before = later(now, backoff(attempts));
                }
                (Failure::Again { from, reason }, None) => turn_back::<O>(record, from, reason),
                (failure, None) => {
                    record.failure = Some(failure.to_string());
                    turn_around(record, 0, false);
                }
            }
            tracing::warn!(step = name, undo, attempts, reason = note, "step did not succeed");
        }
    }
    record.updated_at = now;
    let pausing = record.attempts > 0;
    let ended = open_phase(record).is_none();
    let until = if pausing || ended { Timestamp::UNIX_EPOCH } else { later(now, work.options.lease) };
    let mut tx = work.db.begin().await?;
    store::step_note(&mut tx, &record.id, (!pausing).then_some(now), note, progress.host.clone()).await?;
    let saved = store::operation_save(&mut tx, record, &work.options.owner, not_before, until).await?;
    if saved == Some(true) {
        progress.cancelled.cancel();
    }
    let goes_on = saved.is_some() && !pausing && !ended;
    if let (true, Some(undo), Some(next)) = (goes_on, open_phase(record), step_of::<O>(record)) {
        store::step_start(&mut tx, &record.id, next.name(), undo, now).await?;
    }
    tx.commit().await?;
    Ok(goes_on)
}

fn run_next<O: Operation>(record: &mut Record) {
    record.step += 1;
    if usize::try_from(record.step).is_ok_and(|step| step >= O::steps().len()) {
        record.phase = "done".to_owned();
    }
}

fn undo_next(record: &mut Record) {
    if record.step > record.undo_to {
        record.step -= 1;
    } else if record.resume {
        record.phase = "run".to_owned();
        record.failure = None;
    } else {
        record.phase = "undone".to_owned();
    }
}

fn turn_back<O: Operation>(record: &mut Record, from: &str, reason: String) {
    record.failure = Some(reason);
    let to = O::steps().iter().position(|step| step.name() == from);
    match to.and_then(|to| i64::try_from(to).ok()).filter(|to| *to <= record.step) {
        Some(to) => turn_around(record, to, true),
        None => turn_around(record, 0, false),
    }
}

fn turn_around(record: &mut Record, undo_to: i64, resume: bool) {
    record.phase = "undo".to_owned();
    record.undo_to = undo_to;
    record.resume = resume;
}

/// How long to wait before the step is tried again; `None`: not again.
fn waiting(failure: &Failure, attempts: i64) -> Option<Duration> {
    match failure {
        Failure::Wait { after, .. } => Some(*after),
        Failure::Retry(_) => Some(backoff(attempts)),
        Failure::Again { .. } | Failure::Fatal(_) => None,
    }
}

/// 0.1 s, doubling to 30 s.
fn backoff(attempts: i64) -> Duration {
    let doublings = u32::try_from(attempts.clamp(0, 9)).unwrap_or(9);
    Duration::from_millis(100 << doublings).min(Duration::from_secs(30))
}
