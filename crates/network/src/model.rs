//! What the networks are: the resources as the database has them, and the views that a backend makes real.
//!
//! Every load costs a constant number of queries, however many things it returns.

use std::collections::BTreeMap;
use std::net::IpAddr;

use db::Db;
use ipnet::IpNet;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::store;

/// What every resource has besides its own fields.
#[derive(Debug, Clone, PartialEq)]
pub struct Standard {
    /// The id.
    pub id: String,
    /// The owning project.
    pub project_id: String,
    /// What the user calls it.
    pub name: String,
    /// What the user says of it.
    pub description: String,
    /// Counts the changes.
    pub revision: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed.
    pub updated_at: Timestamp,
    /// The user's labels, sorted.
    pub tags: Vec<String>,
}

/// A network: one switch.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    /// Id, owner, name and so on.
    pub standard: Standard,
    /// Whether it carries packets.
    pub admin_state_up: bool,
    /// Whether every project may use it.
    pub shared: bool,
    /// Whether routers get out through it.
    pub external: bool,
    /// Whether it is the one that routers get out through when nothing is said.
    pub is_default: bool,
    /// `geneve`, `flat` or `vlan`.
    pub network_type: String,
    /// The node's network that a flat or VLAN one is a part of.
    pub physical_network: Option<String>,
    /// The Geneve or VLAN number.
    pub segmentation_id: Option<i64>,
    /// The largest packet.
    pub mtu: i64,
    /// Whether its ports are protected unless they say otherwise.
    pub port_security_enabled: bool,
    /// The domain of its ports' names.
    pub dns_domain: String,
    /// Its subnets' ids, oldest first.
    pub subnet_ids: Vec<String>,
}

/// A route that a subnet's DHCP gives out or that a router has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// Where to.
    pub destination: String,
    /// Through whom.
    pub nexthop: String,
}

/// A range of addresses, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// The first address.
    pub start: IpAddr,
    /// The last address.
    pub end: IpAddr,
}

/// A subnet of a network.
#[derive(Debug, Clone, PartialEq)]
pub struct Subnet {
    /// Id, owner, name and so on.
    pub standard: Standard,
    /// The network.
    pub network_id: String,
    /// The addresses.
    pub cidr: IpNet,
    /// The router's address, if there is to be one.
    pub gateway_ip: Option<IpAddr>,
    /// What is given out to ports.
    pub allocation_pools: Vec<Range>,
    /// Whether ports learn their address by DHCP.
    pub enable_dhcp: bool,
    /// Name servers, in order.
    pub dns_nameservers: Vec<IpAddr>,
    /// Further routes.
    pub host_routes: Vec<Route>,
    /// `slaac`, `dhcpv6-stateful` or `dhcpv6-stateless`.
    pub ipv6_ra_mode: Option<String>,
    /// The same, for how addresses are made.
    pub ipv6_address_mode: Option<String>,
}

impl Subnet {
    /// 4 or 6.
    pub fn version(&self) -> u8 {
        if self.cidr.addr().is_ipv4() { 4 } else { 6 }
    }

    /// Whether ports make their addresses from their MAC addresses.
    pub fn is_auto_address(&self) -> bool {
        let automatic = |mode: &Option<String>| matches!(mode.as_deref(), Some("slaac" | "dhcpv6-stateless"));
        automatic(&self.ipv6_address_mode) || automatic(&self.ipv6_ra_mode)
    }
}

/// An address of a port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FixedIp {
    /// The subnet.
    pub subnet_id: String,
    /// The address.
    pub ip_address: IpAddr,
}

/// A further address that a protected port may send from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddressPair {
    /// The address or CIDR.
    pub ip_address: String,
    /// The MAC address; the port's own when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac_address: Option<String>,
}

/// A DHCP option of one port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DhcpOption {
    /// The option's name, as dnsmasq calls it.
    pub opt_name: String,
    /// Its value.
    pub opt_value: Option<String>,
    /// 4 or 6.
    #[serde(default = "four")]
    pub ip_version: u8,
}

