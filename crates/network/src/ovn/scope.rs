//! Which things a change touches, and what all of them should be.

use std::collections::{BTreeMap, BTreeSet};

use ovsdb::Tables;

use super::nodes::Nodes;
use super::row::{DHCP_OPTIONS, NAT, Owner, PORT_GROUP, Place, Target};
use super::{dhcp, group, router, switch};
use crate::model::{DISTRIBUTED, Model, NetworkView, Port, PortView, ROUTER_GATEWAY, ROUTER_INTERFACE, RouterView};
use crate::{Change, Kind};

/// Things by id.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Scope {
    /// Networks with their subnets and ports.
    pub(super) networks: BTreeSet<String>,
    /// Also the routers at these networks.
    pub(super) routers_at_networks: bool,
    /// Subnets, with their network if it is known.
    pub(super) subnets: BTreeMap<String, Option<String>>,
    pub(super) ports: BTreeSet<String>,
    pub(super) routers: BTreeSet<String>,
    pub(super) groups: BTreeSet<String>,
    /// Rows that must prove that they should be.
    pub(super) suspects: BTreeSet<Place>,
}

impl Scope {
    /// What the changes touch.
    pub(super) fn of_changes(changes: &[Change]) -> Self {
        let mut scope = Self { routers_at_networks: true, ..Self::default() };
        for change in changes {
            scope.add(change.kind, &change.id, change.parent.as_deref());
        }
        scope
    }

    /// Adds a thing.
    pub(super) fn add(&mut self, kind: Kind, id: &str, parent: Option<&str>) {
        let id = id.to_owned();
        match kind {
            Kind::Network => drop(self.networks.insert(id)),
            Kind::Subnet => drop(self.subnets.insert(id, parent.map(str::to_owned))),
            Kind::Port => drop(self.ports.insert(id)),
            Kind::Router => drop(self.routers.insert(id)),
            Kind::SecurityGroup => drop(self.groups.insert(id)),
        }
    }

    /// Reads the things and says what should be of them in OVN. `tables` must have been taken before: what another
    /// process writes meanwhile then makes our transaction fail, and never the other way round.
    pub(super) async fn load(mut self, model: &Model, tables: &Tables, nodes: &Nodes) -> db::Result<Target> {
        let mut target = Target { others: self.suspects.clone(), ..Target::default() };
        group::drop_translate(&mut target, tables);
        self.subnets_resolve(&mut target, tables);
        let ports = if self.ports.is_empty() { Vec::new() } else { model.ports(&list(&self.ports)).await? };
        self.networks.extend(ports.iter().filter(|view| needs_whole_network(tables, view)).map(network_of));
        let networks =
            if self.networks.is_empty() { Vec::new() } else { model.networks(&list(&self.networks)).await? };
        self.networks_translate(&mut target, tables, &networks);
        self.ports_translate(&mut target, tables, &ports);
        let everyone = networks.iter().flat_map(|view| &view.ports).chain(ports.iter().map(|view| &view.port));
        for port in everyone {
            self.port_follow(tables, port);
        }
        self.routers_of_floating_ports(tables);
        self.routers_translate(&mut target, model, tables, nodes).await?;
        if !self.groups.is_empty() {
            let views = model.security_groups(&list(&self.groups)).await?;
            for id in &self.groups {
                let view = views.iter().find(|view| view.group.standard.id == *id);
                group::group_translate(&mut target, tables, id, view.map(|view| &view.group));
            }
        }
        Ok(target)
    }

    /// A subnet is looked at together with its network.
    fn subnets_resolve(&mut self, target: &mut Target, tables: &Tables) {
        for (subnet, network) in &self.subnets {
            let uuid = dhcp::subnet_options(subnet);
            target.other(DHCP_OPTIONS, uuid);
            let row = tables.row(DHCP_OPTIONS, uuid);
            let noted = || row?.map_value("external_ids", "neutron:network_id").ok()?.map(str::to_owned);
            self.networks.extend(network.clone().or_else(noted));
        }
    }

