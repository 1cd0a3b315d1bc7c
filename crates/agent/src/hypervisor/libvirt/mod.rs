//! Servers as domains of libvirt, run by QEMU.

mod connection;
mod copy;
mod define;
mod diagnostics;
mod domain;
mod domain_xml;
mod events;
mod guests;
mod network_cards;
mod power;
mod raw;
mod topology;
mod traits;
mod virt_type;
mod xml;

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use protocol::numa::Host;
use protocol::{
    ConsoleKind, CpuSet, Diagnostics, PowerState, Problem, RebootKind, ServerPort, ServerReport, ServerSpec,
};
use tokio::sync::broadcast;
use tokio::time::Instant;
use virt::domain::Domain;
use virt::sys;

use super::{Hypervisor, NodeInfo, lines_last};
use crate::host::facts;
use crate::layout::{Layout, ServerFile};
use connection::{Connection, problem};
use domain::{destroy, domain_of, is_active, is_ours, power_state};
pub use domain_xml::{check, guest};
pub use guests::{CacheMode, CpuMode, Discard, Guests};
pub use virt_type::VirtType;

/// How often a guest that shuts down is looked at, beside libvirt's events.
const SHUTDOWN_LOOK: Duration = Duration::from_secs(1);
/// How often its power button is pressed: a guest that is still booting does not feel the first time.
const SHUTDOWN_REPEAT: Duration = Duration::from_secs(5);
/// How long a guest may take to let go of a network card, and how often it is looked at and asked.
const DETACH_LIMIT: Duration = Duration::from_secs(60);
const DETACH_LOOK: Duration = Duration::from_millis(250);
const DETACH_REPEAT: Duration = Duration::from_secs(5);
/// The most that is given of a console's output.
const CONSOLE_LIMIT: u64 = 1 << 20;

/// What the libvirt driver is told at start.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where libvirt listens, for example `qemu:///system`.
    pub uri: String,
    /// Where disks and sockets are.
    pub layout: Layout,
    /// How processors are made.
    pub virt_type: VirtType,
    /// How long a guest may take to shut down in a soft reboot before it is forced.
    pub reboot_grace: Duration,
    /// The host's processors that are for guests which want processors of their own, and for no others.
    pub dedicated_cpus: CpuSet,
    /// Whether guests have a screen by SPICE beside that by VNC.
    pub spice: bool,
    /// What guests get that ask for nothing else.
    pub guests: Guests,
}

/// The hypervisor behind libvirt.
#[derive(Clone)]
pub struct Libvirt {
    options: Options,
    connection: Connection,
}

impl Libvirt {
    /// The driver; libvirt is connected to when it is needed.
    pub fn new(options: Options) -> Self {
        Self { connection: Connection::new(&options.uri), options }
    }

