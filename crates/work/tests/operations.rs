//! Durable operations on both databases: order, compensation, retries, crashes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use db::Db;
use db::testing::each_engine;
use jiff::{SignedDuration, Timestamp};
use runtime::Runtime;
use serde::{Deserialize, Serialize};
use work::{Failure, FaultPoint, Moment, NewOperation, Operation, Options, Progress, Step, Work};

/// What the steps did, in order.
type Log = Mutex<Vec<String>>;

/// An operation of three steps; `script` says what the middle one comes to, try by try.
#[derive(Serialize, Deserialize, Clone, Default)]
struct Build {
    name: String,
    script: Vec<String>,
    tries: usize,
}

impl Operation for Build {
    const KIND: &'static str = "build";
    type Context = Log;

    fn steps() -> &'static [&'static dyn Step<Self>] {
        &[&Plain("one"), &Scripted, &Plain("three")]
    }
}

struct Plain(&'static str);

#[async_trait]
impl Step<Build> for Plain {
    fn name(&self) -> &'static str {
        self.0
    }

    async fn run(&self, log: &Log, build: &mut Build, _: &mut Progress) -> Result<(), Failure> {
        log.lock().unwrap().push(format!("{} {}", build.name, self.0));
        Ok(())
    }

    async fn undo(&self, log: &Log, build: &mut Build, _: &mut Progress) -> Result<(), Failure> {
        log.lock().unwrap().push(format!("{} undo {}", build.name, self.0));
        Ok(())
    }
}

struct Scripted;

#[async_trait]
impl Step<Build> for Scripted {
    fn name(&self) -> &'static str {
        "two"
    }

    async fn run(&self, log: &Log, build: &mut Build, _: &mut Progress) -> Result<(), Failure> {
        let outcome = build.script.get(build.tries).cloned().unwrap_or_default();
        build.tries += 1;
        log.lock().unwrap().push(format!("{} two", build.name));
        match outcome.as_str() {
            "retry" => Err(Failure::Retry("busy".into())),
            "wait" => Err(Failure::Wait { reason: "not up".into(), after: Duration::from_millis(1) }),
            "again" => Err(Failure::Again { from: "one", reason: "this host is full".into() }),
            "fatal" => Err(Failure::Fatal("no host".into())),
            _ => Ok(()),
        }
    }

    async fn undo(&self, log: &Log, build: &mut Build, progress: &mut Progress) -> Result<(), Failure> {
        let reason = progress.failure.clone().unwrap_or_default();
        log.lock().unwrap().push(format!("{} undo two: {reason}", build.name));
        Ok(())
    }
}

/// An operation that is not given up. It fails for good the first time.
#[derive(Serialize, Deserialize)]
struct Remove {
    tries: usize,
}

impl Operation for Remove {
    const KIND: &'static str = "remove";
    const GIVES_UP: bool = false;
    type Context = Log;

    fn steps() -> &'static [&'static dyn Step<Self>] {
        &[&Removed]
    }
}

struct Removed;

#[async_trait]
impl Step<Remove> for Removed {
    fn name(&self) -> &'static str {
        "removed"
    }

    async fn run(&self, log: &Log, remove: &mut Remove, _: &mut Progress) -> Result<(), Failure> {
        remove.tries += 1;
        log.lock().unwrap().push(format!("try {}", remove.tries));
        if remove.tries == 1 { Err(Failure::Fatal("no".into())) } else { Ok(()) }
    }

    async fn undo(&self, log: &Log, _: &mut Remove, _: &mut Progress) -> Result<(), Failure> {
        log.lock().unwrap().push("undo".into());
        Ok(())
    }
}

struct Bench {
    db: Db,
    runtime: Runtime,
    work: Work,
    log: Arc<Log>,
}

fn bench(db: Db, fault: Option<FaultPoint>) -> Bench {
    let runtime = Runtime::default();
    let options = Options { poll: Duration::from_millis(20), fault, ..Options::default() };
    let work = Work::new(db.clone(), runtime.clone(), options);
    let log = Arc::new(Log::default());
    work.register::<Build>(Arc::clone(&log));
    work.register::<Remove>(Arc::clone(&log));
    Bench { db, runtime, work, log }
}

impl Bench {
    async fn submit(&self, target: &str, name: &str, script: &[&str]) -> String {
        let data =
            Build { name: name.into(), script: script.iter().map(|word| (*word).to_owned()).collect(), tries: 0 };
        self.submit_until(Timestamp::now() + SignedDuration::from_secs(60), target, data).await
    }

    async fn submit_until<O: Operation>(&self, deadline: Timestamp, target: &str, data: O) -> String {
        let new = NewOperation {
            target: target.into(),
            project_id: None,
            user_id: None,
            request_id: "req-1".into(),
            deadline,
            data,
        };
        let mut tx = self.db.begin().await.unwrap();
        let id = self.work.submit(&mut tx, &new).await.unwrap();
        tx.commit().await.unwrap();
        id
    }

