//! Shares, limits and places: of processors, memory, disks and network cards.

use std::collections::BTreeMap;

use protocol::numa::Placement;
use protocol::{CpuSet, Problem};

use super::super::xml::Element;
use crate::wishes::{Wishes, refused};

/// The shares of the processors, their limits, and where they run.
pub(super) fn cpu_tune(wishes: &Wishes<'_>, placement: &Placement) -> Result<Option<Element>, Problem> {
    let mut tune = Element::new("cputune");
    let told = wishes.flavor_number::<u64>("quota:cpu_shares")?;
    let shares = if told.is_some() { told } else { shares(wishes, "cpu", 1024)? };
    tune = tune.children(shares.map(|shares| Element::text("shares", shares)));
    let period = wishes.flavor_number::<u64>("quota:cpu_period")?;
    tune = tune.children(period.map(|period| Element::text("period", period)));
    if let Some(quota) = wishes.flavor_number::<i64>("quota:cpu_quota")? {
        tune = tune.child(Element::text("quota", quota));
    }
    let pin = |(cpu, set): &(u32, _)| Element::new("vcpupin").with("vcpu", cpu).with("cpuset", set);
    tune = tune.children(placement.pins.iter().map(pin));
    let emulator = placement.emulator.as_ref().map(|set| Element::new("emulatorpin").with("cpuset", set));
    tune = tune.children(emulator);
    Ok((!tune.is_empty()).then_some(tune))
}

/// What the guest gets of something where others want it too: `quota:NAME_shares_level`, half or twice the usual, or
/// `custom` with `quota:NAME_shares_share`.
fn shares(wishes: &Wishes<'_>, name: &str, usual: u64) -> Result<Option<u64>, Problem> {
    let level = format!("quota:{name}_shares_level");
    let share = format!("quota:{name}_shares_share");
    let Some(word) = wishes.flavor(&level) else {
        return match wishes.flavor(&share) {
            None => Ok(None),
            Some(_) => Err(refused(format!("{share} needs {level}=custom"))),
        };
    };
    match word {
        "low" => Ok(Some(usual / 2)),
        "normal" => Ok(Some(usual)),
        "high" => Ok(Some(usual * 2)),
        "custom" => match wishes.flavor_number(&share)? {
            Some(share) => Ok(Some(share)),
            None => Err(refused(format!("{level}=custom needs a {share}"))),
        },
        other => Err(refused(format!("{level} is {other:?}: it must be one of low, normal, high, custom"))),
    }
}

/// How the guest's disks compare with those of others.
pub(super) fn disk_shares(wishes: &Wishes<'_>) -> Result<Option<Element>, Problem> {
    let Some(weight) = shares(wishes, "disk_io", 500)? else { return Ok(None) };
    if !(10..=1000).contains(&weight) {
        return Err(refused(format!("quota:disk_io_shares_share is {weight}: it must be between 10 and 1000")));
    }
    Ok(Some(Element::new("blkiotune").child(Element::text("weight", weight))))
}

/// Which of the node's NUMA nodes the guest's memory is on.
pub(super) fn numa_tune(placement: &Placement) -> Option<Element> {
    if placement.cells.is_empty() {
        return None;
    }
    let nodes: CpuSet = placement.cells.iter().map(|(node, _)| *node).collect();
    let strict = |name| Element::new(name).with("mode", "strict");
    let each = placement.cells.iter().enumerate().map(|(cell, (node, _))| {
        Element::new("memnode").with("cellid", cell).with("mode", "strict").with("nodeset", node)
    });
    Some(Element::new("numatune").child(strict("memory").with("nodeset", nodes)).children(each))
}

/// What the guest's memory is made of.
pub(super) fn memory_backing(wishes: &Wishes<'_>, placement: &Placement) -> Result<Option<Element>, Problem> {
    let mut backing = Element::new("memoryBacking");
    let mut sizes = BTreeMap::<u64, CpuSet>::new();
    for (cell, (_, size)) in (0..).zip(&placement.cells) {
        if let Some(size) = size {
            sizes.entry(*size).or_default().0.insert(cell);
        }
    }
    if !sizes.is_empty() {
        let page = |(size, cells)| Element::new("page").with("size", size).with("unit", "KiB").with("nodeset", cells);
        backing = backing.child(Element::new("hugepages").children(sizes.into_iter().map(page)));
    }
    if wishes.agreed_flag("locked_memory")? == Some(true) {
        backing = backing.child(Element::new("locked"));
    }
    Ok((!backing.is_empty()).then_some(backing))
}

/// The limits of each disk.
pub(super) fn io_tune(wishes: &Wishes<'_>) -> Result<Option<Element>, Problem> {
    let mut tune = Element::new("iotune");
    for what in ["bytes", "iops"] {
        let limit = |way: &str| wishes.flavor_number::<u64>(&format!("quota:disk_{way}_{what}_sec"));
        let (total, read, write) = (limit("total")?, limit("read")?, limit("write")?);
        if total.is_some_and(|total| total > 0) && (read.or(write).is_some_and(|one| one > 0)) {
            return Err(refused(format!(
                "the flavor has quota:disk_total_{what}_sec and one for reading or writing: it may have one kind only"
            )));
        }
        for (way, value) in [("total", total), ("read", read), ("write", write)] {
            tune = tune.children(value.map(|value| Element::text(&format!("{way}_{what}_sec"), value)));
        }
    }
    Ok((!tune.is_empty()).then_some(tune))
}

/// The limits of each network card, in kB per second and kB.
pub(super) fn bandwidth(wishes: &Wishes<'_>) -> Result<Option<Element>, Problem> {
    let mut bandwidth = Element::new("bandwidth");
    for way in ["inbound", "outbound"] {
        let mut limits = Element::new(way);
        for what in ["average", "peak", "burst"] {
            if let Some(value) = wishes.flavor_number::<u64>(&format!("quota:vif_{way}_{what}"))? {
                limits = limits.with(what, value);
            }
        }
        if !limits.is_empty() && limits.get("average").is_none() {
            return Err(refused(format!("quota:vif_{way}_peak and _burst need a quota:vif_{way}_average")));
        }
        if !limits.is_empty() {
            bandwidth = bandwidth.child(limits);
        }
    }
    Ok((!bandwidth.is_empty()).then_some(bandwidth))
}
