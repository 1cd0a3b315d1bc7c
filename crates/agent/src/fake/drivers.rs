use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::Full;
use protocol::numa::Taken;
use protocol::{
    ConsoleKind, CpuDiagnostics, Diagnostics, DiskDiagnostics, ImageSource, NicDiagnostics, PowerState, Problem,
    RebootKind, ServerPort, ServerReport, ServerSpec,
};
use tokio::sync::broadcast;

use super::Node;
use super::state::Server;
use crate::disks::{Disks, upload};
use crate::hypervisor::{Hypervisor, NodeInfo, libvirt, lines_last, unfit};
use crate::ports::Ports;

/// Traits of every fake node.
const TRAITS: [&str; 3] = ["COMPUTE_NODE", "COMPUTE_IMAGE_TYPE_QCOW2", "COMPUTE_IMAGE_TYPE_RAW"];

/// The names of disks that a server has for a while: what is kept of a resize, what is sent to the image service, what it
/// is rescued with.
const KEPT: &str = "kept";
const COPY: &str = "copy";
const RESCUE: &str = "rescue";

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
                numa: self.numa(&self.state()),
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
            self.boot(server, false)
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
            self.boot(server, true)
        };
        self.0.control.call("server_reboot", &server.id, work).await
    }

    async fn server_pause(&self, id: &str) -> Result<(), Problem> {
        let work = || match self.state().servers.get(id).map(|server| server.power) {
            Some(PowerState::Running | PowerState::Paused) => Ok(()),
            Some(_) => Err(Problem::Temporary("the server does not run".to_owned())),
            None => Err(Problem::NotFound),
        };
        let work = || work().and_then(|()| self.power_set(id, PowerState::Paused));
        self.0.control.call("server_pause", id, work).await
    }

    async fn server_unpause(&self, id: &str) -> Result<(), Problem> {
        let work = || match self.state().servers.get(id).map(|server| server.power) {
            Some(PowerState::Running | PowerState::Paused) => Ok(()),
            Some(_) => Err(Problem::Temporary("the server does not run".to_owned())),
            None => Err(Problem::NotFound),
        };
        let work = || work().and_then(|()| self.power_set(id, PowerState::Running));
        self.0.control.call("server_unpause", id, work).await
    }

    async fn server_suspend(&self, id: &str) -> Result<(), Problem> {
        let work = || {
            self.server_change(id, |state| {
                let server = state.servers.get_mut(id).ok_or(Problem::NotFound)?;
                server.suspended |= server.power == PowerState::Running;
                server.power = PowerState::Shutdown;
                Ok(())
            })
        };
        self.0.control.call("server_suspend", id, work).await
    }

    async fn server_resume(&self, server: &ServerSpec) -> Result<(), Problem> {
        let work = || {
            let suspended = self.state().servers.get(&server.id).map(|known| known.suspended);
            if suspended == Some(true) {
                self.server_change(&server.id, |state| {
                    if let Some(known) = state.servers.get_mut(&server.id) {
                        known.suspended = false;
                        known.power = PowerState::Running;
                    }
                });
            } else {
                self.boot(server, false)?;
            }
            Ok(())
        };
        self.0.control.call("server_resume", &server.id, work).await
    }

    async fn server_crash_dump(&self, id: &str) -> Result<(), Problem> {
        let work = || {
            self.change(|state| {
                let server = state.servers.get_mut(id).ok_or(Problem::NotFound)?;
                server.crash_dumps += 1;
                Ok(())
            })
        };
        self.0.control.call("server_crash_dump", id, work).await
    }

    async fn server_diagnostics(&self, id: &str) -> Result<Diagnostics, Problem> {
        self.0.control.call("server_diagnostics", id, || self.diagnostics(id)).await
    }

    async fn server_password(&self, id: &str, _user: Option<&str>, _password: &str) -> Result<(), Problem> {
        let work = || match self.state().servers.get(id).map(|server| server.power) {
            Some(PowerState::Running) => Ok(()),
            Some(_) => Err(Problem::Temporary("the server does not run".to_owned())),
            None => Err(Problem::NotFound),
        };
        self.0.control.call("server_password", id, work).await
    }

    async fn port_attach(&self, server: &ServerSpec, port: &ServerPort) -> Result<(), Problem> {
        let tap = port.tap_name();
        let work = || {
            if !self.state().taps.contains_key(&tap) {
                return Err(Problem::Temporary(format!("the tap {tap} is not there")));
            }
            self.change(|state| {
                let known = state.servers.get_mut(&server.id).ok_or(Problem::NotFound)?;
                known.nics.insert(tap, port.mac_address.clone());
                Ok(())
            })
        };
        self.0.control.call("port_attach", &server.id, work).await
    }

    async fn port_detach(&self, id: &str, port: &ServerPort) -> Result<(), Problem> {
        let work = || {
            self.change(|state| {
                if let Some(known) = state.servers.get_mut(id) {
                    known.nics.remove(&port.tap_name());
                }
            });
            Ok(())
        };
        self.0.control.call("port_detach", id, work).await
    }

    async fn disk_copy(&self, id: &str, _quiesce: bool) -> Result<(), Problem> {
        let copied = self.0.control.call("disk_copy", id, || self.disk_add(id, COPY)).await;
        if copied.is_err() {
            self.disk_remove(id, COPY);
        }
        copied
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
    fn boot(&self, server: &ServerSpec, again: bool) -> Result<(), Problem> {
        if !again && self.state().servers.get(&server.id).is_some_and(|known| known.power == PowerState::Running) {
            return Ok(());
        }
        let guest = libvirt::guest(server)?;
        self.server_change(&server.id, |state| {
            let taken = self.numa(state).place(&guest, &server.id, None).map_err(unfit)?.taken(&guest);
            let known = state.servers.entry(server.id.clone()).or_insert_with(|| Server {
                hostname: server.hostname.clone(),
                power: PowerState::Shutdown,
                boots: 0,
                console: String::new(),
                suspended: false,
                nics: BTreeMap::new(),
                crash_dumps: 0,
                vcpus: 0,
                memory_mb: 0,
                taken: Taken::default(),
            });
            known.taken = taken;
            (known.vcpus, known.memory_mb) = (server.vcpus, server.memory_mb);
            known.nics = server.ports.iter().map(|port| (port.tap_name(), port.mac_address.clone())).collect();
            known.boot();
            Ok(())
        })
    }
}

