//! `network_data.json`: the guest's interfaces and addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use network::{PortInfo, SubnetInfo};
use serde_json::{Value, json};

use super::Documents;

impl Documents<'_> {
    pub(super) fn network_data(&self) -> Value {
        let links: Vec<Value> = self
            .ports
            .iter()
            .map(|port| {
                json!({
                    "id": link(port), "vif_id": port.id, "type": "ovs", "mtu": port.mtu,
                    "ethernet_mac_address": port.mac_address,
                })
            })
            .collect();
        let mut networks = Vec::new();
        let mut services: Vec<Value> = Vec::new();
        for port in self.ports {
            for fixed in &port.fixed_ips {
                let Some(subnet) = port.subnets.iter().find(|subnet| subnet.id == fixed.subnet_id) else { continue };
                networks.push(network(port, fixed.ip, subnet, networks.len()));
                for address in &subnet.dns_nameservers {
                    let service = json!({"type": "dns", "address": address});
                    if !services.contains(&service) {
                        services.push(service);
                    }
                }
            }
        }
        json!({"links": links, "networks": networks, "services": services})
    }
}

fn link(port: &PortInfo) -> String {
    format!("tap{}", port.id.chars().take(11).collect::<String>())
}

fn network(port: &PortInfo, address: IpAddr, subnet: &SubnetInfo, index: usize) -> Value {
    let mode = subnet.ipv6_address_mode.as_deref();
    let kind = match (address, subnet.enable_dhcp, mode) {
        (IpAddr::V4(_), true, _) => "ipv4_dhcp",
        (IpAddr::V4(_), false, _) => "ipv4",
        (IpAddr::V6(_), _, Some("slaac")) => "ipv6_slaac",
        (IpAddr::V6(_), _, Some("dhcpv6-stateful")) => "ipv6_dhcpv6-stateful",
        (IpAddr::V6(_), _, Some("dhcpv6-stateless")) => "ipv6_dhcpv6-stateless",
        (IpAddr::V6(_), true, _) => "ipv6_dhcp",
        (IpAddr::V6(_), false, _) => "ipv6",
    };
    let mut network = json!({
        "id": format!("network{index}"), "link": link(port), "network_id": port.network_id, "type": kind,
    });
    if !matches!(kind, "ipv4" | "ipv6") {
        return network;
    }
    network["ip_address"] = json!(address);
    network["netmask"] = json!(subnet.cidr.netmask());
    let services: Vec<Value> =
        subnet.dns_nameservers.iter().map(|address| json!({"type": "dns", "address": address})).collect();
    network["services"] = json!(services);
    network["routes"] = json!(routes(subnet));
    network
}

fn routes(subnet: &SubnetInfo) -> Vec<Value> {
    let any = if subnet.cidr.addr().is_ipv4() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED)
    } else {
        IpAddr::V6(Ipv6Addr::UNSPECIFIED)
    };
    let default = subnet.gateway_ip.map(|gateway| json!({"network": any, "netmask": any, "gateway": gateway}));
    let further = subnet.routes.iter().filter_map(|route| {
        let to: IpNet = route.destination.parse().ok()?;
        Some(json!({"network": to.network(), "netmask": to.netmask(), "gateway": route.nexthop}))
    });
    default.into_iter().chain(further).collect()
}
