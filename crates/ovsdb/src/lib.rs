//! A client of the OVSDB management protocol (RFC 7047), as spoken by Open vSwitch and OVN.
//!
//! A [`Client`] is a cheap handle on one background task that owns the socket: it connects, keeps the
//! connection alive, connects again after a loss and puts every [`Monitor`] back in place.
//!
//! ```no_run
//! # async fn example() -> Result<(), ovsdb::Error> {
//! use ovsdb::{Client, Condition, Mutation, Row, Transaction, Value};
//!
//! let client = Client::connect("unix:/run/ovn/ovnnb_db.sock")?;
//! let mut transaction = Transaction::new();
//! let port = transaction.insert("Logical_Switch_Port", Row::new().with("name", "port-1"));
//! transaction.mutate(
//!     "Logical_Switch",
//!     [Condition::equal("name", "network-1")],
//!     [Mutation::insert("ports", Value::set([port.atom()]))],
//! );
//! let results = client.transact("OVN_Northbound", transaction).await?;
//! let uuid = results.inserted(port)?;
//! # let _ = uuid;
//! # Ok(())
//! # }
//! ```
//!
//! What the server sends is never trusted: a message that cannot be understood ends the connection, and the
//! next one starts from a fresh copy of everything monitored.

mod client;
mod connection;
mod error;
mod framing;
mod monitor;
mod remote;
mod schema;
mod transaction;
mod value;

pub use client::{Client, Options};
pub use error::{Error, Result};
pub use framing::Decoder;
pub use monitor::{Change, Changes, Monitor, MonitorRequest, Tables};
pub use transaction::{Condition, Inserted, Mutation, OperationResult, Results, Transaction, Until};
pub use value::{Atom, Row, Value};
