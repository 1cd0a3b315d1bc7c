//! The real drivers on a real host: Open vSwitch, libvirt and a guest under emulation, all in a network namespace.
//!
//! Runs as root where `setup/install runtime` and `guest/build` were run, and says so where it does not.
#![expect(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "these are tests")]

mod life;
mod network;
mod options;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use agent::Drivers;
use agent::host::{Options, Services};
use agent::hypervisor::libvirt::VirtType;
use protocol::{ConsoleKind, DiskSource, ImageSource, PowerState, Problem, RebootKind, ServerPort, ServerSpec};
use runtime::Runtime;
use sha2::{Digest as _, Sha512};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, UnixStream};

const PROGRAMS: [&str; 8] =
    ["qemu-system-x86_64", "qemu-img", "libvirtd", "virtlogd", "ovs-vswitchd", "ovsdb-server", "genisoimage", "ip"];

/// The guest image, if this machine has all that the test needs.
fn guest_image() -> Option<PathBuf> {
    let found = |program: &&str| {
        let paths = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
        paths.split(':').any(|dir| Path::new(dir).join(program).exists())
    };
    if let Some(missing) = PROGRAMS.iter().find(|program| !found(program)) {
        eprintln!("SKIPPED: {missing} is not installed: run setup/install runtime");
        return None;
    }
    if !nix::unistd::geteuid().is_root() {
        eprintln!("SKIPPED: only root may make network namespaces");
        return None;
    }
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../var/guest/ferrostack-guest.qcow2");
    let image = std::env::var_os("FERROSTACK_GUEST_IMAGE").map_or(built, PathBuf::from);
    if !image.exists() {
        eprintln!("SKIPPED: {} is not there: run guest/build", image.display());
        return None;
    }
    Some(image)
}

/// Serves a file once over HTTP.
async fn serve(content: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/image", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut connection, _) = listener.accept().await.unwrap();
        let mut request = [0; 2048];
        let _read = connection.read(&mut request).await.unwrap();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", content.len());
        connection.write_all(head.as_bytes()).await.unwrap();
        connection.write_all(&content).await.unwrap();
    });
    url
}

fn server(image: ImageSource) -> ServerSpec {
    ServerSpec {
        id: uuid(),
        instance_name: "instance-00000001".to_owned(),
        display_name: "a <real> server".to_owned(),
        hostname: "a-real-server".to_owned(),
        project_id: "p".to_owned(),
        user_id: "u".to_owned(),
        vcpus: 1,
        memory_mb: 128,
        root_disk: DiskSource::Image(image),
        root_gb: 1,
        ephemerals_gb: vec![1],
        swap_mb: 16,
        ports: vec![ServerPort {
            id: uuid(),
            network_id: uuid(),
            mac_address: "fa:16:3e:00:00:01".to_owned(),
            mtu: 1442,
        }],
        // With one, the guest does not ask the metadata service.
        config_drive: None,
        extra_specs: BTreeMap::new(),
        image_properties: BTreeMap::new(),
        rescue: None,
    }
}

fn uuid() -> String {
    Runtime::default().ids.uuid()
}

