//! `ferrostack down`.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use ferrostack::state::State;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::output;

/// How long guests and services may take to end.
const LIMIT: Duration = Duration::from_secs(120);

/// Asks the cloud to stop and waits until it has.
pub fn run(state: &State) -> Result<()> {
    let up = state.running()?;
    let pid = Pid::from_raw(up.pid);
    kill(pid, Signal::SIGTERM).context("cannot stop the cloud; are you allowed to?")?;
    let started = Instant::now();
    while kill(pid, None).is_ok() {
        if started.elapsed() > LIMIT {
            bail!("the cloud (process {pid}) did not stop within {LIMIT:?}; see {}", state.path("log").display());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    output::line(&format!("The cloud on {} is stopped.", state.dir().display()));
    Ok(())
}
