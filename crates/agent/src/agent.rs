use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bus::Bus;
use protocol::{
    AllocationRatios, Answer, CONTROL_QUEUE, Call, NodeReport, Problem, RebootKind, Report, ReportAnswer, ServerReport,
    ServerSpec,
};
use runtime::Runtime;
use tokio::sync::{Notify, broadcast, watch};

use crate::disks::Disks;
use crate::hypervisor::{Hypervisor, libvirt};
use crate::locks::{Locks, Place};
use crate::ports::Ports;

/// How long control may take to answer a report.
const REPORT_TIMEOUT: Duration = Duration::from_secs(5);
/// How soon a report that control did not answer is repeated.
const REPORT_RETRY: Duration = Duration::from_secs(1);
/// How long a call waits at most until control knows what it changed of the node's room.
const REPORT_WAIT: Duration = Duration::from_secs(1);

/// How long an image usually stays in the cache, and how often it is looked for old ones.
const IMAGE_KEEP: Duration = Duration::from_secs(24 * 3600);
const IMAGE_LOOK: Duration = Duration::from_secs(3600);

/// What an agent is told at start.
#[derive(Debug, Clone)]
pub struct Options {
    /// The node's name, unique in the cloud.
    pub host: String,
    /// An address of the node, for people.
    pub address: String,
    /// How often the node is reported.
    pub report_interval: Duration,
    /// How long an image stays in the cache after the last server that needed it.
    pub image_keep: Duration,
    /// How far the node is overcommitted, where that is its own affair.
    pub allocation_ratios: AllocationRatios,
}

impl Options {
    /// The usual options of the node `host`.
    pub fn new(host: &str, address: &str) -> Self {
        Self {
            host: host.to_owned(),
            address: address.to_owned(),
            report_interval: Duration::from_secs(10),
            image_keep: IMAGE_KEEP,
            allocation_ratios: AllocationRatios::default(),
        }
    }
}

/// What an agent works with.
#[derive(Clone)]
pub struct Drivers {
    /// Runs servers.
    pub hypervisor: Arc<dyn Hypervisor>,
    /// Keeps their disks.
    pub disks: Arc<dyn Disks>,
    /// Plugs them into the network.
    pub ports: Arc<dyn Ports>,
}

/// The agent of one node, running until its runtime's tasks stop. A cheap handle.
#[derive(Clone)]
pub struct Agent(Arc<Inner>);

struct Inner {
    runtime: Runtime,
    options: Options,
    drivers: Drivers,
    control: bus::rpc::Client,
    servers: Locks,
    report_now: Notify,
    /// How many reports were begun, and which of them control has answered last.
    begun: AtomicU64,
    told: watch::Sender<u64>,
    seen: Mutex<Seen>,
}

/// What the agent remembers from one report to the next.
#[derive(Default)]
struct Seen {
    /// The servers with a place of their own.
    placed: BTreeSet<String>,
    /// The servers that control has asked something about since the report was begun: what control says of them may be
    /// older.
    touched: BTreeSet<String>,
}

impl Agent {
    /// Starts to answer calls and to report.
    pub async fn start(
        runtime: Runtime,
        bus: Arc<dyn Bus>,
        options: Options,
        drivers: Drivers,
    ) -> Result<Self, bus::Error> {
        let control = bus::rpc::Client::new(Arc::clone(&bus), runtime.clone()).await?;
        let queue = protocol::agent_queue(&options.host);
        let agent = Self(Arc::new(Inner {
            runtime: runtime.clone(),
            options,
            drivers,
            control,
            servers: Locks::default(),
            report_now: Notify::new(),
            begun: AtomicU64::new(0),
            told: watch::Sender::new(0),
            seen: Mutex::default(),
        }));
        let changes = agent.0.drivers.hypervisor.changes();
        runtime.tasks.spawn_until_stop("server changes", agent.clone().changes_report(changes));
        let answering = agent.clone();
        bus::rpc::serve(bus, &runtime, &queue, move |call: Call| answering.answer(call)).await?;
        runtime.tasks.spawn_until_stop("image cache", agent.clone().images_expire_always());
        runtime.tasks.spawn_until_stop("node reports", agent.clone().node_report_always());
        Ok(agent)
    }

    /// Reports the node soon, without waiting for the next time.
    pub fn report(&self) {
        self.0.report_now.notify_one();
    }

