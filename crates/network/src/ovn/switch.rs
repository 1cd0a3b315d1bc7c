//! Networks as logical switches, ports as logical switch ports.

use std::collections::BTreeMap;

use ovsdb::{Row, Tables, Value};
use uuid::Uuid;

use super::dhcp;
use super::group;
use super::router;
use super::row::{DHCP_OPTIONS, Owner, SWITCH, SWITCH_PORT, Target, identity};
use crate::Kind;
use crate::model::{DISTRIBUTED, FLOATING_IP, Network, Port, ROUTER_GATEWAY, ROUTER_INTERFACE, Subnet};

/// The name of a network's switch.
pub(super) fn switch_name(network_id: &str) -> String {
    format!("neutron-{network_id}")
}

/// The identity of a network's switch.
pub(super) fn switch(network_id: &str) -> Uuid {
    identity(SWITCH, network_id)
}

fn localnet_name(network_id: &str) -> String {
    format!("provnet-{network_id}")
}

/// The identity of the port by which a switch reaches the nodes' own network.
fn localnet(network_id: &str) -> Uuid {
    identity(SWITCH_PORT, &localnet_name(network_id))
}

/// The identity of a port's switch port.
pub(super) fn switch_port(port_id: &str) -> Uuid {
    identity(SWITCH_PORT, port_id)
}

/// The rows of a network, without its subnets and ports. Without one: nothing is to be left of it.
pub(super) fn network_translate(target: &mut Target, network_id: &str, network: Option<&Network>) {
    target.other(SWITCH, switch(network_id));
    target.other(SWITCH_PORT, localnet(network_id));
    let Some(network) = network else { return };
    let owner = Owner::new(Kind::Network, network_id);
    let ids = [
        ("neutron:network_name", network.standard.name.clone()),
        ("neutron:project_id", network.standard.project_id.clone()),
        ("neutron:mtu", network.mtu.to_string()),
    ];
    let row = Row::new()
        .with("name", switch_name(network_id))
        .with("other_config", Value::map([("mcast_snoop", "false"), ("vlan-passthru", "false")]))
        .with("external_ids", owner.external_ids(ids));
    let switch = target.row(SWITCH, network_id, row);
    let Some(physical_network) = &network.physical_network else { return };
    let tag = network.segmentation_id.filter(|_| network.network_type == "vlan");
    let row = Row::new()
        .with("name", localnet_name(network_id))
        .with("type", "localnet")
        .with("addresses", "unknown")
        .with("tag", Value::set(tag))
        .with("options", Value::map([("network_name", physical_network.as_str())]))
        .with("external_ids", owner.external_ids([]));
    let port = target.row(SWITCH_PORT, &localnet_name(network_id), row);
    target.link((SWITCH, switch), "ports", port);
}

/// Whether the cloud itself made the port, so that its packets are not suspect.
pub(super) fn is_trusted(port: &Port) -> bool {
    port.device_owner.starts_with("network:")
}

/// The rows of a port that is gone: none.
pub(super) fn port_gone(target: &mut Target, port_id: &str) {
    target.other(SWITCH_PORT, switch_port(port_id));
    target.other(DHCP_OPTIONS, dhcp::port_options(port_id, 4));
    target.other(DHCP_OPTIONS, dhcp::port_options(port_id, 6));
}

/// The rows of a port. `subnets` are those of its addresses.
pub(super) fn port_translate(
    target: &mut Target,
    tables: &Tables,
    port: &Port,
    network: &Network,
    subnets: &[&Subnet],
) {
    port_gone(target, &port.standard.id);
    if port.device_owner == FLOATING_IP {
        return;
    }
    let mut row = Row::new()
        .with("name", name(port))
        .with("type", kind(port))
        .with("options", port_options(port))
        .with("addresses", Value::set(addresses(port)))
        .with("port_security", Value::set(port_security(port)))
        .with("enabled", port.admin_state_up && network.admin_state_up)
        .with("external_ids", external_ids(port, network, subnets));
    for (column, version) in [("dhcpv4_options", 4), ("dhcpv6_options", 6)] {
        let served = subnets.iter().find(|subnet| subnet.version() == version && dhcp::is_served(subnet));
        let chosen = served.filter(|_| !is_trusted(port)).map(|subnet| {
            let own = dhcp::port_translate(target, tables, port, subnet);
            own.unwrap_or_else(|| dhcp::subnet_options(&subnet.standard.id))
        });
        row.insert(column, Value::set(chosen));
    }
    let uuid = target.row(SWITCH_PORT, &port.standard.id, row);
    target.link((SWITCH, switch(&port.network_id)), "ports", uuid);
    for group in group::memberships(port) {
        target.link(group, "ports", uuid);
    }
}

