use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use protocol::Problem;
use tokio::sync::watch;

/// How many calls are remembered.
const CALLS_KEPT: usize = 10_000;

/// A call that came to a fake node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallRecord {
    /// The driver's method.
    pub call: String,
    /// The server that it was about; for an image the image; empty if neither.
    pub subject: String,
}

/// What tests have told a fake node to do with its calls.
#[derive(Debug)]
pub(super) struct Control(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    delay: Duration,
    calls: VecDeque<CallRecord>,
    holds: BTreeMap<String, Gate>,
    failures: Vec<Failure>,
    failures_always: BTreeMap<String, Problem>,
}

#[derive(Debug)]
struct Failure {
    call: String,
    /// How many calls are still to come, this one included.
    remaining: usize,
    problem: Problem,
    after: bool,
}

/// Where calls of one name wait.
#[derive(Debug, Clone)]
struct Gate {
    arrived: watch::Sender<usize>,
    open: watch::Sender<usize>,
}

/// Calls of one name are held as long as this lives.
#[derive(Debug)]
pub struct Hold(Gate);

impl Hold {
    /// Waits until `count` calls in all have come to the hold.
    pub async fn arrived(&self, count: usize) {
        let mut arrived = self.0.arrived.subscribe();
        // The sender is in this very struct: it cannot be gone.
        drop(arrived.wait_for(|arrived| *arrived >= count).await);
    }

    /// Lets the next call go, or one that is to come.
    pub fn step(&self) {
        self.0.open.send_modify(|open| *open = open.saturating_add(1));
    }

    /// Lets all calls go, from now on without holding them.
    pub fn release(self) {}
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.open.send_replace(usize::MAX);
    }
}

impl Control {
    pub(super) fn new(delay: Duration) -> Self {
        Self(Mutex::new(Inner { delay, ..Inner::default() }))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn delay_set(&self, delay: Duration) {
        self.inner().delay = delay;
    }

    pub(super) fn hold(&self, call: &str) -> Hold {
        let gate = Gate { arrived: watch::channel(0).0, open: watch::channel(0).0 };
        if let Some(old) = self.inner().holds.insert(call.to_owned(), gate.clone()) {
            old.open.send_replace(usize::MAX);
        }
        Hold(gate)
    }

    pub(super) fn fail(&self, call: &str, nth: usize, problem: Problem, after: bool) {
        self.inner().failures.push(Failure { call: call.to_owned(), remaining: nth.max(1), problem, after });
    }

    pub(super) fn fail_always(&self, call: &str, problem: Problem) {
        self.inner().failures_always.insert(call.to_owned(), problem);
    }

    pub(super) fn heal(&self) {
        let mut inner = self.inner();
        inner.failures.clear();
        inner.failures_always.clear();
    }

    pub(super) fn calls(&self) -> Vec<CallRecord> {
        self.inner().calls.iter().cloned().collect()
    }

    /// Lets a call through, as it was told to; `work` is what the call does.
    pub(super) async fn call<T>(
        &self,
        call: &str,
        subject: &str,
        work: impl FnOnce() -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        let (delay, gate, failure) = {
            let mut inner = self.inner();
            if inner.calls.len() == CALLS_KEPT {
                inner.calls.pop_front();
            }
            inner.calls.push_back(CallRecord { call: call.to_owned(), subject: subject.to_owned() });
            (inner.delay, inner.holds.get(call).cloned(), inner.failure_due(call))
        };
        if let Some(gate) = gate {
            gate.pass().await;
        }
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        match failure {
            Some((problem, false)) => Err(problem),
            Some((problem, true)) => work().and(Err(problem)),
            None => work(),
        }
    }
}

impl Inner {
    /// The problem that this call shall have, and whether only after its work.
    fn failure_due(&mut self, call: &str) -> Option<(Problem, bool)> {
        if let Some(problem) = self.failures_always.get(call) {
            return Some((problem.clone(), false));
        }
        for failure in self.failures.iter_mut().filter(|failure| failure.call == call) {
            failure.remaining = failure.remaining.saturating_sub(1);
        }
        let due = self.failures.iter().position(|failure| failure.remaining == 0)?;
        let failure = self.failures.remove(due);
        Some((failure.problem, failure.after))
    }
}

impl Gate {
    async fn pass(&self) {
        let mut ticket = 0;
        self.arrived.send_modify(|arrived| {
            *arrived += 1;
            ticket = *arrived;
        });
        let mut open = self.open.subscribe();
        // The sender is in this very struct: it cannot be gone.
        drop(open.wait_for(|open| *open >= ticket).await);
    }
}
