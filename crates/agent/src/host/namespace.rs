//! Network namespaces with a name.

use std::fs::File;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use nix::sched::{CloneFlags, setns};

use crate::tools;

/// A network namespace that `ip netns` knows by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namespace(String);

impl Namespace {
    /// The namespace of that name, there or not.
    pub fn named(name: &str) -> Self {
        Self(name.to_owned())
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0
    }

    /// Whether it is there.
    pub fn exists(&self) -> bool {
        Path::new("/run/netns").join(&self.0).exists()
    }

    /// Has it there, with its loopback up.
    pub fn ensure(&self) -> Result<()> {
        if !self.exists() {
            ip(&["netns", "add", &self.0])?;
        }
        self.ip(&["link", "set", "dev", "lo", "up"])
    }

    /// Has it gone. Devices that only it has go with it.
    pub fn remove(&self) -> Result<()> {
        if self.exists() { ip(&["netns", "delete", &self.0]) } else { Ok(()) }
    }

    /// Runs `ip` inside.
    pub fn ip(&self, arguments: &[&str]) -> Result<()> {
        ip(&[&["-n", &self.0], arguments].concat())
    }

    /// Does `work` inside, on a thread of its own. Sockets and processes that it makes stay inside.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        let path = Path::new("/run/netns").join(&self.0);
        let file = File::open(&path).with_context(|| format!("cannot open the network namespace {}", self.0))?;
        let inside = move || {
            setns(&file, CloneFlags::CLONE_NEWNET).context("cannot enter the network namespace")?;
            work()
        };
        std::thread::scope(|scope| match scope.spawn(inside).join() {
            Ok(done) => done,
            Err(_) => bail!("the work in the network namespace {} broke off", self.0),
        })
    }
}

fn ip(arguments: &[&str]) -> Result<()> {
    let output = Command::new("ip").args(arguments).output().context("cannot run ip")?;
    if !output.status.success() {
        bail!("ip {}: {}", arguments.join(" "), tools::complaint(&output));
    }
    Ok(())
}
