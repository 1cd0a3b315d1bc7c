//! Durable operations: steps with compensations that survive a killed process.
//!
//! An operation is a serde struct (what it knows so far) and a list of steps. It is written in the transaction that
//! makes its cause visible, run by any process that holds its lease, recorded after every step, and resumed by
//! another process when its runner dies. A step may run more than once, so `run` and `undo` must be idempotent, and
//! `undo` must cope with a `run` that never happened or stopped half-way.
//!
//! When a step fails for good, it and the steps before it are undone in reverse order. Every start and end of a step
//! is a row: the list that users see as the events of an action.

mod operation;
mod runner;
mod store;

pub use operation::{Failure, Operation, Progress, Step};
pub use runner::{FaultPoint, Moment, Options, Work};
pub use store::{NewOperation, Record, StepRecord, operations_of_request, steps_of};

use db::Migration;

/// The schema of this crate.
pub const MIGRATIONS: &[Migration] =
    &[Migration { service: "work", version: 1, sql: include_str!("../migrations/0001.sql") }];
