use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use db::{FromRow, Json, On, Result, Row, Tx, sql};

use super::list::{Filter, Table};
use super::{Field, address_number, again, by_ids, insert, parsed, pool, tag};
use crate::model::{FixedIp, Port, Standard};

pub(crate) const TABLE: Table = Table {
    name: "network_ports",
    filters: &[
        ("network_id", Filter::Text("network_id")),
        ("mac_address", Filter::Text("mac_address")),
        ("device_id", Filter::Text("device_id")),
        ("device_owner", Filter::Text("device_owner")),
        ("admin_state_up", Filter::Bool("admin_state_up")),
        ("status", Filter::Text("status")),
        ("port_security_enabled", Filter::Bool("port_security_enabled")),
        ("binding:host_id", Filter::Text("host")),
        ("dns_name", Filter::Text("dns_name")),
        (
            "security_groups",
            Filter::Any("id IN (SELECT port_id FROM network_port_groups WHERE security_group_id IN ?)"),
        ),
        (
            "security_groups_id",
            Filter::Any("id IN (SELECT port_id FROM network_port_groups WHERE security_group_id IN ?)"),
        ),
        // `fixed_ips=subnet_id=..` and so on are rewritten to these.
        ("fixed_ips:subnet_id", Filter::Any("id IN (SELECT port_id FROM network_addresses WHERE subnet_id IN ?)")),
        ("fixed_ips:ip_address", Filter::Any("id IN (SELECT port_id FROM network_addresses WHERE ip_address IN ?)")),
        (
            "fixed_ips:ip_address_substr",
            Filter::Each(
                "id IN (SELECT port_id FROM network_addresses WHERE REPLACE(ip_address, ?, '') <> ip_address)",
            ),
        ),
    ],
    sorts: &[
        ("network_id", "network_id"),
        ("mac_address", "mac_address"),
        ("device_id", "device_id"),
        ("device_owner", "device_owner"),
        ("status", "status"),
        ("admin_state_up", "admin_state_up"),
    ],
};

/// The rows that a project sees.
pub(crate) const VISIBLE: &str = "project_id = ? OR network_id IN (SELECT id FROM networks WHERE project_id = ?)";

impl FromRow for Port {
    fn from_row(row: &Row) -> Result<Self> {
        let host: String = row.get("host")?;
        Ok(Self {
            standard: Standard::read(row)?,
            network_id: row.get("network_id")?,
            mac_address: row.get("mac_address")?,
            fixed_ips: Vec::new(),
            device_id: row.get("device_id")?,
            device_owner: row.get("device_owner")?,
            admin_state_up: row.get("admin_state_up")?,
            status: row.get("status")?,
            port_security_enabled: row.get("port_security_enabled")?,
            security_groups: Vec::new(),
            allowed_address_pairs: row.get::<Json<_>>("allowed_address_pairs")?.0,
            extra_dhcp_opts: row.get::<Json<_>>("extra_dhcp_opts")?.0,
            dns_name: row.get("dns_name")?,
            host: (!host.is_empty()).then_some(host),
            vnic_type: row.get("vnic_type")?,
            profile: row.get::<Json<_>>("profile")?.0,
        })
    }
}

struct Address {
    port_id: String,
    fixed: FixedIp,
}

impl FromRow for Address {
    fn from_row(row: &Row) -> Result<Self> {
        let fixed = FixedIp { subnet_id: row.get("subnet_id")?, ip_address: parsed(row, "ip_address")? };
        Ok(Self { port_id: row.get("port_id")?, fixed })
    }
}

/// The addresses of many ports at once, in order.
pub(crate) async fn addresses(on: On<'_>, port_ids: &[String]) -> Result<BTreeMap<String, Vec<FixedIp>>> {
    let mut addresses: BTreeMap<String, Vec<FixedIp>> = BTreeMap::new();
    if port_ids.is_empty() {
        return Ok(addresses);
    }
    let mut statement = sql("SELECT port_id, subnet_id, ip_address FROM network_addresses WHERE port_id IN ");
    statement.push_list(port_ids).push(" ORDER BY port_id, position");
    for row in statement.all::<Address>(on).await? {
        addresses.entry(row.port_id).or_default().push(row.fixed);
    }
    Ok(addresses)
}

