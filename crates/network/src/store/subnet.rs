use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use db::{Error, FromRow, Json, On, Result, Row, Tx, sql};
use ipnet::IpNet;

use super::list::{Filter, Table};
use super::{Field, address_number, again, by_ids, insert, parsed, parsed_option, pool, tag};
use crate::model::{Range, Standard, Subnet};

pub(crate) const TABLE: Table = Table {
    name: "network_subnets",
    filters: &[
        ("network_id", Filter::Text("network_id")),
        ("ip_version", Filter::Int("ip_version")),
        ("cidr", Filter::Text("cidr")),
        ("gateway_ip", Filter::Text("gateway_ip")),
        ("enable_dhcp", Filter::Bool("enable_dhcp")),
        ("ipv6_ra_mode", Filter::Text("ipv6_ra_mode")),
        ("ipv6_address_mode", Filter::Text("ipv6_address_mode")),
        (
            "shared",
            Filter::Any(
                "(CASE WHEN network_id IN (SELECT id FROM networks WHERE shared) THEN 'true' ELSE 'false' END) IN ?",
            ),
        ),
        (
            "router:external",
            Filter::Any(
                "(CASE WHEN network_id IN (SELECT id FROM networks WHERE external) THEN 'true' ELSE 'false' END) IN ?",
            ),
        ),
    ],
    sorts: &[("network_id", "network_id"), ("ip_version", "ip_version"), ("cidr", "cidr")],
};

/// The rows that a project sees.
pub(crate) const VISIBLE: &str =
    "project_id = ? OR network_id IN (SELECT id FROM networks WHERE project_id = ? OR shared OR external)";

impl FromRow for Subnet {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            standard: Standard::read(row)?,
            network_id: row.get("network_id")?,
            cidr: parsed(row, "cidr")?,
            gateway_ip: parsed_option(row, "gateway_ip")?,
            allocation_pools: Vec::new(),
            enable_dhcp: row.get("enable_dhcp")?,
            dns_nameservers: row.get::<Json<_>>("dns_nameservers")?.0,
            host_routes: row.get::<Json<_>>("host_routes")?.0,
            ipv6_ra_mode: row.get("ipv6_ra_mode")?,
            ipv6_address_mode: row.get("ipv6_address_mode")?,
        })
    }
}

db::row! {
    struct PoolRange { pool_id: String, first: String, last: String }
}

/// Adds what lies in other tables.
pub(crate) async fn complete(mut on: On<'_>, subnets: &mut [Subnet]) -> Result<()> {
    let ids: Vec<String> = subnets.iter().map(|subnet| subnet.standard.id.clone()).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let mut statement = sql("SELECT pool_id, first, last FROM network_pool_ranges WHERE pool_id IN ");
    statement.push_list(&ids).push(" ORDER BY pool_id, first");
    let mut pools: BTreeMap<String, Vec<PoolRange>> = BTreeMap::new();
    for row in statement.all::<PoolRange>(again(&mut on)).await? {
        pools.entry(row.pool_id.clone()).or_default().push(row);
    }
    let mut tags = tag::of(on, &ids).await?;
    for subnet in subnets {
        let ranges = pools.remove(&subnet.standard.id).unwrap_or_default();
        let address = |text: &str| number_address(text, subnet.cidr);
        let ranges: Result<Vec<Range>> =
            ranges.iter().map(|r| Ok(Range { start: address(&r.first)?, end: address(&r.last)? })).collect();
        subnet.allocation_pools = ranges?;
        subnet.standard.tags = tags.remove(&subnet.standard.id).unwrap_or_default();
    }
    Ok(())
}

/// The address of the family of `cidr` that a number stands for.
pub(crate) fn address(number: u128, cidr: IpNet) -> IpAddr {
    match (cidr, u32::try_from(number)) {
        (IpNet::V4(_), Ok(number)) => IpAddr::V4(number.into()),
        _ => IpAddr::V6(number.into()),
    }
}

fn number_address(text: &str, cidr: IpNet) -> Result<IpAddr> {
    u128::from_str_radix(text, 16)
        .map(|number| address(number, cidr))
        .map_err(|source| Error::Column { column: "first".to_owned(), source: Box::new(source) })
}

/// Subnets by id; those that are gone are left out.
pub(crate) async fn get(on: impl Into<On<'_>>, ids: &[String]) -> Result<BTreeMap<String, Subnet>> {
    let mut on = on.into();
    let mut subnets: Vec<Subnet> = by_ids(again(&mut on), "network_subnets", "id", ids).await?;
    complete(on, &mut subnets).await?;
    Ok(subnets.into_iter().map(|subnet| (subnet.standard.id.clone(), subnet)).collect())
}