    /// Does what a call asks. Calls about a server are done in the order in which this is called, not in the order in
    /// which the answers are waited for: control gives up waiting when a server is to be deleted, and then deletes it.
    pub fn answer(&self, call: Call) -> impl Future<Output = Answer> + Send + use<> {
        let agent = self.clone();
        // Reading does not wait for a change in progress: a console is most wanted while a server does not come up.
        let place = match (&call, call_server(&call)) {
            (Call::ConsoleOutput { .. } | Call::ConsoleAddress { .. } | Call::ServerDiagnostics { .. }, _)
            | (_, None) => None,
            (_, Some(server_id)) => {
                // Both under the lock, so that no orphan's deletion is decided on between them.
                let mut seen = agent.seen();
                seen.touched.insert(server_id.to_owned());
                Some(agent.0.servers.queue(server_id))
            }
        };
        async move {
            let _alone = match place {
                Some(place) => {
                    if matches!(place, Place::Later(_)) {
                        agent.unhang(&call).await;
                    }
                    Some(place.reached().await)
                }
                None => None,
            };
            let name = call_name(&call);
            let server = call_server(&call).unwrap_or_default().to_owned();
            match agent.call(call).await {
                Ok(answer) => {
                    tracing::debug!(call = name, server, "done");
                    answer
                }
                Err(problem) => {
                    tracing::warn!(call = name, server, %problem, "not done");
                    Answer::Problem(problem)
                }
            }
        }
    }

    /// A restart by force and a deletion do not wait for what may hang: without its domain that comes to its end.
    async fn unhang(&self, call: &Call) {
        let (Call::ServerReboot { server: ServerSpec { id, .. }, kind: RebootKind::Hard }
        | Call::ServerDelete { server_id: id, .. }) = call
        else {
            return;
        };
        if let Err(problem) = self.0.drivers.hypervisor.server_stop(id, Duration::ZERO).await {
            tracing::debug!(server = id, %problem, "a domain that may hang could not be switched off first");
        }
    }

    async fn call(&self, call: Call) -> Result<Answer, Problem> {
        let Drivers { hypervisor, disks, ports } = &self.0.drivers;
        match call {
            Call::ImageFetch { image, url, token } => disks.image_fetch(&image, &url, &token).await?,
            Call::DisksCreate { server } => disks.disks_create(&server).await?,
            Call::PortsPlug { server } => ports.ports_plug(&server).await?,
            Call::ServerStart { server } => {
                hypervisor.server_start(&server).await?;
                self.place_report(&server.id, Some(&server)).await;
            }
            Call::ServerStop { server_id, grace_seconds } => {
                hypervisor.server_stop(&server_id, Duration::from_secs(grace_seconds.into())).await?;
            }
            Call::ServerReboot { server, kind } => {
                hypervisor.server_reboot(&server, kind).await?;
                self.place_report(&server.id, Some(&server)).await;
            }
            Call::ServerPause { server_id } => hypervisor.server_pause(&server_id).await?,
            Call::ServerUnpause { server_id } => hypervisor.server_unpause(&server_id).await?,
            Call::ServerSuspend { server_id } => hypervisor.server_suspend(&server_id).await?,
            Call::ServerResume { server } => {
                hypervisor.server_resume(&server).await?;
                self.place_report(&server.id, Some(&server)).await;
            }
            Call::ServerCrashDump { server_id } => hypervisor.server_crash_dump(&server_id).await?,
            Call::ServerDiagnostics { server_id } => {
                return Ok(Answer::Diagnostics(Box::new(hypervisor.server_diagnostics(&server_id).await?)));
            }
            Call::ServerPassword { server_id, user, password } => {
                hypervisor.server_password(&server_id, user.as_deref(), &password).await?;
            }
            Call::PortAttach { server, port_id } => {
                let port = server.ports.iter().find(|port| port.id == port_id);
                let port = port.ok_or_else(|| Problem::Permanent(format!("the server has no port {port_id}")))?;
                ports.ports_plug(&server).await?;
                hypervisor.port_attach(&server, port).await?;
            }
            Call::PortDetach { server_id, port } => {
                hypervisor.port_detach(&server_id, &port).await?;
                ports.port_unplug(&port.tap_name()).await?;
            }
            Call::DisksRebuild { server, preserve_ephemeral } => {
                disks.disks_rebuild(&server, preserve_ephemeral).await?;
            }
            Call::DisksResize { server } => disks.disks_resize(&server).await?,
            Call::DisksResizeConfirm { server_id } => disks.disks_resize_confirm(&server_id).await?,
            Call::DisksResizeRevert { server } => disks.disks_resize_revert(&server).await?,
            Call::DiskUpload { server_id, url, token, quiesce } => {
                hypervisor.disk_copy(&server_id, quiesce).await?;
                disks.disk_upload(&server_id, &url, &token).await?;
            }
            Call::RescueEnd { server_id } => disks.rescue_end(&server_id).await?,
            Call::ServerDelete { server_id, taps } => {
                self.server_delete(&server_id, &taps).await?;
                self.place_report(&server_id, None).await;
            }
            Call::ConsoleOutput { server_id, lines } => {
                return Ok(Answer::ConsoleOutput(hypervisor.console_output(&server_id, lines).await?));
            }
            Call::ConsoleAddress { server_id, kind } => {
                return Ok(Answer::ConsoleAddress(hypervisor.console_address(&server_id, kind).await?));
            }
        }
        Ok(Answer::Done)
    }

