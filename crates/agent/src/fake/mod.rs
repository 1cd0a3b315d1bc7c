//! A node without a machine behind it: it keeps the state that a real one would have, at once and in memory.
//!
//! It is what `ferrostack up --fake` and the tests run on. Tests can slow it down, hold its calls until they let them
//! go, have calls fail, and look at what it has.

mod consoles;
mod control;
mod drivers;
mod numa;
mod state;

pub use control::{CallRecord, Hold};

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use protocol::{Problem, Resources};
use tokio::sync::broadcast;

use crate::Drivers;
use control::Control;
use state::State;

/// What a fake node has.
#[derive(Debug, Clone)]
pub struct Options {
    /// What there is for servers.
    pub resources: Resources,
    /// How many NUMA nodes share that; those of `dedicated_cpus` are the last processors of each.
    pub numa_nodes: u32,
    /// The node's traits beside those of every fake node.
    pub traits: Vec<String>,
    /// How long every call takes.
    pub delay: Duration,
    /// Where the state lasts over a restart of the process; without, it does not.
    pub state_file: Option<PathBuf>,
    /// Where the sockets of consoles are made; without, servers have no consoles.
    pub console_dir: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        let resources = Resources {
            vcpus: 64,
            dedicated_cpus: 0,
            memory_mb: 262_144,
            memory_used_mb: 2_048,
            disk_gb: 4_096,
            disk_free_gb: 4_096,
        };
        Self {
            resources,
            numa_nodes: 1,
            traits: Vec::new(),
            delay: Duration::ZERO,
            state_file: None,
            console_dir: None,
        }
    }
}

/// A fake node: hypervisor, disks and ports in one. Clones are the same node.
#[derive(Debug, Clone)]
pub struct Node(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    options: Options,
    numa: protocol::numa::Host,
    state: Mutex<State>,
    control: Control,
    changes: broadcast::Sender<String>,
    consoles: consoles::Consoles,
}

impl Default for Node {
    fn default() -> Self {
        Self::new(Options::default())
    }
}

impl Node {
    /// A node with nothing on it, or with what its state file says.
    pub fn new(options: Options) -> Self {
        let state = options.state_file.as_deref().map(State::load).unwrap_or_default();
        let control = Control::new(options.delay);
        Self(Arc::new(Inner {
            state: Mutex::new(state),
            control,
            changes: broadcast::channel(1024).0,
            consoles: consoles::Consoles::default(),
            numa: numa::host(&options.resources, options.numa_nodes),
            options,
        }))
    }

    /// The node as an agent's drivers.
    pub fn drivers(&self) -> Drivers {
        let node = Arc::new(self.clone());
        Drivers { hypervisor: node.clone(), disks: node.clone(), ports: node }
    }

    /// How long every call takes from now on.
    pub fn delay_set(&self, delay: Duration) {
        self.0.control.delay_set(delay);
    }

    /// Holds every call of that name before it does anything, until the hold lets it go or is dropped. The names are
    /// those of the drivers' methods: `server_start`, `disks_create`, ...
    pub fn hold(&self, call: &str) -> Hold {
        self.0.control.hold(call)
    }

    /// Has the `nth` call of that name (the next one is 1) do nothing and fail.
    pub fn fail(&self, call: &str, nth: usize, problem: Problem) {
        self.0.control.fail(call, nth, problem, false);
    }

    /// Has the `nth` call of that name (the next one is 1) do its work and fail all the same, as if its answer was lost.
    pub fn fail_after(&self, call: &str, nth: usize, problem: Problem) {
        self.0.control.fail(call, nth, problem, true);
    }

    /// Has every call of that name fail until [`Self::heal`].
    pub fn fail_always(&self, call: &str, problem: Problem) {
        self.0.control.fail_always(call, problem);
    }

    /// Forgets all failures that are still to come.
    pub fn heal(&self) {
        self.0.control.heal();
    }

    /// The latest calls, those that failed included.
    pub fn calls(&self) -> Vec<CallRecord> {
        self.0.control.calls()
    }

    /// The guest crashes.
    pub fn server_crash(&self, id: &str) -> Result<(), Problem> {
        self.power_set(id, protocol::PowerState::Crashed)
    }

    /// The guest shuts itself down.
    pub fn server_power_off(&self, id: &str) -> Result<(), Problem> {
        self.power_set(id, protocol::PowerState::Shutdown)
    }

    /// The domain vanishes behind the agent's back.
    pub fn server_lose(&self, id: &str) {
        self.server_change(id, |state| drop(state.servers.remove(id)));
    }

    /// How often the server was started or restarted.
    pub fn server_boots(&self, id: &str) -> u64 {
        self.state().servers.get(id).map_or(0, |server| server.boots)
    }

    /// The power of a server that has a domain.
    pub fn server_power(&self, id: &str) -> Option<protocol::PowerState> {
        self.state().servers.get(id).map(|server| server.power)
    }

    /// The ids of the servers that have a domain.
    pub fn servers(&self) -> Vec<String> {
        self.state().servers.keys().cloned().collect()
    }

    /// The ids of the servers that have disks.
    pub fn disks(&self) -> Vec<String> {
        self.state().disks.keys().cloned().collect()
    }

    /// The names of a server's disks.
    pub fn disks_of(&self, id: &str) -> Vec<String> {
        self.state().disks.get(id).cloned().unwrap_or_default()
    }

    /// The names of the taps that are plugged.
    pub fn taps(&self) -> Vec<String> {
        self.state().taps.keys().cloned().collect()
    }

    /// The ids of the images in the cache.
    pub fn images(&self) -> Vec<String> {
        self.state().images.iter().cloned().collect()
    }

    /// Whether no server has left anything here.
    pub fn is_empty(&self) -> bool {
        let state = self.state();
        state.servers.is_empty() && state.disks.is_empty() && state.taps.is_empty()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state and keeps it.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state();
        let result = change(&mut state);
        if let Some(path) = &self.0.options.state_file
            && let Err(error) = state.save(path)
        {
            tracing::warn!(%error, path = %path.display(), "the fake node's state could not be kept");
        }
        result
    }

    /// Changes how a server is, and tells so.
    fn server_change<T>(&self, id: &str, change: impl FnOnce(&mut State) -> T) -> T {
        let result = self.change(change);
        // Nobody may be listening.
        drop(self.0.changes.send(id.to_owned()));
        result
    }

    fn power_set(&self, id: &str, power: protocol::PowerState) -> Result<(), Problem> {
        self.server_change(id, |state| {
            state.servers.get_mut(id).map(|server| server.power = power).ok_or(Problem::NotFound)
        })
    }
}
