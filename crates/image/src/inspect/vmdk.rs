//! VMware's format: one sparse file whose descriptor names no other.

use super::read::{Bytes, index};
use super::{Header, Result, refuse};

const SECTOR: u64 = 512;

pub(super) fn is(head: Bytes<'_>) -> bool {
    head.has(0, b"KDMV") || head.has(0, b"COWD") || head.0.trim_ascii_start().starts_with(b"# Disk Descriptor")
}

pub(super) fn header(head: Bytes<'_>) -> Result<Header> {
    if !head.has(0, b"KDMV") {
        return refuse(
            "The vmdk image is not one sparse file: its data is in other files, which do not come with it. Convert it \
             to monolithicSparse or streamOptimized.",
        );
    }
    let version = head.u32_le(4)?;
    if !(1..=3).contains(&version) {
        return refuse(format!("The vmdk image has version {version}, which is not known; convert it anew."));
    }
    let (capacity, grain) = (head.u64_le(12)?, head.u64_le(20)?);
    let (offset, length) = (head.u64_le(28)?.saturating_mul(SECTOR), head.u64_le(36)?.saturating_mul(SECTOR));
    if grain == 0 || offset == 0 || length == 0 {
        return refuse("The vmdk image has no descriptor of its own; convert it to monolithicSparse.");
    }
    if offset.saturating_add(length) > super::HEAD as u64 {
        return refuse("The vmdk image's descriptor is not at its start; convert it to monolithicSparse.");
    }
    let text = String::from_utf8_lossy(head.slice(index(offset), index(length))?);
    let sectors = descriptor(text.trim_end_matches('\0'))?;
    if sectors > capacity || capacity - sectors >= grain {
        return refuse("The vmdk image's header and descriptor name different disk sizes; convert it anew.");
    }
    Ok(Header { virtual_size: Some(capacity.saturating_mul(SECTOR)), least_size: offset + length, window: None })
}

/// Checks the descriptor; gives the length of its one extent in sectors.
fn descriptor(text: &str) -> Result<u64> {
    let (mut kind, mut extents) = (None, Vec::new());
    for line in text.lines().map(str::trim) {
        if let Some((key, value)) = line.split_once('=').map(|(key, value)| (key.trim(), value.trim())) {
            match key.to_ascii_lowercase().as_str() {
                "createtype" if kind.is_some() => return refuse("The vmdk descriptor names its type twice."),
                "createtype" => kind = Some(value.trim_matches('"').to_owned()),
                "parentcid" if !value.eq_ignore_ascii_case("ffffffff") => {
                    return refuse("The vmdk image has a parent, which does not come with it. Flatten it first.");
                }
                "parentfilenamehint" => {
                    return refuse(
                        "The vmdk image names a parent file, which does not come with it. Flatten it first.",
                    );
                }
                _ => {}
            }
        }
        let mut words = line.split_whitespace();
        let access = words.next().unwrap_or_default().to_ascii_uppercase();
        if ["RW", "RDONLY", "NOACCESS"].contains(&access.as_str()) {
            extents.push((words.next().and_then(|count| count.parse::<u64>().ok()), words.next().unwrap_or_default()));
        }
    }
    match kind.as_deref() {
        Some("monolithicSparse" | "streamOptimized") => {}
        other => {
            return refuse(format!(
                "The vmdk image is of type {}; only monolithicSparse and streamOptimized hold all their data.",
                other.unwrap_or("unknown")
            ));
        }
    }
    match extents[..] {
        [(Some(sectors), kind)] if kind.eq_ignore_ascii_case("SPARSE") => Ok(sectors),
        _ => refuse("The vmdk descriptor must name exactly one sparse extent; convert it to monolithicSparse."),
    }
}