    /// Deletes a server in the order in which its parts depend on each other.
    async fn server_delete(&self, id: &str, taps: &[String]) -> Result<(), Problem> {
        self.0.drivers.hypervisor.server_delete(id).await?;
        self.0.drivers.ports.ports_unplug(id, taps).await?;
        self.0.drivers.disks.disks_delete(id).await
    }

    /// Has control know where a server went that has a place of its own, or that its place is free, before it is told that
    /// the call is done: others look for a place. Who comes at the same time waits for the same report.
    async fn place_report(&self, id: &str, server: Option<&ServerSpec>) {
        let guest = server.and_then(|server| libvirt::guest(server).ok());
        if guest.is_none_or(|guest| guest.cells.is_empty()) && !self.seen().placed.contains(id) {
            return;
        }
        let next = self.0.begun.load(Ordering::SeqCst) + 1;
        self.report();
        let mut told = self.0.told.subscribe();
        let known = told.wait_for(|report| *report >= next);
        if tokio::time::timeout(REPORT_WAIT, known).await.is_err() {
            tracing::info!(server = id, "control does not know a server's place yet; the next report has it");
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn images_expire_always(self) {
        let keep = self.0.options.image_keep;
        loop {
            tokio::time::sleep(IMAGE_LOOK.min(keep)).await;
            if let Err(problem) = self.0.drivers.disks.images_expire(keep).await {
                tracing::warn!(%problem, "old images could not be removed from the cache; it is tried again");
            }
        }
    }

    async fn node_report_always(self) {
        loop {
            let pause = match self.node_report().await {
                Ok(()) => self.0.options.report_interval,
                Err(error) => {
                    tracing::info!(error = format!("{error:#}"), "the node could not be reported");
                    REPORT_RETRY.min(self.0.options.report_interval)
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.0.report_now.notified() => {}
            }
        }
    }

    /// Tells control how the node is, and deletes what control says should not be there.
    async fn node_report(&self) -> anyhow::Result<()> {
        let Inner { options, drivers, control, begun, told, .. } = &*self.0;
        let number = begun.fetch_add(1, Ordering::SeqCst) + 1;
        self.seen().touched.clear();
        let servers = drivers.hypervisor.server_list().await?;
        let info = drivers.hypervisor.info().await?;
        self.seen().placed = info.numa.taken.keys().cloned().collect();
        let report = Report::Node(Box::new(NodeReport {
            host: options.host.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            address: options.address.clone(),
            hypervisor_type: info.hypervisor_type,
            hypervisor_version: info.hypervisor_version,
            cpu_info: info.cpu_info,
            resources: info.resources,
            numa: info.numa,
            allocation_ratios: options.allocation_ratios,
            traits: info.traits,
            servers: servers.clone(),
            uptime_seconds: info.uptime_seconds,
        }));
        let answer: ReportAnswer = control.call(CONTROL_QUEUE, &report, REPORT_TIMEOUT).await?;
        told.send_replace(number);
        for orphan in answer.orphans {
            let seen = self.seen();
            // Only what was reported, and so carries our mark, is ours to delete.
            if servers.iter().any(|server| server.id == orphan) && !seen.touched.contains(&orphan) {
                let place = self.0.servers.queue(&orphan);
                self.0.runtime.tasks.spawn_until_stop("orphan", self.clone().orphan_delete(orphan, place));
            }
        }
        Ok(())
    }

    async fn orphan_delete(self, id: String, place: Place) {
        tracing::warn!(server = id, "the cloud does not have this server any more: deleting what is left of it");
        let _alone = place.reached().await;
        if let Err(problem) = self.server_delete(&id, &[]).await {
            tracing::warn!(server = id, %problem, "what is left of a server could not be deleted; it is tried again");
        }
    }

    async fn changes_report(self, mut changes: broadcast::Receiver<String>) {
        loop {
            match changes.recv().await {
                Ok(id) => self.0.runtime.tasks.spawn_until_stop("server change", self.clone().change_report(id)),
                // Too many at once: the report of the whole node has them all.
                Err(broadcast::error::RecvError::Lagged(_)) => self.report(),
                Err(broadcast::error::RecvError::Closed) => return,
            }
        }
    }

    /// Tells control how a server is once nobody works on it, so that control sees no state in the middle of a change.
    async fn change_report(self, id: String) {
        let _alone = self.0.servers.lock(&id).await;
        let Ok(power_state) = self.0.drivers.hypervisor.server_state(&id).await else { return };
        let host = self.0.options.host.clone();
        let report = Report::Server { host, server: ServerReport { id, power_state } };
        if let Err(error) = self.0.control.tell(CONTROL_QUEUE, &report).await {
            tracing::info!(%error, "a server's change could not be reported; the next report of the node has it");
        }
    }
}

fn call_name(call: &Call) -> &'static str {
    match call {
        Call::ImageFetch { .. } => "image_fetch",
        Call::DisksCreate { .. } => "disks_create",
        Call::PortsPlug { .. } => "ports_plug",
        Call::ServerStart { .. } => "server_start",
        Call::ServerStop { .. } => "server_stop",
        Call::ServerReboot { .. } => "server_reboot",
        Call::ServerPause { .. } => "server_pause",
        Call::ServerUnpause { .. } => "server_unpause",
        Call::ServerSuspend { .. } => "server_suspend",
        Call::ServerResume { .. } => "server_resume",
        Call::ServerCrashDump { .. } => "server_crash_dump",
        Call::ServerDiagnostics { .. } => "server_diagnostics",
        Call::ServerPassword { .. } => "server_password",
        Call::PortAttach { .. } => "port_attach",
        Call::PortDetach { .. } => "port_detach",
        Call::DisksRebuild { .. } => "disks_rebuild",
        Call::DisksResize { .. } => "disks_resize",
        Call::DisksResizeConfirm { .. } => "disks_resize_confirm",
        Call::DisksResizeRevert { .. } => "disks_resize_revert",
        Call::DiskUpload { .. } => "disk_upload",
        Call::RescueEnd { .. } => "rescue_end",
        Call::ServerDelete { .. } => "server_delete",
        Call::ConsoleOutput { .. } => "console_output",
        Call::ConsoleAddress { .. } => "console_address",
    }
}

/// The server that a call is about.
fn call_server(call: &Call) -> Option<&str> {
    match call {
        Call::ImageFetch { .. } => None,
        Call::DisksCreate { server }
        | Call::PortsPlug { server }
        | Call::ServerStart { server }
        | Call::ServerReboot { server, .. }
        | Call::ServerResume { server }
        | Call::PortAttach { server, .. }
        | Call::DisksRebuild { server, .. }
        | Call::DisksResize { server }
        | Call::DisksResizeRevert { server } => Some(&server.id),
        Call::ServerStop { server_id, .. }
        | Call::ServerPause { server_id }
        | Call::ServerUnpause { server_id }
        | Call::ServerSuspend { server_id }
        | Call::ServerCrashDump { server_id }
        | Call::ServerDiagnostics { server_id }
        | Call::ServerPassword { server_id, .. }
        | Call::PortDetach { server_id, .. }
        | Call::DisksResizeConfirm { server_id }
        | Call::DiskUpload { server_id, .. }
        | Call::RescueEnd { server_id }
        | Call::ServerDelete { server_id, .. }
        | Call::ConsoleOutput { server_id, .. }
        | Call::ConsoleAddress { server_id, .. } => Some(server_id),
    }
}
