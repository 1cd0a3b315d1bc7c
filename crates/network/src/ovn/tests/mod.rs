//! Tests of the translation and of what reaches the database.

mod northbound;
mod packets;
mod server;
mod service;
mod translation;
mod views;
