//! The SQL of placement.

pub(crate) mod aggregate;
pub(crate) mod allocation;
pub(crate) mod change;
pub(crate) mod inventory;
pub(crate) mod names;
pub(crate) mod provider;
