//! Addresses: what a subnet gives out, and what a port gets.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv6Addr};

use api::{Error, Result};
use db::Tx;
use ipnet::IpNet;
use macaddr::MacAddr6;
use serde::Deserialize;

use crate::access::{conflict, invalid, missing};
use crate::model::{Port, ROUTER_INTERFACE, Range, Subnet};
use crate::store;
use crate::store::port::Claim;

/// What a user asks for: a subnet, an address, or both.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct FixedIpRequest {
    pub(crate) subnet_id: Option<String>,
    pub(crate) ip_address: Option<IpAddr>,
}

/// An address that a port is to get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Want {
    /// This one.
    Exact(String, IpAddr),
    /// The next free one of the first of these subnets that has one.
    Any(Vec<String>),
}

/// The first address that a host may have; the gateway's unless the user says otherwise.
pub(crate) fn first_host(cidr: IpNet) -> IpAddr {
    let small = cidr.max_prefix_len() - cidr.prefix_len() < 2;
    if small { cidr.network() } else { offset(cidr.network(), 1) }
}

fn offset(address: IpAddr, by: i128) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let number = i128::from(u32::from(v4)) + by;
            IpAddr::V4(u32::try_from(number).unwrap_or_default().into())
        }
        IpAddr::V6(v6) => IpAddr::V6(u128::from(v6).wrapping_add_signed(by).into()),
    }
}

/// What a subnet gives out unless the user says otherwise: every host address except the gateway's.
pub(crate) fn default_pools(cidr: IpNet, gateway: Option<IpAddr>) -> Vec<Range> {
    let small = cidr.max_prefix_len() - cidr.prefix_len() < 2;
    let start = first_host(cidr);
    let end = if small || cidr.addr().is_ipv6() { cidr.broadcast() } else { offset(cidr.broadcast(), -1) };
    match gateway.filter(|gateway| (start..=end).contains(gateway)) {
        None => vec![Range { start, end }],
        Some(gateway) => {
            let before = (gateway > start).then(|| Range { start, end: offset(gateway, -1) });
            let after = (gateway < end).then(|| Range { start: offset(gateway, 1), end });
            before.into_iter().chain(after).collect()
        }
    }
}

/// Whether a host may have the address.
fn is_host(cidr: IpNet, address: IpAddr) -> bool {
    let small = cidr.max_prefix_len() - cidr.prefix_len() < 2;
    let edge = address == cidr.network() || (address.is_ipv4() && address == cidr.broadcast());
    cidr.contains(&address) && (small || !edge)
}

/// Checks the pools that a user wants; sorts them.
pub(crate) fn pools_check(cidr: IpNet, gateway: Option<IpAddr>, mut pools: Vec<Range>) -> Result<Vec<Range>> {
    pools.sort();
    for pool in &pools {
        let (start, end) = (pool.start, pool.end);
        if start > end || start.is_ipv4() != end.is_ipv4() {
            return Err(Error::bad_request(format!(
                "The allocation pool {start}-{end} is not valid: it must begin with its lowest address."
            ))
            .with_code("InvalidAllocationPool"));
        }
        if !is_host(cidr, start) || !is_host(cidr, end) {
            return Err(Error::bad_request(format!(
                "The allocation pool {start}-{end} spans beyond the subnet cidr {cidr}; keep it within the host addresses."
            ))
            .with_code("OutOfBoundsAllocationPool"));
        }
        if let Some(gateway) = gateway.filter(|gateway| (start..=end).contains(gateway)) {
            return Err(conflict(
                "GatewayConflictWithAllocationPools",
                format!("Gateway ip {gateway} conflicts with allocation pool {start}-{end}; leave it out of the pool."),
            ));
        }
    }
    if let Some(pair) = pools.windows(2).find(|pair| pair[0].end >= pair[1].start) {
        return Err(conflict(
            "OverlappingAllocationPools",
            format!(
                "Found overlapping allocation pools: {}-{} and {}-{}.",
                pair[0].start, pair[0].end, pair[1].start, pair[1].end
            ),
        ));
    }
    Ok(pools)
}