fn four() -> u8 {
    4
}

/// A port of a network.
#[derive(Debug, Clone, PartialEq)]
pub struct Port {
    /// Id, owner, name and so on.
    pub standard: Standard,
    /// The network.
    pub network_id: String,
    /// The MAC address, lower case with colons.
    pub mac_address: String,
    /// Its addresses, in order.
    pub fixed_ips: Vec<FixedIp>,
    /// What it belongs to: a server, a router, a floating IP.
    pub device_id: String,
    /// What that is: `compute:nova`, `network:router_interface`, ...
    pub device_owner: String,
    /// Whether it carries packets.
    pub admin_state_up: bool,
    /// `ACTIVE` when the backend says that it is wired, else `DOWN`.
    pub status: String,
    /// Whether it may send only from its own addresses, and its groups count.
    pub port_security_enabled: bool,
    /// Its security groups, sorted.
    pub security_groups: Vec<String>,
    /// Further addresses that it may send from.
    pub allowed_address_pairs: Vec<AddressPair>,
    /// DHCP options of its own.
    pub extra_dhcp_opts: Vec<DhcpOption>,
    /// Its name in the network's DNS.
    pub dns_name: String,
    /// The node that it is bound to.
    pub host: Option<String>,
    /// `normal`, `direct`, ...
    pub vnic_type: String,
    /// What the binder wrote for the driver.
    pub profile: serde_json::Map<String, serde_json::Value>,
}

/// The `device_owner` of a router's port in a project's network.
pub const ROUTER_INTERFACE: &str = "network:router_interface";
/// The `device_owner` of a router's port in the external network.
pub const ROUTER_GATEWAY: &str = "network:router_gateway";
/// The `device_owner` of the port that holds a floating address in the external network.
pub const FLOATING_IP: &str = "network:floatingip";
/// The `device_owner` of DHCP and metadata ports.
pub const DHCP: &str = "network:dhcp";
/// The `device_owner` of OVN's port for DHCP and metadata.
pub const DISTRIBUTED: &str = "network:distributed";

/// A router.
#[derive(Debug, Clone, PartialEq)]
pub struct Router {
    /// Id, owner, name and so on.
    pub standard: Standard,
    /// Whether it routes.
    pub admin_state_up: bool,
    /// Its network and port to the outside.
    pub gateway: Option<Gateway>,
    /// Further routes.
    pub routes: Vec<Route>,
}

/// A router's way out.
#[derive(Debug, Clone, PartialEq)]
pub struct Gateway {
    /// The external network.
    pub network_id: String,
    /// The port there, which belongs to no project.
    pub port_id: String,
    /// The addresses there.
    pub fixed_ips: Vec<FixedIp>,
    /// Whether ports without a floating IP get out with the router's address.
    pub enable_snat: bool,
}

/// A floating IP.
#[derive(Debug, Clone, PartialEq)]
pub struct FloatingIp {
    /// Id, owner and so on; the name is always empty.
    pub standard: Standard,
    /// The external network.
    pub network_id: String,
    /// The address there.
    pub address: IpAddr,
    /// The port that holds the address there, which belongs to no project.
    pub holder_port_id: String,
    /// Where it leads.
    pub target: Option<FloatingTarget>,
    /// `ACTIVE`, or `DOWN` while it leads nowhere.
    pub status: String,
}

/// Where a floating IP leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FloatingTarget {
    /// The port.
    pub port_id: String,
    /// Its address.
    pub fixed_ip: IpAddr,
    /// The router between.
    pub router_id: String,
}

/// A security group.
#[derive(Debug, Clone, PartialEq)]
pub struct SecurityGroup {
    /// Id, owner, name and so on.
    pub standard: Standard,
    /// Whether answers to permitted packets are permitted.
    pub stateful: bool,
    /// Whether it is the project's `default` one.
    pub is_default: bool,
    /// Its rules, oldest first.
    pub rules: Vec<SecurityRule>,
}