    fn networks_translate(&self, target: &mut Target, tables: &Tables, views: &[NetworkView]) {
        for id in &self.networks {
            let view = views.iter().find(|view| view.network.standard.id == *id);
            switch::network_translate(target, id, view.map(|view| &view.network));
            let Some(view) = view else { continue };
            for subnet in &view.subnets {
                dhcp::subnet_translate(target, view, subnet);
            }
            for port in &view.ports {
                let subnets: Vec<_> = view.subnets.iter().collect();
                switch::port_translate(target, tables, port, &view.network, &subnets);
            }
        }
    }

    fn ports_translate(&self, target: &mut Target, tables: &Tables, views: &[PortView]) {
        for id in &self.ports {
            switch::port_gone(target, id);
        }
        for view in views.iter().filter(|view| !self.networks.contains(&view.port.network_id)) {
            switch::network_translate(target, &view.port.network_id, Some(&view.network));
            let subnets: Vec<_> = view.subnets.iter().collect();
            switch::port_translate(target, tables, &view.port, &view.network, &subnets);
        }
    }

    /// What else a port draws in: groups that are not in OVN yet, and a router.
    fn port_follow(&mut self, tables: &Tables, port: &Port) {
        let missing = |id: &&String| tables.row(PORT_GROUP, group::port_group(id)).is_none();
        self.groups.extend(port.security_groups.iter().filter(missing).cloned());
        if self.routers_at_networks && [ROUTER_INTERFACE, ROUTER_GATEWAY].contains(&port.device_owner.as_str()) {
            self.routers.insert(port.device_id.clone());
        }
    }

    /// How a floating IP is made depends on the node that its port is on.
    fn routers_of_floating_ports(&mut self, tables: &Tables) {
        if self.ports.is_empty() {
            return;
        }
        for (_, row) in tables.rows(NAT) {
            let port = row.map_value("external_ids", "neutron:fip_port_id").ok().flatten();
            if port.is_some_and(|port| self.ports.contains(port))
                && let Some(Some(Owner::Thing(Kind::Router, id))) = Owner::of(row)
            {
                self.routers.insert(id);
            }
        }
    }

    async fn routers_translate(
        &self,
        target: &mut Target,
        model: &Model,
        tables: &Tables,
        nodes: &Nodes,
    ) -> db::Result<()> {
        if self.routers.is_empty() {
            return Ok(());
        }
        let views = model.routers(&list(&self.routers)).await?;
        let macs = if nodes.0.is_empty() { BTreeMap::new() } else { holders(model, &views).await? };
        for id in &self.routers {
            let view = views.iter().find(|view| view.router.standard.id == *id);
            router::router_translate(target, tables, nodes, id, view, &macs);
        }
        Ok(())
    }
}

fn list(ids: &BTreeSet<String>) -> Vec<String> {
    ids.iter().cloned().collect()
}

fn network_of(view: &PortView) -> String {
    view.port.network_id.clone()
}

/// The DHCP options name the metadata port's address, and must be there before a port can refer to them.
fn needs_whole_network(tables: &Tables, view: &PortView) -> bool {
    let missing = |id: &str| tables.row(DHCP_OPTIONS, dhcp::subnet_options(id)).is_none();
    let served = view.subnets.iter().filter(|subnet| dhcp::is_served(subnet));
    view.port.device_owner == DISTRIBUTED || served.map(|subnet| subnet.standard.id.as_str()).any(missing)
}

/// The MAC addresses of the ports that hold floating addresses, by port.
async fn holders(model: &Model, views: &[RouterView]) -> db::Result<BTreeMap<String, String>> {
    let floating = views.iter().flat_map(|view| &view.floating_ips);
    let ids: Vec<String> = floating.map(|(floating, _)| floating.holder_port_id.clone()).collect();
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let ports = model.ports(&ids).await?;
    Ok(ports.into_iter().map(|view| (view.port.standard.id, view.port.mac_address)).collect())
}