/// Checks the gateway that a user wants.
pub(crate) fn gateway_check(cidr: IpNet, gateway: IpAddr) -> Result<()> {
    if gateway.is_ipv4() != cidr.addr().is_ipv4() {
        return Err(invalid(format!("gateway_ip {gateway} is not of the family of {cidr}.")));
    }
    if cidr.contains(&gateway) && !is_host(cidr, gateway) {
        return Err(invalid(format!("Gateway {gateway} is not valid on subnet {cidr}: it is no host address.")));
    }
    Ok(())
}

/// The address that a port makes from its MAC address in an IPv6 prefix of 64 bits.
pub(crate) fn eui64(cidr: IpNet, mac: &str) -> Result<IpAddr> {
    let mac: MacAddr6 = mac.parse().map_err(|_| invalid(format!("'{mac}' is not a valid MAC address.")))?;
    let [a, b, c, d, e, f] = mac.into_array();
    let low = u64::from_be_bytes([a ^ 2, b, c, 0xff, 0xfe, d, e, f]);
    let IpAddr::V6(network) = cidr.network() else {
        return Err(invalid("Only IPv6 subnets have addresses that are made from MAC addresses."));
    };
    Ok(IpAddr::V6(Ipv6Addr::from(u128::from(network) | u128::from(low))))
}

/// What a port in a network with these subnets is to get.
pub(crate) fn plan(port: &Port, asked: Option<&[FixedIpRequest]>, subnets: &[Subnet]) -> Result<Vec<Want>> {
    let Some(asked) = asked else { return plan_default(port, subnets) };
    let mut wants = Vec::new();
    for request in asked {
        let want = match (&request.subnet_id, request.ip_address) {
            (None, None) => return Err(invalid("An entry of fixed_ips needs a subnet_id or an ip_address.")),
            (Some(id), address) => {
                let subnet = subnets.iter().find(|subnet| subnet.standard.id == *id).ok_or_else(|| {
                    Error::bad_request(format!(
                        "Failed to create port on network {}, because fixed_ips included invalid subnet {id}; name one of this network.",
                        port.network_id
                    ))
                    .with_code("InvalidInput")
                })?;
                plan_in(port, subnet, address)?
            }
            (None, Some(address)) => {
                let subnet = subnets.iter().find(|subnet| subnet.cidr.contains(&address)).ok_or_else(|| {
                    Error::bad_request(format!(
                        "IP address {address} is not a valid IP for any of the subnets on the specified network."
                    ))
                    .with_code("InvalidIpForNetwork")
                })?;
                plan_in(port, subnet, Some(address))?
            }
        };
        if wants.contains(&want) && matches!(want, Want::Exact(..)) {
            return Err(invalid("fixed_ips names an address twice."));
        }
        wants.push(want);
    }
    Ok(wants)
}

fn plan_in(port: &Port, subnet: &Subnet, address: Option<IpAddr>) -> Result<Want> {
    let id = &subnet.standard.id;
    let routed = port.device_owner.starts_with("network:router_");
    match address {
        Some(address) if !is_host(subnet.cidr, address) => Err(Error::bad_request(format!(
            "IP address {address} is not a valid IP for the specified subnet {}; take a host address of it.",
            subnet.cidr
        ))
        .with_code("InvalidIpForSubnet")),
        Some(address) if subnet.is_auto_address() && !routed && address != eui64(subnet.cidr, &port.mac_address)? => {
            Err(Error::bad_request(format!(
                "IPv6 address {address} cannot be directly assigned to a port on subnet {id} as the subnet is configured for automatic addresses."
            ))
            .with_code("AllocationOnAutoAddressSubnet"))
        }
        Some(address) => Ok(Want::Exact(id.clone(), address)),
        None if subnet.is_auto_address() && !routed => {
            Ok(Want::Exact(id.clone(), eui64(subnet.cidr, &port.mac_address)?))
        }
        None => Ok(Want::Any(vec![id.clone()])),
    }
}

