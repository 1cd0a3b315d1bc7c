use std::collections::BTreeMap;

use api::{Error, Kind, Result};
use serde::{Deserialize, Serialize};

use crate::Placement;

/// What a provider has of one resource class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inventory {
    /// How much there is.
    pub total: i64,
    /// How much of it is kept back.
    #[serde(default)]
    pub reserved: i64,
    /// The least that one allocation may take.
    #[serde(default = "one")]
    pub min_unit: i64,
    /// The most that one allocation may take.
    #[serde(default = "most")]
    pub max_unit: i64,
    /// Allocations are multiples of this.
    #[serde(default = "one")]
    pub step_size: i64,
    /// How far the rest is overcommitted.
    #[serde(default = "ratio")]
    pub allocation_ratio: f64,
}

fn one() -> i64 {
    1
}

fn most() -> i64 {
    i64::from(i32::MAX)
}

fn ratio() -> f64 {
    1.0
}

impl Inventory {
    /// An inventory of that much, nothing reserved, nothing overcommitted.
    pub fn of(total: i64) -> Self {
        Self { total, reserved: 0, min_unit: 1, max_unit: most(), step_size: 1, allocation_ratio: 1.0 }
    }
}

/// How much of a class a provider can give, and has given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Use {
    /// What can be allocated in all: the unreserved part, overcommitted.
    pub capacity: i64,
    /// What is allocated.
    pub used: i64,
}

/// One provider as the scheduler weighs it.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// Capacity and use by resource class.
    pub resources: BTreeMap<String, Use>,
    /// The provider's traits.
    pub traits: Vec<String>,
}

impl Placement {
    /// Makes a provider's inventories these. Writes only when something changed, and tells whether it did.
    pub async fn inventories_set(&self, provider_id: &str, inventories: &BTreeMap<String, Inventory>) -> Result<bool> {
        let _ = (provider_id, inventories, &self.0.db);
        Err(Error::new(Kind::NotImplemented, "Not yet."))
    }

    /// Capacity, use and traits of those providers.
    pub async fn provider_summaries(&self, provider_ids: &[String]) -> Result<BTreeMap<String, Summary>> {
        let _ = (provider_ids, &self.0.identity);
        Err(Error::new(Kind::NotImplemented, "Not yet."))
    }
}
