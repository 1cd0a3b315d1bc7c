//! The identity API over its real router.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod access;
mod accounts;
mod assignments;
mod cloud;
mod contract;
mod credentials;
mod delegation;
mod domain_configs;
mod endpoints;
mod limits;
mod lists;
mod operations;
mod postgres;
mod projects;
mod resources;
mod tokens;
