//! What the machine has.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use anyhow::{Context as _, Result};
use protocol::Resources;
use protocol::numa::Host;
use serde_json::{Value, json};

/// The machine under a node.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// What there is for servers; the disk is that of the folder asked for.
    pub resources: Resources,
    /// The processor, in JSON.
    pub cpu_info: String,
    /// The processor's features as traits.
    pub cpu_traits: Vec<String>,
    /// Seconds that the machine is up.
    pub uptime_seconds: u64,
}

/// Processor flags and their traits.
const CPU_TRAITS: [(&str, &str); 16] = [
    ("sse", "HW_CPU_X86_SSE"),
    ("sse2", "HW_CPU_X86_SSE2"),
    ("pni", "HW_CPU_X86_SSE3"),
    ("ssse3", "HW_CPU_X86_SSSE3"),
    ("sse4_1", "HW_CPU_X86_SSE41"),
    ("sse4_2", "HW_CPU_X86_SSE42"),
    ("avx", "HW_CPU_X86_AVX"),
    ("avx2", "HW_CPU_X86_AVX2"),
    ("avx512f", "HW_CPU_X86_AVX512F"),
    ("aes", "HW_CPU_X86_AESNI"),
    ("sha_ni", "HW_CPU_X86_SHA"),
    ("fma", "HW_CPU_X86_FMA3"),
    ("f16c", "HW_CPU_X86_F16C"),
    ("bmi1", "HW_CPU_X86_BMI"),
    ("bmi2", "HW_CPU_X86_BMI2"),
    ("mmx", "HW_CPU_X86_MMX"),
];

/// Reads them now. Processors set aside are not among those that servers share.
pub fn read(dir: &Path, numa: &Host) -> Result<Facts> {
    let cpuinfo = file_text("/proc/cpuinfo")?;
    let memory = memory(&file_text("/proc/meminfo")?).context("/proc/meminfo is not understood")?;
    let disk = nix::sys::statvfs::statvfs(dir).with_context(|| format!("cannot measure {}", dir.display()))?;
    let gib = |blocks: u64| blocks.saturating_mul(disk.fragment_size()) >> 30;
    let vcpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let (cpu_info, cpu_traits) = processor(&cpuinfo, numa);
    let all = u32::try_from(vcpus).unwrap_or(u32::MAX);
    let dedicated_cpus = u32::try_from(numa.dedicated.0.len()).unwrap_or(u32::MAX);
    let uptime = file_text("/proc/uptime")?;
    Ok(Facts {
        resources: Resources {
            vcpus: all.saturating_sub(dedicated_cpus),
            dedicated_cpus,
            memory_mb: memory.0,
            memory_used_mb: memory.0.saturating_sub(memory.1),
            disk_gb: gib(disk.blocks()),
            disk_free_gb: gib(disk.blocks_available()),
        },
        cpu_info,
        cpu_traits,
        uptime_seconds: uptime.split('.').next().and_then(|seconds| seconds.parse().ok()).unwrap_or(0),
    })
}

/// The end of a file; nothing of one that is not there.
pub(crate) fn file_tail(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let start = file.metadata()?.len().saturating_sub(limit);
    file.seek(SeekFrom::Start(start))?;
    let mut tail = Vec::new();
    file.take(limit).read_to_end(&mut tail)?;
    Ok(tail)
}

fn file_text(path: &str) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {path}"))
}

/// Total and available memory in MiB.
fn memory(meminfo: &str) -> Option<(u64, u64)> {
    let field = |name: &str| {
        let line = meminfo.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib / 1024)
    };
    Some((field("MemTotal")?, field("MemAvailable")?))
}

/// The processor as compute's API shows it, and its traits.
fn processor(cpuinfo: &str, numa: &Host) -> (String, Vec<String>) {
    let field = |name: &str| {
        let line = cpuinfo.lines().find(|line| line.split(':').next().is_some_and(|key| key.trim() == name));
        line.and_then(|line| line.split_once(':')).map(|(_, value)| value.trim()).unwrap_or_default()
    };
    let flags: BTreeSet<&str> = field("flags").split_whitespace().collect();
    let info = json!({
        "arch": std::env::consts::ARCH,
        "model": field("model name"),
        "vendor": field("vendor_id"),
        "topology": topology(cpuinfo, numa),
        "features": flags,
    });
    let traits = CPU_TRAITS.iter().filter(|(flag, _)| flags.contains(flag)).map(|(_, name)| (*name).to_owned());
    (info.to_string(), traits.collect())
}

/// How many NUMA nodes there are, sockets in each, cores in a socket, and threads in a core.
fn topology(cpuinfo: &str, numa: &Host) -> Value {
    let cells = numa.cells.len().max(1);
    let ids = cpuinfo.lines().filter(|line| line.starts_with("physical id"));
    let sockets = (ids.collect::<BTreeSet<&str>>().len() / cells).max(1);
    let threads = numa.cells.iter().flat_map(|cell| &cell.cores).map(|core| core.0.len()).max().unwrap_or(1);
    let cpus: usize = numa.cells.iter().map(|cell| cell.cpus.0.len()).sum();
    json!({
        "cells": cells,
        "sockets": sockets,
        "cores": (cpus / (cells * sockets * threads)).max(1),
        "threads": threads,
    })
}

#[cfg(test)]
mod tests {
    use protocol::CpuSet;
    use protocol::numa::HostCell;

    use super::*;

    #[test]
    fn facts_are_read_from_what_linux_says() {
        assert_eq!(memory("MemTotal:  2048000 kB\nMemFree: 1 kB\nMemAvailable: 1024000 kB\n"), Some((2000, 1000)));
        let cores = ["0,2", "1,3"].map(|core| core.parse().unwrap()).into();
        let cell = HostCell { cpus: (0..4).collect(), cores, ..HostCell::default() };
        let numa = Host { cells: vec![cell], ..Host::default() };
        let said = "vendor_id\t: V\nphysical id\t: 0\nmodel name\t: M x\nphysical id\t: 1\nflags\t\t: sse avx2 xyz\n";
        let (info, traits) = processor(said, &numa);
        assert!(info.contains(r#""model":"M x""#) && info.contains("xyz"), "{info}");
        let info: Value = serde_json::from_str(&info).unwrap();
        assert_eq!(info["topology"], json!({"cells": 1, "sockets": 2, "cores": 1, "threads": 2}));
        assert_eq!(traits, ["HW_CPU_X86_SSE", "HW_CPU_X86_AVX2"]);
    }

    #[test]
    fn this_machine_has_something() {
        let (none, first) = (Host::default(), Host { dedicated: CpuSet::from_iter([0]), ..Host::default() });
        let facts = read(Path::new("/"), &none).unwrap();
        let set_aside = read(Path::new("/"), &first).unwrap().resources;
        assert_eq!((set_aside.vcpus + 1, set_aside.dedicated_cpus), (facts.resources.vcpus, 1));
        assert!(facts.resources.vcpus > 0 && facts.resources.memory_mb > 0 && facts.uptime_seconds > 0);
    }
}
