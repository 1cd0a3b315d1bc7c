//! The way of a request through the parts of the cloud, with durations.
//!
//! Code that asks another part says so by [`span`] or [`Traced::traced`]. Whoever begins something (an API a request, the runner of durable
//! work an operation) runs it in [`collect`] and hands what comes out to a [`Recorder`], which writes it to the database
//! in batches and forgets it after a while. Where nobody collects, a span is nothing but its future.

mod recorder;
mod span;
mod store;

use db::Migration;

pub use recorder::{Config, Recorder};
pub use span::{Span, Traced, collect, failed, node, span};
pub use store::{Trace, traces_of};

/// The schema of this crate.
pub const MIGRATIONS: &[Migration] = &[
    Migration { service: "trace", version: 1, sql: include_str!("../migrations/0001.sql") },
    Migration { service: "trace", version: 2, sql: include_str!("../migrations/0002.sql") },
];
