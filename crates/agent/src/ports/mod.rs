//! What plugs servers into the network.

mod ovs;
pub(crate) mod switch;

use async_trait::async_trait;
pub use ovs::{Options, OvsPorts};
use protocol::{Problem, ServerSpec};

/// Plugs servers into the node's integration bridge. As with the hypervisor, every method may be called again.
#[async_trait]
pub trait Ports: Send + Sync {
    /// Has the taps of the server's ports in the bridge, under the names that [`protocol::ServerPort::tap_name`] gives.
    async fn ports_plug(&self, server: &ServerSpec) -> Result<(), Problem>;

    /// Has the tap of one port gone.
    async fn port_unplug(&self, tap: &str) -> Result<(), Problem>;

    /// Has neither these taps nor any other tap of the server left.
    async fn ports_unplug(&self, server_id: &str, taps: &[String]) -> Result<(), Problem>;
}
