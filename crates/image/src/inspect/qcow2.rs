//! QEMU's copy-on-write format, versions 2 and 3.

use super::read::Bytes;
use super::{Header, Result, refuse};

const DIRTY: u64 = 1;
const CORRUPT: u64 = 1 << 1;
const EXTERNAL_DATA: u64 = 1 << 2;
const COMPRESSION_TYPE: u64 = 1 << 3;
const EXTENDED_L2: u64 = 1 << 4;
/// The header extension that names an external data file.
const EXTENSION_DATA_FILE: u32 = 0x4441_5441;

pub(super) fn is(head: Bytes<'_>) -> bool {
    head.has(0, b"QFI\xfb")
}

pub(super) fn header(head: Bytes<'_>) -> Result<Header> {
    let version = head.u32_be(4)?;
    if !(2..=3).contains(&version) {
        return refuse(format!("The image is qcow version {version}; convert it to qcow2 version 2 or 3."));
    }
    if head.u64_be(8)? != 0 {
        return refuse(
            "The qcow2 image has a backing file, which does not come with it. Flatten it with qemu-img convert.",
        );
    }
    if head.u32_be(32)? != 0 {
        return refuse("The qcow2 image is encrypted, so that no server could start from it. Decrypt it first.");
    }
    let incompatible = if version == 3 { head.u64_be(72)? } else { 0 };
    features(incompatible)?;
    let cluster_bits = head.u32_be(20)?;
    if !(9..=21).contains(&cluster_bits) {
        return refuse("The qcow2 header names an impossible cluster size; convert the image anew.");
    }
    let cluster = 1_u64 << cluster_bits;
    let header_length = if version == 3 { u64::from(head.u32_be(100)?) } else { 72 };
    if header_length > cluster || (version == 3 && header_length < 104) {
        return refuse("The qcow2 header names an impossible length of its own; convert the image anew.");
    }
    extensions(head, header_length, cluster)?;
    tables(head, cluster, incompatible & EXTENDED_L2 != 0)
}

fn features(incompatible: u64) -> Result<()> {
    if incompatible & EXTERNAL_DATA != 0 {
        return refuse(
            "The qcow2 image keeps its data in another file, which does not come with it. Convert it first.",
        );
    }
    if incompatible & CORRUPT != 0 {
        return refuse("The qcow2 image is marked as corrupt. Repair it with qemu-img check -r all.");
    }
    if incompatible & !(DIRTY | COMPRESSION_TYPE | EXTENDED_L2) != 0 {
        return refuse("The qcow2 image uses features that are not known here. Convert it with plain options.");
    }
    Ok(())
}

/// Walks the header extensions, which end at the first of type 0 or with the first cluster.
fn extensions(head: Bytes<'_>, start: u64, cluster: u64) -> Result<()> {
    let end = cluster.min(head.0.len() as u64);
    let mut at = start;
    while at + 8 <= end {
        let place = super::read::index(at);
        let (kind, length) = (head.u32_be(place)?, u64::from(head.u32_be(place + 4)?));
        match kind {
            0 => return Ok(()),
            EXTENSION_DATA_FILE => {
                return refuse("The qcow2 image names an external data file, which does not come with it.");
            }
            _ if at + 8 + length > cluster => {
                return refuse("A qcow2 header extension is longer than its cluster; convert the image anew.");
            }
            _ => at += 8 + length.next_multiple_of(8),
        }
    }
    Ok(())
}

/// Checks that the tables cover the disk and lie on clusters of the file.
fn tables(head: Bytes<'_>, cluster: u64, extended: bool) -> Result<Header> {
    let size = head.u64_be(24)?;
    let (l1_entries, l1_offset) = (u64::from(head.u32_be(36)?), head.u64_be(40)?);
    let (refcount_offset, refcount_clusters) = (head.u64_be(48)?, u64::from(head.u32_be(56)?));
    let covered = l1_entries.saturating_mul(cluster).saturating_mul(cluster / if extended { 16 } else { 8 });
    if covered < size {
        return refuse("The qcow2 header names a disk larger than its tables can hold; convert the image anew.");
    }
    if l1_offset % cluster != 0 || refcount_offset % cluster != 0 || refcount_offset == 0 {
        return refuse("The qcow2 header's tables are out of place; convert the image anew.");
    }
    let l1_end = l1_offset.saturating_add(l1_entries * 8);
    // The table of reference counts may end in a cluster that is not written to its end.
    let refcount_end = refcount_offset.saturating_add(if refcount_clusters > 0 { 8 } else { 0 });
    Ok(Header { virtual_size: Some(size), least_size: l1_end.max(refcount_end), window: None })
}
