//! Asking the other services on behalf of a step.

use ::api::Result;
use trace::Traced as _;

use crate::Compute;

impl Compute {
    /// Deletes the ports that were made for the server, and frees those that were there before it.
    pub(crate) async fn ports_delete(&self, server_id: &str) -> Result<()> {
        self.0.deps.network.server_ports_delete(server_id).traced("network", "delete ports").await
    }

    /// Has the server's ports on that node.
    pub(crate) async fn ports_bind(&self, server_id: &str, host: &str) -> Result<()> {
        self.0.deps.network.server_ports_bind(server_id, host).traced("network", "bind ports").await.map(drop)
    }

    /// Has the server's ports on no node.
    pub(crate) async fn ports_unbind(&self, server_id: &str) -> Result<()> {
        self.0.deps.network.server_ports_unbind(server_id).traced("network", "unbind ports").await
    }

    /// Gives back what the server holds of its node.
    pub(crate) async fn allocation_release(&self, server_id: &str) -> Result<()> {
        self.0.deps.placement.allocations_release(server_id).traced("placement", "release").await
    }

    /// Deletes an image that was made for a server, if it is still there.
    pub(crate) async fn image_discard(&self, image_id: &str) -> Result<()> {
        self.0.deps.image.image_discard(image_id).traced("image", "discard").await
    }
}