/// One IPv4 address, one IPv6 address, and the address of every subnet where ports make their own.
fn plan_default(port: &Port, subnets: &[Subnet]) -> Result<Vec<Want>> {
    let mut wants = Vec::new();
    for version in [4, 6] {
        let family: Vec<String> = subnets
            .iter()
            .filter(|subnet| subnet.version() == version && !subnet.is_auto_address())
            .map(|subnet| subnet.standard.id.clone())
            .collect();
        if !family.is_empty() {
            wants.push(Want::Any(family));
        }
    }
    if port.device_owner != ROUTER_INTERFACE {
        for subnet in subnets.iter().filter(|subnet| subnet.is_auto_address()) {
            wants.push(Want::Exact(subnet.standard.id.clone(), eui64(subnet.cidr, &port.mac_address)?));
        }
    }
    Ok(wants)
}

/// Claims what ports want, all at once. The pools stay locked until the transaction ends; the claims must then be
/// written with [`store::port::addresses_add`].
pub(crate) async fn claim(
    tx: &mut Tx,
    ports: &[(&Port, Vec<Want>)],
    subnets: &BTreeMap<String, Subnet>,
) -> Result<Vec<Claim>> {
    let mut pools = BTreeSet::new();
    let mut any: BTreeMap<&[String], usize> = BTreeMap::new();
    for want in ports.iter().flat_map(|(_, wants)| wants) {
        match want {
            Want::Exact(subnet, _) => drop(pools.insert(subnet.clone())),
            Want::Any(candidates) => {
                pools.extend(candidates.iter().cloned());
                *any.entry(candidates).or_default() += 1;
            }
        }
    }
    store::pool::lock(tx, &pools).await?;
    for want in ports.iter().flat_map(|(_, wants)| wants) {
        if let Want::Exact(subnet, address) = want {
            store::pool::take_one(tx, subnet, store::address_number(*address)).await?;
        }
    }
    let mut taken: BTreeMap<&[String], Vec<(String, IpAddr)>> = BTreeMap::new();
    for (candidates, count) in any {
        let mut got = Vec::with_capacity(count);
        for id in candidates {
            let Some(subnet) = subnets.get(id) else { continue };
            let numbers = store::pool::take(tx, id, count - got.len()).await?;
            got.extend(numbers.into_iter().map(|n| (id.clone(), store::subnet::address(n, subnet.cidr))));
        }
        if got.len() < count {
            return Err(exhausted(ports.first().map_or("", |(port, _)| port.network_id.as_str()), candidates));
        }
        got.reverse();
        taken.insert(candidates, got);
    }
    let mut claims = Vec::new();
    for (port, wants) in ports {
        for (position, want) in (0_i64..).zip(wants) {
            let found = match want {
                Want::Exact(subnet, address) => Some((subnet.clone(), *address)),
                Want::Any(candidates) => taken.get_mut(candidates.as_slice()).and_then(Vec::pop),
            };
            let Some((subnet_id, address)) = found else { return Err(exhausted(&port.network_id, &[])) };
            claims.push(Claim {
                subnet_id,
                address,
                network_id: port.network_id.clone(),
                port_id: port.standard.id.clone(),
                position,
            });
        }
    }
    Ok(claims)
}

/// Writes claims down; 409 when somebody has one of the addresses.
pub(crate) async fn claims_write(tx: &mut Tx, claims: &[Claim], network_id: &str) -> Result<()> {
    if claims.is_empty() || store::port::addresses_add(tx, claims).await? == claims.len() as u64 {
        return Ok(());
    }
    let addresses: Vec<String> = claims.iter().map(|claim| claim.address.to_string()).collect();
    Err(conflict(
        "IpAddressInUse",
        format!(
            "Unable to complete operation for network {network_id}. The IP address {} is in use; choose another or leave it out.",
            addresses.join(" or ")
        ),
    ))
}

