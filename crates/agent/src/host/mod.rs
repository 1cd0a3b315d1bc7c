//! What the real drivers need on a host where no system manager provides it: Open vSwitch, OVN and libvirt as our own
//! daemons, in a network namespace of their own and driven through unix sockets.

pub mod children;
pub mod facts;
pub mod metadata_proxy;
pub mod namespace;

mod libvirtd;
mod openvswitch;
mod ovn;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use protocol::CpuSet;
use runtime::Runtime;

use crate::Drivers;
use crate::disks::{self, FileDisks};
use crate::hypervisor::libvirt::{self, Guests, Libvirt, VirtType};
use crate::layout::Layout;
use crate::ports::{self, OvsPorts};
use children::Children;
use namespace::Namespace;
use openvswitch::SwitchDir;

/// How long a guest may take to shut down in a soft reboot.
const REBOOT_GRACE: Duration = Duration::from_secs(60);

/// How long a daemon may take to stay up.
const SETTLE_LIMIT: Duration = Duration::from_secs(5);

/// What the daemons of a node are told at start.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where they keep everything. Sockets are in it, so its path must be shorter than 50 bytes or so.
    pub dir: PathBuf,
    /// The node's name, also OVN's of its chassis.
    pub host: String,
    /// The name of the network namespace that they run in.
    pub namespace: String,
    /// The name under which provider networks refer to `br-ex`.
    pub physical_network: String,
    /// The user that QEMU runs as: libvirt's package knows it.
    pub qemu_user: String,
    /// Whether to run OVN; without, the switch is on its own.
    pub ovn: bool,
    /// The processors that are set aside for guests which want processors of their own.
    pub dedicated_cpus: CpuSet,
    /// Whether guests have a screen by SPICE too. QEMU must be able to.
    pub spice: bool,
    /// What guests get that ask for nothing else.
    pub guests: Guests,
}

impl Options {
    /// The usual options of the node `host`.
    pub fn new(dir: impl Into<PathBuf>, host: &str, namespace: &str) -> Self {
        Self {
            dir: dir.into(),
            host: host.to_owned(),
            namespace: namespace.to_owned(),
            physical_network: "public".to_owned(),
            qemu_user: "libvirt-qemu".to_owned(),
            ovn: true,
            dedicated_cpus: CpuSet::default(),
            spice: false,
            guests: Guests::default(),
        }
    }
}

/// The running daemons of a node.
#[derive(Clone)]
pub struct Services {
    children: Children,
    options: Options,
    namespace: Namespace,
    switch_dir: SwitchDir,
    switch: String,
    libvirt_uri: String,
    layout: Layout,
}

impl Services {
    /// Has them running; those of an earlier process are taken over.
    pub async fn start(runtime: Runtime, options: Options) -> Result<Self> {
        let namespace = Namespace::named(&options.namespace);
        namespace.ensure()?;
        let switch_dir = SwitchDir::new(&options.dir.join("switch"))?;
        let children = Children::new(runtime, options.dir.join("daemons"))?;
        if options.ovn {
            ovn::databases_start(&children, &switch_dir, &namespace)?;
        }
        let settings = ovn::settings(&switch_dir, &options.host, &options.physical_network);
        let bridges = ["br-int", "br-ex"];
        let switch = openvswitch::start(&children, &switch_dir, &namespace, &settings, &bridges).await?;
        if options.ovn {
            ovn::daemons_start(&children, &switch_dir, &namespace).await?;
        }
        let (libvirt_uri, layout) = libvirtd::start(&children, &options.dir, &namespace).await?;
        let services = Self { children, options, namespace, switch_dir, switch, libvirt_uri, layout };
        services.settled().await?;
        Ok(services)
    }

    /// Waits until every daemon lives. One that fell at its first step gets time to be started again.
    async fn settled(&self) -> Result<()> {
        let end = Instant::now() + SETTLE_LIMIT;
        while let Some((name, _)) = self.status().into_iter().find(|(_, alive)| !alive) {
            if Instant::now() > end {
                let log = self.options.dir.join("daemons").join(name).with_extension("log");
                self.stop().await?;
                bail!("{name} does not stay up: see {}", log.display());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Drivers on these daemons.
    pub fn drivers(&self, virt_type: VirtType) -> Result<Drivers> {
        let layout = self.layout.clone();
        let disks =
            FileDisks::new(&disks::Options { layout: layout.clone(), qemu_user: self.options.qemu_user.clone() })?;
        let hypervisor = Libvirt::new(self.libvirt_options(virt_type));
        let namespace = Some(self.namespace.clone());
        let ports = OvsPorts::new(ports::Options { database: self.switch.clone(), namespace })?;
        Ok(Drivers { hypervisor: Arc::new(hypervisor), disks: Arc::new(disks), ports: Arc::new(ports) })
    }

    fn libvirt_options(&self, virt_type: VirtType) -> libvirt::Options {
        libvirt::Options {
            uri: self.libvirt_uri.clone(),
            layout: self.layout.clone(),
            virt_type,
            reboot_grace: REBOOT_GRACE,
            dedicated_cpus: self.options.dedicated_cpus.clone(),
            spice: self.options.spice,
            guests: self.options.guests.clone(),
        }
    }

    /// The address of the switch's database.
    pub fn switch(&self) -> &str {
        &self.switch
    }

    /// The address of OVN's northbound database.
    pub fn northbound(&self) -> String {
        self.switch_dir.socket("nb.sock")
    }

    /// The address of OVN's southbound database.
    pub fn southbound(&self) -> String {
        self.switch_dir.socket("sb.sock")
    }

    /// Where libvirt listens.
    pub fn libvirt_uri(&self) -> &str {
        &self.libvirt_uri
    }

    /// Where the node's disks and sockets are.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The network namespace that the daemons run in.
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// Has guests on this node find control's metadata service at its well-known address. Needs OVN.
    pub async fn metadata_start(&self, runtime: &Runtime, url: &str, secret: &str) -> Result<()> {
        let options = metadata_proxy::Options {
            switch: self.switch.clone(),
            southbound: self.southbound(),
            namespace: self.namespace.clone(),
            url: url.to_owned(),
            secret: secret.to_owned(),
        };
        metadata_proxy::start(runtime, options).await
    }

    /// The daemons, and whether each lives.
    pub fn status(&self) -> Vec<(&'static str, bool)> {
        self.children.status()
    }

    /// Has `br-ex` up with this address (`172.24.4.1/24`): the host's end of the provider network.
    pub fn external_address_ensure(&self, address: &str) -> Result<()> {
        self.namespace.ip(&["address", "replace", address, "dev", "br-ex"])?;
        self.namespace.ip(&["link", "set", "dev", "br-ex", "up"])
    }

    /// Switches all guests off, stops the daemons and removes the namespace: nothing is left running.
    pub async fn stop(&self) -> Result<()> {
        if let Err(problem) = Libvirt::new(self.libvirt_options(VirtType::Qemu)).servers_off().await {
            tracing::warn!(%problem, "guests may still run");
        }
        self.children.stop().await;
        metadata_proxy::namespaces_remove(&self.namespace)?;
        self.namespace.remove().context("the network namespace stays")
    }
}
