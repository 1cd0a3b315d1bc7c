use serde::{Deserialize, Serialize};

/// What a domain is and has used since it was started. What the hypervisor does not know is `None`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Diagnostics {
    /// `libvirt`, `fake`, ...
    pub driver: String,
    /// `kvm`, `qemu`, ...
    pub hypervisor: Option<String>,
    /// The operating system of the node.
    pub hypervisor_os: Option<String>,
    /// Seconds since it was started.
    pub uptime: Option<u64>,
    /// Its processors.
    pub cpus: Vec<CpuDiagnostics>,
    /// Its network cards.
    pub nics: Vec<NicDiagnostics>,
    /// Its disks.
    pub disks: Vec<DiskDiagnostics>,
    /// Memory that it may have, in MiB.
    pub memory_maximum_mb: Option<u64>,
    /// Memory that the node spends on it, in MiB.
    pub memory_used_mb: Option<u64>,
}

/// A processor of a server.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CpuDiagnostics {
    /// Which one.
    pub id: u32,
    /// Nanoseconds that it ran.
    pub time_ns: Option<u64>,
}

/// A network card of a server, seen from the guest.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct NicDiagnostics {
    /// The tap on the node.
    pub tap: String,
    /// The address of the card.
    pub mac_address: String,
    /// What came in.
    pub received: Counters,
    /// What went out.
    pub sent: Counters,
}

/// What passed a network card in one direction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Bytes.
    pub octets: Option<u64>,
    /// Packets.
    pub packets: Option<u64>,
    /// Packets that were broken.
    pub errors: Option<u64>,
    /// Packets that were dropped.
    pub drops: Option<u64>,
}

/// A disk of a server.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct DiskDiagnostics {
    /// Its name in the guest, as the node has it: `vda`.
    pub device: String,
    /// Bytes read.
    pub read_bytes: Option<u64>,
    /// Requests to read.
    pub read_requests: Option<u64>,
    /// Bytes written.
    pub write_bytes: Option<u64>,
    /// Requests to write.
    pub write_requests: Option<u64>,
    /// Requests that failed.
    pub errors: Option<u64>,
}
