use std::sync::Arc;

use async_trait::async_trait;
use ovsdb::Client;
use protocol::{Problem, ServerPort, ServerSpec};
use tokio::process::Command;

use super::Ports;
use super::switch::{Switch, SwitchPort};
use crate::host::namespace::Namespace;
use crate::tools;

/// The bridge that OVN programs.
const BRIDGE: &str = "br-int";

/// What the Open vSwitch driver is told at start.
#[derive(Debug, Clone)]
pub struct Options {
    /// The switch's database, for example `unix:/run/openvswitch/db.sock`.
    pub database: String,
    /// The network namespace that the switch runs in, if not ours.
    pub namespace: Option<Namespace>,
}

/// Taps in Open vSwitch, bound by OVN.
#[derive(Clone)]
pub struct OvsPorts(Arc<Inner>);

struct Inner {
    switch: Switch,
    namespace: Option<Namespace>,
}

impl OvsPorts {
    /// The driver; the switch is connected to in the background.
    pub fn new(options: Options) -> Result<Self, ovsdb::Error> {
        let switch = Switch(Client::connect(&options.database)?);
        Ok(Self(Arc::new(Inner { switch, namespace: options.namespace })))
    }

    /// `ip`, in the switch's namespace.
    fn ip(&self) -> Command {
        let mut command = Command::new("ip");
        if let Some(namespace) = &self.0.namespace {
            command.args(["-n", namespace.name()]);
        }
        command
    }

    async fn device_exists(&self, tap: &str) -> bool {
        tools::run(self.ip().args(["link", "show", "dev", tap]), tools::SHORT).await.is_ok()
    }

    async fn tap_ensure(&self, tap: &str, mtu: u32) -> Result<(), Problem> {
        if !self.device_exists(tap).await {
            tools::run(self.ip().args(["tuntap", "add", "dev", tap, "mode", "tap"]), tools::SHORT).await?;
        }
        // The host has no business on the guest's network: no address of its own, so that it says nothing there.
        let set = ["link", "set", "dev", tap, "addrgenmode", "none", "mtu", &mtu.to_string(), "up"];
        tools::run(self.ip().args(set), tools::SHORT).await.map(drop)
    }

    async fn tap_delete(&self, tap: &str) -> Result<(), Problem> {
        if !self.device_exists(tap).await {
            return Ok(());
        }
        tools::run(self.ip().args(["link", "delete", "dev", tap]), tools::SHORT).await.map(drop)
    }
}

#[async_trait]
impl Ports for OvsPorts {
    async fn ports_plug(&self, server: &ServerSpec) -> Result<(), Problem> {
        let switch = &self.0.switch;
        for port in &server.ports {
            self.tap_ensure(&port.tap_name(), port.mtu).await?;
            switch.port_ensure(BRIDGE, &switch_port(server, port)).await.map_err(failed)?;
        }
        if !server.ports.is_empty() && !switch.settled().await.map_err(failed)? {
            return Err(Problem::Temporary("Open vSwitch does not take the server's ports in time".to_owned()));
        }
        for port in &server.ports {
            if let Some(error) = switch.port_error(&port.tap_name()).await.map_err(failed)? {
                return Err(Problem::Temporary(format!("Open vSwitch does not take {}: {error}", port.tap_name())));
            }
        }
        Ok(())
    }

    async fn port_unplug(&self, tap: &str) -> Result<(), Problem> {
        self.0.switch.ports_remove(&[tap.to_owned()]).await.map_err(failed)?;
        self.tap_delete(tap).await
    }

    async fn ports_unplug(&self, server_id: &str, taps: &[String]) -> Result<(), Problem> {
        let switch = &self.0.switch;
        let mut all = switch.ports_with("vm-id", server_id).await.map_err(failed)?;
        // What control names must look like a tap: nothing else of the host is taken away.
        all.extend(taps.iter().filter(|tap| tap.starts_with("tap") && !tap.contains('/')).cloned());
        all.sort();
        all.dedup();
        switch.ports_remove(&all).await.map_err(failed)?;
        for tap in &all {
            self.tap_delete(tap).await?;
        }
        Ok(())
    }
}

/// The port as OVN finds it, and as we find it again after a restart.
fn switch_port(server: &ServerSpec, port: &ServerPort) -> SwitchPort {
    SwitchPort {
        name: port.tap_name(),
        external_ids: vec![
            ("iface-id", port.id.clone()),
            ("iface-status", "active".to_owned()),
            ("attached-mac", port.mac_address.clone()),
            ("vm-id", server.id.clone()),
            ("network-id", port.network_id.clone()),
        ],
    }
}

fn failed(error: ovsdb::Error) -> Problem {
    Problem::Temporary(format!("Open vSwitch: {error}"))
}
