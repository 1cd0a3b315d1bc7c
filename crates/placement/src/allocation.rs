use std::collections::BTreeMap;

use api::{Error, Kind, Result};

use crate::Placement;

/// Amounts by provider and resource class.
pub type Allocations = BTreeMap<String, BTreeMap<String, i64>>;

/// What a consumer is to hold from now on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claim {
    /// The consumer: a server's id, a migration's id.
    pub consumer_id: String,
    /// Whose it is.
    pub project_id: String,
    /// Who made it.
    pub user_id: String,
    /// `INSTANCE`, `MIGRATION`; absent for unknown.
    pub consumer_type: Option<String>,
    /// All that it holds; what it held before and is not named here is given back.
    pub allocations: Allocations,
}

impl Placement {
    /// Makes the consumer's allocations these, in one transaction. `false`, and nothing changed, when a provider
    /// cannot give that much. Claiming the same again succeeds.
    pub async fn allocations_claim(&self, claim: &Claim) -> Result<bool> {
        let _ = claim;
        Err(Error::new(Kind::NotImplemented, "Not yet."))
    }

    /// Gives back all that the consumer holds; succeeds when it holds nothing.
    pub async fn allocations_release(&self, consumer_id: &str) -> Result<()> {
        let _ = consumer_id;
        Err(Error::new(Kind::NotImplemented, "Not yet."))
    }

    /// What the consumer holds.
    pub async fn allocations_of(&self, consumer_id: &str) -> Result<Allocations> {
        let _ = consumer_id;
        Err(Error::new(Kind::NotImplemented, "Not yet."))
    }
}
