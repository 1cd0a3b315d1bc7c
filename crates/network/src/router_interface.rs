//! Routers' connections to networks.

use api::{Error, Result};
use identity::Caller;
use ipnet::IpNet;
use serde::Deserialize;

use crate::access::conflict;
use crate::ipam::FixedIpRequest;
use crate::model::{FixedIp, Port, ROUTER_INTERFACE, Router, Subnet};
use crate::router::{bad, not_found};
use crate::write::Write;
use crate::{Kind, Network, port, store};

/// A subnet or a port to connect a router to.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct InterfaceRequest {
    subnet_id: Option<String>,
    port_id: Option<String>,
}

/// A router's connection.
#[derive(Debug)]
pub(crate) struct Interface {
    pub(crate) router: Router,
    pub(crate) port: Port,
    pub(crate) subnet_id: String,
}

impl Network {
    pub(crate) async fn interface_add(&self, caller: &Caller, id: &str, asked: InterfaceRequest) -> Result<Interface> {
        self.router_for(caller, id, "add_router_interface").await?;
        let found = match (&asked.subnet_id, &asked.port_id) {
            (Some(subnet), None) => (Some(self.subnet_for(caller, subnet, "get_subnet").await?), None),
            (None, Some(port)) => (None, Some(self.port_for(caller, port, "update_port").await?.0)),
            _ => return Err(bad("Give either subnet_id or port_id of what the router is to be connected to.")),
        };
        let mut write = self.write().await?;
        let router = self.router_locked(&mut write, id).await?;
        let port = match found {
            (Some(subnet), _) => self.interface_make(&mut write, &router, &subnet).await?,
            (_, Some(port)) => self.interface_take(&mut write, &router, port).await?,
            _ => return Err(bad("Give subnet_id or port_id.")),
        };
        write.changed(Kind::Router, id);
        self.commit(write).await?;
        let subnet_id = asked.subnet_id.or_else(|| port.fixed_ips.first().map(|ip| ip.subnet_id.clone()));
        Ok(Interface { router, port, subnet_id: subnet_id.unwrap_or_default() })
    }

    async fn interface_make(&self, write: &mut Write, router: &Router, subnet: &Subnet) -> Result<Port> {
        let Some(gateway) = subnet.gateway_ip else {
            return Err(bad(format!(
                "Subnet for router interface must have a gateway IP; set gateway_ip of {} or use a port.",
                subnet.standard.id
            )));
        };
        let connected = self.interface_check(write, router, std::slice::from_ref(subnet)).await?;
        if let Some(port) = v6_interface(&connected, &subnet.network_id).filter(|_| subnet.version() == 6) {
            // One port speaks for all IPv6 prefixes of a network: its router advertisements name them together.
            let mut addresses = port.fixed_ips.clone();
            addresses.push(FixedIp { subnet_id: subnet.standard.id.clone(), ip_address: gateway });
            return self.interface_readdress(write, port, addresses).await;
        }
        let networks = store::network::get(&mut write.tx, std::slice::from_ref(&subnet.network_id)).await?;
        let Some(network) = networks.get(&subnet.network_id) else {
            return Err(crate::network::not_found(&subnet.network_id));
        };
        let create = port::Create {
            device_id: Some(router.standard.id.clone()),
            device_owner: Some(ROUTER_INTERFACE.to_owned()),
            fixed_ips: Some(vec![FixedIpRequest {
                subnet_id: Some(subnet.standard.id.clone()),
                ip_address: Some(gateway),
            }]),
            ..port::Create::default()
        };
        let draft = self.port_draft(write, create, network, &router.standard.project_id).await?;
        let mut ports = self.ports_insert(write, vec![draft]).await?;
        ports.pop().ok_or_else(|| not_found(&router.standard.id))
    }

    /// Leaves an interface with these addresses.
    async fn interface_readdress(&self, write: &mut Write, port: &Port, addresses: Vec<FixedIp>) -> Result<Port> {
        let asked: Vec<FixedIpRequest> = addresses
            .iter()
            .map(|ip| FixedIpRequest { subnet_id: Some(ip.subnet_id.clone()), ip_address: Some(ip.ip_address) })
            .collect();
        self.port_readdress(write, port, &asked).await?;
        let port = Port { fixed_ips: addresses, ..port.clone() };
        let fields = store::port::fields(&port);
        store::update(&mut write.tx, "network_ports", &port.standard.id, write.now, fields).await?;
        self.port_changed(write, &port);
        Ok(port)
    }

