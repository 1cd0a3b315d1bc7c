//! Subnets.

use std::net::IpAddr;

use api::fields::nullable;
use api::{Error, Page, Query, Result};
use identity::Caller;
use ipnet::IpNet;
use serde::Deserialize;

use crate::access::{conflict, guard, in_network, invalid, missing, visible};
use crate::ipam::{self, subnet_not_found};
use crate::model::{self, Range, Route, Subnet};
use crate::write::Write;
use crate::{Kind, Network, quota, store};

/// What is said of a new subnet.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Create {
    network_id: String,
    name: Option<String>,
    description: Option<String>,
    #[serde(alias = "tenant_id")]
    project_id: Option<String>,
    ip_version: Option<u8>,
    cidr: Option<String>,
    #[serde(deserialize_with = "nullable")]
    gateway_ip: Option<Option<IpAddr>>,
    allocation_pools: Option<Vec<Range>>,
    enable_dhcp: Option<bool>,
    dns_nameservers: Option<Vec<IpAddr>>,
    host_routes: Option<Vec<Route>>,
    ipv6_ra_mode: Option<String>,
    ipv6_address_mode: Option<String>,
}

/// What is said anew of a subnet.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Update {
    name: Option<String>,
    description: Option<String>,
    #[serde(deserialize_with = "nullable")]
    gateway_ip: Option<Option<IpAddr>>,
    allocation_pools: Option<Vec<Range>>,
    enable_dhcp: Option<bool>,
    dns_nameservers: Option<Vec<IpAddr>>,
    host_routes: Option<Vec<Route>>,
}

const MODES: &[&str] = &["slaac", "dhcpv6-stateful", "dhcpv6-stateless"];

impl Network {
    pub(crate) async fn subnet_list(&self, caller: &Caller, query: &Query, page: &Page) -> Result<Vec<Subnet>> {
        let visible = visible(caller, store::subnet::VISIBLE);
        let mut subnets = store::list::rows(&self.0.db, &store::subnet::TABLE, query, page, visible).await?;
        store::subnet::complete((&self.0.db).into(), &mut subnets).await?;
        Ok(subnets)
    }

    pub(crate) async fn subnet_show(&self, caller: &Caller, id: &str) -> Result<Subnet> {
        self.subnet_for(caller, id, "get_subnet").await
    }

    /// A subnet, whoever asks.
    pub(crate) async fn subnet_get(&self, id: &str) -> Result<Subnet> {
        store::subnet::get(&self.0.db, &[id.to_owned()]).await?.remove(id).ok_or_else(|| subnet_not_found(id))
    }

    pub(crate) async fn subnet_for(&self, caller: &Caller, id: &str, action: &str) -> Result<Subnet> {
        let subnet = self.subnet_get(id).await?;
        let network = self.network_get(&subnet.network_id).await?;
        let target = in_network(&subnet.standard.project_id, &network);
        guard(caller, "get_subnet", action, &target, || subnet_not_found(id))?;
        Ok(subnet)
    }

    pub(crate) async fn subnet_create(&self, caller: &Caller, creates: Vec<Create>) -> Result<Vec<Subnet>> {
        let mut drafts = Vec::new();
        for create in creates {
            drafts.push(self.subnet_draft(caller, create).await?);
        }
        let mut write = self.write().await?;
        for subnet in &mut drafts {
            subnet.standard.created_at = write.now;
            subnet.standard.updated_at = write.now;
            quota::claim(&mut write.tx, &self.0.identity, &subnet.standard.project_id, "subnet", 1).await?;
            // Also makes others wait who add a subnet to this network.
            if !store::update(&mut write.tx, "networks", &subnet.network_id, write.now, Vec::new()).await? {
                return Err(crate::network::not_found(&subnet.network_id));
            }
            if let Some(other) = store::subnet::overlapping(&mut write.tx, &subnet.network_id, subnet.cidr).await? {
                return Err(invalid(format!(
                    "Invalid input for operation: Requested subnet with cidr: {} for network: {} overlaps with another subnet ({other}); choose other addresses.",
                    subnet.cidr, subnet.network_id
                )));
            }
            store::subnet::create(&mut write.tx, subnet).await?;
            self.metadata_port_ensure(&mut write, subnet).await?;
            write.changed_in(Kind::Subnet, &subnet.standard.id, &subnet.network_id);
        }
        self.commit(write).await?;
        Ok(drafts)
    }

