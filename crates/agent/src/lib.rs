//! What runs on a node: it turns what control says should be into what is, and reports what is.
//!
//! An [`Agent`] answers control's calls with three drivers: a [`hypervisor::Hypervisor`] runs the servers,
//! [`disks::Disks`] keeps their disks, [`ports::Ports`] plugs them into the network. The agent owns no truth: it may be
//! stopped and started again at any time, and finds on the node itself what is there.
//!
//! [`fake::Node`] is all three drivers without a machine behind them. [`host`] starts what the real drivers need where
//! no system manager does so.

pub mod disks;
pub mod fake;
pub mod host;
pub mod hypervisor;
pub mod ports;

mod agent;
mod layout;
mod locks;
mod tools;
mod wishes;

pub use agent::{Agent, Drivers, Options};
pub use layout::Layout;
