//! Routers as logical routers: ports, the way out, source NAT, floating IPs and routes.

use std::collections::BTreeMap;

use ovsdb::{Row, Tables, Value};
use uuid::Uuid;

use super::nodes::Nodes;
use super::row::{GATEWAY_CHASSIS, NAT, Owner, ROUTE, ROUTER, ROUTER_PORT, Target, identity};
use crate::Kind;
use crate::model::{FloatingIp, Gateway, Network, Port, RouterView, Subnet};

/// The identity of a router.
pub(super) fn router(router_id: &str) -> Uuid {
    identity(ROUTER, router_id)
}

/// The name of a router's end of a port.
pub(super) fn port_name(port_id: &str) -> String {
    format!("lrp-{port_id}")
}

/// The rows of a router. Without one: nothing is to be left of it. `macs` are the MAC addresses of the ports that hold
/// floating addresses.
pub(super) fn router_translate(
    target: &mut Target,
    tables: &Tables,
    nodes: &Nodes,
    router_id: &str,
    view: Option<&RouterView>,
    macs: &BTreeMap<String, String>,
) {
    let place = (ROUTER, router(router_id));
    target.other(ROUTER, place.1);
    for column in ["ports", "nat", "static_routes"] {
        target.others_linked(tables, place, column);
    }
    for port in tables.row(ROUTER, place.1).and_then(|row| row.set_uuid("ports").ok()).unwrap_or_default() {
        target.others_linked(tables, (ROUTER_PORT, port), "gateway_chassis");
    }
    let Some(view) = view else { return };
    let mut translation = Translation { target, nodes, view, owner: Owner::new(Kind::Router, router_id) };
    translation.router();
    translation.ports();
    if let Some(gateway) = &view.router.gateway {
        translation.default_routes(gateway);
        translation.source_nat(gateway);
    }
    for route in &view.router.routes {
        translation.route(&route.destination, &route.nexthop, false);
    }
    for (floating, port) in &view.floating_ips {
        translation.floating_ip(floating, port, macs);
    }
}

struct Translation<'a> {
    target: &'a mut Target,
    nodes: &'a Nodes,
    view: &'a RouterView,
    owner: Owner,
}