    /// Does `work` with the domain of a server.
    async fn domain<T: Send + 'static>(
        &self,
        id: &str,
        work: impl FnOnce(&Domain) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let id = id.to_owned();
        self.connection.run(move |connection| work(&domain_of(connection, &id)?)).await
    }

    /// Has the domain defined as the server is given, and running.
    async fn define_start(&self, server: &ServerSpec) -> Result<(), Problem> {
        let (options, server) = (self.options.clone(), server.clone());
        self.connection
            .run(move |connection| {
                match domain_of(connection, &server.id) {
                    Ok(domain) if is_active(&domain)? => return Ok(()),
                    Ok(_) | Err(Problem::NotFound) => {}
                    Err(other) => return Err(other),
                }
                let domain = define::define(connection, &options, &server)?;
                // What may be left of a suspended guest's memory does not fit a machine that is started anew.
                let started = domain.create_with_flags(sys::VIR_DOMAIN_START_FORCE_BOOT);
                started.map_err(|error| problem("the domain does not start", &error))
            })
            .await
    }

    /// Presses the power button until the domain is off or `grace` is over. Tells whether it is off.
    async fn shutdown(&self, id: &str, grace: Duration) -> Result<bool, Problem> {
        let mut changes = self.connection.changes();
        let (end, mut press) = (Instant::now() + grace, Instant::now());
        loop {
            let pressing = Instant::now() >= press;
            if pressing {
                press = Instant::now() + SHUTDOWN_REPEAT;
            }
            let off = self.domain(id, move |domain| {
                if !is_active(domain)? {
                    return Ok(true);
                }
                if pressing && let Err(error) = domain.shutdown_flags(sys::VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN) {
                    tracing::debug!(%error, "a power button cannot be pressed");
                }
                Ok(false)
            });
            if off.await? {
                return Ok(true);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(false);
            }
            // Whatever has changed, and if nothing: look again.
            drop(tokio::time::timeout(SHUTDOWN_LOOK.min(left), changes.recv()).await);
        }
    }

    /// Has the network card on that tap no more in the domain. A guest that is busy or still booting is asked again.
    async fn card_remove(&self, id: &str, tap: String) -> Result<(), Problem> {
        let (end, mut ask) = (Instant::now() + DETACH_LIMIT, Instant::now());
        loop {
            let asking = Instant::now() >= ask;
            if asking {
                ask = Instant::now() + DETACH_REPEAT;
            }
            let name = tap.clone();
            if self.domain(id, move |domain| network_cards::let_go(domain, &name, asking)).await? {
                return self.domain(id, move |domain| network_cards::forget(domain, &tap)).await;
            }
            if Instant::now() > end {
                let text = format!("the guest does not let go of the network card within {DETACH_LIMIT:?}");
                return Err(Problem::Temporary(text));
            }
            tokio::time::sleep(DETACH_LOOK).await;
        }
    }

    /// Has the server defined as it is given, without starting it. Says what libvirt has against it.
    pub async fn server_define(&self, server: &ServerSpec) -> Result<(), Problem> {
        let (options, server) = (self.options.clone(), server.clone());
        self.connection.run(move |connection| define::define(connection, &options, &server).map(drop)).await
    }

    /// Switches all servers off at once, by force. They stay defined.
    pub async fn servers_off(&self) -> Result<(), Problem> {
        for server in self.server_list().await? {
            match self.destroy(&server.id).await {
                Ok(()) | Err(Problem::NotFound) => {}
                Err(problem) => return Err(problem),
            }
        }
        Ok(())
    }

    async fn destroy(&self, id: &str) -> Result<(), Problem> {
        self.domain(id, destroy).await
    }
}

#[async_trait]
impl Hypervisor for Libvirt {
    async fn info(&self) -> Result<NodeInfo, Problem> {
        let options = self.options.clone();
        self.connection
            .run(move |connection| {
                let version = connection.hyp_version().map_err(|error| problem("QEMU has no version", &error))?;
                let host = topology::host(connection, &options.dedicated_cpus)?;
                let numa = Host { taken: topology::taken(connection)?, ..host };
                let facts = facts::read(options.layout.dir(), &numa)
                    .map_err(|error| Problem::Temporary(format!("{error:#}")))?;
                Ok(NodeInfo {
                    hypervisor_type: "QEMU".to_owned(),
                    hypervisor_version: version.into(),
                    cpu_info: facts.cpu_info,
                    resources: facts.resources,
                    traits: traits::traits(connection, &options, &numa, facts.cpu_traits)?,
                    numa,
                    uptime_seconds: facts.uptime_seconds,
                })
            })
            .await
    }

    async fn server_list(&self) -> Result<Vec<ServerReport>, Problem> {
        self.connection
            .run(|connection| {
                let list = |error| problem("the domains cannot be listed", &error);
                let mut servers = Vec::new();
                for domain in connection.list_all_domains(0).map_err(list)? {
                    // A domain may go while we look.
                    if let (true, Ok(id), Ok(power_state)) =
                        (is_ours(&domain), domain.uuid_string(), power_state(&domain))
                    {
                        servers.push(ServerReport { id, power_state });
                    }
                }
                Ok(servers)
            })
            .await
    }

    async fn server_state(&self, id: &str) -> Result<PowerState, Problem> {
        self.domain(id, power_state).await
    }

    async fn server_start(&self, server: &ServerSpec) -> Result<(), Problem> {
        self.define_start(server).await
    }

    async fn server_stop(&self, id: &str, grace: Duration) -> Result<(), Problem> {
        if self.shutdown(id, grace).await? {
            return Ok(());
        }
        tracing::info!(server = id, "the guest did not shut down in time: it is switched off");
        self.destroy(id).await
    }

    async fn server_reboot(&self, server: &ServerSpec, kind: RebootKind) -> Result<(), Problem> {
        // Started anew, the domain is as the server is now, not as it was when it started last.
        if kind == RebootKind::Hard || !self.shutdown(&server.id, self.options.reboot_grace).await? {
            self.destroy(&server.id).await?;
        }
        self.domain(&server.id, power::saved_forget).await?;
        self.define_start(server).await
    }

