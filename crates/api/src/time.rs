//! How times are written on the wire. All are UTC.

use jiff::Timestamp;

/// `2026-11-21T03:39:46Z`, as compute, network and image write it.
pub fn seconds(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// `2026-11-21T03:39:46.123456Z`, as identity writes it.
pub fn micros(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}

/// `2026-11-21T03:39:46.123456`, as compute's older resources and block storage write it.
pub fn naive_micros(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.%6f").to_string()
}

/// Reads any of the above, with or without fraction and zone.
pub fn parse(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| format!("{}Z", text.replace(' ', "T")).parse().ok())
}