impl Node {
    /// Says what keeps disks from being replaced.
    fn off(&self, id: &str) -> Result<(), Problem> {
        match self.state().servers.get(id).map(|server| server.power) {
            Some(PowerState::Running | PowerState::Paused) => {
                Err(Problem::Temporary("the server's disks are in use: it runs".to_owned()))
            }
            _ => Ok(()),
        }
    }

    fn disk_add(&self, id: &str, disk: &str) -> Result<(), Problem> {
        self.change(|state| {
            let disks = state.disks.get_mut(id).ok_or(Problem::NotFound)?;
            if !disks.iter().any(|known| known == disk) {
                disks.push(disk.to_owned());
            }
            Ok(())
        })
    }

    fn disk_remove(&self, id: &str, disk: &str) {
        self.change(|state| {
            if let Some(disks) = state.disks.get_mut(id) {
                disks.retain(|known| known != disk);
            }
        });
    }

    fn diagnostics(&self, id: &str) -> Result<Diagnostics, Problem> {
        let state = self.state();
        let server = state.servers.get(id).ok_or(Problem::NotFound)?;
        if server.power != PowerState::Running {
            return Err(Problem::Temporary("the server does not run".to_owned()));
        }
        let nics = server.nics.iter().map(|(tap, mac_address)| NicDiagnostics {
            tap: tap.clone(),
            mac_address: mac_address.clone(),
            ..NicDiagnostics::default()
        });
        let devices = ('a'..='z').map(|letter| format!("vd{letter}"));
        let disks = state.disks.get(id).into_iter().flatten().zip(devices);
        // The API has no word for a driver like this.
        let driver = "libvirt".to_owned();
        Ok(Diagnostics {
            driver,
            hypervisor: Some("fake".to_owned()),
            hypervisor_os: Some("linux".to_owned()),
            uptime: Some(1),
            cpus: (0..server.vcpus).map(|id| CpuDiagnostics { id, time_ns: None }).collect(),
            nics: nics.collect(),
            disks: disks.map(|(_, device)| DiskDiagnostics { device, ..DiskDiagnostics::default() }).collect(),
            memory_maximum_mb: Some(server.memory_mb),
            memory_used_mb: Some(server.memory_mb),
        })
    }
}

/// The disks that a server is given with.
fn disks(server: &ServerSpec) -> Vec<String> {
    let mut disks = vec!["root".to_owned()];
    disks.extend(server.ephemerals_gb.iter().map(|_| "ephemeral".to_owned()));
    disks.extend((server.swap_mb > 0).then(|| "swap".to_owned()));
    disks.extend(server.config_drive.is_some().then(|| "config".to_owned()));
    disks.extend(server.rescue.is_some().then(|| RESCUE.to_owned()));
    disks
}

