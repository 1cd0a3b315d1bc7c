//! What OVN's own DHCP servers answer.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::net::IpAddr;

use ovsdb::{Row, Tables, Value};
use uuid::Uuid;

use super::row::{DHCP_OPTIONS, Owner, Target, identity};
use crate::Kind;
use crate::model::{DISTRIBUTED, DhcpOption, NetworkView, Port, Subnet};

/// Half a day, as everywhere in OpenStack.
const LEASE_SECONDS: u32 = 43_200;

/// Where servers ask for their metadata.
pub(super) const METADATA_ADDRESS: &str = "169.254.169.254";

/// The identity of a subnet's options.
pub(super) fn subnet_options(subnet_id: &str) -> Uuid {
    identity(DHCP_OPTIONS, subnet_id)
}

/// The identity of a port's own options.
pub(super) fn port_options(port_id: &str, version: u8) -> Uuid {
    identity(DHCP_OPTIONS, &port_options_key(port_id, version))
}

fn port_options_key(port_id: &str, version: u8) -> String {
    format!("{port_id}/{version}")
}

/// Whether the subnet's ports are answered.
pub(super) fn is_served(subnet: &Subnet) -> bool {
    subnet.enable_dhcp && (subnet.version() == 4 || subnet.ipv6_address_mode.is_some())
}

/// The row of a subnet's options.
pub(super) fn subnet_translate(target: &mut Target, view: &NetworkView, subnet: &Subnet) {
    target.other(DHCP_OPTIONS, subnet_options(&subnet.standard.id));
    if !is_served(subnet) {
        return;
    }
    let owner = Owner::new(Kind::Subnet, &subnet.standard.id);
    let ids = [("neutron:network_id", subnet.network_id.clone()), ("subnet_id", subnet.standard.id.clone())];
    let row = Row::new()
        .with("cidr", subnet.cidr.to_string())
        .with("options", Value::map(options(view, subnet)))
        .with("external_ids", owner.external_ids(ids));
    target.row(DHCP_OPTIONS, &subnet.standard.id, row);
}

/// The row of a port's own options, if it has any for that version: its subnet's, and its own over them.
pub(super) fn port_translate(target: &mut Target, tables: &Tables, port: &Port, subnet: &Subnet) -> Option<Uuid> {
    let own: Vec<&DhcpOption> =
        port.extra_dhcp_opts.iter().filter(|option| option.ip_version == subnet.version()).collect();
    if own.is_empty() {
        return None;
    }
    let of_subnet = subnet_options(&subnet.standard.id);
    let actual = tables.row(DHCP_OPTIONS, of_subnet).map(AsRef::as_ref);
    let inherited = target.rows.get(&(DHCP_OPTIONS, of_subnet)).or(actual)?.map("options").unwrap_or_default();
    let mut options: BTreeMap<String, String> =
        inherited.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    for option in own {
        let Some(name) = option_name(&option.opt_name, option.ip_version) else { continue };
        match &option.opt_value {
            Some(value) => options.insert(name.to_owned(), option_value(name, value)),
            None => options.remove(name),
        };
    }
    let owner = Owner::new(Kind::Port, &port.standard.id);
    let ids = [("subnet_id", subnet.standard.id.clone()), ("port_id", port.standard.id.clone())];
    let row = Row::new()
        .with("cidr", subnet.cidr.to_string())
        .with("options", Value::map(options))
        .with("external_ids", owner.external_ids(ids));
    Some(target.row(DHCP_OPTIONS, &port_options_key(&port.standard.id, subnet.version()), row))
}

fn options(view: &NetworkView, subnet: &Subnet) -> BTreeMap<String, String> {
    if subnet.version() == 4 { options_v4(view, subnet) } else { options_v6(subnet) }
}

fn options_v4(view: &NetworkView, subnet: &Subnet) -> BTreeMap<String, String> {
    let metadata = metadata_address(view, &subnet.standard.id);
    let server = subnet.gateway_ip.or(metadata).or_else(|| subnet.cidr.hosts().next());
    let mut options = BTreeMap::from([
        ("lease_time".to_owned(), LEASE_SECONDS.to_string()),
        ("mtu".to_owned(), view.network.mtu.to_string()),
        ("server_mac".to_owned(), server_mac(&subnet.standard.id)),
    ]);
    let mut set = |name: &str, value: String| options.insert(name.to_owned(), value);
    if let Some(server) = server {
        set("server_id", server.to_string());
    }
    if let Some(gateway) = subnet.gateway_ip {
        set("router", gateway.to_string());
    }
    if !subnet.dns_nameservers.is_empty() {
        set("dns_server", list(&subnet.dns_nameservers));
    }
    let domain = view.network.dns_domain.trim_end_matches('.');
    if !domain.is_empty() {
        set("domain_name", quoted(domain));
    }
    let mut routes: Vec<String> = metadata.iter().map(|address| format!("{METADATA_ADDRESS}/32,{address}")).collect();
    routes.extend(subnet.host_routes.iter().map(|route| format!("{},{}", route.destination, route.nexthop)));
    if !routes.is_empty() {
        // Who reads this option does not read the router's (RFC 3442).
        routes.extend(subnet.gateway_ip.map(|gateway| format!("0.0.0.0/0,{gateway}")));
        set("classless_static_route", format!("{{{}}}", routes.join(", ")));
    }
    options
}