db::row! {
    struct GroupOf { port_id: String, security_group_id: String }
}

/// Adds what lies in other tables.
pub(crate) async fn complete(mut on: On<'_>, ports: &mut [Port]) -> Result<()> {
    let ids: Vec<String> = ports.iter().map(|port| port.standard.id.clone()).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let mut fixed = addresses(again(&mut on), &ids).await?;
    let mut statement = sql("SELECT port_id, security_group_id FROM network_port_groups WHERE port_id IN ");
    statement.push_list(&ids).push(" ORDER BY port_id, security_group_id");
    let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in statement.all::<GroupOf>(again(&mut on)).await? {
        groups.entry(row.port_id).or_default().push(row.security_group_id);
    }
    let mut tags = tag::of(on, &ids).await?;
    for port in ports {
        let id = &port.standard.id;
        port.fixed_ips = fixed.remove(id).unwrap_or_default();
        port.security_groups = groups.remove(id).unwrap_or_default();
        port.standard.tags = tags.remove(id).unwrap_or_default();
    }
    Ok(())
}

async fn by(mut on: On<'_>, column: &str, values: &[String]) -> Result<Vec<Port>> {
    let mut ports: Vec<Port> = by_ids(again(&mut on), "network_ports", column, values).await?;
    ports.sort_by(|a, b| (a.standard.created_at, &a.standard.id).cmp(&(b.standard.created_at, &b.standard.id)));
    complete(on, &mut ports).await?;
    Ok(ports)
}

/// Ports by id; those that are gone are left out.
pub(crate) async fn get(on: impl Into<On<'_>>, ids: &[String]) -> Result<BTreeMap<String, Port>> {
    let ports = by(on.into(), "id", ids).await?;
    Ok(ports.into_iter().map(|port| (port.standard.id.clone(), port)).collect())
}

/// The ports of networks, oldest first.
pub(crate) async fn of_networks(on: impl Into<On<'_>>, network_ids: &[String]) -> Result<Vec<Port>> {
    by(on.into(), "network_id", network_ids).await
}

/// The ports of devices, oldest first.
pub(crate) async fn of_devices(on: impl Into<On<'_>>, device_ids: &[String]) -> Result<Vec<Port>> {
    by(on.into(), "device_id", device_ids).await
}

/// What can be changed later in the port's own row.
pub(crate) fn fields(port: &Port) -> Vec<Field> {
    vec![
        ("name", (&port.standard.name).into()),
        ("description", (&port.standard.description).into()),
        ("mac_address", (&port.mac_address).into()),
        ("device_id", (&port.device_id).into()),
        ("device_owner", (&port.device_owner).into()),
        ("admin_state_up", port.admin_state_up.into()),
        ("status", (&port.status).into()),
        ("port_security_enabled", port.port_security_enabled.into()),
        ("allowed_address_pairs", Json(&port.allowed_address_pairs).into()),
        ("extra_dhcp_opts", Json(&port.extra_dhcp_opts).into()),
        ("dns_name", (&port.dns_name).into()),
        ("host", port.host.as_deref().unwrap_or_default().into()),
        ("vnic_type", (&port.vnic_type).into()),
        ("profile", Json(&port.profile).into()),
    ]
}

/// Writes the port's row and groups; its addresses are claimed apart.
pub(crate) async fn create(tx: &mut Tx, port: &Port) -> Result<()> {
    let mut all = port.standard.fields();
    all.extend(fields(port).into_iter().skip(2));
    all.push(("network_id", (&port.network_id).into()));
    insert("network_ports", all).execute(&mut *tx).await?;
    groups_add(tx, port).await
}

