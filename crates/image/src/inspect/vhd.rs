//! Virtual PC's format: fixed disks with a footer, dynamic disks with a copy of it at their start.

use super::read::{Bytes, index};
use super::{Header, Result, refuse};

const FOOTER: u64 = 512;

pub(super) fn is(bytes: Bytes<'_>) -> bool {
    bytes.has(0, b"conectix")
}

/// `tail` is the end of the file, once it is known.
pub(super) fn header(head: Bytes<'_>, tail: Option<Bytes<'_>>, size: u64) -> Result<Header> {
    if is(head) {
        return dynamic(head);
    }
    let Some(tail) = tail else { return Ok(Header::default()) };
    let (kind, disk) = footer(tail)?;
    if kind != 2 {
        return refuse("The vhd image has a footer but not the header that its type needs. Upload the whole file.");
    }
    if disk.checked_add(FOOTER) != Some(size) {
        return refuse(format!("The vhd footer names a disk of {disk} bytes, which is not what was sent."));
    }
    Ok(Header { virtual_size: Some(disk), least_size: size, window: None })
}

fn dynamic(head: Bytes<'_>) -> Result<Header> {
    let (kind, disk) = footer(head)?;
    if kind != 3 {
        return refuse("The vhd image starts with a footer but is not dynamic; convert it anew.");
    }
    let offset = index(head.u64_be(16)?);
    let table = Bytes(head.slice(offset, 1024)?);
    if !table.has(0, b"cxsparse") {
        return refuse("The vhd image's dynamic header is missing; convert it anew.");
    }
    let (bat, entries, block) = (table.u64_be(16)?, u64::from(table.u32_be(28)?), u64::from(table.u32_be(32)?));
    if entries * block < disk {
        return refuse("The vhd header names a disk larger than its table can hold; convert the image anew.");
    }
    Ok(Header { virtual_size: Some(disk), least_size: bat.saturating_add(entries * 4), window: None })
}

/// The type and the size of the disk.
fn footer(bytes: Bytes<'_>) -> Result<(u32, u64)> {
    let whole = bytes.slice(0, 512)?;
    let sum = whole.iter().enumerate().filter(|(at, _)| !(64..68).contains(at));
    let sum = sum.fold(0_u32, |sum, (_, byte)| sum.wrapping_add(u32::from(*byte)));
    if !sum != bytes.u32_be(64)? {
        return refuse("The vhd footer's checksum is wrong; convert the image anew.");
    }
    let kind = bytes.u32_be(60)?;
    if kind == 4 {
        return refuse("The vhd image has a parent, which does not come with it. Merge it first.");
    }
    Ok((kind, bytes.u64_be(48)?))
}
