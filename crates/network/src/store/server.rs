//! Which ports servers have.

use db::{On, Result, Tx, sql};

use super::by_ids;

db::row! {
    /// A port of a server.
    #[derive(Clone)]
    pub(crate) struct Row {
        pub server_id: String,
        pub position: i64,
        pub port_id: String,
        pub made: bool,
        pub tag: Option<String>,
    }
}

/// The ports of many servers, in order.
pub(crate) async fn of(on: impl Into<On<'_>>, server_ids: &[String]) -> Result<Vec<Row>> {
    let mut rows: Vec<Row> = by_ids(on.into(), "network_server_ports", "server_id", server_ids).await?;
    rows.sort_by(|a, b| (&a.server_id, a.position).cmp(&(&b.server_id, b.position)));
    Ok(rows)
}

/// Those of the ports that servers have.
pub(crate) async fn of_ports(on: impl Into<On<'_>>, port_ids: &[String]) -> Result<Vec<Row>> {
    by_ids(on.into(), "network_server_ports", "port_id", port_ids).await
}

pub(crate) async fn add(tx: &mut Tx, row: &Row) -> Result<()> {
    sql("INSERT INTO network_server_ports (server_id, position, port_id, made, tag) VALUES ($1, $2, $3, $4, $5)")
        .bind(&row.server_id)
        .bind(row.position)
        .bind(&row.port_id)
        .bind(row.made)
        .bind(row.tag.as_deref())
        .execute(tx)
        .await
        .map(drop)
}

/// Takes a port that belongs to nothing for the server; `false` when it belongs to something.
pub(crate) async fn adopt(tx: &mut Tx, port_id: &str, server_id: &str, owner: &str) -> Result<bool> {
    let taken = sql("UPDATE network_ports SET device_id = $2, device_owner = $3, revision = revision + 1
         WHERE id = $1 AND device_id IN ('', $2)")
    .bind(port_id)
    .bind(server_id)
    .bind(owner)
    .execute(tx)
    .await?;
    Ok(taken == 1)
}

/// The statuses of the server's ports.
pub(crate) async fn statuses(on: impl Into<On<'_>>, server_id: &str) -> Result<Vec<String>> {
    sql("SELECT p.status FROM network_server_ports s JOIN network_ports p ON p.id = s.port_id WHERE s.server_id = $1")
        .bind(server_id)
        .all(on)
        .await
}

db::row! {
    pub(crate) struct Owner { pub device_id: String, pub project_id: String }
}

/// The server that has the address in the network.
pub(crate) async fn of_address(on: impl Into<On<'_>>, network_id: &str, address: &str) -> Result<Option<Owner>> {
    sql("SELECT p.device_id, p.project_id FROM network_addresses a JOIN network_ports p ON p.id = a.port_id
         WHERE a.ip_address = $2 AND a.network_id = $1 AND p.device_owner LIKE 'compute:%'")
    .bind(network_id)
    .bind(address)
    .optional(on)
    .await
}

/// The networks that a server of the project gets by itself.
pub(crate) async fn networks_default(on: impl Into<On<'_>>, project_id: &str) -> Result<Vec<String>> {
    sql("SELECT id FROM networks n WHERE (project_id = $1 OR shared) AND NOT external
         AND EXISTS (SELECT 1 FROM network_subnets s WHERE s.network_id = n.id)
         ORDER BY CASE WHEN project_id = $1 THEN 0 ELSE 1 END, created_at, id")
    .bind(project_id)
    .all(on)
    .await
}
