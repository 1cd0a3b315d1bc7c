use std::collections::BTreeMap;

use db::{FromRow, On, Result, Row, Tx, sql};

use super::list::{Filter, Table};
use super::{Field, again, by_ids, insert, parsed, parsed_option, tag};
use crate::model::{FloatingIp, FloatingTarget, Standard};

pub(crate) const TABLE: Table = Table {
    name: "network_floating_ips",
    filters: &[
        ("floating_network_id", Filter::Text("network_id")),
        ("floating_ip_address", Filter::Text("ip_address")),
        ("port_id", Filter::Text("port_id")),
        ("fixed_ip_address", Filter::Text("fixed_ip")),
        ("router_id", Filter::Text("router_id")),
        ("status", Filter::Text("status")),
    ],
    sorts: &[("floating_network_id", "network_id"), ("floating_ip_address", "ip_address"), ("status", "status")],
};

/// The rows that a project sees.
pub(crate) const VISIBLE: &str = "project_id = ?";

impl FromRow for FloatingIp {
    fn from_row(row: &Row) -> Result<Self> {
        let port: Option<String> = row.get("port_id")?;
        let router: Option<String> = row.get("router_id")?;
        let target = port.zip(router).zip(parsed_option(row, "fixed_ip")?);
        Ok(Self {
            standard: Standard::read(row)?,
            network_id: row.get("network_id")?,
            address: parsed(row, "ip_address")?,
            holder_port_id: row.get("holder_port_id")?,
            target: target.map(|((port_id, router_id), fixed_ip)| FloatingTarget { port_id, fixed_ip, router_id }),
            status: row.get("status")?,
        })
    }
}

/// Adds what lies in other tables.
pub(crate) async fn complete(on: On<'_>, floating: &mut [FloatingIp]) -> Result<()> {
    let ids: Vec<String> = floating.iter().map(|ip| ip.standard.id.clone()).collect();
    let mut tags = tag::of(on, &ids).await?;
    for ip in floating {
        ip.standard.tags = tags.remove(&ip.standard.id).unwrap_or_default();
    }
    Ok(())
}

/// Floating IPs by id; those that are gone are left out.
pub(crate) async fn get(on: impl Into<On<'_>>, ids: &[String]) -> Result<BTreeMap<String, FloatingIp>> {
    let mut on = on.into();
    let mut floating: Vec<FloatingIp> = by_ids(again(&mut on), "network_floating_ips", "id", ids).await?;
    complete(on, &mut floating).await?;
    Ok(floating.into_iter().map(|ip| (ip.standard.id.clone(), ip)).collect())
}

/// The floating IPs that lead to ports, without tags.
pub(crate) async fn of_ports(on: impl Into<On<'_>>, port_ids: &[String]) -> Result<Vec<FloatingIp>> {
    by_ids(on.into(), "network_floating_ips", "port_id", port_ids).await
}

/// The floating IPs of an external network, without tags.
pub(crate) async fn of_network(on: impl Into<On<'_>>, network_id: &str) -> Result<Vec<FloatingIp>> {
    by_ids(on.into(), "network_floating_ips", "network_id", &[network_id.to_owned()]).await
}

/// The floating IPs that lead through routers, without tags.
pub(crate) async fn of_routers(on: impl Into<On<'_>>, router_ids: &[String]) -> Result<Vec<FloatingIp>> {
    by_ids(on.into(), "network_floating_ips", "router_id", router_ids).await
}

/// What can be changed later.
pub(crate) fn fields(floating: &FloatingIp) -> Vec<Field> {
    let target = floating.target.as_ref();
    vec![
        ("description", (&floating.standard.description).into()),
        ("port_id", target.map(|t| t.port_id.as_str()).into()),
        ("fixed_ip", target.map(|t| t.fixed_ip.to_string()).into()),
        ("router_id", target.map(|t| t.router_id.as_str()).into()),
        ("status", (&floating.status).into()),
    ]
}

pub(crate) async fn create(tx: &mut Tx, floating: &FloatingIp) -> Result<()> {
    let mut all = floating.standard.fields();
    all.extend(fields(floating).into_iter().skip(1));
    all.push(("network_id", (&floating.network_id).into()));
    all.push(("ip_address", floating.address.to_string().into()));
    all.push(("holder_port_id", (&floating.holder_port_id).into()));
    insert("network_floating_ips", all).execute(tx).await.map(drop)
}

/// A floating IP that leads through the router to an address of the subnet.
pub(crate) async fn through(tx: &mut Tx, router_id: &str, subnet_id: &str) -> Result<Option<String>> {
    sql("SELECT f.id FROM network_floating_ips f
         JOIN network_addresses a ON a.port_id = f.port_id AND a.ip_address = f.fixed_ip
         WHERE f.router_id = $1 AND a.subnet_id = $2 LIMIT 1")
    .bind(router_id)
    .bind(subnet_id)
    .optional(tx)
    .await
}
