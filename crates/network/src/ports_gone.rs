//! Ports that were deleted while servers had them: compute takes the cards out of the guests.

use api::Result;
use db::Tx;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Network, store};

db::row! {
    /// A port that was deleted while a server had it, as it was.
    #[derive(Debug, Clone, Serialize, Deserialize)]
    pub struct PortGone {
        /// The port's id.
        pub port_id: String,
        /// The server that had it.
        pub server_id: String,
        /// Its network.
        pub network_id: String,
        /// Its MAC address.
        pub mac_address: String,
        /// The largest packet.
        pub mtu: i64,
    }
}

impl Network {
    /// Returns once a server's port was deleted here. What was deleted elsewhere is found by [`Self::ports_gone`] alone.
    pub async fn port_gone(&self) {
        self.0.gone.notified().await;
    }

    /// The ports that were deleted while servers had them and that nobody has taken up.
    pub async fn ports_gone(&self) -> Result<Vec<PortGone>> {
        Ok(store::ports_gone::due(&self.0.db, self.0.runtime.clock.now()).await?)
    }

    /// Takes up, in the caller's transaction, that the card of such a port is to go; `false` when another has.
    pub async fn port_gone_take(&self, tx: &mut Tx, port_id: &str) -> Result<bool> {
        Ok(store::delete(tx, "network_ports_gone", "port_id", port_id).await? == 1)
    }

    /// Says that the card of such a port is there still, and is to go later.
    pub async fn port_gone_again(&self, gone: &PortGone, not_before: Timestamp) -> Result<()> {
        let mut tx = self.0.db.begin().await?;
        store::ports_gone::again(&mut tx, gone, not_before).await?;
        Ok(tx.commit().await?)
    }
}
