//! What every HTTP API shares: errors, JSON bodies, request ids, microversions, query parameters and pages.
//!
//! A service builds its router, whose handlers return [`Result`], and passes it through [`Service::wrap`]; that gives
//! every answer a request id, every error the service's own format and every versioned service its negotiation.

pub mod fields;
pub mod microversion;
pub mod strict;
pub mod time;

mod body;
mod error;
mod links;
mod query;
mod service;

pub use body::Json;
pub use error::{Error, Kind, Result};
pub use links::Links;
pub use microversion::Microversion;
pub use query::{Page, Query};
pub use service::{Arrival, RequestId, Service, Style};
