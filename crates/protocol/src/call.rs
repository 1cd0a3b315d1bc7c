use serde::{Deserialize, Serialize};

use crate::{ImageSource, ServerSpec};

/// What control asks of an agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// Have the image in the cache. `url` serves its bytes to the bearer of `token`.
    ImageFetch {
        /// Which image.
        image: ImageSource,
        /// Where to fetch it.
        url: String,
        /// A token for `X-Auth-Token`.
        token: String,
    },
    /// Have the server's disks, and its config drive.
    DisksCreate {
        /// The server.
        server: ServerSpec,
    },
    /// Have the server's taps in the integration bridge.
    PortsPlug {
        /// The server.
        server: ServerSpec,
    },
    /// Have the domain defined and running. A running one is left as it is.
    ServerStart {
        /// The server.
        server: ServerSpec,
    },
    /// Have the domain shut off: by its power button, and after `grace_seconds` by force.
    ServerStop {
        /// The server's id.
        server_id: String,
        /// How long the guest may take.
        grace_seconds: u32,
    },
    /// Restart the domain once.
    ServerReboot {
        /// The server.
        server: ServerSpec,
        /// By its power button, or by force.
        kind: RebootKind,
    },
    /// Have nothing left of the server: domain, taps, disks.
    ServerDelete {
        /// The server's id.
        server_id: String,
        /// Its ports' taps.
        taps: Vec<String>,
    },
    /// The last `lines` lines (all without) of the server's serial console.
    ConsoleOutput {
        /// The server's id.
        server_id: String,
        /// How many lines.
        lines: Option<u32>,
    },
    /// Where the server's console can be reached.
    ConsoleAddress {
        /// The server's id.
        server_id: String,
        /// Which console.
        kind: ConsoleKind,
    },
}

/// How to restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RebootKind {
    /// The guest shuts down and the domain starts again; by force if it does not.
    Soft,
    /// The domain is destroyed and started.
    Hard,
}

/// A console.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConsoleKind {
    /// The screen, by VNC.
    Vnc,
    /// The serial line.
    Serial,
}

/// What the agent answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It is as asked.
    Done,
    /// The console's text.
    ConsoleOutput(String),
    /// The path of the unix socket on the node.
    ConsoleAddress(String),
    /// It is not as asked.
    Problem(Problem),
}

/// Why a call was not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Problem {
    /// The node does not have the server.
    #[error("the node does not have the server")]
    NotFound,
    /// It may work later or on another node; the text has the cause.
    #[error("{0}")]
    Temporary(String),
    /// It will not work on any node; the text has the cause.
    #[error("{0}")]
    Permanent(String),
}