/// What the node's OVN finds the port by.
fn name(port: &Port) -> String {
    if port.device_owner == DISTRIBUTED { metadata_name(&port.network_id) } else { port.standard.id.clone() }
}

/// The name of a network's metadata port, which every node has for itself.
pub(super) fn metadata_name(network_id: &str) -> String {
    format!("meta-{network_id}")
}

/// The MAC address of a network's metadata port, the same on every node.
pub(crate) fn metadata_mac(network_id: &str) -> String {
    let mut digits = network_id.chars().filter(char::is_ascii_hexdigit);
    let mut mac = "fa:16:3f".to_owned();
    for _ in 0..3 {
        mac.push(':');
        mac.extend([digits.next().unwrap_or('0'), digits.next().unwrap_or('0')]);
    }
    mac
}

fn kind(port: &Port) -> &'static str {
    match port.device_owner.as_str() {
        ROUTER_INTERFACE | ROUTER_GATEWAY => "router",
        DISTRIBUTED => "localport",
        _ => "",
    }
}

fn port_options(port: &Port) -> Value {
    let mut options = BTreeMap::new();
    match port.device_owner.as_str() {
        ROUTER_INTERFACE | ROUTER_GATEWAY => {
            options.insert("router-port", router::port_name(&port.standard.id));
            if port.device_owner == ROUTER_GATEWAY {
                // Tell the outside where the router's addresses are.
                options.insert("nat-addresses", "router".to_owned());
            }
        }
        DISTRIBUTED => {}
        _ => {
            if let Some(host) = &port.host {
                options.insert("requested-chassis", host.clone());
            }
        }
    }
    Value::map(options)
}

fn mac(port: &Port) -> String {
    if port.device_owner == DISTRIBUTED { metadata_mac(&port.network_id) } else { port.mac_address.clone() }
}

fn own_address(port: &Port) -> String {
    let addresses = port.fixed_ips.iter().map(|fixed| fixed.ip_address.to_string());
    std::iter::once(mac(port)).chain(addresses).collect::<Vec<_>>().join(" ")
}

/// Addresses by MAC address, of the pairs that the port may send from besides its own.
fn pairs(port: &Port) -> BTreeMap<String, Vec<&str>> {
    let mut pairs: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for pair in &port.allowed_address_pairs {
        let mac = pair.mac_address.as_ref().unwrap_or(&port.mac_address).to_lowercase();
        pairs.entry(mac).or_default().push(&pair.ip_address);
    }
    pairs
}

/// Where the switch sends packets to this port.
fn addresses(port: &Port) -> Vec<String> {
    match kind(port) {
        "router" => return vec!["router".to_owned()],
        "localport" => return vec![own_address(port)],
        _ => {}
    }
    let mut addresses = vec![own_address(port)];
    if port.port_security_enabled {
        addresses.extend(pairs(port).into_keys().filter(|mac| *mac != port.mac_address));
    } else {
        addresses.push("unknown".to_owned());
    }
    addresses
}

/// What the port may send from; anything if there is nothing here.
fn port_security(port: &Port) -> Vec<String> {
    if !port.port_security_enabled || is_trusted(port) {
        return Vec::new();
    }
    let mut pairs = pairs(port);
    let own = std::iter::once(own_address(port))
        .chain(pairs.remove(&port.mac_address).unwrap_or_default().into_iter().map(str::to_owned));
    let own = own.collect::<Vec<_>>().join(" ");
    let others = pairs.into_iter().map(|(mac, addresses)| format!("{mac} {}", addresses.join(" ")));
    std::iter::once(own).chain(others).collect()
}

fn external_ids(port: &Port, network: &Network, subnets: &[&Subnet]) -> Value {
    let cidr = |subnet_id: &str| subnets.iter().find(|subnet| subnet.standard.id == subnet_id);
    let cidrs: Vec<String> = port
        .fixed_ips
        .iter()
        .filter_map(|fixed| Some(format!("{}/{}", fixed.ip_address, cidr(&fixed.subnet_id)?.cidr.prefix_len())))
        .collect();
    let ids = [
        ("neutron:port_name", port.standard.name.clone()),
        ("neutron:project_id", port.standard.project_id.clone()),
        ("neutron:device_id", port.device_id.clone()),
        ("neutron:device_owner", port.device_owner.clone()),
        ("neutron:network_name", switch_name(&network.standard.id)),
        ("neutron:cidrs", cidrs.join(" ")),
        ("neutron:security_group_ids", port.security_groups.join(" ")),
    ];
    Owner::new(Kind::Port, &port.standard.id).external_ids(ids)
}
