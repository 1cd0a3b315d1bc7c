//! The way from guests to control's metadata service.
//!
//! Every network that has a server on this node gets a network namespace with the well-known address, joined to the
//! integration bridge as OVN's port `meta-NETWORK`, which every node has for itself. What guests ask there goes on to
//! control with the guest's address and network, signed so that control believes nobody else.

mod forward;

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use ovsdb::{Client, Condition, Monitor, MonitorRequest};
use runtime::Runtime;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::namespace::Namespace;
use crate::ports::switch::{DATABASE, Switch, SwitchPort};
use forward::Forward;

/// Where guests ask.
const ADDRESS: &str = "169.254.169.254";
/// How often a network is tried again that OVN does not have yet.
const RETRY: Duration = Duration::from_millis(500);
/// The external id by which the proxies' own ports are found again.
const OWN: &str = "metadata-network";

/// What the proxy is told at start.
#[derive(Debug, Clone)]
pub struct Options {
    /// The address of the switch's database.
    pub switch: String,
    /// The address of OVN's southbound database.
    pub southbound: String,
    /// Where the switch runs.
    pub namespace: Namespace,
    /// Control's metadata service: paths are added to it.
    pub url: String,
    /// What control and we know, to sign with.
    pub secret: String,
}

/// Starts the proxy; it runs until the runtime's tasks stop.
pub async fn start(runtime: &Runtime, options: Options) -> Result<()> {
    let switch = Client::connect(&options.switch)?;
    let request = MonitorRequest::new(DATABASE).table("Interface", &["name", "external_ids"]);
    let interfaces = switch.monitor(request).await.context("the switch's database cannot be watched")?;
    let proxy = Proxy {
        switch: Switch(switch),
        southbound: Client::connect(&options.southbound)?,
        forward: Arc::new(Forward::new(options.url, options.secret)),
        namespace: options.namespace,
        runtime: runtime.clone(),
        listening: BTreeMap::new(),
    };
    runtime.tasks.spawn_until_stop("metadata proxy", proxy.run(interfaces));
    Ok(())
}

/// Removes the namespaces that proxies on the switch in `namespace` have.
pub(super) fn namespaces_remove(namespace: &Namespace) -> Result<()> {
    let prefix = format!("{}-meta-", namespace.name());
    for entry in std::fs::read_dir("/run/netns").context("cannot list network namespaces")? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.starts_with(&prefix) {
            Namespace::named(&name).remove()?;
        }
    }
    Ok(())
}

struct Proxy {
    switch: Switch,
    southbound: Client,
    forward: Arc<Forward>,
    namespace: Namespace,
    runtime: Runtime,
    /// The networks that are served, each until its guard is dropped.
    listening: BTreeMap<String, DropGuard>,
}

impl Proxy {
    async fn run(mut self, mut interfaces: Monitor) {
        loop {
            let (wanted, own) = networks(&interfaces);
            let mut pending = false;
            for network in &wanted {
                if !self.listening.contains_key(network) {
                    pending |= !self.network_start(network).await;
                }
            }
            for network in own.iter().filter(|network| !wanted.contains(*network)) {
                self.network_stop(network).await;
            }
            let watched = match pending {
                true => tokio::time::timeout(RETRY, interfaces.changed()).await.unwrap_or(Ok(())),
                false => interfaces.changed().await,
            };
            if watched.is_err() {
                return;
            }
        }
    }

    /// Tells whether the network is served now.
    async fn network_start(&mut self, network: &str) -> bool {
        match self.network_serve(network).await {
            Ok(true) => {
                tracing::info!(network, "guests of this network find their metadata");
                true
            }
            Ok(false) => false,
            Err(error) => {
                tracing::warn!(network, error = format!("{error:#}"), "guests of this network have no metadata yet");
                false
            }
        }
    }

