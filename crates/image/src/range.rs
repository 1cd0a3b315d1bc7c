//! Which part of the bytes a request asks for.

use api::{Error, Kind, Result};

/// The first byte and the number of bytes that a `Range` header asks of a file of `size` bytes.
///
/// `None` where the header is not understood or asks for several parts: then the whole file is the answer.
pub(crate) fn range(header: &str, size: u64) -> Result<Option<(u64, u64)>> {
    let Some((first, last)) = header.trim().strip_prefix("bytes=").and_then(|range| range.trim().split_once('-'))
    else {
        return Ok(None);
    };
    let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u64>().ok());
    let (start, end) = match (first, last) {
        ("", "") => return Ok(None),
        ("", last) => match number(last) {
            Some(Some(0)) => return Err(outside(header, size)),
            Some(count) => (size.saturating_sub(count.unwrap_or(u64::MAX)), size),
            None => return Ok(None),
        },
        (first, last) => {
            let (Some(first), Some(last)) = (number(first), if last.is_empty() { Some(None) } else { number(last) })
            else {
                return Ok(None);
            };
            let (first, last) = (first.unwrap_or(u64::MAX), last.unwrap_or(u64::MAX));
            if last < first {
                return Ok(None);
            }
            (first, last.saturating_add(1).min(size))
        }
    };
    if start >= size {
        return Err(outside(header, size));
    }
    Ok(Some((start, end - start)))
}

fn outside(header: &str, size: u64) -> Error {
    Error::new(Kind::RangeNotSatisfiable, format!("The range {header} is outside of the image's {size} bytes."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_cut_to_the_file() {
        for (header, wanted) in [
            ("bytes=0-0", Some((0, 1))),
            ("bytes=2-5", Some((2, 4))),
            ("bytes=2-", Some((2, 8))),
            ("bytes=2-99999999999999999999999", Some((2, 8))),
            ("bytes=-3", Some((7, 3))),
            ("bytes=-30", Some((0, 10))),
            ("bytes=0-1,4-5", None),
            ("bytes=5-2", None),
            ("bytes=-", None),
            ("bytes=a-b", None),
            ("lines=1-2", None),
        ] {
            assert_eq!(range(header, 10).unwrap(), wanted, "{header}");
        }
        for header in ["bytes=10-", "bytes=10-12", "bytes=-0", "bytes=99999999999999999999999-"] {
            assert_eq!(range(header, 10).unwrap_err().kind, Kind::RangeNotSatisfiable, "{header}");
        }
        assert!(range("bytes=0-", 0).is_err());
    }
}
