//! Hyper-V's format.

use super::read::{Bytes, index};
use super::{Header, Result, refuse};

const REGIONS: usize = 192 << 10;
const METADATA_REGION: [u8; 16] = *b"\x06\xa2\x7c\x8b\x90\x47\x9a\x4b\xb8\xfe\x57\x5f\x05\x0f\x88\x6e";
const FILE_PARAMETERS: [u8; 16] = *b"\x37\x67\xa1\xca\x36\xfa\x43\x4d\xb3\xb6\x33\xf0\xaa\x44\xe7\x6b";
const DISK_SIZE: [u8; 16] = *b"\x24\x42\xa5\x2f\x1b\xcd\x76\x48\xb2\x11\x5d\xbe\xd8\x3b\xf4\xb8";
const PARENT: [u8; 16] = *b"\x2d\x5f\xd3\xa8\x0b\xb3\x4d\x45\xab\xf7\xd3\xd8\x48\x34\xab\x0c";
/// The metadata's table, and the items that stand behind it.
const WINDOW: usize = 128 << 10;

pub(super) fn is(head: Bytes<'_>) -> bool {
    head.has(0, b"vhdxfile")
}

/// Finds the metadata region.
pub(super) fn header(head: Bytes<'_>) -> Result<Header> {
    if !head.has(REGIONS, b"regi") {
        return refuse("The vhdx image has no region table; upload the whole file.");
    }
    let count = index(u64::from(head.u32_le(REGIONS + 8)?)).min(2047);
    let mut found = None;
    let mut least_size = 0;
    for entry in (0..count).map(|number| REGIONS + 16 + number * 32) {
        let id = head.slice(entry, 16)?;
        let (offset, length) = (head.u64_le(entry + 16)?, head.u32_le(entry + 24)?);
        if offset < 1 << 20 {
            return refuse("The vhdx region table points into the headers; convert the image anew.");
        }
        least_size = offset.saturating_add(u64::from(length)).max(least_size);
        if id == METADATA_REGION && found.replace(offset).is_some() {
            return refuse("The vhdx image has two metadata regions; convert it anew.");
        }
    }
    match found {
        Some(offset) => Ok(Header { virtual_size: None, least_size, window: Some((offset, WINDOW)) }),
        None => refuse("The vhdx image has no metadata region; convert it anew."),
    }
}

/// Reads the size of the disk from the metadata region.
pub(super) fn metadata(region: Bytes<'_>) -> Result<u64> {
    if !region.has(0, b"metadata") {
        return refuse("The vhdx image's metadata is missing; convert it anew.");
    }
    let count = usize::from(region.u16_le(10)?).min(2047);
    let (mut size, mut parameters) = (None, None);
    for entry in (0..count).map(|number| 32 + number * 32) {
        let (id, offset) = (region.slice(entry, 16)?, index(u64::from(region.u32_le(entry + 16)?)));
        if id == PARENT {
            return refuse("The vhdx image has a parent, which does not come with it. Merge it first.");
        } else if id == FILE_PARAMETERS {
            parameters = Some(region.u32_le(offset.saturating_add(4))?);
        } else if id == DISK_SIZE {
            size = Some(region.u64_le(offset)?);
        }
    }
    match (size, parameters) {
        (Some(_), Some(flags)) if flags & 2 != 0 => {
            refuse("The vhdx image has a parent, which does not come with it. Merge it first.")
        }
        (Some(size), Some(_)) => Ok(size),
        _ => refuse("The vhdx image does not say how large its disk is; convert it anew."),
    }
}
