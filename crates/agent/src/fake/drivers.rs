use std::time::Duration;

use async_trait::async_trait;
use protocol::{ConsoleKind, ImageSource, PowerState, Problem, RebootKind, ServerReport, ServerSpec};
use tokio::sync::broadcast;

use super::Node;
use super::state::Server;
use crate::disks::Disks;
use crate::hypervisor::{Hypervisor, NodeInfo, lines_last};
use crate::ports::Ports;

/// Traits of every fake node.
const TRAITS: [&str; 3] = ["COMPUTE_NODE", "COMPUTE_IMAGE_TYPE_QCOW2", "COMPUTE_IMAGE_TYPE_RAW"];

#[async_trait]
impl Hypervisor for Node {
    async fn info(&self) -> Result<NodeInfo, Problem> {
        let options = &self.0.options;
        let work = || {
            Ok(NodeInfo {
                hypervisor_type: "fake".to_owned(),
                hypervisor_version: 1_000_000,
                cpu_info: r#"{"arch": "x86_64", "model": "fake", "vendor": "fake", "topology": {}, "features": []}"#
                    .to_owned(),
                resources: options.resources,
                traits: TRAITS.iter().map(|name| (*name).to_owned()).chain(options.traits.iter().cloned()).collect(),
                uptime_seconds: 1,
            })
        };
        self.0.control.call("info", "", work).await
    }

    async fn server_list(&self) -> Result<Vec<ServerReport>, Problem> {
        let work = || {
            let state = self.state();
            let report = |(id, server): (&String, &Server)| ServerReport { id: id.clone(), power_state: server.power };
            Ok(state.servers.iter().map(report).collect())
        };
        self.0.control.call("server_list", "", work).await
    }

    async fn server_state(&self, id: &str) -> Result<PowerState, Problem> {
        let work = || self.state().servers.get(id).map(|server| server.power).ok_or(Problem::NotFound);
        self.0.control.call("server_state", id, work).await
    }

    async fn server_start(&self, server: &ServerSpec) -> Result<(), Problem> {
        let work = || {
            let state = self.state();
            let missing =
                server.ports.iter().map(protocol::ServerPort::tap_name).find(|tap| !state.taps.contains_key(tap));
            if let Some(tap) = missing {
                return Err(Problem::Temporary(format!("the tap {tap} is not there")));
            }
            if !state.disks.contains_key(&server.id) {
                return Err(Problem::Temporary("the root disk is not there".to_owned()));
            }
            drop(state);
            self.boot(server, false);
            Ok(())
        };
        self.0.control.call("server_start", &server.id, work).await
    }

    async fn server_stop(&self, id: &str, _grace: Duration) -> Result<(), Problem> {
        self.0.control.call("server_stop", id, || self.power_set(id, PowerState::Shutdown)).await
    }

    async fn server_reboot(&self, server: &ServerSpec, _kind: RebootKind) -> Result<(), Problem> {
        let work = || {
            if !self.state().servers.contains_key(&server.id) {
                return Err(Problem::NotFound);
            }
            self.boot(server, true);
            Ok(())
        };
        self.0.control.call("server_reboot", &server.id, work).await
    }

    async fn server_delete(&self, id: &str) -> Result<(), Problem> {
        let work = || {
            self.0.consoles.close(id);
            self.server_change(id, |state| drop(state.servers.remove(id)));
            Ok(())
        };
        self.0.control.call("server_delete", id, work).await
    }

    async fn console_output(&self, id: &str, lines: Option<u32>) -> Result<String, Problem> {
        let work = || {
            let state = self.state();
            state.servers.get(id).map(|server| lines_last(&server.console, lines).to_owned()).ok_or(Problem::NotFound)
        };
        self.0.control.call("console_output", id, work).await
    }

    async fn console_address(&self, id: &str, kind: ConsoleKind) -> Result<String, Problem> {
        let work = || {
            match self.state().servers.get(id).map(|server| server.power) {
                None => return Err(Problem::NotFound),
                Some(PowerState::Running) => {}
                Some(_) => return Err(Problem::Temporary("the server does not run".to_owned())),
            }
            match &self.0.options.console_dir {
                Some(dir) => self.0.consoles.open(dir, id, kind),
                None => Err(Problem::Permanent("this fake node has no consoles".to_owned())),
            }
        };
        self.0.control.call("console_address", id, work).await
    }

    fn changes(&self) -> broadcast::Receiver<String> {
        self.0.changes.subscribe()
    }
}

impl Node {
    /// Has the server running; restarts it if it runs and `again`.
    fn boot(&self, server: &ServerSpec, again: bool) {
        if !again && self.state().servers.get(&server.id).is_some_and(|known| known.power == PowerState::Running) {
            return;
        }
        self.server_change(&server.id, |state| {
            let known = state.servers.entry(server.id.clone()).or_insert_with(|| Server {
                hostname: server.hostname.clone(),
                power: PowerState::Shutdown,
                boots: 0,
                console: String::new(),
            });
            known.boot();
        });
    }
}

#[async_trait]
impl Disks for Node {
    async fn image_fetch(&self, image: &ImageSource, _url: &str, _token: &str) -> Result<(), Problem> {
        let work = || {
            self.change(|state| state.images.insert(image.id.clone()));
            Ok(())
        };
        self.0.control.call("image_fetch", &image.id, work).await
    }

    async fn disks_create(&self, server: &ServerSpec) -> Result<(), Problem> {
        let work = || {
            let protocol::DiskSource::Image(image) = &server.root_disk;
            if !self.state().images.contains(&image.id) {
                return Err(Problem::Temporary(format!("the image {} is not on the node", image.id)));
            }
            let mut disks = vec!["root".to_owned()];
            disks.extend((server.ephemeral_gb > 0).then(|| "ephemeral".to_owned()));
            disks.extend((server.swap_mb > 0).then(|| "swap".to_owned()));
            disks.extend(server.config_drive.is_some().then(|| "config".to_owned()));
            self.change(|state| state.disks.insert(server.id.clone(), disks));
            Ok(())
        };
        self.0.control.call("disks_create", &server.id, work).await
    }

    async fn disks_delete(&self, server_id: &str) -> Result<(), Problem> {
        let work = || {
            self.change(|state| drop(state.disks.remove(server_id)));
            Ok(())
        };
        self.0.control.call("disks_delete", server_id, work).await
    }
}

#[async_trait]
impl Ports for Node {
    async fn ports_plug(&self, server: &ServerSpec) -> Result<(), Problem> {
        let work = || {
            let taps = server.ports.iter().map(|port| (port.tap_name(), server.id.clone()));
            self.change(|state| state.taps.extend(taps));
            Ok(())
        };
        self.0.control.call("ports_plug", &server.id, work).await
    }

    async fn ports_unplug(&self, server_id: &str, taps: &[String]) -> Result<(), Problem> {
        let work = || {
            self.change(|state| {
                state.taps.retain(|tap, owner| owner != server_id && !taps.contains(tap));
            });
            Ok(())
        };
        self.0.control.call("ports_unplug", server_id, work).await
    }
}