    async fn interface_take(&self, write: &mut Write, router: &Router, port: Port) -> Result<Port> {
        let id = port.standard.id.clone();
        if !port.device_id.is_empty() {
            return Err(conflict(
                "PortInUse",
                format!(
                    "Unable to complete operation on port {id} for network {}. Port already has an attached device {}.",
                    port.network_id, port.device_id
                ),
            ));
        }
        if port.fixed_ips.is_empty() {
            return Err(bad("Cannot add interface: the port has no address; give it one first."));
        }
        let subnet_ids: Vec<String> = port.fixed_ips.iter().map(|ip| ip.subnet_id.clone()).collect();
        let subnets: Vec<Subnet> = store::subnet::get(&mut write.tx, &subnet_ids).await?.into_values().collect();
        let connected = self.interface_check(write, router, &subnets).await?;
        if let Some(other) = v6_interface(&connected, &port.network_id).filter(|_| has_v6(&port)) {
            return Err(bad(format!(
                "Cannot have multiple router ports with the same network id if both contain IPv6 subnets. Existing port {} has IPv6 subnets in network {}; connect the subnet by its id.",
                other.standard.id, port.network_id
            )));
        }
        if !store::server::adopt(&mut write.tx, &id, &router.standard.id, ROUTER_INTERFACE).await? {
            return Err(conflict("PortInUse", format!("Port {id} was attached to something else at the same moment.")));
        }
        let port = Port { device_id: router.standard.id.clone(), device_owner: ROUTER_INTERFACE.to_owned(), ..port };
        store::port::status_set(&mut write.tx, &[id], "ACTIVE").await?;
        self.port_changed(write, &port);
        Ok(port)
    }

    /// A router may not be connected twice to the same addresses. Gives the ports that it has.
    async fn interface_check(&self, write: &mut Write, router: &Router, wanted: &[Subnet]) -> Result<Vec<Port>> {
        let ports = store::port::of_devices(&mut write.tx, std::slice::from_ref(&router.standard.id)).await?;
        let ids: Vec<String> = ports.iter().flat_map(|port| &port.fixed_ips).map(|ip| ip.subnet_id.clone()).collect();
        for (id, connected) in store::subnet::get(&mut write.tx, &ids).await? {
            for subnet in wanted {
                if id == subnet.standard.id {
                    return Err(bad(format!("Bad router request: Router already has a port on subnet {id}.")));
                }
                if overlap(connected.cidr, subnet.cidr) {
                    return Err(bad(format!(
                        "Bad router request: Cidr {} of subnet {} overlaps with cidr {} of subnet {id}.",
                        subnet.cidr, subnet.standard.id, connected.cidr
                    )));
                }
            }
        }
        Ok(ports)
    }

    pub(crate) async fn interface_remove(
        &self,
        caller: &Caller,
        id: &str,
        asked: InterfaceRequest,
    ) -> Result<Interface> {
        self.router_for(caller, id, "remove_router_interface").await?;
        let mut write = self.write().await?;
        let router = self.router_locked(&mut write, id).await?;
        let ports = store::port::of_devices(&mut write.tx, &[id.to_owned()]).await?;
        let found = ports.into_iter().filter(|port| port.device_owner == ROUTER_INTERFACE).find(|port| {
            let here = |subnet: &String| port.fixed_ips.iter().any(|ip| ip.subnet_id == *subnet);
            asked.port_id.as_ref().is_none_or(|id| port.standard.id == *id) && asked.subnet_id.as_ref().is_none_or(here)
        });
        let port = match (&asked.subnet_id, &asked.port_id) {
            (None, None) => return Err(bad("Give subnet_id or port_id of the interface.")),
            (Some(subnet), _) => found.ok_or_else(|| {
                let text = format!("Router {id} has no interface on subnet {subnet}");
                Error::not_found(text).with_code("RouterInterfaceNotFoundForSubnet")
            })?,
            (None, Some(port)) => found.ok_or_else(|| {
                let text = format!("Router {id} does not have an interface with id {port}");
                Error::not_found(text).with_code("RouterInterfaceNotFound")
            })?,
        };
        // Asked for one of several subnets, the others stay.
        let stays = |ip: &FixedIp| asked.port_id.is_none() && asked.subnet_id.as_ref() != Some(&ip.subnet_id);
        let (staying, going): (Vec<FixedIp>, Vec<FixedIp>) = port.fixed_ips.iter().cloned().partition(stays);
        for fixed in &going {
            if store::floating_ip::through(&mut write.tx, id, &fixed.subnet_id).await?.is_some() {
                return Err(conflict(
                    "RouterInterfaceInUseByFloatingIP",
                    format!(
                        "Router interface for subnet {} on router {id} cannot be deleted, as it is required by one or more floating IPs; disassociate them first.",
                        fixed.subnet_id
                    ),
                ));
            }
        }
        if staying.is_empty() {
            self.port_remove(&mut write, &port).await?;
        } else {
            self.interface_readdress(&mut write, &port, staying).await?;
        }
        let subnet_id = asked.subnet_id.or_else(|| going.into_iter().next().map(|ip| ip.subnet_id));
        write.changed(Kind::Router, id);
        self.commit(write).await?;
        Ok(Interface { router, port, subnet_id: subnet_id.unwrap_or_default() })
    }
}

fn overlap(one: IpNet, other: IpNet) -> bool {
    one.contains(&other.network()) || other.contains(&one.network())
}

fn has_v6(port: &Port) -> bool {
    port.fixed_ips.iter().any(|ip| ip.ip_address.is_ipv6())
}

/// The interface in a network that has IPv6 addresses; there is at most one.
fn v6_interface<'a>(ports: &'a [Port], network_id: &str) -> Option<&'a Port> {
    ports.iter().find(|port| port.device_owner == ROUTER_INTERFACE && port.network_id == network_id && has_v6(port))
}