/// Waits until the console says `text` after its first `from` bytes, and gives how long it is then.
async fn console_says(drivers: &Drivers, id: &str, text: &str, from: usize) -> usize {
    let mut output = String::new();
    for _ in 0..1200 {
        output = drivers.hypervisor.console_output(id, None).await.unwrap();
        if output.get(from..).is_some_and(|new| new.contains(text)) {
            return output.len();
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the console does not say {text:?} but {output}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_boots_is_restarted_stops_and_leaves_nothing() {
    let Some(image) = guest_image() else { return };
    let content = std::fs::read(image).unwrap();
    let image = ImageSource {
        id: uuid(),
        disk_format: "qcow2".to_owned(),
        size: content.len() as u64,
        sha512: hex::encode(Sha512::digest(&content)),
    };
    let dir = tempfile::tempdir().unwrap();
    let namespace = format!("fst{}", &uuid()[..8]);
    let mut options = Options::new(dir.path().join("node"), "node-1", &namespace);
    options.spice = true;
    let first = Runtime::default();
    let services = Services::start(first.clone(), options.clone()).await.unwrap();
    let drivers = services.drivers(VirtType::Qemu).unwrap();
    let outcome = std::panic::AssertUnwindSafe(lives(&services, &first, &drivers, image, content));
    let outcome = futures_util::FutureExt::catch_unwind(outcome).await;
    let survives = if outcome.is_ok() { survives(&first, &services, options).await } else { services };
    survives.stop().await.unwrap();
    if let Err(panic) = outcome {
        for entry in dir.path().join("node/daemons").read_dir().unwrap().flatten() {
            let text = std::fs::read(entry.path()).unwrap_or_default();
            eprintln!("--- {}\n{}", entry.path().display(), String::from_utf8_lossy(&text));
        }
        std::panic::resume_unwind(panic);
    }
    assert!(!Path::new("/run/netns").join(&namespace).exists());
    let left = Command::new("pgrep").args(["-f", "-a", &dir.path().display().to_string()]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&left.stdout), "");
}

/// The life of a server, from its image to its end.
async fn lives(services: &Services, runtime: &Runtime, drivers: &Drivers, image: ImageSource, content: Vec<u8>) {
    let Drivers { hypervisor, disks, ports } = drivers;
    let info = hypervisor.info().await.unwrap();
    assert!(info.hypervisor_version > 1_000_000 && info.resources.memory_mb > 0, "{info:?}");
    let mut changes = hypervisor.changes();
    disks.image_fetch(&image, &serve(content).await, "ticket").await.unwrap();
    // It is there: nobody is asked again.
    disks.image_fetch(&image, "http://127.0.0.1:1/", "ticket").await.unwrap();
    let server = server(image);
    network::network_make(&services.northbound(), &server).await;
    let (url, mut asked) = network::metadata_serve().await;
    services.metadata_start(runtime, &url, "secret").await.unwrap();
    let (id, tap) = (server.id.clone(), server.ports[0].tap_name());
    for _ in 0..2 {
        disks.disks_create(&server).await.unwrap();
        ports.ports_plug(&server).await.unwrap();
        hypervisor.server_start(&server).await.unwrap();
    }
    assert_eq!(changes.recv().await.unwrap(), id);
    assert_eq!(hypervisor.server_state(&id).await, Ok(PowerState::Running));
    let booted = console_says(drivers, &id, "=== ferrostack guest", 0).await;
    console_says(drivers, &id, &format!("address {}", network::ADDRESS), 0).await;
    let question = tokio::time::timeout(Duration::from_secs(60), asked.recv()).await.unwrap().unwrap();
    assert!(question.contains(&format!("x-forwarded-for: {}", network::ADDRESS)), "{question}");
    assert!(question.contains(&format!("x-network-id: {}", server.ports[0].network_id)), "{question}");
    let screen = hypervisor.console_address(&id, ConsoleKind::Vnc).await.unwrap();
    let mut greeting = [0; 4];
    UnixStream::connect(&screen).await.unwrap().read_exact(&mut greeting).await.unwrap();
    assert_eq!(&greeting, b"RFB ");
    let screen = hypervisor.console_address(&id, ConsoleKind::Spice).await.unwrap();
    let mut spice = UnixStream::connect(&screen).await.unwrap();
    // A client links up to the main channel: version 2.2, 18 bytes that say so, no capabilities.
    let mut link = b"REDQ".to_vec();
    link.extend([2_u32, 2, 18, 0].into_iter().flat_map(u32::to_le_bytes));
    link.extend([1, 0]);
    link.extend([0_u32, 0, 18].into_iter().flat_map(u32::to_le_bytes));
    spice.write_all(&link).await.unwrap();
    spice.read_exact(&mut greeting).await.unwrap();
    assert_eq!(&greeting, b"REDQ");
    life::running(drivers, services.layout().dir(), &server).await;
    hypervisor.server_reboot(&server, RebootKind::Soft).await.unwrap();
    console_says(drivers, &id, "=== ferrostack guest", booted).await;
    hypervisor.server_stop(&id, Duration::from_secs(60)).await.unwrap();
    assert_eq!(hypervisor.server_state(&id).await, Ok(PowerState::Shutdown));
    assert_eq!(hypervisor.server_list().await.unwrap().len(), 1);
    life::off(drivers, services.layout().dir(), &server).await;
    for _ in 0..2 {
        hypervisor.server_delete(&id).await.unwrap();
        ports.ports_unplug(&id, std::slice::from_ref(&tap)).await.unwrap();
        disks.disks_delete(&id).await.unwrap();
    }
    assert_eq!(hypervisor.server_state(&id).await, Err(Problem::NotFound));
    let files = BTreeMap::from([("openstack/latest/meta_data.json".to_owned(), "e30=".to_owned())]);
    let other = ServerSpec { config_drive: Some(files), ..server };
    disks.disks_create(&other).await.unwrap();
    let drive = services.layout().dir().join("servers").join(&id).join("config.iso");
    let info = Command::new("isoinfo").args(["-J", "-f", "-i"]).arg(&drive).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&info.stdout).trim().lines().last(), Some("/openstack/latest/meta_data.json"));
    disks.disks_delete(&id).await.unwrap();
    assert!(!drive.exists());
    assert!(!Path::new(&screen).exists());
}

/// When our process ends, the daemons do not: the next one takes them over.
async fn survives(first: &Runtime, services: &Services, options: Options) -> Services {
    assert!(first.tasks.stop(Duration::from_secs(20)).await);
    let before = services.status();
    assert!(before.iter().all(|(_, alive)| *alive), "{before:?}");
    let pids = |options: &Options| -> BTreeMap<PathBuf, String> {
        let files = options.dir.join("daemons").read_dir().unwrap().flatten().map(|entry| entry.path());
        let pids = files.filter(|path| path.extension().is_some_and(|extension| extension == "pid"));
        pids.map(|path| (path.clone(), std::fs::read_to_string(path).unwrap())).collect()
    };
    let known = pids(&options);
    let again = Services::start(Runtime::default(), options.clone()).await.unwrap();
    assert_eq!(pids(&options), known);
    again
}
