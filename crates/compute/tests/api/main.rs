//! The compute API over HTTP, on a cloud of its own.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cloud;
mod flavors;
mod key_pairs;
mod quotas;
mod refusals;
mod services;
mod storage;
