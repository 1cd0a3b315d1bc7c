//! What is done to a guest that runs, and to the disks of one that does not.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use agent::Drivers;
use protocol::{DiskSource, PowerState, Problem, RebootKind, Rescue, ServerPort, ServerSpec};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::{console_says, uuid};

/// Takes one upload over HTTP and gives its body.
async fn take() -> (String, oneshot::Receiver<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/file", listener.local_addr().unwrap());
    let (sender, receiver) = oneshot::channel();
    tokio::spawn(async move {
        let (mut connection, _) = listener.accept().await.unwrap();
        let mut all = Vec::new();
        let end = b"\r\n0\r\n\r\n";
        while !all.ends_with(end) {
            let mut part = vec![0; 1 << 16];
            let read = connection.read(&mut part).await.unwrap();
            assert_ne!(read, 0, "the upload broke off");
            all.extend_from_slice(&part[..read]);
        }
        connection.write_all(b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n").await.unwrap();
        drop(sender.send(all));
    });
    (url, receiver)
}

/// The body of a request that was sent in chunks.
fn body(request: &[u8]) -> Vec<u8> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let head = request.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    assert!(text(&request[..head]).to_lowercase().contains("x-auth-token: ticket"));
    let (mut rest, mut all) = (&request[head..], Vec::new());
    loop {
        let line = rest.windows(2).position(|two| two == b"\r\n").unwrap();
        let length = usize::from_str_radix(text(&rest[..line]).trim(), 16).unwrap();
        if length == 0 {
            return all;
        }
        all.extend_from_slice(&rest[line + 2..line + 2 + length]);
        rest = &rest[line + 4 + length..];
    }
}

/// A guest that runs is paused, saved, copied, and gets another network card. It never starts anew.
pub async fn running(drivers: &Drivers, dir: &Path, server: &ServerSpec) {
    let Drivers { hypervisor, disks, ports } = drivers;
    let id = &server.id;
    let state = async || hypervisor.server_state(id).await.unwrap();
    let used = hypervisor.server_diagnostics(id).await.unwrap();
    assert!(used.cpus[0].time_ns.is_some_and(|time| time > 0), "{used:?}");
    assert_eq!((used.nics.len(), used.memory_maximum_mb), (1, Some(server.memory_mb)));
    assert!(used.disks.iter().any(|disk| disk.device == "vda" && disk.read_bytes.is_some_and(|read| read > 0)));
    for _ in 0..2 {
        hypervisor.server_pause(id).await.unwrap();
        assert_eq!(state().await, PowerState::Paused);
    }
    for _ in 0..2 {
        hypervisor.server_unpause(id).await.unwrap();
        assert_eq!(state().await, PowerState::Running);
    }
    let before = hypervisor.console_output(id, None).await.unwrap().matches("=== ferrostack guest").count();
    for _ in 0..2 {
        hypervisor.server_suspend(id).await.unwrap();
        assert_eq!(state().await, PowerState::Shutdown);
    }
    for _ in 0..2 {
        hypervisor.server_resume(server).await.unwrap();
        assert_eq!(state().await, PowerState::Running);
    }
    let after = hypervisor.console_output(id, None).await.unwrap().matches("=== ferrostack guest").count();
    assert_eq!(after, before, "what was suspended does not boot");
    hypervisor.server_crash_dump(id).await.unwrap();
    let refused = hypervisor.server_password(id, None, "secret").await.unwrap_err();
    assert!(matches!(&refused, Problem::Permanent(text) if text.contains("hw_qemu_guest_agent")), "{refused:?}");

    hypervisor.disk_copy(id, false).await.unwrap();
    let (url, taken) = take().await;
    disks.disk_upload(id, &url, "ticket").await.unwrap();
    whole(dir, &body(&taken.await.unwrap()));
    assert!(!dir.join("servers").join(id).join("copy.qcow2").exists());

    let port = ServerPort { id: uuid(), network_id: uuid(), mac_address: "fa:16:3e:00:00:02".to_owned(), mtu: 1442 };
    let more = ServerSpec { ports: [server.ports.clone(), vec![port.clone()]].concat(), ..server.clone() };
    for _ in 0..2 {
        ports.ports_plug(&more).await.unwrap();
        hypervisor.port_attach(&more, &port).await.unwrap();
    }
    assert_eq!(hypervisor.server_diagnostics(id).await.unwrap().nics.len(), 2);
    for _ in 0..2 {
        hypervisor.port_detach(id, &port).await.unwrap();
        ports.port_unplug(&port.tap_name()).await.unwrap();
    }
    assert_eq!(hypervisor.server_diagnostics(id).await.unwrap().nics.len(), 1);
}