    async fn network_serve(&mut self, network: &str) -> Result<bool> {
        let Some(mac) = self.port_mac(network).await? else { return Ok(false) };
        let plan = Plan::new(&self.namespace, network);
        let listener = tokio::task::spawn_blocking({
            let plan = plan.clone();
            move || plan.build(&mac)
        })
        .await??;
        let port = SwitchPort {
            name: plan.device,
            external_ids: vec![("iface-id", format!("meta-{network}")), (OWN, network.to_owned())],
        };
        self.switch.port_ensure("br-int", &port).await?;
        let stop = CancellationToken::new();
        let serving = Arc::clone(&self.forward).serve(tokio::net::TcpListener::from_std(listener)?, network.to_owned());
        self.listening.insert(network.to_owned(), stop.clone().drop_guard());
        self.runtime.tasks.spawn_until_stop("metadata listener", async move {
            let _ended = stop.run_until_cancelled(serving).await;
        });
        Ok(true)
    }

    /// The MAC address of the network's metadata port, if OVN has it.
    async fn port_mac(&self, network: &str) -> Result<Option<String>> {
        let named = [Condition::equal("logical_port", format!("meta-{network}"))];
        let rows = self.southbound.select("OVN_Southbound", "Port_Binding", named, &["mac"]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        Ok(row.set_string("mac")?.first().and_then(|mac| mac.split(' ').next()).map(str::to_owned))
    }

    async fn network_stop(&mut self, network: &str) {
        drop(self.listening.remove(network));
        let plan = Plan::new(&self.namespace, network);
        if let Err(error) = self.switch.ports_remove(std::slice::from_ref(&plan.device)).await {
            tracing::warn!(network, %error, "a metadata port could not be removed");
            return;
        }
        let removed = tokio::task::spawn_blocking(move || plan.namespace.remove()).await;
        if let Ok(Err(error)) = removed {
            tracing::warn!(network, error = format!("{error:#}"), "a metadata namespace could not be removed");
        }
    }
}

/// The networks that have a server here, and those that have a metadata port here.
fn networks(interfaces: &Monitor) -> (BTreeSet<String>, BTreeSet<String>) {
    let tables = interfaces.tables();
    let (mut wanted, mut own) = (BTreeSet::new(), BTreeSet::new());
    for (_, row) in tables.rows("Interface") {
        let id = |key| row.map_value("external_ids", key).ok().flatten();
        if let (Some(_), Some(network)) = (id("vm-id"), id("network-id")) {
            wanted.insert(network.to_owned());
        }
        own.extend(id(OWN).map(str::to_owned));
    }
    (wanted, own)
}

/// How a network's namespace hangs on the switch: by a pair of devices, of which the switch reads one.
#[derive(Debug, Clone)]
struct Plan {
    switch: Namespace,
    namespace: Namespace,
    device: String,
}

impl Plan {
    fn new(switch: &Namespace, network: &str) -> Self {
        let short = |length| network.chars().take(length).collect::<String>();
        Self {
            switch: switch.clone(),
            namespace: Namespace::named(&format!("{}-meta-{}", switch.name(), short(13))),
            // A device's name has 15 characters at most.
            device: format!("meta-{}", short(10)),
        }
    }

    /// Has the devices there and listens at the address.
    fn build(&self, mac: &str) -> Result<TcpListener> {
        let (switch, inside) = (&self.switch, &self.namespace);
        inside.ensure()?;
        if switch.ip(&["link", "show", "dev", &self.device]).is_err() {
            let pair = ["link", "add", &self.device, "type", "veth", "peer", "name", "eth0", "netns", inside.name()];
            switch.ip(&pair)?;
        }
        switch.ip(&["link", "set", "dev", &self.device, "addrgenmode", "none", "up"])?;
        inside.ip(&["link", "set", "dev", "eth0", "address", mac, "up"])?;
        inside.ip(&["address", "replace", &format!("{ADDRESS}/32"), "dev", "eth0"])?;
        inside.ip(&["route", "replace", "default", "dev", "eth0"])?;
        inside.run(|| {
            // The switch takes packets as they are: their checksums must be complete.
            let output = std::process::Command::new("ethtool").args(["-K", "eth0", "tx", "off"]).output();
            let output = output.context("cannot run ethtool")?;
            anyhow::ensure!(output.status.success(), "ethtool: {}", crate::tools::complaint(&output));
            let listener = TcpListener::bind((ADDRESS, 80)).context("cannot listen for guests")?;
            listener.set_nonblocking(true)?;
            Ok(listener)
        })
    }
}
