//! The network service from outside: over HTTP, as compute uses it, and by many at the same moment.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cloud;
mod lists;
mod races;
mod resources;
mod servers;
mod tenants;
