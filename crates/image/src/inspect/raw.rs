//! Plain bytes: partition tables, file systems, kernels. Anything goes but the start of a format that QEMU knows.

use super::read::Bytes;
use super::{Header, Result, refuse};

/// Formats that are not taken under their own name, but that must not come as raw bytes either.
const OTHERS: &[(&[u8], &str)] = &[
    (b"QED\0", "qed"),
    (b"LUKS\xba\xbe", "luks"),
    (b"WithoutFreeSpace", "parallels"),
    (b"WithouFreSpacExt", "parallels"),
    (b"Bochs Virtual HD Image", "bochs"),
    (b"#!/bin/sh\n#V2.0 Format\nmodprobe cloop", "cloop"),
];

pub(super) fn header(head: Bytes<'_>) -> Result<Header> {
    match OTHERS.iter().find(|(magic, _)| head.has(0, magic)) {
        Some((_, name)) => {
            refuse(format!("The image is declared as raw but its content is {name}; convert it to raw."))
        }
        None => Ok(Header::default()),
    }
}