async fn groups_add(tx: &mut Tx, port: &Port) -> Result<()> {
    if port.security_groups.is_empty() {
        return Ok(());
    }
    let mut statement = sql("INSERT INTO network_port_groups (port_id, security_group_id) VALUES ");
    for (index, group) in port.security_groups.iter().enumerate() {
        statement.push(if index == 0 { "(" } else { ", (" }).push_bind(&port.standard.id).push(", ");
        statement.push_bind(group).push(")");
    }
    statement.execute(tx).await.map(drop)
}

/// Replaces the port's groups.
pub(crate) async fn groups_set(tx: &mut Tx, port: &Port) -> Result<()> {
    super::delete(tx, "network_port_groups", "port_id", &port.standard.id).await?;
    groups_add(tx, port).await
}

/// Which of the MAC addresses are taken in the network.
pub(crate) async fn macs_taken(tx: &mut Tx, network_id: &str, macs: &[String]) -> Result<BTreeSet<String>> {
    let mut statement = sql("SELECT mac_address FROM network_ports WHERE network_id = ");
    statement.push_bind(network_id).push(" AND mac_address IN ").push_list(macs);
    Ok(statement.all::<String>(tx).await?.into_iter().collect())
}

/// An address that a port is to have.
#[derive(Debug, Clone)]
pub(crate) struct Claim {
    pub(crate) subnet_id: String,
    pub(crate) address: IpAddr,
    pub(crate) network_id: String,
    pub(crate) port_id: String,
    pub(crate) position: i64,
}

/// Writes down who has which address. The answer tells how many were written; fewer means that some were taken.
pub(crate) async fn addresses_add(tx: &mut Tx, claims: &[Claim]) -> Result<u64> {
    let mut written = 0;
    for part in claims.chunks(500) {
        let mut statement =
            sql("INSERT INTO network_addresses (subnet_id, number, ip_address, network_id, port_id, position) VALUES ");
        for (index, claim) in part.iter().enumerate() {
            statement.push(if index == 0 { "(" } else { ", (" }).push_bind(&claim.subnet_id).push(", ");
            statement.push_bind(pool::text(address_number(claim.address))).push(", ");
            statement.push_bind(claim.address.to_string()).push(", ").push_bind(&claim.network_id).push(", ");
            statement.push_bind(&claim.port_id).push(", ").push_bind(claim.position).push(")");
        }
        statement.push(" ON CONFLICT DO NOTHING");
        written += statement.execute(&mut *tx).await?;
    }
    Ok(written)
}

/// Forgets that the port has the address and gives it back to its (locked) pool.
pub(crate) async fn address_remove(tx: &mut Tx, port_id: &str, fixed: &FixedIp) -> Result<()> {
    let number = address_number(fixed.ip_address);
    let gone = sql("DELETE FROM network_addresses WHERE subnet_id = $1 AND number = $2 AND port_id = $3")
        .bind(&fixed.subnet_id)
        .bind(pool::text(number))
        .bind(port_id)
        .execute(&mut *tx)
        .await?;
    if gone == 1 { pool::give_back(tx, &fixed.subnet_id, number).await } else { Ok(()) }
}

/// Sets the status of ports that have another one. Tells whether any had.
pub(crate) async fn status_set(tx: &mut Tx, ids: &[String], status: &str) -> Result<bool> {
    let mut statement = sql("UPDATE network_ports SET status = ");
    statement.push_bind(status).push(" WHERE status <> ").push_bind(status).push(" AND id IN ").push_list(ids);
    Ok(statement.execute(tx).await? > 0)
}

/// The same, as the backend reports it: ports of routers have no state of their own, and unbound ones stay down.
pub(crate) async fn status_report(tx: &mut Tx, ids: &[String], status: &str) -> Result<bool> {
    let mut statement = sql("UPDATE network_ports SET status = ");
    statement.push_bind(status).push(" WHERE status <> ").push_bind(status);
    statement.push(" AND device_owner NOT LIKE 'network:%' AND (host <> '' OR ").push_bind(status == "DOWN");
    statement.push(") AND id IN ").push_list(ids);
    Ok(statement.execute(tx).await? > 0)
}
