//! The identity API over its real router.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod access;
mod cloud;
mod postgres;
mod resources;
mod speed;
mod tokens;
