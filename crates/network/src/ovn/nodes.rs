//! What the southbound database tells of the nodes and of the ports on them.

use std::collections::{BTreeMap, BTreeSet};

use ovsdb::{MonitorRequest, Tables};
use uuid::Uuid;

/// At most so many nodes stand ready for a router's way out, as OVN recommends.
const GATEWAYS: usize = 5;

/// The database of the nodes.
pub(super) const SOUTHBOUND: &str = "OVN_Southbound";

const CHASSIS: &str = "Chassis";
const CHASSIS_PRIVATE: &str = "Chassis_Private";
const PORT_BINDING: &str = "Port_Binding";

/// What we read.
pub(super) fn request() -> MonitorRequest {
    MonitorRequest::new(SOUTHBOUND)
        .table(CHASSIS, &["name", "hostname", "other_config", "external_ids"])
        .table(CHASSIS_PRIVATE, &["name", "nb_cfg"])
        .table(PORT_BINDING, &["logical_port", "type", "chassis", "up"])
}

/// The nodes that OVN runs on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Nodes(pub(super) Vec<Node>);

/// A node that OVN runs on, as it says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Node {
    /// The name in OVN.
    pub(super) chassis: String,
    /// The host name.
    pub(super) host: String,
    /// The nodes' networks that it is in.
    pub(super) physical_networks: BTreeSet<String>,
    /// Whether it was chosen by the operator to be routers' way out.
    pub(super) is_gateway: bool,
}

impl Nodes {
    /// Reads them.
    pub(super) fn new(tables: &Tables) -> Self {
        let mut nodes: Vec<Node> = tables
            .rows(CHASSIS)
            .filter_map(|(_, row)| {
                // Older OVN writes its settings to the other column.
                let setting = |name: &str| {
                    let of = |column| row.map_value(column, name).ok().flatten();
                    of("other_config").or_else(|| of("external_ids")).unwrap_or_default()
                };
                let chassis = row.string("name").ok()?.to_owned();
                Some(Node {
                    host: row.string("hostname").unwrap_or_default().to_owned(),
                    physical_networks: setting("ovn-bridge-mappings")
                        .split(',')
                        .filter_map(|mapping| Some(mapping.split_once(':')?.0.trim().to_owned()))
                        .collect(),
                    is_gateway: setting("ovn-cms-options")
                        .split(',')
                        .any(|option| option.trim() == "enable-chassis-as-gw"),
                    chassis,
                })
            })
            .collect();
        nodes.sort_by(|a, b| a.chassis.cmp(&b.chassis));
        Self(nodes)
    }

    /// Whether the host is in the physical network.
    pub(super) fn reaches(&self, host: &str, physical_network: &str) -> bool {
        let here = |node: &&Node| node.host == host || node.chassis == host;
        self.0.iter().find(here).is_some_and(|node| node.physical_networks.contains(physical_network))
    }

    /// The nodes that are a router's way out into the physical network, with their priorities. Routers are spread over
    /// the nodes, and when nodes come or go few of them move.
    pub(super) fn gateways(&self, router_id: &str, physical_network: Option<&str>) -> Vec<(&str, i64)> {
        let Some(physical_network) = physical_network else { return Vec::new() };
        let connected = || self.0.iter().filter(|node| node.physical_networks.contains(physical_network));
        let mut nodes: Vec<&Node> = connected().filter(|node| node.is_gateway).collect();
        if nodes.is_empty() {
            nodes = connected().collect();
        }
        let weight =
            |node: &&Node| Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{router_id}/{}", node.chassis).as_bytes());
        nodes.sort_by_key(weight);
        nodes.truncate(GATEWAYS);
        (1..=nodes.len()).rev().zip(nodes).map(|(priority, node)| (node.chassis.as_str(), priority as i64)).collect()
    }
}

/// The nodes that the ports are on, by name; `ports` are names in the southbound database.
pub(super) fn nodes_of_ports(tables: &Tables, ports: &BTreeSet<String>) -> BTreeSet<String> {
    let here =
        tables.rows(PORT_BINDING).filter(|(_, row)| row.string("logical_port").is_ok_and(|name| ports.contains(name)));
    let nodes = here.filter_map(|(_, row)| tables.row(CHASSIS, row.optional_uuid("chassis").ok()??));
    nodes.filter_map(|node| node.string("name").ok().map(str::to_owned)).collect()
}

/// The number of the northbound database's state that the node carries out; the greatest of all for a node that is
/// gone.
pub(super) fn node_answered(tables: &Tables, node: &str) -> i64 {
    let row = tables.find(CHASSIS_PRIVATE, "name", node);
    row.map_or(i64::MAX, |(_, row)| row.integer("nb_cfg").unwrap_or_default())
}

/// Whether ports are wired, by the name of the port: those that a node takes, not those that are everywhere.
pub(super) fn port_states(tables: &Tables) -> BTreeMap<String, bool> {
    tables
        .rows(PORT_BINDING)
        .filter_map(|(_, row)| {
            let name = row.string("logical_port").ok()?;
            Uuid::try_parse(name).ok().filter(|_| row.string("type") == Ok(""))?;
            let bound = row.optional_uuid("chassis").ok()?.is_some();
            Some((name.to_owned(), bound && row.optional_bool("up").ok()? == Some(true)))
        })
        .collect()
}
