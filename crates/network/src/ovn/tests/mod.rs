//! Tests of the translation and of what reaches the database.

mod northbound;
mod server;
mod translation;
mod views;
