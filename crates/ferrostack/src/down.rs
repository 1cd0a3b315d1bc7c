//! `ferrostack down`.

use std::time::{Duration, Instant};

use agent::host::{self, namespace::Namespace};
use anyhow::{Context as _, Result, bail};
use ferrostack::state::State;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use runtime::Runtime;

use crate::{output, up};

/// How long guests and services may take to end.
const LIMIT: Duration = Duration::from_secs(120);

/// Asks the cloud to stop and waits until it has. What a killed process left running is stopped too.
pub async fn run(state: &State) -> Result<()> {
    let namespace = Namespace::named(&state.namespace());
    match state.up()? {
        Some(up) => stop(state, Pid::from_raw(up.pid)).await?,
        None if namespace.exists() => {}
        None => drop(state.running()?),
    }
    if namespace.exists() {
        let _lock = state.lock()?;
        let left = host::Services::start(Runtime::default(), up::node_options(state)?).await?;
        left.stop().await?;
    }
    output::line(&format!("The cloud on {} is stopped.", state.dir().display()));
    Ok(())
}

async fn stop(state: &State, pid: Pid) -> Result<()> {
    kill(pid, Signal::SIGTERM).context("cannot stop the cloud; are you allowed to?")?;
    let started = Instant::now();
    while kill(pid, None).is_ok() {
        if started.elapsed() > LIMIT {
            bail!("the cloud (process {pid}) did not stop within {LIMIT:?}; see {}", state.path("log").display());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}