/// A rule of a security group: what is permitted.
#[derive(Debug, Clone, PartialEq)]
pub struct SecurityRule {
    /// Id, owner and so on; the name is always empty.
    pub standard: Standard,
    /// The group.
    pub group_id: String,
    /// `ingress` or `egress`.
    pub direction: String,
    /// `IPv4` or `IPv6`.
    pub ethertype: String,
    /// Name or number as the user gave it; any when absent.
    pub protocol: Option<String>,
    /// First port, or ICMP type.
    pub port_range_min: Option<i64>,
    /// Last port, or ICMP code.
    pub port_range_max: Option<i64>,
    /// From or to these addresses only.
    pub remote_ip_prefix: Option<IpNet>,
    /// From or to the ports of this group only.
    pub remote_group_id: Option<String>,
}

/// A network with all that is on it.
#[derive(Debug, Clone, PartialEq)]
pub struct NetworkView {
    /// The network.
    pub network: Network,
    /// Its subnets.
    pub subnets: Vec<Subnet>,
    /// Its ports.
    pub ports: Vec<Port>,
}

/// A port with what is needed to wire it.
#[derive(Debug, Clone, PartialEq)]
pub struct PortView {
    /// The port.
    pub port: Port,
    /// Its network.
    pub network: Network,
    /// The subnets of its addresses.
    pub subnets: Vec<Subnet>,
}

/// A router with all that hangs on it.
#[derive(Debug, Clone, PartialEq)]
pub struct RouterView {
    /// The router.
    pub router: Router,
    /// Its gateway port, if it has one.
    pub gateway: Option<Port>,
    /// Its ports in the projects' networks.
    pub interfaces: Vec<Port>,
    /// The networks of all these ports, by id.
    pub networks: BTreeMap<String, Network>,
    /// The subnets of all these ports' addresses, by id.
    pub subnets: BTreeMap<String, Subnet>,
    /// Floating IPs that lead through it, each with the port they lead to.
    pub floating_ips: Vec<(FloatingIp, Port)>,
}

/// A security group with the ports in it.
#[derive(Debug, Clone, PartialEq)]
pub struct SecurityGroupView {
    /// The group and its rules.
    pub group: SecurityGroup,
    /// The ports in it.
    pub port_ids: Vec<String>,
}

/// Reads views; what a backend sees of the database.
#[derive(Clone)]
pub struct Model {
    pub(crate) db: Db,
}

impl Model {
    /// A reader of `db`.
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// The ids of every network, for a reconciler.
    pub async fn network_ids(&self) -> db::Result<Vec<String>> {
        store::ids(&self.db, "SELECT id FROM networks ORDER BY id").await
    }

    /// The ids of every router, for a reconciler.
    pub async fn router_ids(&self) -> db::Result<Vec<String>> {
        store::ids(&self.db, "SELECT id FROM network_routers ORDER BY id").await
    }

    /// The ids of every security group, for a reconciler.
    pub async fn security_group_ids(&self) -> db::Result<Vec<String>> {
        store::ids(&self.db, "SELECT id FROM network_security_groups ORDER BY id").await
    }

    /// Networks with subnets and ports; those that are gone are left out.
    pub async fn networks(&self, ids: &[String]) -> db::Result<Vec<NetworkView>> {
        store::view::networks(&self.db, ids).await
    }

    /// Ports with network and subnets; those that are gone are left out.
    pub async fn ports(&self, ids: &[String]) -> db::Result<Vec<PortView>> {
        store::view::ports(&self.db, ids).await
    }

    /// Routers with ports and floating IPs; those that are gone are left out.
    pub async fn routers(&self, ids: &[String]) -> db::Result<Vec<RouterView>> {
        store::view::routers(&self.db, ids).await
    }

    /// Security groups with rules and ports; those that are gone are left out.
    pub async fn security_groups(&self, ids: &[String]) -> db::Result<Vec<SecurityGroupView>> {
        store::view::security_groups(&self.db, ids).await
    }
}
