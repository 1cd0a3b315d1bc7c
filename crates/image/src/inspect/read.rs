//! Reading numbers out of bytes that may be anything.

use super::{Refusal, Result};

/// Bytes that are read at offsets; what is not there is a refusal, never a panic.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bytes<'a>(pub &'a [u8]);

impl<'a> Bytes<'a> {
    pub fn slice(self, at: usize, length: usize) -> Result<&'a [u8]> {
        let end = at.checked_add(length);
        end.and_then(|end| self.0.get(at..end))
            .ok_or_else(|| Refusal("The image ends in the middle of its header. Upload the whole file.".to_owned()))
    }

    pub fn has(self, at: usize, magic: &[u8]) -> bool {
        self.slice(at, magic.len()).is_ok_and(|there| there == magic)
    }

    fn array<const N: usize>(self, at: usize) -> Result<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.slice(at, N)?);
        Ok(array)
    }

    pub fn u16_le(self, at: usize) -> Result<u16> {
        self.array(at).map(u16::from_le_bytes)
    }

    pub fn u32_le(self, at: usize) -> Result<u32> {
        self.array(at).map(u32::from_le_bytes)
    }

    pub fn u64_le(self, at: usize) -> Result<u64> {
        self.array(at).map(u64::from_le_bytes)
    }

    pub fn u32_be(self, at: usize) -> Result<u32> {
        self.array(at).map(u32::from_be_bytes)
    }

    pub fn u64_be(self, at: usize) -> Result<u64> {
        self.array(at).map(u64::from_be_bytes)
    }
}

/// An offset as an index; what does not fit lies behind every buffer.
pub(super) fn index(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}
