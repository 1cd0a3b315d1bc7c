use std::collections::BTreeMap;

use db::{FromRow, On, Result, Row, Tx, sql};

use super::list::{Filter, Table};
use super::{Field, again, by_ids, insert, tag};
use crate::model::{Network, Standard};

pub(crate) const TABLE: Table = Table {
    name: "networks",
    filters: &[
        ("admin_state_up", Filter::Bool("admin_state_up")),
        ("shared", Filter::Bool("shared")),
        ("router:external", Filter::Bool("external")),
        ("is_default", Filter::Bool("is_default")),
        ("mtu", Filter::Int("mtu")),
        ("port_security_enabled", Filter::Bool("port_security_enabled")),
        ("dns_domain", Filter::Text("dns_domain")),
        ("provider:network_type", Filter::Text("network_type")),
        ("provider:physical_network", Filter::Text("physical_network")),
        ("provider:segmentation_id", Filter::Int("segmentation_id")),
        ("subnets", Filter::Any("id IN (SELECT network_id FROM network_subnets WHERE id IN ?)")),
        ("status", Filter::Any("'ACTIVE' IN ?")),
    ],
    sorts: &[("admin_state_up", "admin_state_up"), ("mtu", "mtu"), ("shared", "shared")],
};

/// The rows that a project sees.
pub(crate) const VISIBLE: &str = "project_id = ? OR shared OR external";

impl FromRow for Network {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            standard: Standard::read(row)?,
            admin_state_up: row.get("admin_state_up")?,
            shared: row.get("shared")?,
            external: row.get("external")?,
            is_default: row.get("is_default")?,
            network_type: row.get("network_type")?,
            physical_network: row.get("physical_network")?,
            segmentation_id: row.get("segmentation_id")?,
            mtu: row.get("mtu")?,
            port_security_enabled: row.get("port_security_enabled")?,
            dns_domain: row.get("dns_domain")?,
            subnet_ids: Vec::new(),
        })
    }
}

db::row! {
    struct SubnetOf { id: String, network_id: String }
}

/// Adds what lies in other tables.
pub(crate) async fn complete(mut on: On<'_>, networks: &mut [Network]) -> Result<()> {
    let ids: Vec<String> = networks.iter().map(|network| network.standard.id.clone()).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let mut statement = sql("SELECT id, network_id FROM network_subnets WHERE network_id IN ");
    statement.push_list(&ids).push(" ORDER BY created_at, id");
    let mut subnets: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in statement.all::<SubnetOf>(again(&mut on)).await? {
        subnets.entry(row.network_id).or_default().push(row.id);
    }
    let mut tags = tag::of(on, &ids).await?;
    for network in networks {
        network.subnet_ids = subnets.remove(&network.standard.id).unwrap_or_default();
        network.standard.tags = tags.remove(&network.standard.id).unwrap_or_default();
    }
    Ok(())
}

/// Networks by id; those that are gone are left out.
pub(crate) async fn get(on: impl Into<On<'_>>, ids: &[String]) -> Result<BTreeMap<String, Network>> {
    let mut on = on.into();
    let mut networks: Vec<Network> = by_ids(again(&mut on), "networks", "id", ids).await?;
    complete(on, &mut networks).await?;
    Ok(networks.into_iter().map(|network| (network.standard.id.clone(), network)).collect())
}

/// What can be changed later.
pub(crate) fn fields(network: &Network) -> Vec<Field> {
    vec![
        ("name", (&network.standard.name).into()),
        ("description", (&network.standard.description).into()),
        ("admin_state_up", network.admin_state_up.into()),
        ("shared", network.shared.into()),
        ("external", network.external.into()),
        ("is_default", network.is_default.into()),
        ("mtu", network.mtu.into()),
        ("port_security_enabled", network.port_security_enabled.into()),
        ("dns_domain", (&network.dns_domain).into()),
    ]
}

pub(crate) async fn create(tx: &mut Tx, network: &Network) -> Result<()> {
    let mut all = network.standard.fields();
    all.extend(fields(network).into_iter().skip(2));
    all.push(("network_type", (&network.network_type).into()));
    all.push(("physical_network", network.physical_network.as_deref().into()));
    all.push(("segmentation_id", network.segmentation_id.into()));
    insert("networks", all).execute(tx).await.map(drop)
}
