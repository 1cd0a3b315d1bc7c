//! SQL: one file per resource.

pub(crate) mod flavors;
pub(crate) mod key_pairs;
pub(crate) mod nodes;
pub(crate) mod quotas;
