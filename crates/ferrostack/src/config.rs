//! The configuration file: `ferrostack.toml` in the state directory, one section for each service.

use anyhow::Result;
use serde::Deserialize;

use crate::state::State;

/// What an operator may set. What is not there has its default; an unknown name is an error.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// `[identity]`
    pub identity: identity::Config,
    /// `[compute]`
    pub compute: compute::Config,
    /// `[node]`
    pub node: Node,
    /// `[trace]`
    pub trace: trace::Config,
}

/// What of this machine is for servers.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Node {
    /// The processors that are set aside for servers which want some for themselves alone: `2-7,^4`.
    pub dedicated_cpus: String,
    /// Whether servers have a screen by SPICE beside that by VNC.
    pub spice: bool,
}

impl Config {
    /// The file of that state directory; without one, the defaults.
    pub fn load(state: &State) -> Result<Self> {
        runtime::config::load(&state.path("ferrostack.toml"))
    }
}
