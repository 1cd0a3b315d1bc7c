//! The agent as control sees it, on fake drivers, and what every hypervisor must do.
#![expect(clippy::unwrap_used, reason = "these are tests")]

mod agent;
mod fake;
mod spec;
