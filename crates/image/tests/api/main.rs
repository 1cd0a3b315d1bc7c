//! The image service over HTTP, on a cloud of nothing but identity and images.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bytes;
mod cloud;
mod quota;
mod records;
mod sharing;