/// Disks of a guest that is off change their size and change it back; the guest boots from another disk and from its own.
pub async fn off(drivers: &Drivers, dir: &Path, server: &ServerSpec) {
    let Drivers { hypervisor, disks, .. } = drivers;
    let id = &server.id;
    let folder = dir.join("servers").join(id);
    let size = || {
        let info = Command::new("qemu-img").args(["info", "--output=json"]).arg(folder.join("root.qcow2")).output();
        let info: serde_json::Value = serde_json::from_slice(&info.unwrap().stdout).unwrap();
        info["virtual-size"].as_u64().unwrap() >> 30
    };
    let length = |name: &str| std::fs::metadata(folder.join(name)).map(|file| file.len()).unwrap_or(0);
    let large = ServerSpec { root_gb: 2, ephemerals_gb: vec![2], swap_mb: 0, ..server.clone() };
    for _ in 0..2 {
        disks.disks_resize(&large).await.unwrap();
        assert_eq!((size(), length("ephemeral.img") >> 30, length("swap.img")), (2, 2, 0));
    }
    for _ in 0..2 {
        disks.disks_resize_revert(server).await.unwrap();
        assert_eq!((size(), length("ephemeral.img") >> 30, length("swap.img") >> 20), (1, 1, 16));
    }
    disks.disks_resize(&large).await.unwrap();
    disks.disks_resize_confirm(id).await.unwrap();
    disks.disks_resize_revert(server).await.unwrap();
    assert_eq!(size(), 2, "what is confirmed cannot be reverted");

    let DiskSource::Image(image) = server.root_disk.clone();
    let rescue = Some(Rescue { image, image_properties: server.image_properties.clone() });
    let rescued = ServerSpec { rescue, root_gb: 2, ephemerals_gb: vec![2], swap_mb: 0, ..server.clone() };
    disks.disks_create(&rescued).await.unwrap();
    let from = hypervisor.console_output(id, None).await.unwrap().len();
    hypervisor.server_start(&rescued).await.unwrap();
    let booted = console_says(drivers, id, "=== ferrostack guest", from).await;
    let used = hypervisor.server_diagnostics(id).await.unwrap();
    assert_eq!(used.disks.iter().map(|disk| disk.device.as_str()).collect::<Vec<_>>(), ["vda", "vdb"]);
    hypervisor.server_stop(id, Duration::ZERO).await.unwrap();
    hypervisor.server_start(&large).await.unwrap();
    for _ in 0..2 {
        disks.rescue_end(id).await.unwrap();
    }
    console_says(drivers, id, "=== ferrostack guest", booted).await;

    // A copy of what is off, and a start by force of what is saved.
    hypervisor.server_suspend(id).await.unwrap();
    hypervisor.disk_copy(id, false).await.unwrap();
    let (url, taken) = take().await;
    disks.disk_upload(id, &url, "ticket").await.unwrap();
    whole(dir, &body(&taken.await.unwrap()));
    let from = hypervisor.console_output(id, None).await.unwrap().len();
    hypervisor.server_reboot(&large, RebootKind::Hard).await.unwrap();
    console_says(drivers, id, "=== ferrostack guest", from).await;
    hypervisor.server_stop(id, Duration::ZERO).await.unwrap();
    disks.disks_rebuild(server, false).await.unwrap();
    assert_eq!((size(), length("swap.img") >> 20), (1, 16));
}

/// The copy is an image that stands on nothing.
fn whole(dir: &Path, copy: &[u8]) {
    let path = dir.join("taken.qcow2");
    std::fs::write(&path, copy).unwrap();
    let checked = Command::new("qemu-img").args(["check", "-q", "-f", "qcow2"]).arg(&path).status().unwrap();
    assert!(checked.success());
    let info = Command::new("qemu-img").args(["info", "--output=json"]).arg(&path).output().unwrap();
    let info: serde_json::Value = serde_json::from_slice(&info.stdout).unwrap();
    assert_eq!(info["backing-filename"], serde_json::Value::Null);
    assert!(info["actual-size"].as_u64().unwrap() > 1 << 20, "{info}");
    std::fs::remove_file(path).unwrap();
}
