//! SQL: one file per resource.

pub(crate) mod aggregates;
pub(crate) mod flavors;
pub(crate) mod fleet;
pub(crate) mod groups;
pub(crate) mod key_pairs;
pub(crate) mod leftovers;
pub(crate) mod migrations;
pub(crate) mod nodes;
pub(crate) mod quotas;
pub(crate) mod server_list;
pub(crate) mod server_tags;
pub(crate) mod servers;
pub(crate) mod tokens;
pub(crate) mod usage;
