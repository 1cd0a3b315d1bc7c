//! Optical discs (ISO 9660), also those that carry a partition table for USB sticks.

use super::read::Bytes;
use super::{Header, Result, refuse};

/// Where the primary volume descriptor stands.
const DESCRIPTOR: usize = 32 << 10;

pub(super) fn is(head: Bytes<'_>) -> bool {
    head.has(DESCRIPTOR + 1, b"CD001")
}

pub(super) fn header(head: Bytes<'_>) -> Result<Header> {
    let (blocks, again) = (head.u32_le(DESCRIPTOR + 80)?, head.u32_be(DESCRIPTOR + 84)?);
    let block = head.u16_le(DESCRIPTOR + 128)?;
    if blocks != again || ![512, 1024, 2048].contains(&block) {
        return refuse("The iso image's volume descriptor contradicts itself; make the image anew.");
    }
    Ok(Header { virtual_size: None, least_size: u64::from(blocks) * u64::from(block), window: None })
}
