//! VirtualBox's format.

use super::read::Bytes;
use super::{Header, Result, refuse};

pub(super) fn is(head: Bytes<'_>) -> bool {
    head.has(0x40, &0xbeda_107f_u32.to_le_bytes())
}

pub(super) fn header(head: Bytes<'_>) -> Result<Header> {
    if head.u32_le(0x44)? != 0x0001_0001 {
        return refuse("The vdi image is not of version 1.1; convert it anew.");
    }
    if !(1..=2).contains(&head.u32_le(0x4c)?) {
        return refuse("The vdi image is a difference to another one, which does not come with it. Merge it first.");
    }
    // The ids of the image that this one links to, and of its parent.
    if head.slice(0x1a8, 32)?.iter().any(|byte| *byte != 0) {
        return refuse("The vdi image has a parent, which does not come with it. Merge it first.");
    }
    let (map, data) = (u64::from(head.u32_le(0x154)?), u64::from(head.u32_le(0x158)?));
    let (disk, block) = (head.u64_le(0x170)?, u64::from(head.u32_le(0x178)?));
    let (blocks, allocated) = (u64::from(head.u32_le(0x180)?), u64::from(head.u32_le(0x184)?));
    if blocks * block < disk || allocated > blocks {
        return refuse("The vdi header names a disk larger than its map can hold; convert the image anew.");
    }
    let least_size = (map + blocks * 4).max(data.saturating_add(allocated * block));
    Ok(Header { virtual_size: Some(disk), least_size, window: None })
}
