//! The compute API over HTTP, on a cloud of its own.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod aggregates;
mod cloud;
mod console;
mod flavors;
mod fleet;
mod groups;
mod key_pairs;
mod leftovers;
mod microversions;
mod processors;
mod proxies;
mod quotas;
mod refusals;
mod server_api;
mod servers;
mod services;
mod small;
mod storage;
