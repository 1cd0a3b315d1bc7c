use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use db::{Db, Result};
use jiff::{Timestamp, ToSpan as _};
use runtime::Runtime;
use serde::Deserialize;
use tokio::sync::Notify;

use crate::store::{Trace, traces_expire, traces_insert};

/// How long traces wait for others to be written together with.
const BATCH: Duration = Duration::from_millis(250);

/// How many traces one statement writes.
const TOGETHER: usize = 8;

/// How many traces wait at most; more are lost.
const MOST: usize = 20_000;

/// How often old traces are looked for.
const SWEEP: Duration = Duration::from_secs(3600);

/// `[trace]` of the configuration.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// For how many days it is known what a request did; 0 records nothing.
    pub keep_days: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { keep_days: 7 }
    }
}

/// Writes what was collected to the database, a while later. A cheap handle.
#[derive(Clone)]
pub struct Recorder(Arc<Inner>);

struct Inner {
    db: Db,
    runtime: Runtime,
    config: Config,
    waiting: Mutex<Waiting>,
    wake: Notify,
}

#[derive(Default)]
struct Waiting {
    traces: Vec<Trace>,
    lost: usize,
}

impl Recorder {
    /// A recorder; [`start`](Self::start) it.
    pub fn new(db: Db, runtime: Runtime, config: Config) -> Self {
        Self(Arc::new(Inner { db, runtime, config, waiting: Mutex::default(), wake: Notify::new() }))
    }

    /// Whether anything is recorded at all.
    pub fn records(&self) -> bool {
        self.0.config.keep_days > 0
    }

    /// Has a trace written. It costs the caller next to nothing.
    pub fn keep(&self, trace: Trace) {
        if !self.records() {
            return;
        }
        let mut waiting = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.traces.len() >= MOST {
            waiting.lost += 1;
            return;
        }
        waiting.traces.push(trace);
        drop(waiting);
        self.0.wake.notify_one();
    }

    /// When what goes on now began, if it has taken so long.
    pub fn began(&self, ago: Duration) -> Timestamp {
        self.0.runtime.clock.now().checked_sub(ago).unwrap_or(Timestamp::MIN)
    }

    /// Writes what comes until the process stops, and forgets what is too old.
    pub fn start(&self) {
        let recorder = self.clone();
        self.0.runtime.tasks.spawn("traces", async move { recorder.write_always().await });
        let recorder = self.clone();
        self.0.runtime.tasks.spawn_until_stop("old traces", async move {
            loop {
                if let Err(error) = recorder.expire().await {
                    tracing::warn!(?error, "old traces cannot be forgotten");
                }
                tokio::time::sleep(SWEEP).await;
            }
        });
    }

    async fn write_always(&self) {
        let tasks = &self.0.runtime.tasks;
        while !tasks.is_stopping() {
            tokio::select! {
                () = self.0.wake.notified() => {}
                () = tasks.stopping() => {}
            }
            tokio::select! {
                () = tokio::time::sleep(BATCH) => {}
                () = tasks.stopping() => {}
            }
            if let Err(error) = self.write().await {
                tracing::warn!(?error, "traces of requests are lost");
            }
        }
    }

    /// Writes what waits.
    pub async fn write(&self) -> Result<()> {
        let waiting = std::mem::take(&mut *self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        if waiting.lost > 0 {
            tracing::warn!(waiting.lost, "traces of requests are lost: more came than the database took");
        }
        if waiting.traces.is_empty() {
            return Ok(());
        }
        let mut tx = self.0.db.begin().await?;
        // Either so many or one: two texts, which stay prepared.
        let chunks = waiting.traces.chunks_exact(TOGETHER);
        let rest = chunks.remainder().chunks(1);
        for traces in chunks.chain(rest) {
            traces_insert(&mut tx, traces).await?;
        }
        tx.commit().await
    }

    /// Forgets what is too old. Returns how many traces that were.
    pub async fn expire(&self) -> Result<u64> {
        let kept = (i64::from(self.0.config.keep_days) * 24).hours();
        let before = self.0.runtime.clock.now().checked_sub(kept).unwrap_or(Timestamp::MIN);
        let mut tx = self.0.db.begin().await?;
        let gone = traces_expire(&mut tx, before).await?;
        tx.commit().await?;
        Ok(gone)
    }
}
