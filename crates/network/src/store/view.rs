//! Whole views for backends, in a constant number of queries.

use std::collections::{BTreeMap, BTreeSet};

use db::{Db, Result};

use super::{floating_ip, network, port, router, security_group, subnet};
use crate::model::{NetworkView, Port, PortView, ROUTER_INTERFACE, RouterView, SecurityGroupView, Subnet};

pub(crate) async fn networks(db: &Db, ids: &[String]) -> Result<Vec<NetworkView>> {
    let networks = network::get(db, ids).await?;
    let mut subnets: BTreeMap<String, Vec<Subnet>> = BTreeMap::new();
    for subnet in subnet::of_networks(db, ids).await? {
        subnets.entry(subnet.network_id.clone()).or_default().push(subnet);
    }
    let mut ports: BTreeMap<String, Vec<Port>> = BTreeMap::new();
    for port in port::of_networks(db, ids).await? {
        ports.entry(port.network_id.clone()).or_default().push(port);
    }
    Ok(networks
        .into_iter()
        .map(|(id, network)| NetworkView {
            network,
            subnets: subnets.remove(&id).unwrap_or_default(),
            ports: ports.remove(&id).unwrap_or_default(),
        })
        .collect())
}

/// The subnets of the ports' addresses.
async fn subnets_of<'a>(db: &Db, ports: impl Iterator<Item = &'a Port>) -> Result<BTreeMap<String, Subnet>> {
    let ids: BTreeSet<String> = ports.flat_map(|port| &port.fixed_ips).map(|ip| ip.subnet_id.clone()).collect();
    subnet::get(db, &ids.into_iter().collect::<Vec<_>>()).await
}

pub(crate) async fn ports(db: &Db, ids: &[String]) -> Result<Vec<PortView>> {
    let ports = port::get(db, ids).await?;
    let network_ids: BTreeSet<String> = ports.values().map(|port| port.network_id.clone()).collect();
    let networks = network::get(db, &network_ids.into_iter().collect::<Vec<_>>()).await?;
    let subnets = subnets_of(db, ports.values()).await?;
    Ok(ports
        .into_values()
        .filter_map(|port| {
            let network = networks.get(&port.network_id)?.clone();
            let subnets = port.fixed_ips.iter().filter_map(|ip| subnets.get(&ip.subnet_id).cloned()).collect();
            Some(PortView { port, network, subnets })
        })
        .collect())
}

pub(crate) async fn routers(db: &Db, ids: &[String]) -> Result<Vec<RouterView>> {
    let routers = router::get(db, ids).await?;
    let ports = port::of_devices(db, ids).await?;
    let floating = floating_ip::of_routers(db, ids).await?;
    let target_ids: Vec<String> =
        floating.iter().filter_map(|ip| ip.target.as_ref()).map(|target| target.port_id.clone()).collect();
    let targets = port::get(db, &target_ids).await?;
    let network_ids: BTreeSet<String> = ports.iter().map(|port| port.network_id.clone()).collect();
    let networks = network::get(db, &network_ids.into_iter().collect::<Vec<_>>()).await?;
    let subnets = subnets_of(db, ports.iter()).await?;
    let mut views = Vec::new();
    for (id, router) in routers {
        let mine: Vec<&Port> = ports.iter().filter(|port| port.device_id == id).collect();
        let gateway = router.gateway.as_ref().and_then(|g| mine.iter().find(|port| port.standard.id == g.port_id));
        let through = |ip: &&crate::model::FloatingIp| ip.target.as_ref().is_some_and(|t| t.router_id == id);
        views.push(RouterView {
            gateway: gateway.map(|port| (*port).clone()),
            interfaces: mine.iter().filter(|p| p.device_owner == ROUTER_INTERFACE).map(|p| (*p).clone()).collect(),
            networks: mine
                .iter()
                .filter_map(|port| Some((port.network_id.clone(), networks.get(&port.network_id)?.clone())))
                .collect(),
            subnets: mine
                .iter()
                .flat_map(|port| &port.fixed_ips)
                .filter_map(|ip| Some((ip.subnet_id.clone(), subnets.get(&ip.subnet_id)?.clone())))
                .collect(),
            floating_ips: floating
                .iter()
                .filter(through)
                .filter_map(|ip| Some((ip.clone(), targets.get(&ip.target.as_ref()?.port_id)?.clone())))
                .collect(),
            router,
        });
    }
    Ok(views)
}

pub(crate) async fn security_groups(db: &Db, ids: &[String]) -> Result<Vec<SecurityGroupView>> {
    let groups = security_group::get(db, ids).await?;
    let mut ports = security_group::ports(db, ids).await?;
    Ok(groups
        .into_iter()
        .map(|(id, group)| SecurityGroupView { group, port_ids: ports.remove(&id).unwrap_or_default() })
        .collect())
}
