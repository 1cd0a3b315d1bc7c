//! OVN: its two databases, what translates between them, and what programs the node's switch.

use std::time::Duration;

use anyhow::{Context as _, Result};
use ovsdb::{Client, MonitorRequest};

use super::children::Children;
use super::namespace::Namespace;
use super::openvswitch::SwitchDir;

/// How long `ovn-northd` may take to come to life.
const TRANSLATED_LIMIT: Duration = Duration::from_secs(10);

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
///
/// `ovn-controller` 23.03 falls over a southbound database without its one global row, so it waits for `ovn-northd` to
/// have made it.
pub(super) async fn daemons_start(children: &Children, dir: &SwitchDir, namespace: &Namespace) -> Result<()> {
    let southbound = dir.socket("sb.sock");
    let (north, south) = (format!("--ovnnb-db={}", dir.socket("nb.sock")), format!("--ovnsb-db={southbound}"));
    children.start(dir.daemon("ovn-northd", namespace, &["ovn-northd", &north, &south]))?;
    let client = Client::connect(&southbound)?;
    let mut monitor = client.monitor(MonitorRequest::new("OVN_Southbound").table("SB_Global", &["nb_cfg"])).await?;
    let made = monitor.wait_for(|tables| tables.len("SB_Global") > 0);
    drop(tokio::time::timeout(TRANSLATED_LIMIT, made).await.context("ovn-northd does nothing")??);
    children.start(dir.daemon("ovn-controller", namespace, &["ovn-controller", &dir.socket("db.sock")]))
}
