//! What control and agents say to each other. Both sides may be of neighbouring releases: fields are only added, with
//! defaults.
//!
//! Control asks a node's agent by [`Call`] on the queue [`agent_queue`]. Every call may come twice and names what
//! should be, so doing it again does no harm. The agent tells control by [`Report`] on [`CONTROL_QUEUE`].

mod call;
mod cpu_set;
mod diagnostics;
mod metadata;
pub mod numa;
mod ratio;
mod report;
mod server;

pub use call::{Answer, Call, ConsoleKind, Problem, RebootKind};
pub use cpu_set::CpuSet;
pub use diagnostics::{Counters, CpuDiagnostics, Diagnostics, DiskDiagnostics, NicDiagnostics};
pub use metadata::{metadata_sign, metadata_verify};
pub use ratio::{AllocationRatio, AllocationRatios};
pub use report::{NodeReport, PowerState, Report, ReportAnswer, Resources, ServerReport};
pub use server::{DiskSource, ImageSource, MOST_EPHEMERALS, Rescue, ServerPort, ServerSpec};

/// Where agents report to.
pub const CONTROL_QUEUE: &str = "control";

/// Where the agent of the node `host` is asked.
pub fn agent_queue(host: &str) -> String {
    format!("agent.{host}")
}
