//! Servers as domains of libvirt, run by QEMU.

mod connection;
mod domain_xml;
mod events;
mod virt_type;

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use protocol::{ConsoleKind, Diagnostics, PowerState, Problem, RebootKind, ServerPort, ServerReport, ServerSpec};
use tokio::sync::broadcast;
use tokio::time::Instant;
use virt::connect::Connect;
use virt::domain::{Domain, DomainShutoffReason, DomainState, DomainStateReason};
use virt::enumutil::Enum;
use virt::sys;

use super::{Hypervisor, NodeInfo, lines_last};
use crate::host::facts;
use crate::layout::{Layout, ServerFile};
use connection::{Connection, problem};
pub use virt_type::VirtType;

/// How often a guest that shuts down is looked at, beside libvirt's events.
const SHUTDOWN_LOOK: Duration = Duration::from_secs(1);
/// How often its power button is pressed: a guest that is still booting does not feel the first time.
const SHUTDOWN_REPEAT: Duration = Duration::from_secs(5);
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
        let xml = domain_xml::domain_xml(server, self.options.virt_type, &self.options.layout)
            .map_err(|error| Problem::Permanent(format!("the domain cannot be described: {error}")))?;
        let id = server.id.clone();
        self.connection
            .run(move |connection| {
                match domain_of(connection, &id) {
                    Ok(domain) if is_active(&domain)? => return Ok(()),
                    Ok(_) | Err(Problem::NotFound) => {}
                    Err(other) => return Err(other),
                }
                let define = |error| problem("libvirt refuses the domain", &error);
                let domain = connection.define_domain_xml(&xml).map_err(define)?;
                domain.create().map_err(|error| problem("the domain does not start", &error))
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
        let (dir, virt_type) = (self.options.layout.dir().to_owned(), self.options.virt_type);
        self.connection
            .run(move |connection| {
                let version = connection.hyp_version().map_err(|error| problem("QEMU has no version", &error))?;
                let facts = facts::read(&dir).map_err(|error| Problem::Temporary(format!("{error:#}")))?;
                Ok(NodeInfo {
                    hypervisor_type: "QEMU".to_owned(),
                    hypervisor_version: version.into(),
                    cpu_info: facts.cpu_info,
                    resources: facts.resources,
                    traits: traits(virt_type, facts.cpu_traits),
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
        self.define_start(server).await
    }

    async fn server_pause(&self, _id: &str) -> Result<(), Problem> {
        unsupported("pausing")
    }

    async fn server_unpause(&self, _id: &str) -> Result<(), Problem> {
        unsupported("unpausing")
    }

    async fn server_suspend(&self, _id: &str) -> Result<(), Problem> {
        unsupported("suspending")
    }

    async fn server_resume(&self, _server: &ServerSpec) -> Result<(), Problem> {
        unsupported("resuming")
    }

    async fn server_crash_dump(&self, _id: &str) -> Result<(), Problem> {
        unsupported("crash dump")
    }

    async fn server_diagnostics(&self, _id: &str) -> Result<Diagnostics, Problem> {
        unsupported("diagnostics")
    }

    async fn server_password(&self, _id: &str, _user: Option<&str>, _password: &str) -> Result<(), Problem> {
        unsupported("setting a password")
    }

    async fn port_attach(&self, _server: &ServerSpec, _port: &ServerPort) -> Result<(), Problem> {
        unsupported("attaching")
    }

    async fn port_detach(&self, _id: &str, _port: &ServerPort) -> Result<(), Problem> {
        unsupported("detaching")
    }

    async fn disk_copy(&self, _id: &str, _quiesce: bool) -> Result<(), Problem> {
        unsupported("copying")
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
        Ok(self.options.layout.socket(id, kind).display().to_string())
    }

    fn changes(&self) -> broadcast::Receiver<String> {
        self.connection.changes()
    }
}

fn unsupported<T>(what: &str) -> Result<T, Problem> {
    Err(Problem::Permanent(format!("{what} is not there yet")))
}

/// The domain of a server; one that is not ours is refused.
fn domain_of(connection: &Connect, id: &str) -> Result<Domain, Problem> {
    let looked = connection.lookup_domain_by_uuid_string(id);
    let domain = looked.map_err(|error| problem("the domain cannot be looked up", &error))?;
    if is_ours(&domain) {
        return Ok(domain);
    }
    // Between look and look it may have been deleted.
    match connection.lookup_domain_by_uuid_string(id) {
        Ok(_) => Err(Problem::Permanent(format!("the domain {id} was not made by this cloud: it is left alone"))),
        Err(error) => Err(problem("the domain cannot be looked up", &error)),
    }
}

fn is_ours(domain: &Domain) -> bool {
    domain.metadata(sys::VIR_DOMAIN_METADATA_ELEMENT as i32, Some(domain_xml::NAMESPACE), 0).is_ok()
}

fn is_active(domain: &Domain) -> Result<bool, Problem> {
    domain.is_active().map_err(|error| problem("the domain's state cannot be read", &error))
}

fn destroy(domain: &Domain) -> Result<(), Problem> {
    let destroyed = domain.destroy();
    // It may be off already, or go off in this moment.
    if is_active(domain)? {
        destroyed.map_err(|error| problem("the domain cannot be switched off", &error))
    } else {
        Ok(())
    }
}

fn power_state(domain: &Domain) -> Result<PowerState, Problem> {
    let (state, reason) = domain.state().map_err(|error| problem("the domain's state cannot be read", &error))?;
    let crashed = matches!(reason, Enum::Known(DomainStateReason::Shutoff(Enum::Known(DomainShutoffReason::Crashed))));
    Ok(match state {
        Enum::Known(DomainState::Running | DomainState::Blocked | DomainState::Shutdown) => PowerState::Running,
        Enum::Known(DomainState::Paused) => PowerState::Paused,
        Enum::Known(DomainState::Shutoff) if crashed => PowerState::Crashed,
        Enum::Known(DomainState::Shutoff) => PowerState::Shutdown,
        Enum::Known(DomainState::Crashed) => PowerState::Crashed,
        Enum::Known(DomainState::PMSuspended) => PowerState::Suspended,
        Enum::Known(DomainState::NoState) => PowerState::NoState,
        // The call itself failed.
        Enum::Unknown(_) => return Err(Problem::NotFound),
    })
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

fn traits(virt_type: VirtType, cpu_traits: Vec<String>) -> Vec<String> {
    let always = [
        "COMPUTE_NODE",
        "COMPUTE_IMAGE_TYPE_QCOW2",
        "COMPUTE_IMAGE_TYPE_RAW",
        "COMPUTE_GRAPHICS_MODEL_VGA",
        "COMPUTE_NET_VIF_MODEL_VIRTIO",
        "COMPUTE_STORAGE_BUS_VIRTIO",
    ];
    let mut traits: Vec<String> = always.iter().map(|&name| name.to_owned()).collect();
    // Emulated guests do not have the host's processor.
    if virt_type == VirtType::Kvm {
        traits.extend(cpu_traits);
    }
    traits
}