    async fn subnet_draft(&self, caller: &Caller, create: Create) -> Result<Subnet> {
        if create.network_id.is_empty() {
            return Err(invalid("A subnet needs a network: give network_id."));
        }
        crate::access::uuid_check("network_id", &create.network_id)?;
        let network = self.network_get(&create.network_id).await?;
        let project = crate::access::owner(caller, create.project_id)?;
        let target = in_network(&project, &network);
        if !caller.may("get_network", &crate::access::network_target(&network)) {
            return Err(crate::network::not_found(&create.network_id));
        }
        caller.allow("create_subnet", &target)?;
        let cidr = cidr_parse(create.cidr.as_deref(), create.ip_version)?;
        let gateway_ip = create.gateway_ip.unwrap_or_else(|| Some(ipam::first_host(cidr)));
        if let Some(gateway) = gateway_ip {
            ipam::gateway_check(cidr, gateway)?;
        }
        let pools = match create.allocation_pools {
            Some(pools) => ipam::pools_check(cidr, gateway_ip, pools)?,
            None => ipam::default_pools(cidr, gateway_ip),
        };
        let now = self.0.runtime.clock.now();
        let subnet = Subnet {
            standard: self.standard(&project, create.name, create.description, now)?,
            network_id: create.network_id,
            cidr,
            gateway_ip,
            allocation_pools: pools,
            enable_dhcp: create.enable_dhcp.unwrap_or(true),
            dns_nameservers: create.dns_nameservers.unwrap_or_default(),
            host_routes: create.host_routes.unwrap_or_default(),
            ipv6_ra_mode: create.ipv6_ra_mode,
            ipv6_address_mode: create.ipv6_address_mode,
        };
        subnet_check(&subnet)?;
        Ok(subnet)
    }

    pub(crate) async fn subnet_update(&self, caller: &Caller, id: &str, update: Update) -> Result<Subnet> {
        let mut subnet = self.subnet_for(caller, id, "update_subnet").await?;
        let mut write = self.write().await?;
        store::pool::lock(&mut write.tx, &[id.to_owned()].into()).await?;
        subnet.standard.rename(update.name, update.description)?;
        if let Some(gateway) = update.gateway_ip {
            if let Some(gateway) = gateway {
                ipam::gateway_check(subnet.cidr, gateway)?;
            }
            self.gateway_free(&mut write, &subnet, gateway).await?;
            subnet.gateway_ip = gateway;
        }
        let pools = update.allocation_pools.is_some();
        let wanted = update.allocation_pools.unwrap_or_else(|| subnet.allocation_pools.clone());
        subnet.allocation_pools = ipam::pools_check(subnet.cidr, subnet.gateway_ip, wanted)?;
        subnet.enable_dhcp = update.enable_dhcp.unwrap_or(subnet.enable_dhcp);
        subnet.dns_nameservers = update.dns_nameservers.unwrap_or(subnet.dns_nameservers);
        subnet.host_routes = update.host_routes.unwrap_or(subnet.host_routes);
        subnet_check(&subnet)?;
        store::update(&mut write.tx, "network_subnets", id, write.now, store::subnet::fields(&subnet)).await?;
        if pools {
            let taken = store::subnet::taken(&mut write.tx, id).await?;
            store::pool::ranges_set(&mut write.tx, id, &store::subnet::ranges(&subnet), &taken).await?;
        }
        self.metadata_port_ensure(&mut write, &subnet).await?;
        write.changed_in(Kind::Subnet, id, &subnet.network_id);
        self.commit(write).await?;
        self.subnet_get(id).await
    }

    /// A gateway that a router's port has cannot be taken away.
    async fn gateway_free(&self, write: &mut Write, subnet: &Subnet, gateway: Option<IpAddr>) -> Result<()> {
        let Some(old) = subnet.gateway_ip.filter(|old| Some(*old) != gateway) else { return Ok(()) };
        let ports = store::port::of_networks(&mut write.tx, std::slice::from_ref(&subnet.network_id)).await?;
        let holder = ports.iter().find(|port| {
            port.device_owner == model::ROUTER_INTERFACE && port.fixed_ips.iter().any(|ip| ip.ip_address == old)
        });
        match holder {
            Some(port) => Err(conflict(
                "GatewayIpInUse",
                format!("Current gateway ip {old} already in use by port {}. Unable to update.", port.standard.id),
            )),
            None => Ok(()),
        }
    }

    pub(crate) async fn subnet_delete(&self, caller: &Caller, id: &str) -> Result<()> {
        let subnet = self.subnet_for(caller, id, "delete_subnet").await?;
        let mut write = self.write().await?;
        store::pool::lock(&mut write.tx, &[id.to_owned()].into()).await?;
        if let Some(port) = store::subnet::user(&mut write.tx, &subnet).await? {
            return Err(conflict(
                "SubnetInUse",
                format!(
                    "Unable to complete operation on subnet {id}: One or more ports have an IP allocation from this subnet (such as port {port}); delete them first."
                ),
            ));
        }
        for port in store::port::of_networks(&mut write.tx, std::slice::from_ref(&subnet.network_id)).await? {
            if port.fixed_ips.iter().any(|ip| ip.subnet_id == id) {
                self.port_changed(&mut write, &port);
            }
        }
        self.subnet_remove(&mut write, &subnet).await?;
        store::update(&mut write.tx, "networks", &subnet.network_id, write.now, Vec::new()).await?;
        self.commit(write).await
    }

