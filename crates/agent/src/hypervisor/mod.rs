//! What runs servers.

pub mod libvirt;

use std::time::Duration;

use async_trait::async_trait;
use protocol::numa::{Host, Unfit};
use protocol::{
    ConsoleKind, Diagnostics, PowerState, Problem, RebootKind, Resources, ServerPort, ServerReport, ServerSpec,
};
use tokio::sync::broadcast;

/// A node as its hypervisor sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeInfo {
    /// `QEMU`, `fake`, ...
    pub hypervisor_type: String,
    /// The version as one number: major * 1,000,000 + minor * 1,000 + micro.
    pub hypervisor_version: u64,
    /// The processor, in JSON.
    pub cpu_info: String,
    /// What there is for servers, in all.
    pub resources: Resources,
    /// Its processors and memory by NUMA node, and what servers have of them.
    pub numa: Host,
    /// The node's traits in placement.
    pub traits: Vec<String>,
    /// Seconds that the host is up.
    pub uptime_seconds: u64,
}

/// Runs servers on one node.
///
/// A server is known by its id. Every method may be called again after it was done or half done, and then does what is
/// left. The agent never calls two of them at once for one server, except those that only read. A call that is dropped
/// at an await may still take effect. [`Problem::NotFound`] says that the node does not have the server, and nothing
/// else.
#[async_trait]
pub trait Hypervisor: Send + Sync {
    /// The node.
    async fn info(&self) -> Result<NodeInfo, Problem>;

    /// All servers on the node, running or not. Domains that are not ours are not among them.
    async fn server_list(&self) -> Result<Vec<ServerReport>, Problem>;

    /// How one server is.
    async fn server_state(&self, id: &str) -> Result<PowerState, Problem>;

    /// Has the server defined as given and running. Its disks and taps are there. A running server is left as it is.
    async fn server_start(&self, server: &ServerSpec) -> Result<(), Problem>;

    /// Has the server shut off: by its power button, and after `grace` by force. It stays defined.
    async fn server_stop(&self, id: &str, grace: Duration) -> Result<(), Problem>;

    /// Restarts the server once; one that is off is started. It runs as given afterwards.
    async fn server_reboot(&self, server: &ServerSpec, kind: RebootKind) -> Result<(), Problem>;

    /// Has the server's processors stand still.
    async fn server_pause(&self, id: &str) -> Result<(), Problem>;

    /// Has them go on.
    async fn server_unpause(&self, id: &str) -> Result<(), Problem>;

    /// Has the server's memory on disk and the server off.
    async fn server_suspend(&self, id: &str) -> Result<(), Problem>;

    /// Has the server run on from the memory on disk. Without that it is started.
    async fn server_resume(&self, server: &ServerSpec) -> Result<(), Problem>;

    /// Interrupts the guest so that it dumps its memory, if it is set up so.
    async fn server_crash_dump(&self, id: &str) -> Result<(), Problem>;

    /// What a running server has used.
    async fn server_diagnostics(&self, id: &str) -> Result<Diagnostics, Problem>;

    /// Changes the password of a user inside the guest, of the administrator without `user`, by the guest agent.
    async fn server_password(&self, id: &str, user: Option<&str>, password: &str) -> Result<(), Problem>;

    /// Has the port in the server, running or not. Its tap is there.
    async fn port_attach(&self, server: &ServerSpec, port: &ServerPort) -> Result<(), Problem>;

    /// Has the port no more in the server. A server that is not there is no problem.
    async fn port_detach(&self, id: &str, port: &ServerPort) -> Result<(), Problem>;

    /// Has a flat copy of the root disk beside it, as [`crate::disks::Disks::disk_upload`] expects it: as it is at one
    /// moment, with the guest's file systems at rest where it has an agent; with `quiesce` they must be. A copy that is there
    /// is replaced; of one that fails nothing is left.
    async fn disk_copy(&self, id: &str, quiesce: bool) -> Result<(), Problem>;

    /// Has the server gone, by force. One that is not there is no problem.
    async fn server_delete(&self, id: &str) -> Result<(), Problem>;

    /// The last `lines` lines (all that are kept without) of the serial console.
    async fn console_output(&self, id: &str, lines: Option<u32>) -> Result<String, Problem>;

    /// The unix socket of a console of a running server.
    async fn console_address(&self, id: &str, kind: ConsoleKind) -> Result<String, Problem>;

    /// The ids of servers whose state has changed, from now on, whoever changed it.
    fn changes(&self) -> broadcast::Receiver<String>;
}

/// Why the node does not take a server.
pub(crate) fn unfit(why: Unfit) -> Problem {
    Problem::Temporary(format!("the node cannot place the server's processors and memory: {why}"))
}

/// The last `lines` lines of a text; all without.
pub(crate) fn lines_last(text: &str, lines: Option<u32>) -> &str {
    let Some(lines) = lines else { return text };
    let lines = usize::try_from(lines).unwrap_or(usize::MAX);
    if lines == 0 {
        return "";
    }
    let body = text.strip_suffix('\n').unwrap_or(text);
    match body.rmatch_indices('\n').nth(lines - 1) {
        Some((end, _)) => &text[end + 1..],
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_counted_from_the_end() {
        assert_eq!(lines_last("a\nb\nc\n", Some(2)), "b\nc\n");
        assert_eq!(lines_last("a\nb\nc", Some(2)), "b\nc");
        assert_eq!(lines_last("a\nb\n", Some(9)), "a\nb\n");
        assert_eq!(lines_last("a\nb\n", Some(0)), "");
        assert_eq!(lines_last("a\nb\n", None), "a\nb\n");
    }
}