fn exhausted(network_id: &str, candidates: &[String]) -> Error {
    conflict(
        "IpAddressGenerationFailure",
        format!(
            "No more IP addresses available on network {network_id} (subnets {}). Delete ports, widen the allocation pools or add a subnet.",
            candidates.join(", ")
        ),
    )
}

/// The subnets of one network by id.
pub(crate) fn by_id(subnets: &[Subnet]) -> BTreeMap<String, Subnet> {
    subnets.iter().map(|subnet| (subnet.standard.id.clone(), subnet.clone())).collect()
}

/// 404 for a subnet that is not there.
pub(crate) fn subnet_not_found(id: &str) -> Error {
    missing("SubnetNotFound", "Subnet", id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pools(cidr: &str, gateway: Option<&str>) -> Vec<String> {
        let gateway = gateway.map(|text| text.parse().unwrap());
        let pools = default_pools(cidr.parse().unwrap(), gateway);
        pools.iter().map(|pool| format!("{}-{}", pool.start, pool.end)).collect()
    }

    #[test]
    fn default_pools_leave_out_the_gateway() {
        assert_eq!(pools("10.0.0.0/24", Some("10.0.0.1")), ["10.0.0.2-10.0.0.254"]);
        assert_eq!(pools("10.0.0.0/24", Some("10.0.0.9")), ["10.0.0.1-10.0.0.8", "10.0.0.10-10.0.0.254"]);
        assert_eq!(pools("10.0.0.0/24", None), ["10.0.0.1-10.0.0.254"]);
        assert_eq!(pools("10.0.0.0/31", None), ["10.0.0.0-10.0.0.1"]);
        assert_eq!(pools("fd00::/64", Some("fd00::1")), ["fd00::2-fd00::ffff:ffff:ffff:ffff"]);
    }

    fn code(cidr: &str, gateway: Option<&str>, ranges: &[(&str, &str)]) -> Option<&'static str> {
        let ranges = ranges.iter().map(|(a, b)| Range { start: a.parse().unwrap(), end: b.parse().unwrap() }).collect();
        pools_check(cidr.parse().unwrap(), gateway.map(|g| g.parse().unwrap()), ranges).err().and_then(|e| e.code)
    }

    #[test]
    fn pools_are_checked() {
        let net = "10.0.0.0/24";
        assert_eq!(code(net, None, &[("10.0.0.10", "10.0.0.20"), ("10.0.0.30", "10.0.0.40")]), None);
        assert_eq!(
            code(net, None, &[("10.0.0.10", "10.0.0.20"), ("10.0.0.20", "10.0.0.40")]),
            Some("OverlappingAllocationPools")
        );
        assert_eq!(code(net, None, &[("10.0.0.10", "10.0.1.20")]), Some("OutOfBoundsAllocationPool"));
        assert_eq!(code(net, None, &[("10.0.0.20", "10.0.0.10")]), Some("InvalidAllocationPool"));
        assert_eq!(
            code(net, Some("10.0.0.15"), &[("10.0.0.10", "10.0.0.20")]),
            Some("GatewayConflictWithAllocationPools")
        );
    }

    #[test]
    fn automatic_addresses_come_from_the_mac_address() {
        let address = eui64("2001:db8::/64".parse().unwrap(), "fa:16:3e:00:01:02").unwrap();
        assert_eq!(address.to_string(), "2001:db8::f816:3eff:fe00:102");
    }

    #[test]
    fn edges_are_no_gateways() {
        let net: IpNet = "10.0.0.0/24".parse().unwrap();
        assert!(gateway_check(net, "10.0.0.255".parse().unwrap()).is_err());
        assert!(gateway_check(net, "10.0.0.7".parse().unwrap()).is_ok());
        assert!(gateway_check(net, "fd00::1".parse().unwrap()).is_err());
    }
}
