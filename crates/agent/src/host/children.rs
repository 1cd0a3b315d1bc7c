//! Daemons that we start and watch, and that live on when we die.
//!
//! Each runs in a session of its own and has a file with its process id. Whoever starts next takes over those that
//! still run as they should, so that guests and their network never notice that we were away.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use runtime::Runtime;
use tokio::time::Instant;

use super::namespace::Namespace;

/// How often it is looked whether they live.
const LOOK: Duration = Duration::from_millis(200);
/// How long to wait before one that ended is started again: at first, and at most.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(10));
/// After how long a life the waiting starts over.
const STEADY: Duration = Duration::from_secs(30);
/// How long they may take to end by themselves.
const END_LIMIT: Duration = Duration::from_secs(10);

/// A daemon as it is started: in the foreground.
#[derive(Debug, Clone)]
pub struct Daemon {
    /// Its name among the daemons here, for its files and for logs.
    pub name: &'static str,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// A program and arguments that become the daemon in the end, as `env` does.
    pub wrapper: Vec<String>,
    /// Variables that it has besides ours.
    pub environment: Vec<(String, String)>,
    /// Where it runs.
    pub namespace: Namespace,
}

/// Starts daemons, keeps them running, and stops them in the other order. A cheap handle.
#[derive(Clone)]
pub struct Children(Arc<Inner>);

struct Inner {
    runtime: Runtime,
    dir: PathBuf,
    running: Mutex<Vec<(Daemon, tokio_util::sync::CancellationToken)>>,
}

impl Children {
    /// Daemons with their process ids and logs in `dir`.
    pub fn new(runtime: Runtime, dir: impl Into<PathBuf>) -> Result<Self> {
        let dir = dir.into();
        fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        Ok(Self(Arc::new(Inner { runtime, dir, running: Mutex::default() })))
    }

    /// Has the daemon running until [`Self::stop`]: takes over the one that runs, or starts it.
    pub fn start(&self, daemon: Daemon) -> Result<()> {
        match self.alive(&daemon) {
            Some(pid) => tracing::info!(daemon = daemon.name, pid, "still runs: taken over"),
            None => self.spawn(&daemon)?,
        }
        let watched = tokio_util::sync::CancellationToken::new();
        let (children, token) = (self.clone(), watched.clone());
        self.running().push((daemon.clone(), watched));
        self.0.runtime.tasks.spawn_until_stop("daemon", async move {
            tokio::select! {
                () = token.cancelled() => {}
                () = children.watch(daemon) => {}
            }
        });
        Ok(())
    }

    /// The daemons that were started, and whether each lives.
    pub fn status(&self) -> Vec<(&'static str, bool)> {
        self.running().iter().map(|(daemon, _)| (daemon.name, self.alive(daemon).is_some())).collect()
    }

    /// Ends all daemons, the latest first; those that do not want to, by force.
    pub async fn stop(&self) {
        let running = std::mem::take(&mut *self.running());
        for (daemon, watched) in running.into_iter().rev() {
            watched.cancel();
            self.end(&daemon).await;
        }
    }

    fn running(&self) -> std::sync::MutexGuard<'_, Vec<(Daemon, tokio_util::sync::CancellationToken)>> {
        self.0.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn end(&self, daemon: &Daemon) {
        let Some(pid) = self.alive(daemon) else { return };
        for (signal, limit) in [(Signal::SIGTERM, END_LIMIT), (Signal::SIGKILL, END_LIMIT)] {
            tracing::debug!(daemon = daemon.name, pid, %signal, "ending");
            // It may end in this moment.
            let _gone = kill(Pid::from_raw(pid), signal);
            let end = Instant::now() + limit;
            while self.alive(daemon).is_some() && Instant::now() < end {
                tokio::time::sleep(LOOK / 10).await;
            }
            if self.alive(daemon).is_none() {
                drop(fs::remove_file(self.pid_file(daemon)));
                return;
            }
        }
        tracing::error!(daemon = daemon.name, pid, "does not end");
    }

    /// Starts the daemon again whenever it has ended.
    async fn watch(&self, daemon: Daemon) {
        let mut pause = BACKOFF.0;
        let mut born = Instant::now();
        loop {
            tokio::time::sleep(LOOK).await;
            if self.alive(&daemon).is_some() {
                continue;
            }
            if born.elapsed() > STEADY {
                pause = BACKOFF.0;
            }
            tracing::warn!(daemon = daemon.name, log = %self.log(&daemon).display(), "has ended: starting it again");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(BACKOFF.1);
            born = Instant::now();
            if let Err(error) = self.spawn(&daemon) {
                tracing::error!(daemon = daemon.name, error = format!("{error:#}"), "cannot be started");
            }
        }
    }

    fn spawn(&self, daemon: &Daemon) -> Result<()> {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.log(daemon))
            .with_context(|| format!("cannot write {}", self.log(daemon).display()))?;
        // None of these programs makes a new process: the one that is started here becomes the daemon.
        let mut command = Command::new("setsid");
        command
            .args(["ip", "netns", "exec", daemon.namespace.name()])
            .args(&daemon.wrapper)
            .args(&daemon.command)
            .envs(daemon.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(log.try_clone().context("cannot share a log")?)
            .stderr(log);
        let mut child = command.spawn().with_context(|| format!("cannot start {}", daemon.name))?;
        fs::write(self.pid_file(daemon), child.id().to_string())
            .with_context(|| format!("cannot write {}", self.pid_file(daemon).display()))?;
        tracing::debug!(daemon = daemon.name, pid = child.id(), "started");
        // Somebody has to take note of its end, or it stays in the table of processes.
        let name = daemon.name;
        let reap = move || match child.wait() {
            Ok(status) => tracing::info!(daemon = name, %status, "ended"),
            Err(error) => tracing::warn!(daemon = name, %error, "its end was not seen"),
        };
        std::thread::Builder::new()
            .name(format!("reap-{}", daemon.name))
            .spawn(reap)
            .context("cannot start a thread")
            .map(drop)
    }

    /// The process id of the daemon if it lives and is what we started, or about to become it.
    fn alive(&self, daemon: &Daemon) -> Option<i32> {
        let pid: i32 = fs::read_to_string(self.pid_file(daemon)).ok()?.trim().parse().ok()?;
        let line = fs::read(Path::new("/proc").join(pid.to_string()).join("cmdline")).ok()?;
        let words: Vec<&[u8]> = line.strip_suffix(b"\0")?.split(|byte| *byte == 0).collect();
        let command = daemon.command.iter().map(|word| word.as_bytes());
        // What is started first has the daemon's command at its end.
        words
            .len()
            .checked_sub(daemon.command.len())
            .is_some_and(|start| words[start..].iter().copied().eq(command))
            .then_some(pid)
    }

    fn pid_file(&self, daemon: &Daemon) -> PathBuf {
        self.0.dir.join(format!("{}.pid", daemon.name))
    }

    fn log(&self, daemon: &Daemon) -> PathBuf {
        self.0.dir.join(format!("{}.log", daemon.name))
    }
}
