//! libvirt's daemon, in a mount namespace where its folders are ours, so that it shares nothing with the host's.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio::net::UnixStream;
use tokio::time::Instant;

use super::children::{Children, Daemon};
use super::namespace::Namespace;
use crate::layout::Layout;

/// Where libvirt and QEMU see the node's disks and sockets.
const QEMU_DIR: &str = "/var/lib/libvirt/ferrostack";
/// How long the daemon may take to listen.
const START_LIMIT: Duration = Duration::from_secs(30);

/// Binds folders to their places, given in pairs before `--`, and becomes the command after it.
const WRAPPER: &str = r#"
set -e
mount --make-rprivate /
while [ "$1" != -- ]; do mkdir -p "$1" "$2"; mount --bind "$1" "$2"; shift 2; done
shift
exec "$@"
"#;

const LIBVIRTD_CONF: &str = "\
auth_unix_rw = \"none\"
unix_sock_rw_perms = \"0700\"
log_outputs = \"3:stderr\"
";

/// Guests are confined by their user and by what their namespace shows; the host's AppArmor does not know our folders.
const QEMU_CONF: &str = "\
security_driver = \"none\"
";

/// Starts the daemon, and gives its address and where disks and sockets go.
pub(super) async fn start(children: &Children, dir: &Path, namespace: &Namespace) -> Result<(String, Layout)> {
    let (own, disks) = (dir.join("libvirt"), dir.to_owned());
    for name in ["run", "lib", "cache", "log", "etc"] {
        let path = own.join(name);
        fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    }
    fs::write(own.join("etc/libvirtd.conf"), LIBVIRTD_CONF)?;
    fs::write(own.join("etc/qemu.conf"), QEMU_CONF)?;
    let places = [
        ("run", "/run/libvirt"),
        ("lib", "/var/lib/libvirt"),
        ("cache", "/var/cache/libvirt"),
        ("log", "/var/log/libvirt"),
        ("etc", "/etc/libvirt"),
    ];
    let mut binds: Vec<String> =
        places.iter().flat_map(|(name, place)| [own.join(name).display().to_string(), (*place).to_owned()]).collect();
    binds.extend([disks.display().to_string(), QEMU_DIR.to_owned()]);
    let mut wrapper: Vec<String> =
        ["unshare", "--mount", "sh", "-c", WRAPPER, "sh"].iter().map(|&word| word.to_owned()).collect();
    wrapper.extend(binds);
    wrapper.push("--".to_owned());
    let daemon = |name, program: &str| Daemon {
        name,
        // The file of the process id is of no use to us, but makes the command ours alone.
        command: [program, "-p", &own.join(format!("{name}.pid")).display().to_string()]
            .iter()
            .map(|&word| word.to_owned())
            .collect(),
        wrapper: wrapper.clone(),
        environment: Vec::new(),
        namespace: namespace.clone(),
    };
    children.start(daemon("virtlogd", "virtlogd"))?;
    listening(&own.join("run/virtlogd-sock")).await.context("see virtlogd.log")?;
    children.start(daemon("libvirtd", "libvirtd"))?;
    let socket = own.join("run/libvirt-sock");
    listening(&socket).await.context("see libvirtd.log")?;
    let uri = format!("qemu+unix:///system?socket={}", socket.display());
    Ok((uri, Layout::new(disks, QEMU_DIR)))
}

/// Waits until somebody listens on the socket.
async fn listening(socket: &Path) -> Result<()> {
    let end = Instant::now() + START_LIMIT;
    while let Err(error) = UnixStream::connect(socket).await {
        if Instant::now() > end {
            bail!("nobody listens on {}: {error}", socket.display());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}
