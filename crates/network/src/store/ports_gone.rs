//! Ports that were deleted while servers had them.

use db::{Db, Result, Tx, sql};
use jiff::Timestamp;

use crate::PortGone;

/// Notes a port that is about to be deleted, if a server has it. Tells whether one has.
pub(crate) async fn note(tx: &mut Tx, port_id: &str, now: Timestamp) -> Result<bool> {
    let noted = sql("INSERT INTO network_ports_gone (port_id, server_id, network_id, mac_address, mtu, not_before)
         SELECT p.id, s.server_id, p.network_id, p.mac_address, n.mtu, $2
         FROM network_server_ports s JOIN network_ports p ON p.id = s.port_id JOIN networks n ON n.id = p.network_id
         WHERE s.port_id = $1")
    .bind(port_id)
    .bind(now)
    .execute(tx)
    .await?;
    Ok(noted > 0)
}

/// Notes a port again that was taken up in vain.
pub(crate) async fn again(tx: &mut Tx, gone: &PortGone, not_before: Timestamp) -> Result<()> {
    sql("INSERT INTO network_ports_gone (port_id, server_id, network_id, mac_address, mtu, not_before)
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (port_id) DO UPDATE SET not_before = excluded.not_before")
    .bind(&gone.port_id)
    .bind(&gone.server_id)
    .bind(&gone.network_id)
    .bind(&gone.mac_address)
    .bind(gone.mtu)
    .bind(not_before)
    .execute(tx)
    .await
    .map(drop)
}

/// Those that are due.
pub(crate) async fn due(db: &Db, now: Timestamp) -> Result<Vec<PortGone>> {
    sql("SELECT port_id, server_id, network_id, mac_address, mtu FROM network_ports_gone
         WHERE not_before <= $1 ORDER BY server_id, port_id")
    .bind(now)
    .all(db)
    .await
}