impl Translation<'_> {
    fn id(&self) -> &str {
        &self.view.router.standard.id
    }

    fn row(&mut self, table: &'static str, column: &'static str, key: &str, row: Row) -> Uuid {
        let from = (ROUTER, router(self.id()));
        let uuid = self.target.row(table, key, row);
        self.target.link(from, column, uuid);
        uuid
    }

    fn router(&mut self) {
        let router = &self.view.router;
        let ids = [
            ("neutron:router_name", router.standard.name.clone()),
            ("neutron:project_id", router.standard.project_id.clone()),
        ];
        // Neighbours are learnt when they are needed, not from every passing ARP request.
        let options = [("always_learn_from_arp_request", "false"), ("dynamic_neigh_routers", "true")];
        let row = Row::new()
            .with("name", format!("neutron-{}", router.standard.id))
            .with("enabled", router.admin_state_up)
            .with("options", Value::map(options))
            .with("external_ids", self.owner.external_ids(ids));
        self.target.row(ROUTER, &router.standard.id, row);
    }

    fn ports(&mut self) {
        let view = self.view;
        for port in &view.interfaces {
            self.port(port);
        }
        let Some(port) = &view.gateway else { return };
        let Some(uuid) = self.port(port) else { return };
        let network = view.networks.get(&port.network_id);
        let chosen = self.nodes.gateways(self.id(), network.and_then(|network| network.physical_network.as_deref()));
        for (chassis, priority) in chosen {
            let name = format!("{}_{chassis}", port_name(&port.standard.id));
            let row = Row::new()
                .with("name", name.as_str())
                .with("chassis_name", chassis)
                .with("priority", priority)
                .with("external_ids", self.owner.external_ids([]));
            let child = self.target.row(GATEWAY_CHASSIS, &name, row);
            self.target.link((ROUTER_PORT, uuid), "gateway_chassis", child);
        }
    }

    /// The router's end of a port; a port without an address has none.
    fn port(&mut self, port: &Port) -> Option<Uuid> {
        let view = self.view;
        let subnets: Vec<&Subnet> =
            port.fixed_ips.iter().filter_map(|fixed| view.subnets.get(&fixed.subnet_id)).collect();
        let networks: Vec<String> = port
            .fixed_ips
            .iter()
            .filter_map(|fixed| {
                let subnet = view.subnets.get(&fixed.subnet_id)?;
                Some(format!("{}/{}", fixed.ip_address, subnet.cidr.prefix_len()))
            })
            .collect();
        if networks.is_empty() {
            return None;
        }
        let subnet_ids: Vec<&str> = subnets.iter().map(|subnet| subnet.standard.id.as_str()).collect();
        let ids = [
            ("neutron:network_name", super::switch::switch_name(&port.network_id)),
            ("neutron:subnet_ids", subnet_ids.join(" ")),
        ];
        let name = port_name(&port.standard.id);
        let row = Row::new()
            .with("name", name.as_str())
            .with("mac", port.mac_address.as_str())
            .with("networks", Value::set(networks))
            .with("ipv6_ra_configs", advertisements(view.networks.get(&port.network_id), &subnets))
            .with("external_ids", self.owner.external_ids(ids));
        Some(self.row(ROUTER_PORT, "ports", &name, row))
    }

    fn default_routes(&mut self, gateway: &Gateway) {
        let view = self.view;
        for fixed in &gateway.fixed_ips {
            let outside = view.subnets.get(&fixed.subnet_id).and_then(|subnet| subnet.gateway_ip);
            let Some(outside) = outside else { continue };
            let prefix = if outside.is_ipv4() { "0.0.0.0/0" } else { "::/0" };
            self.route(prefix, &outside.to_string(), true);
        }
    }

    fn route(&mut self, prefix: &str, nexthop: &str, to_outside: bool) {
        let ids = to_outside.then(|| ("neutron:is_ext_gw", "true".to_owned()));
        let row = Row::new()
            .with("ip_prefix", prefix)
            .with("nexthop", nexthop)
            .with("external_ids", self.owner.external_ids(ids));
        let key = format!("{}/{prefix}/{nexthop}", self.id());
        self.row(ROUTE, "static_routes", &key, row);
    }

    /// The servers of every subnet behind the router get out with its address.
    fn source_nat(&mut self, gateway: &Gateway) {
        let view = self.view;
        let address = gateway.fixed_ips.iter().find(|fixed| fixed.ip_address.is_ipv4());
        let Some(address) = address.filter(|_| gateway.enable_snat) else { return };
        for fixed in view.interfaces.iter().flat_map(|port| &port.fixed_ips) {
            let Some(subnet) = view.subnets.get(&fixed.subnet_id).filter(|subnet| subnet.version() == 4) else {
                continue;
            };
            let row = Row::new()
                .with("type", "snat")
                .with("external_ip", address.ip_address.to_string())
                .with("logical_ip", subnet.cidr.trunc().to_string())
                .with("external_ids", self.owner.external_ids([]));
            let key = format!("{}/snat/{}", self.id(), subnet.cidr);
            self.row(NAT, "nat", &key, row);
        }
    }

    fn floating_ip(&mut self, floating: &FloatingIp, port: &Port, macs: &BTreeMap<String, String>) {
        let view = self.view;
        let Some(to) = &floating.target else { return };
        let ids = [
            ("neutron:fip_id", floating.standard.id.clone()),
            ("neutron:fip_port_id", to.port_id.clone()),
            ("neutron:fip_external_network_id", floating.network_id.clone()),
        ];
        let mut row = Row::new()
            .with("type", "dnat_and_snat")
            .with("external_ip", floating.address.to_string())
            .with("logical_ip", to.fixed_ip.to_string());
        // A node that is in the outside network itself answers there for its servers.
        let physical = view.networks.get(&floating.network_id).and_then(|network| network.physical_network.as_deref());
        let host = port.host.as_deref();
        let here = matches!((host, physical), (Some(host), Some(physical)) if self.nodes.reaches(host, physical));
        let mac = macs.get(&floating.holder_port_id).filter(|_| here);
        row.insert("external_mac", Value::set(mac));
        row.insert("logical_port", Value::set(mac.map(|_| &port.standard.id)));
        row.insert("external_ids", self.owner.external_ids(ids));
        self.row(NAT, "nat", &floating.standard.id, row);
    }
}

/// What the router says of itself in an IPv6 network.
fn advertisements(network: Option<&Network>, subnets: &[&Subnet]) -> Value {
    let mode = subnets.iter().filter(|subnet| subnet.version() == 6).find_map(|subnet| subnet.ipv6_ra_mode.as_deref());
    let Some(mode) = mode else { return Value::map([] as [(&str, &str); 0]) };
    let mut configs = vec![("address_mode", mode.replace('-', "_")), ("send_periodic", "true".to_owned())];
    configs.extend(network.map(|network| ("mtu", network.mtu.to_string())));
    Value::map(configs)
}
