//! How the cloud is put together from its parts, for the program and for tests of the whole.

pub mod client;
pub mod cloud;
pub mod config;
pub mod state;
