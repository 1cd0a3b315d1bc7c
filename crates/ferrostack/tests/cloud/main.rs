//! The whole cloud over HTTP, on fake drivers.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod access_rules;
mod bad_input;
mod boot;
mod bus;
mod crash;
mod crash_images;
mod crash_life;
mod fit;
mod fixture;
mod life;
mod numa;
mod queries;
mod quota;
mod scopes;
mod sequences;
mod soft_delete;
mod sql;
mod stuck;
mod tenants;
mod trace;
mod waiting;
