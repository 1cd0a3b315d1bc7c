use serde::{Deserialize, Serialize};

use crate::{Diagnostics, ImageSource, ServerPort, ServerSpec};

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
    /// Have the domain's processors stand still.
    ServerPause {
        /// The server's id.
        server_id: String,
    },
    /// Have them go on.
    ServerUnpause {
        /// The server's id.
        server_id: String,
    },
    /// Have the domain's memory on disk and the domain off.
    ServerSuspend {
        /// The server's id.
        server_id: String,
    },
    /// Have the domain run on from the memory on disk; without that, start it.
    ServerResume {
        /// The server.
        server: ServerSpec,
    },
    /// Send the guest an interrupt that it cannot mask, upon which it writes a crash dump if it is set up so.
    ServerCrashDump {
        /// The server's id.
        server_id: String,
    },
    /// What the domain has used.
    ServerDiagnostics {
        /// The server's id.
        server_id: String,
    },
    /// Have the password of a user inside the guest changed, by the guest agent.
    ServerPassword {
        /// The server's id.
        server_id: String,
        /// The user; `None` for the administrator.
        user: Option<String>,
        /// The new password.
        password: String,
    },
    /// Have the server's port with that id plugged into the domain, running or not.
    PortAttach {
        /// The server, with the port.
        server: ServerSpec,
        /// The port's id.
        port_id: String,
    },
    /// Have the port neither in the domain nor in the integration bridge.
    PortDetach {
        /// The server's id.
        server_id: String,
        /// The port.
        port: ServerPort,
    },
    /// Have the disks of a server that is off made anew.
    DisksRebuild {
        /// The server.
        server: ServerSpec,
        /// Whether the ephemeral disk stays.
        preserve_ephemeral: bool,
    },
    /// Have the disks of a server that is off grown to what it is given as, and the old ones kept aside.
    DisksResize {
        /// The server, in its new size.
        server: ServerSpec,
    },
    /// Have the disks that were kept aside gone.
    DisksResizeConfirm {
        /// The server's id.
        server_id: String,
    },
    /// Have the disks that were kept aside back in their place.
    DisksResizeRevert {
        /// The server, in its old size.
        server: ServerSpec,
    },
    /// Send a flat copy of the root disk, as it is at one moment, to the image service as qcow2.
    DiskUpload {
        /// The server's id.
        server_id: String,
        /// Where to PUT the bytes.
        url: String,
        /// A token for `X-Auth-Token`.
        token: String,
        /// Whether the copy fails when the guest agent cannot have the file systems at rest at that moment. Where there is
        /// an agent, that is tried in any case.
        quiesce: bool,
    },
    /// Have the rescue disk gone.
    RescueEnd {
        /// The server's id.
        server_id: String,
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

impl Call {
    /// What it is called where people read it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::ImageFetch { .. } => "image fetch",
            Self::DisksCreate { .. } => "disks create",
            Self::PortsPlug { .. } => "ports plug",
            Self::ServerStart { .. } => "server start",
            Self::ServerStop { .. } => "server stop",
            Self::ServerReboot { .. } => "server reboot",
            Self::ServerPause { .. } => "server pause",
            Self::ServerUnpause { .. } => "server unpause",
            Self::ServerSuspend { .. } => "server suspend",
            Self::ServerResume { .. } => "server resume",
            Self::ServerCrashDump { .. } => "server crash dump",
            Self::ServerDiagnostics { .. } => "server diagnostics",
            Self::ServerPassword { .. } => "server password",
            Self::PortAttach { .. } => "port attach",
            Self::PortDetach { .. } => "port detach",
            Self::DisksRebuild { .. } => "disks rebuild",
            Self::DisksResize { .. } => "disks resize",
            Self::DisksResizeConfirm { .. } => "disks resize confirm",
            Self::DisksResizeRevert { .. } => "disks resize revert",
            Self::DiskUpload { .. } => "disk upload",
            Self::RescueEnd { .. } => "rescue end",
            Self::ServerDelete { .. } => "server delete",
            Self::ConsoleOutput { .. } => "console output",
            Self::ConsoleAddress { .. } => "console address",
        }
    }
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
    /// The screen, by SPICE.
    Spice,
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
    /// What the domain has used.
    Diagnostics(Box<Diagnostics>),
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