    /// Deletes a subnet whose addresses no port needs.
    pub(crate) async fn subnet_remove(&self, write: &mut Write, subnet: &Subnet) -> Result<()> {
        let id = &subnet.standard.id;
        store::delete(&mut write.tx, "network_addresses", "subnet_id", id).await?;
        store::tag::clear(&mut write.tx, id).await?;
        if store::delete(&mut write.tx, "network_subnets", "id", id).await? == 0 {
            return Err(subnet_not_found(id));
        }
        store::pool::delete(&mut write.tx, id).await?;
        quota::count(&mut write.tx, &self.0.identity, &subnet.standard.project_id, "subnet", -1).await?;
        write.changed_in(Kind::Subnet, id, &subnet.network_id);
        Ok(())
    }
}

fn cidr_parse(text: Option<&str>, version: Option<u8>) -> Result<IpNet> {
    let Some(text) = text else {
        return Err(Error::bad_request("A subnet needs its addresses: give cidr, such as 192.168.1.0/24.")
            .with_code("BadRequest"));
    };
    let bad = || {
        invalid(format!(
            "Invalid input for cidr. Reason: '{text}' is not a valid IP subnet; write it as 192.168.1.0/24 or fd00:1::/64."
        ))
    };
    let cidr: IpNet = text.parse().map_err(|_| bad())?;
    if let Some(version) = version
        && version != if cidr.addr().is_ipv4() { 4 } else { 6 }
    {
        return Err(invalid(format!("The cidr {text} is not of ip_version {version}.")));
    }
    Ok(cidr.trunc())
}

fn subnet_check(subnet: &Subnet) -> Result<()> {
    for (field, mode) in [("ipv6_ra_mode", &subnet.ipv6_ra_mode), ("ipv6_address_mode", &subnet.ipv6_address_mode)] {
        let Some(mode) = mode else { continue };
        if !MODES.contains(&mode.as_str()) {
            return Err(invalid(format!("{field} must be one of {}, not '{mode}'.", MODES.join(", "))));
        }
        if subnet.version() == 4 || !subnet.enable_dhcp {
            return Err(invalid(format!("{field} is only for IPv6 subnets with enable_dhcp.")));
        }
    }
    if let (Some(ra), Some(address)) = (&subnet.ipv6_ra_mode, &subnet.ipv6_address_mode)
        && ra != address
    {
        return Err(invalid("ipv6_ra_mode and ipv6_address_mode must be the same when both are given."));
    }
    if subnet.is_auto_address() && subnet.cidr.prefix_len() != 64 {
        return Err(invalid("Ports can make their own addresses only in a prefix of 64 bits; use a /64."));
    }
    let version = |address: &IpAddr| if address.is_ipv4() { 4 } else { 6 };
    if let Some(other) = subnet.dns_nameservers.iter().find(|address| version(address) != subnet.version()) {
        return Err(invalid(format!("The name server {other} is not of the subnet's ip_version.")));
    }
    for route in &subnet.host_routes {
        route_check(route)?;
    }
    Ok(())
}

/// Checks the form of a route.
pub(crate) fn route_check(route: &Route) -> Result<()> {
    route.destination.parse::<IpNet>().map_err(|_| {
        invalid(format!("The route's destination '{}' is not a CIDR such as 10.1.0.0/16.", route.destination))
    })?;
    route
        .nexthop
        .parse::<IpAddr>()
        .map_err(|_| invalid(format!("The route's nexthop '{}' is not an IP address.", route.nexthop)))?;
    Ok(())
}

/// 404 for a subnet's network.
pub(crate) fn port_not_found(id: &str) -> Error {
    missing("PortNotFound", "Port", id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cidrs_are_checked() {
        assert_eq!(cidr_parse(Some("10.0.0.7/24"), Some(4)).unwrap().to_string(), "10.0.0.0/24");
        for (text, version) in [("10.0.0.0/33", None), ("10.0.0.0/24", Some(6)), ("x", None), ("10.0.0.0", None)] {
            assert!(cidr_parse(Some(text), version).is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_cidr_text_is_answered(text in "\\PC{0,40}") {
            let _ = cidr_parse(Some(&text), None);
        }

        #[test]
        fn default_pools_lie_within_the_subnet(a in proptest::prelude::any::<u32>(), prefix in 1_u8..=32) {
            let cidr = cidr_parse(Some(&format!("{}/{prefix}", std::net::Ipv4Addr::from(a))), Some(4)).unwrap();
            let gateway = ipam::first_host(cidr);
            for pool in ipam::default_pools(cidr, Some(gateway)) {
                proptest::prop_assert!(cidr.contains(&pool.start) && cidr.contains(&pool.end) && pool.start <= pool.end);
                proptest::prop_assert!(!(pool.start..=pool.end).contains(&gateway));
            }
        }
    }
}
