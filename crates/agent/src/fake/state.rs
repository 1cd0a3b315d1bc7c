use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::Path;

use protocol::PowerState;
use protocol::numa::Taken;
use serde::{Deserialize, Serialize};

/// What is on a fake node.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct State {
    pub(super) images: BTreeSet<String>,
    /// The disks' names, by server.
    pub(super) disks: BTreeMap<String, Vec<String>>,
    /// The server, by tap.
    pub(super) taps: BTreeMap<String, String>,
    pub(super) servers: BTreeMap<String, Server>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Server {
    pub(super) hostname: String,
    pub(super) power: PowerState,
    pub(super) boots: u64,
    pub(super) console: String,
    /// Whether its memory is on disk.
    #[serde(default)]
    pub(super) suspended: bool,
    /// The addresses of its network cards, by tap.
    #[serde(default)]
    pub(super) nics: BTreeMap<String, String>,
    /// How often the guest was told to dump its memory.
    #[serde(default)]
    pub(super) crash_dumps: u64,
    #[serde(default)]
    pub(super) vcpus: u32,
    #[serde(default)]
    pub(super) memory_mb: u64,
    /// What it has of the node's processors and memory for itself.
    #[serde(default)]
    pub(super) taken: Taken,
}

impl Server {
    /// Starts the guest once, which says so on its console.
    pub(super) fn boot(&mut self) {
        self.power = PowerState::Running;
        self.suspended = false;
        self.boots += 1;
        // A log-in prompt has no newline behind it.
        let end = if self.console.is_empty() { "" } else { "\n" };
        self.console.push_str(&format!(
            "{end}[    0.000000] Linux version 6.1.0-fake (boot {})\n\
             [    0.100000] Run /sbin/init as init process\n\
             Welcome to {host}\n\
             {host} login: ",
            self.boots,
            host = self.hostname
        ));
    }
}

impl State {
    /// What the file says; nothing if there is none.
    pub(super) fn load(path: &Path) -> Self {
        let text = match std::fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Self::default(),
            Err(error) => {
                tracing::warn!(%error, path = %path.display(), "the fake node's state cannot be read: starting without");
                return Self::default();
            }
        };
        // What stands behind the first line is of an earlier, longer state.
        let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
        serde_json::from_slice(line).unwrap_or_else(|error| {
            tracing::warn!(%error, path = %path.display(), "the fake node's state is not valid: starting without");
            Self::default()
        })
    }

    /// Keeps the state. One write over the one before: thousands of fake nodes have to cost little.
    pub(super) fn save(&self, path: &Path) -> io::Result<()> {
        let mut line = serde_json::to_vec(self)?;
        line.push(b'\n');
        OpenOptions::new().write(true).create(true).truncate(false).open(path)?.write_all(&line)
    }
}