    async fn server_pause(&self, id: &str) -> Result<(), Problem> {
        self.domain(id, power::pause).await
    }

    async fn server_unpause(&self, id: &str) -> Result<(), Problem> {
        self.domain(id, power::unpause).await
    }

    async fn server_suspend(&self, id: &str) -> Result<(), Problem> {
        self.domain(id, power::suspend).await
    }

    async fn server_resume(&self, server: &ServerSpec) -> Result<(), Problem> {
        match self.domain(&server.id, power::resume).await {
            Ok(true) => Ok(()),
            Ok(false) | Err(Problem::NotFound) => self.define_start(server).await,
            Err(problem) => Err(problem),
        }
    }

    async fn server_crash_dump(&self, id: &str) -> Result<(), Problem> {
        self.domain(id, power::crash_dump).await
    }

    async fn server_diagnostics(&self, id: &str) -> Result<Diagnostics, Problem> {
        let (virt_type, socket) = (self.options.virt_type, self.options.layout.socket(id, ConsoleKind::Vnc));
        self.domain(id, move |domain| diagnostics::read(domain, virt_type, &socket)).await
    }

    async fn server_password(&self, id: &str, user: Option<&str>, password: &str) -> Result<(), Problem> {
        let (user, password) = (user.map(str::to_owned), password.to_owned());
        self.domain(id, move |domain| power::password(domain, user.as_deref(), &password)).await
    }

    async fn port_attach(&self, server: &ServerSpec, port: &ServerPort) -> Result<(), Problem> {
        let (server, port) = (server.clone(), port.clone());
        self.domain(&server.id.clone(), move |domain| network_cards::attach(domain, &server, &port)).await
    }

    async fn port_detach(&self, id: &str, port: &ServerPort) -> Result<(), Problem> {
        match self.card_remove(id, port.tap_name()).await {
            Err(Problem::NotFound) => Ok(()),
            other => other,
        }
    }

    async fn disk_copy(&self, id: &str, quiesce: bool) -> Result<(), Problem> {
        self.copy(id, quiesce).await
    }

    async fn server_delete(&self, id: &str) -> Result<(), Problem> {
        let deleted = self.domain(id, |domain| {
            destroy(domain)?;
            let all = sys::VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
                | sys::VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
                | sys::VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA
                | sys::VIR_DOMAIN_UNDEFINE_NVRAM;
            domain.undefine_flags(all).map_err(|error| problem("the domain cannot be deleted", &error))
        });
        match deleted.await {
            Err(Problem::NotFound) => Ok(()),
            other => other,
        }
    }

    async fn console_output(&self, id: &str, lines: Option<u32>) -> Result<String, Problem> {
        self.server_state(id).await?;
        let layout = &self.options.layout;
        let (old, new) = (layout.file(id, ServerFile::ConsoleLogOld), layout.file(id, ServerFile::ConsoleLog));
        let read = tokio::task::spawn_blocking(move || console_read(old, new));
        let failed = |error: &dyn std::fmt::Display| Problem::Temporary(format!("the console's log: {error}"));
        let text = read.await.map_err(|error| failed(&error))?.map_err(|error| failed(&error))?;
        Ok(lines_last(&text, lines).to_owned())
    }

    async fn console_address(&self, id: &str, kind: ConsoleKind) -> Result<String, Problem> {
        if self.server_state(id).await? != PowerState::Running {
            return Err(Problem::Temporary("the server does not run".to_owned()));
        }
        if kind == ConsoleKind::Spice && !self.options.spice {
            return Err(Problem::Permanent("the node has SPICE switched off ([node] spice)".to_owned()));
        }
        Ok(self.options.layout.socket(id, kind).display().to_string())
    }

    fn changes(&self) -> broadcast::Receiver<String> {
        self.connection.changes()
    }
}

/// What the console's log has, the end of it if it is long.
fn console_read(old: PathBuf, new: PathBuf) -> std::io::Result<String> {
    let mut tail = facts::file_tail(&new, CONSOLE_LIMIT)?;
    let left = CONSOLE_LIMIT.saturating_sub(tail.len() as u64);
    if left > 0 {
        tail = [facts::file_tail(&old, left)?, tail].concat();
    }
    Ok(String::from_utf8_lossy(&tail).into_owned())
}
