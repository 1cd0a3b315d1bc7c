use std::collections::BTreeMap;

use db::{FromRow, Json, On, Result, Row, Tx, sql};

use super::list::{Filter, Table};
use super::{Field, again, by_ids, insert, port, tag};
use crate::model::{Gateway, Router, Standard};

pub(crate) const TABLE: Table = Table {
    name: "network_routers",
    filters: &[("admin_state_up", Filter::Bool("admin_state_up")), ("status", Filter::Any("'ACTIVE' IN ?"))],
    sorts: &[("admin_state_up", "admin_state_up")],
};

/// The rows that a project sees.
pub(crate) const VISIBLE: &str = "project_id = ?";

impl FromRow for Router {
    fn from_row(row: &Row) -> Result<Self> {
        let network: Option<String> = row.get("gateway_network_id")?;
        let port: Option<String> = row.get("gateway_port_id")?;
        let enable_snat = row.get("enable_snat")?;
        Ok(Self {
            standard: Standard::read(row)?,
            admin_state_up: row.get("admin_state_up")?,
            gateway: network.zip(port).map(|(network_id, port_id)| Gateway {
                network_id,
                port_id,
                fixed_ips: Vec::new(),
                enable_snat,
            }),
            routes: row.get::<Json<_>>("routes")?.0,
        })
    }
}

/// Adds what lies in other tables.
pub(crate) async fn complete(mut on: On<'_>, routers: &mut [Router]) -> Result<()> {
    let ids: Vec<String> = routers.iter().map(|router| router.standard.id.clone()).collect();
    let ports: Vec<String> = routers.iter().filter_map(|r| r.gateway.as_ref()).map(|g| g.port_id.clone()).collect();
    let mut addresses = port::addresses(again(&mut on), &ports).await?;
    let mut tags = tag::of(on, &ids).await?;
    for router in routers {
        if let Some(gateway) = &mut router.gateway {
            gateway.fixed_ips = addresses.remove(&gateway.port_id).unwrap_or_default();
        }
        router.standard.tags = tags.remove(&router.standard.id).unwrap_or_default();
    }
    Ok(())
}

/// Routers by id; those that are gone are left out.
pub(crate) async fn get(on: impl Into<On<'_>>, ids: &[String]) -> Result<BTreeMap<String, Router>> {
    let mut on = on.into();
    let mut routers: Vec<Router> = by_ids(again(&mut on), "network_routers", "id", ids).await?;
    complete(on, &mut routers).await?;
    Ok(routers.into_iter().map(|router| (router.standard.id.clone(), router)).collect())
}

/// What can be changed later.
pub(crate) fn fields(router: &Router) -> Vec<Field> {
    let gateway = router.gateway.as_ref();
    vec![
        ("name", (&router.standard.name).into()),
        ("description", (&router.standard.description).into()),
        ("admin_state_up", router.admin_state_up.into()),
        ("gateway_network_id", gateway.map(|g| &g.network_id).map(String::as_str).into()),
        ("gateway_port_id", gateway.map(|g| &g.port_id).map(String::as_str).into()),
        ("enable_snat", gateway.is_none_or(|g| g.enable_snat).into()),
        ("routes", Json(&router.routes).into()),
    ]
}

pub(crate) async fn create(tx: &mut Tx, router: &Router) -> Result<()> {
    let mut all = router.standard.fields();
    all.extend(fields(router).into_iter().skip(2));
    insert("network_routers", all).execute(tx).await.map(drop)
}

/// A router with a port on one of the subnets and its gateway in the external network.
pub(crate) async fn between(tx: &mut Tx, subnet_id: &str, external_network_id: &str) -> Result<Option<String>> {
    sql("SELECT r.id FROM network_addresses a
         JOIN network_ports p ON p.id = a.port_id AND p.device_owner = 'network:router_interface'
         JOIN network_routers r ON r.id = p.device_id
         WHERE a.subnet_id = $1 AND r.gateway_network_id = $2 ORDER BY r.id LIMIT 1")
    .bind(subnet_id)
    .bind(external_network_id)
    .optional(tx)
    .await
}