/// The subnets of networks, oldest first.
pub(crate) async fn of_networks(on: impl Into<On<'_>>, network_ids: &[String]) -> Result<Vec<Subnet>> {
    let mut on = on.into();
    let mut subnets: Vec<Subnet> = by_ids(again(&mut on), "network_subnets", "network_id", network_ids).await?;
    subnets.sort_by(|a, b| (a.standard.created_at, &a.standard.id).cmp(&(b.standard.created_at, &b.standard.id)));
    complete(on, &mut subnets).await?;
    Ok(subnets)
}

/// What can be changed later.
pub(crate) fn fields(subnet: &Subnet) -> Vec<Field> {
    vec![
        ("name", (&subnet.standard.name).into()),
        ("description", (&subnet.standard.description).into()),
        ("gateway_ip", subnet.gateway_ip.map(|ip| ip.to_string()).into()),
        ("enable_dhcp", subnet.enable_dhcp.into()),
        ("dns_nameservers", Json(&subnet.dns_nameservers).into()),
        ("host_routes", Json(&subnet.host_routes).into()),
    ]
}

/// The pool's ranges as numbers.
pub(crate) fn ranges(subnet: &Subnet) -> Vec<(u128, u128)> {
    subnet.allocation_pools.iter().map(|r| (address_number(r.start), address_number(r.end))).collect()
}

pub(crate) async fn create(tx: &mut Tx, subnet: &Subnet) -> Result<()> {
    let mut all = subnet.standard.fields();
    all.extend(fields(subnet).into_iter().skip(2));
    all.push(("network_id", (&subnet.network_id).into()));
    all.push(("ip_version", i64::from(subnet.version()).into()));
    all.push(("cidr", subnet.cidr.to_string().into()));
    all.push(("first", pool::text(address_number(subnet.cidr.network())).into()));
    all.push(("last", pool::text(address_number(subnet.cidr.broadcast())).into()));
    all.push(("ipv6_ra_mode", subnet.ipv6_ra_mode.as_deref().into()));
    all.push(("ipv6_address_mode", subnet.ipv6_address_mode.as_deref().into()));
    insert("network_subnets", all).execute(&mut *tx).await?;
    pool::create(tx, &subnet.standard.id, &ranges(subnet)).await.map(drop)
}

/// A subnet of the network that has addresses of the CIDR.
pub(crate) async fn overlapping(tx: &mut Tx, network_id: &str, cidr: IpNet) -> Result<Option<String>> {
    sql("SELECT id FROM network_subnets
         WHERE network_id = $1 AND ip_version = $2 AND first <= $3 AND last >= $4 LIMIT 1")
    .bind(network_id)
    .bind(if cidr.addr().is_ipv4() { 4_i64 } else { 6 })
    .bind(pool::text(address_number(cidr.broadcast())))
    .bind(pool::text(address_number(cidr.network())))
    .optional(tx)
    .await
}

/// A port, not of the service's own, that has an address of the subnet. An address that the port made for itself holds
/// nobody up, except that of a router.
pub(crate) async fn user(tx: &mut Tx, subnet: &Subnet) -> Result<Option<String>> {
    sql("SELECT a.port_id FROM network_addresses a JOIN network_ports p ON p.id = a.port_id
         WHERE a.subnet_id = $1 AND p.device_owner NOT IN ('network:dhcp', 'network:distributed')
         AND ($2 OR p.device_owner LIKE 'network:router_%') LIMIT 1")
    .bind(&subnet.standard.id)
    .bind(!subnet.is_auto_address())
    .optional(tx)
    .await
}

/// The numbers that are taken in the subnet.
pub(crate) async fn taken(tx: &mut Tx, subnet_id: &str) -> Result<BTreeSet<u128>> {
    let numbers: Vec<String> =
        sql("SELECT number FROM network_addresses WHERE subnet_id = $1").bind(subnet_id).all(tx).await?;
    Ok(numbers.iter().filter_map(|text| u128::from_str_radix(text, 16).ok()).collect())
}

db::row! {
    struct Used { subnet_id: String, used: i64 }
}

/// How many addresses of each subnet are taken.
pub(crate) async fn used(db: &db::Db) -> Result<BTreeMap<String, i64>> {
    let rows: Vec<Used> =
        sql("SELECT subnet_id, COUNT(*) AS used FROM network_addresses GROUP BY subnet_id").all(db).await?;
    Ok(rows.into_iter().map(|row| (row.subnet_id, row.used)).collect())
}