fn options_v6(subnet: &Subnet) -> BTreeMap<String, String> {
    let mut options = BTreeMap::from([("server_id".to_owned(), server_mac(&subnet.standard.id))]);
    if !subnet.dns_nameservers.is_empty() {
        options.insert("dns_server".to_owned(), list(&subnet.dns_nameservers));
    }
    if subnet.is_auto_address() {
        options.insert("dhcpv6_stateless".to_owned(), "true".to_owned());
    }
    options
}

/// The address of the network's metadata port in the subnet.
fn metadata_address(view: &NetworkView, subnet_id: &str) -> Option<IpAddr> {
    let mut addresses =
        view.ports.iter().filter(|port| port.device_owner == DISTRIBUTED).flat_map(|port| &port.fixed_ips);
    addresses.find(|fixed| fixed.subnet_id == subnet_id).map(|fixed| fixed.ip_address)
}

/// The DHCP server is nowhere and needs a MAC address.
fn server_mac(subnet_id: &str) -> String {
    let bytes = subnet_options(subnet_id).into_bytes();
    format!("fa:16:3e:{:02x}:{:02x}:{:02x}", bytes[0], bytes[1], bytes[2])
}

fn list(items: &[impl Display]) -> String {
    let items: Vec<String> = items.iter().map(ToString::to_string).collect();
    if items.len() == 1 { items.concat() } else { format!("{{{}}}", items.join(", ")) }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace(['"', '\\'], ""))
}

/// OVN's name for an option that dnsmasq and DHCP know under another one; none if OVN cannot send it.
fn option_name(name: &str, version: u8) -> Option<&'static str> {
    const V4: &[&str] = &[
        "netmask",
        "router",
        "dns_server",
        "log_server",
        "lpr_server",
        "swap_server",
        "policy_filter",
        "router_solicitation",
        "nis_server",
        "ntp_server",
        "server_id",
        "tftp_server",
        "classless_static_route",
        "ms_classless_static_route",
        "ip_forward_enable",
        "router_discovery",
        "ethernet_encap",
        "default_ttl",
        "tcp_ttl",
        "mtu",
        "lease_time",
        "T1",
        "T2",
        "bootfile_name",
        "wpad",
        "path_prefix",
        "tftp_server_address",
        "domain_name",
        "arp_cache_timeout",
        "tcp_keepalive_interval",
        "domain_search_list",
        "hostname",
        "bootfile_name_alt",
        "broadcast_address",
        "netbios_name_server",
        "netbios_node_type",
        "next_server",
    ];
    const V6: &[&str] = &["server_id", "ia_addr", "domain_search", "dns_server"];
    // By number, and where the word differs.
    const ALIASES: &[(&str, &str)] = &[
        ("1", "netmask"),
        ("3", "router"),
        ("6", "dns_server"),
        ("12", "hostname"),
        ("15", "domain_name"),
        ("26", "mtu"),
        ("42", "ntp_server"),
        ("51", "lease_time"),
        ("66", "tftp_server"),
        ("67", "bootfile_name"),
        ("121", "classless_static_route"),
        ("150", "tftp_server_address"),
        ("252", "wpad"),
        ("interface_mtu", "mtu"),
        ("server_identifier", "server_id"),
        ("server_ip_address", "tftp_server_address"),
        ("domain", "domain_name"),
        ("dns_servers", "dns_server"),
        ("boot_file_name", "bootfile_name"),
    ];
    let name = name.replace('-', "_");
    let known = if version == 4 { V4 } else { V6 };
    let alias = ALIASES.iter().find(|(alias, _)| version == 4 && *alias == name).map(|(_, name)| *name);
    alias.or_else(|| known.iter().copied().find(|known| *known == name))
}

/// Texts stand in quotes, several values in braces.
fn option_value(name: &str, value: &str) -> String {
    const TEXTS: &[&str] = &[
        "bootfile_name",
        "wpad",
        "path_prefix",
        "domain_name",
        "domain_search_list",
        "hostname",
        "bootfile_name_alt",
        "domain_search",
        "tftp_server",
    ];
    if TEXTS.contains(&name) {
        quoted(value.trim_matches('"'))
    } else if value.contains(',') && !value.starts_with('{') {
        format!("{{{value}}}")
    } else {
        value.to_owned()
    }
}
