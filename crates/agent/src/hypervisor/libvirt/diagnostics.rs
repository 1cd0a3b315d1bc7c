//! What a domain has used.

use std::path::Path;
use std::time::SystemTime;

use protocol::{Counters, CpuDiagnostics, Diagnostics, DiskDiagnostics, NicDiagnostics, Problem};
use virt::domain::Domain;
use virt::sys;

use super::connection::problem;
use super::domain::is_active;
use super::virt_type::VirtType;
use super::xml::Element;
use super::{power, raw};

/// What a running domain has used. QEMU makes `socket` when it starts, so that its age is the domain's.
pub(super) fn read(domain: &Domain, virt_type: VirtType, socket: &Path) -> Result<Diagnostics, Problem> {
    if !is_active(domain)? {
        return Err(power::off());
    }
    let failed = |error| problem("the domain's use cannot be read", &error);
    let info = domain.info().map_err(failed)?;
    let times = raw::vcpu_times(domain, info.nr_virt_cpu).unwrap_or_default();
    let xml = Element::parse(&domain.xml_desc(0).map_err(failed)?)?;
    let devices = xml.find("devices");
    let memory = domain.memory_stats(0).unwrap_or_default();
    let used = memory.iter().find(|stat| stat.tag == sys::VIR_DOMAIN_MEMORY_STAT_RSS);
    let started = std::fs::metadata(socket).and_then(|socket| socket.modified()).ok();
    let uptime = started.and_then(|started| SystemTime::now().duration_since(started).ok());
    Ok(Diagnostics {
        driver: "libvirt".to_owned(),
        hypervisor: Some(virt_type.name().to_owned()),
        hypervisor_os: Some(std::env::consts::OS.to_owned()),
        uptime: uptime.map(|uptime| uptime.as_secs()),
        cpus: times.iter().map(|(id, time)| CpuDiagnostics { id: *id, time_ns: Some(*time) }).collect(),
        nics: devices.into_iter().flat_map(|all| all.all("interface")).filter_map(|card| nic(domain, card)).collect(),
        disks: devices.into_iter().flat_map(|all| all.all("disk")).filter_map(|one| disk(domain, one)).collect(),
        memory_maximum_mb: Some(info.max_mem >> 10),
        memory_used_mb: used.map(|stat| stat.val >> 10),
    })
}

fn nic(domain: &Domain, card: &Element) -> Option<NicDiagnostics> {
    let tap = card.find("target")?.get("dev")?;
    let mac_address = card.find("mac")?.get("address")?.to_owned();
    let mut nic = NicDiagnostics { tap: tap.to_owned(), mac_address, ..NicDiagnostics::default() };
    if let Ok(stats) = domain.interface_stats(tap) {
        let counters = |octets, packets, errors, drops| Counters {
            octets: known(octets),
            packets: known(packets),
            errors: known(errors),
            drops: known(drops),
        };
        nic.received = counters(stats.rx_bytes, stats.rx_packets, stats.rx_errs, stats.rx_drop);
        nic.sent = counters(stats.tx_bytes, stats.tx_packets, stats.tx_errs, stats.tx_drop);
    }
    Some(nic)
}

fn disk(domain: &Domain, disk: &Element) -> Option<DiskDiagnostics> {
    let device = disk.find("target")?.get("dev")?.to_owned();
    let Ok(stats) = domain.block_stats(&device) else {
        return Some(DiskDiagnostics { device, ..DiskDiagnostics::default() });
    };
    Some(DiskDiagnostics {
        device,
        read_bytes: known(stats.rd_bytes),
        read_requests: known(stats.rd_req),
        write_bytes: known(stats.wr_bytes),
        write_requests: known(stats.wr_req),
        errors: known(stats.errs),
    })
}

/// libvirt says -1 of what it does not know.
fn known(value: i64) -> Option<u64> {
    u64::try_from(value).ok()
}
