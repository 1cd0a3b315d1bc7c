//! Placement over HTTP, and as the scheduler calls it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod allocations;
mod candidates;
mod classes;
mod cloud;
mod errors;
mod microversions;
mod postgres;
mod providers;
mod reshape;
mod strict;