    /// Runs until nothing is open and returns what was done.
    async fn finish(self) -> Vec<String> {
        self.work.start().await.unwrap();
        tokio::time::timeout(Duration::from_secs(20), async {
            while self.work.open().await.unwrap() > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await
        .unwrap();
        assert!(self.runtime.tasks.stop(Duration::from_secs(5)).await);
        self.log.lock().unwrap().clone()
    }
}

#[tokio::test]
async fn steps_run_in_order_and_are_recorded() {
    each_engine(work::MIGRATIONS, async |db| {
        let bench = bench(db, None);
        let id = bench.submit("t", "a", &[]).await;
        let work = bench.work.clone();
        assert_eq!(bench.finish().await, ["a one", "a two", "a three"]);
        let steps = work.steps(&id).await.unwrap();
        assert_eq!(steps.iter().map(|step| step.name.as_str()).collect::<Vec<_>>(), ["one", "two", "three"]);
        assert!(steps.iter().all(|step| step.finished_at.is_some() && step.error.is_none()));
        assert_eq!(work.history("t").await.unwrap()[0].phase, "done");
    })
    .await;
}

#[tokio::test]
async fn a_failure_undoes_everything_in_reverse_and_says_why() {
    each_engine(work::MIGRATIONS, async |db| {
        let bench = bench(db, None);
        bench.submit("t", "a", &["retry", "wait", "fatal"]).await;
        let work = bench.work.clone();
        let log = bench.finish().await;
        assert_eq!(log, ["a one", "a two", "a two", "a two", "a undo two: no host", "a undo one"]);
        let record = &work.history("t").await.unwrap()[0];
        assert_eq!((record.phase.as_str(), record.failure.as_deref()), ("undone", Some("no host")));
    })
    .await;
}

#[tokio::test]
async fn an_alternative_is_tried_from_an_earlier_step() {
    each_engine(work::MIGRATIONS, async |db| {
        let bench = bench(db, None);
        bench.submit("t", "a", &["again"]).await;
        let log = bench.finish().await;
        let back = ["a one", "a two", "a undo two: this host is full", "a undo one", "a one", "a two", "a three"];
        assert_eq!(log, back);
    })
    .await;
}

#[tokio::test]
async fn operations_on_one_target_wait_for_each_other_and_a_cancelled_one_is_undone() {
    each_engine(work::MIGRATIONS, async |db| {
        let bench = bench(db, None);
        bench.submit("t", "create", &[]).await;
        let mut tx = bench.db.begin().await.unwrap();
        bench.work.cancel(&mut tx, "t").await.unwrap();
        tx.commit().await.unwrap();
        bench.submit("t", "delete", &[]).await;
        let log = bench.finish().await;
        assert_eq!(log, ["create undo one", "delete one", "delete two", "delete three"]);
    })
    .await;
}

#[tokio::test]
async fn what_is_not_given_up_goes_on_after_a_failure_a_cancellation_and_its_deadline() {
    each_engine(work::MIGRATIONS, async |db| {
        let bench = bench(db, None);
        bench.submit_until(Timestamp::UNIX_EPOCH, "t", Remove { tries: 0 }).await;
        let mut tx = bench.db.begin().await.unwrap();
        bench.work.cancel(&mut tx, "t").await.unwrap();
        tx.commit().await.unwrap();
        let work = bench.work.clone();
        assert_eq!(bench.finish().await, ["try 1", "try 2"]);
        assert_eq!(work.history("t").await.unwrap()[0].phase, "done");
    })
    .await;
}

#[tokio::test]
async fn what_is_known_can_be_listed() {
    each_engine(work::MIGRATIONS, async |db| {
        let known = bench(db, None).work.known();
        assert_eq!(
            known.into_iter().collect::<Vec<_>>(),
            [("build", vec!["one", "two", "three"]), ("remove", vec!["removed"])]
        );
    })
    .await;
}

#[tokio::test]
async fn a_step_that_a_test_fails_is_undone() {
    each_engine(work::MIGRATIONS, async |db| {
        for step in ["one", "two", "three"] {
            let fault = FaultPoint { kind: "build".into(), step: step.into(), moment: Moment::Fail };
            let bench = bench(db.clone(), Some(fault));
            bench.submit("t", step, &[]).await;
            let log = bench.finish().await;
            assert_eq!(log.last().unwrap(), &format!("{step} undo one"));
        }
    })
    .await;
}

#[tokio::test]
async fn a_lease_left_by_a_dead_process_is_taken_up() {
    each_engine(work::MIGRATIONS, async |db| {
        let first = bench(db.clone(), None);
        first.submit("t", "a", &[]).await;
        let mut tx = db.begin().await.unwrap();
        let dead = i64::MAX;
        db::sql("UPDATE operations SET owner = 'control', lease_until = $1, step = 1")
            .bind(dead)
            .execute(&mut tx)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        assert_eq!(first.finish().await, ["a two", "a three"]);
    })
    .await;
}