/// A qcow2 of 1 MiB with nothing in it: four clusters of 512 bytes with the header of version 2, an empty first table,
/// the table of reference counts and one block of them.
fn empty_qcow2() -> Vec<u8> {
    const CLUSTER_BITS: u32 = 9;
    let cluster = |number: u64| (number << CLUSTER_BITS).to_be_bytes();
    let mut image = b"QFI\xfb".to_vec();
    image.extend(2_u32.to_be_bytes());
    image.extend([0; 12]);
    image.extend(CLUSTER_BITS.to_be_bytes());
    image.extend((1_u64 << 20).to_be_bytes());
    image.extend(0_u32.to_be_bytes());
    image.extend(32_u32.to_be_bytes());
    image.extend(cluster(1));
    image.extend(cluster(2));
    image.extend(1_u32.to_be_bytes());
    image.resize(2 << CLUSTER_BITS, 0);
    image.extend(cluster(3));
    image.resize(3 << CLUSTER_BITS, 0);
    image.extend([0, 1].repeat(4));
    image.resize(4 << CLUSTER_BITS, 0);
    image
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
            if let Some(rescue) = &server.rescue
                && !self.state().images.contains(&rescue.image.id)
            {
                return Err(Problem::Temporary(format!("the image {} is not on the node", rescue.image.id)));
            }
            let disks = disks(server);
            self.change(|state| state.disks.insert(server.id.clone(), disks));
            Ok(())
        };
        self.0.control.call("disks_create", &server.id, work).await
    }

    async fn disks_rebuild(&self, server: &ServerSpec, _preserve_ephemeral: bool) -> Result<(), Problem> {
        let work = || {
            self.off(&server.id)?;
            self.change(|state| state.disks.insert(server.id.clone(), disks(server)));
            Ok(())
        };
        self.0.control.call("disks_rebuild", &server.id, work).await
    }

    async fn disks_resize(&self, server: &ServerSpec) -> Result<(), Problem> {
        let work = || {
            self.off(&server.id)?;
            let mut disks = disks(server);
            disks.push(KEPT.to_owned());
            self.change(|state| state.disks.insert(server.id.clone(), disks));
            Ok(())
        };
        self.0.control.call("disks_resize", &server.id, work).await
    }

    async fn disks_resize_confirm(&self, server_id: &str) -> Result<(), Problem> {
        let work = || {
            self.disk_remove(server_id, KEPT);
            Ok(())
        };
        self.0.control.call("disks_resize_confirm", server_id, work).await
    }

    async fn disks_resize_revert(&self, server: &ServerSpec) -> Result<(), Problem> {
        let work = || {
            self.off(&server.id)?;
            self.change(|state| state.disks.insert(server.id.clone(), disks(server)));
            Ok(())
        };
        self.0.control.call("disks_resize_revert", &server.id, work).await
    }

    async fn disk_upload(&self, server_id: &str, url: &str, token: &str) -> Result<(), Problem> {
        let there = || {
            let there = self.state().disks.get(server_id).is_some_and(|disks| disks.iter().any(|disk| disk == COPY));
            if there { Ok(()) } else { Err(Problem::Temporary("there is no copy to send".to_owned())) }
        };
        let sent = match self.0.control.call("disk_upload", server_id, there).await {
            Ok(()) => upload::image_put(url, token, Full::new(Bytes::from(empty_qcow2()))).await,
            Err(problem) => Err(problem),
        };
        self.disk_remove(server_id, COPY);
        sent
    }

    async fn rescue_end(&self, server_id: &str) -> Result<(), Problem> {
        let work = || {
            self.disk_remove(server_id, RESCUE);
            Ok(())
        };
        self.0.control.call("rescue_end", server_id, work).await
    }

    async fn images_expire(&self, _keep: Duration) -> Result<(), Problem> {
        // It counts no time: what came last may be needed next.
        Ok(())
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

    async fn port_unplug(&self, tap: &str) -> Result<(), Problem> {
        let work = || {
            self.change(|state| drop(state.taps.remove(tap)));
            Ok(())
        };
        self.0.control.call("port_unplug", tap, work).await
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_empty_image_is_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("empty.qcow2");
        std::fs::write(&path, empty_qcow2()).unwrap();
        let checked = std::process::Command::new("qemu-img").args(["check", "-q"]).arg(&path).status().unwrap();
        assert!(checked.success());
    }
}
