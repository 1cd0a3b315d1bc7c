use std::path::{Path, PathBuf};

use protocol::{MOST_EPHEMERALS, ServerSpec};

/// Where a node keeps its files.
///
/// libvirt and QEMU may see the same folder under another path than we do: where they run in a mount namespace of their
/// own, or where the way to our path is closed to QEMU's user.
#[derive(Debug, Clone)]
pub struct Layout {
    dir: PathBuf,
    qemu_dir: PathBuf,
}

impl Layout {
    /// The folder `dir`, which QEMU sees as `qemu_dir`.
    pub fn new(dir: impl Into<PathBuf>, qemu_dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), qemu_dir: qemu_dir.into() }
    }

    /// The folder itself.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where the image cache is.
    pub(crate) fn images(&self) -> PathBuf {
        self.dir.join("images")
    }

    /// An image in the cache.
    pub(crate) fn image(&self, id: &str) -> PathBuf {
        self.images().join(id)
    }

    /// Where servers' folders are.
    pub(crate) fn servers(&self) -> PathBuf {
        self.dir.join("servers")
    }

    /// The folder of a server.
    pub(crate) fn server(&self, id: &str) -> PathBuf {
        self.servers().join(id)
    }

    /// Where a server's disks are kept while its resize can be reverted.
    pub(crate) fn kept(&self, id: &str) -> PathBuf {
        self.server(id).join("kept")
    }

    /// A file of a server.
    pub(crate) fn file(&self, id: &str, file: ServerFile) -> PathBuf {
        self.server(id).join(file.name())
    }

    /// A file of a server, as QEMU sees it.
    pub(crate) fn qemu_file(&self, id: &str, file: ServerFile) -> PathBuf {
        self.qemu_dir.join("servers").join(id).join(file.name())
    }

    /// Where consoles' sockets are. QEMU makes them, so its user must be able to write here. The path is short because
    /// a socket's may have 107 bytes only.
    pub(crate) fn sockets(&self) -> PathBuf {
        self.dir.join("s")
    }

    /// A console's socket.
    pub(crate) fn socket(&self, id: &str, kind: protocol::ConsoleKind) -> PathBuf {
        self.sockets().join(socket_name(id, kind))
    }

    /// A console's socket, as QEMU sees it.
    pub(crate) fn qemu_socket(&self, id: &str, kind: protocol::ConsoleKind) -> PathBuf {
        self.qemu_dir.join("s").join(socket_name(id, kind))
    }
}

/// A file that a server may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ServerFile {
    Root,
    /// What the server boots from while it is rescued.
    Rescue,
    /// The root disk on its way to the image service.
    Copy,
    /// By its number.
    Ephemeral(usize),
    Swap,
    ConfigDrive,
    /// The config drive while the server is rescued.
    RescueConfigDrive,
    ConsoleLog,
    /// What the console's log had before it was cut last.
    ConsoleLogOld,
}

/// The names of the ephemeral disks; a server has no more.
const EPHEMERALS: [&str; MOST_EPHEMERALS] = [
    "ephemeral.img",
    "ephemeral1.img",
    "ephemeral2.img",
    "ephemeral3.img",
    "ephemeral4.img",
    "ephemeral5.img",
    "ephemeral6.img",
    "ephemeral7.img",
];

impl ServerFile {
    /// Every ephemeral disk that a server may have.
    pub(crate) fn ephemerals() -> impl Iterator<Item = Self> {
        (0..EPHEMERALS.len()).map(Self::Ephemeral)
    }

    /// The config drive that the server has now.
    pub(crate) fn config_drive(server: &ServerSpec) -> Self {
        if server.rescue.is_some() { Self::RescueConfigDrive } else { Self::ConfigDrive }
    }

    /// QEMU's name of its format.
    pub(crate) fn format(self) -> &'static str {
        match self {
            Self::Root | Self::Rescue | Self::Copy => "qcow2",
            _ => "raw",
        }
    }

    /// Its name in the server's folder.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Root => "root.qcow2",
            Self::Rescue => "rescue.qcow2",
            Self::Copy => "copy.qcow2",
            Self::Ephemeral(number) => EPHEMERALS.get(number).copied().unwrap_or("ephemeral.img"),
            Self::Swap => "swap.img",
            Self::ConfigDrive => "config.iso",
            Self::RescueConfigDrive => "rescue-config.iso",
            Self::ConsoleLog => "console.log",
            Self::ConsoleLogOld => "console.log.0",
        }
    }
}

fn socket_name(id: &str, kind: protocol::ConsoleKind) -> String {
    match kind {
        protocol::ConsoleKind::Vnc => format!("{id}.vnc"),
        protocol::ConsoleKind::Spice => format!("{id}.spice"),
        protocol::ConsoleKind::Serial => format!("{id}.tty"),
    }
}
