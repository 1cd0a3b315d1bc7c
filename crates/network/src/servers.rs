//! What compute asks for: the ports of servers.

use std::collections::BTreeMap;
use std::net::IpAddr;

use api::{Error, Kind, Result};
use identity::Caller;
use ipnet::IpNet;

use crate::Network;
use crate::model::Route;

/// What a new server wants to be connected to.
#[derive(Debug, Clone, Default)]
pub struct ServerPortsRequest {
    /// The server.
    pub server_id: String,
    /// Its project.
    pub project_id: String,
    /// Its availability zone; ports get the `device_owner` `compute:<zone>`.
    pub zone: String,
    /// Names or ids of the groups of ports made for it; the project's `default` when empty.
    pub security_groups: Vec<String>,
    /// The ports, in order of the guest's interfaces.
    pub wanted: Vec<WantedPort>,
    /// The host name in the networks' DNS.
    pub dns_name: String,
}

/// One wanted port: a network to make a port in, or a port that exists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WantedPort {
    /// Make a port here.
    pub network_id: Option<String>,
    /// Take this port.
    pub port_id: Option<String>,
    /// The address of the port to be made.
    pub fixed_ip: Option<String>,
    /// The label in the guest's metadata.
    pub tag: Option<String>,
}

/// A port of a server.
#[derive(Debug, Clone, PartialEq)]
pub struct PortInfo {
    /// The port's id.
    pub id: String,
    /// Its network.
    pub network_id: String,
    /// The network's name.
    pub network_name: String,
    /// Its MAC address.
    pub mac_address: String,
    /// Its addresses, in order.
    pub fixed_ips: Vec<PortAddress>,
    /// `ACTIVE` or `DOWN`.
    pub status: String,
    /// The node that it is bound to.
    pub host: Option<String>,
    /// The largest packet.
    pub mtu: u32,
    /// Names of its security groups.
    pub security_groups: Vec<String>,
    /// Whether it was made for the server and goes with it.
    pub made_by_server: bool,
    /// The label in the guest's metadata.
    pub tag: Option<String>,
    /// The subnets of its addresses.
    pub subnets: Vec<SubnetInfo>,
}

/// An address of a server's port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortAddress {
    /// The address.
    pub ip: IpAddr,
    /// Its subnet.
    pub subnet_id: String,
    /// Floating addresses that lead to it.
    pub floating_ips: Vec<IpAddr>,
}

impl PortAddress {
    /// 4 or 6.
    pub fn version(&self) -> u8 {
        if self.ip.is_ipv4() { 4 } else { 6 }
    }
}

/// A subnet as a guest's metadata describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct SubnetInfo {
    /// The subnet's id.
    pub id: String,
    /// Its addresses.
    pub cidr: IpNet,
    /// The router.
    pub gateway_ip: Option<IpAddr>,
    /// Name servers.
    pub dns_nameservers: Vec<IpAddr>,
    /// Further routes.
    pub routes: Vec<Route>,
    /// Whether the guest learns its address by DHCP.
    pub enable_dhcp: bool,
    /// How IPv6 addresses are made.
    pub ipv6_address_mode: Option<String>,
}

fn unbuilt<T>() -> Result<T> {
    Err(Error::new(Kind::NotImplemented, "Ports of servers are not built yet."))
}

impl Network {
    /// Makes or takes the ports of a new server in one transaction, and remembers which it made. Asked again for the
    /// same server it makes only what is missing.
    pub async fn server_ports_create(&self, _request: &ServerPortsRequest) -> Result<Vec<PortInfo>> {
        unbuilt()
    }

    /// The networks that a server of the project gets when it names none: the project's own, else the shared ones that
    /// are not external.
    pub async fn networks_default(&self, _project_id: &str) -> Result<Vec<String>> {
        unbuilt()
    }

    /// Whether the caller may use all of these for a new server: 400 for what is not there or not usable, 409 for what
    /// is taken, 403 when the quota does not suffice.
    pub async fn networks_check(&self, _caller: &Caller, _wanted: &[WantedPort], _groups: &[String]) -> Result<()> {
        unbuilt()
    }

    /// Binds the server's ports to a node and has them wired there.
    pub async fn server_ports_bind(&self, _server_id: &str, _host: &str) -> Result<Vec<PortInfo>> {
        unbuilt()
    }

    /// Takes the server's ports off their node.
    pub async fn server_ports_unbind(&self, _server_id: &str) -> Result<()> {
        unbuilt()
    }

    /// Deletes the ports that were made for the server and gives the others back.
    pub async fn server_ports_delete(&self, _server_id: &str) -> Result<()> {
        unbuilt()
    }

    /// The ports of many servers at once, each server's in the order of its interfaces.
    pub async fn ports_of_servers(&self, _server_ids: &[String]) -> Result<BTreeMap<String, Vec<PortInfo>>> {
        unbuilt()
    }

    /// Whether all ports of the server are wired.
    pub async fn ports_active(&self, _server_id: &str) -> Result<bool> {
        unbuilt()
    }

    /// The server (and its project) that has the address in the network, for metadata.
    pub async fn port_of_address(&self, _network_id: &str, _address: IpAddr) -> Result<Option<(String, String)>> {
        unbuilt()
    }
}
