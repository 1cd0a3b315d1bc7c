//! OVN: its two databases, what translates between them, and what programs the node's switch.

use anyhow::Result;

use super::children::Children;
use super::namespace::Namespace;
use super::openvswitch::SwitchDir;

/// Where the schemas are.
const NORTHBOUND_SCHEMA: &str = "/usr/share/ovn/ovn-nb.ovsschema";
const SOUTHBOUND_SCHEMA: &str = "/usr/share/ovn/ovn-sb.ovsschema";

/// What the switch's database tells `ovn-controller` of a node.
pub(super) fn settings(dir: &SwitchDir, host: &str, physical_network: &str) -> Vec<(&'static str, String)> {
    vec![
        ("system-id", host.to_owned()),
        ("hostname", host.to_owned()),
        ("ovn-remote", dir.socket("sb.sock")),
        ("ovn-encap-type", "geneve".to_owned()),
        ("ovn-encap-ip", "127.0.0.1".to_owned()),
        ("ovn-bridge-datapath-type", "netdev".to_owned()),
        ("ovn-bridge-mappings", format!("{physical_network}:br-ex")),
    ]
}

/// Starts the databases; the switch's settings name them.
pub(super) fn databases_start(children: &Children, dir: &SwitchDir, namespace: &Namespace) -> Result<()> {
    children.start(dir.database("nb", NORTHBOUND_SCHEMA, &["nb.sock"], namespace)?)?;
    children.start(dir.database("sb", SOUTHBOUND_SCHEMA, &["sb.sock"], namespace)?)
}

/// Starts the translation and the node's controller.
pub(super) fn daemons_start(children: &Children, dir: &SwitchDir, namespace: &Namespace) -> Result<()> {
    let (north, south) =
        (format!("--ovnnb-db={}", dir.socket("nb.sock")), format!("--ovnsb-db={}", dir.socket("sb.sock")));
    children.start(dir.daemon("ovn-northd", namespace, &["ovn-northd", &north, &south]))?;
    children.start(dir.daemon("ovn-controller", namespace, &["ovn-controller", &dir.socket("db.sock")]))
}
