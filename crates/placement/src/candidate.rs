use std::collections::BTreeMap;

use api::{Error, Kind, Result};

use crate::{Placement, Summary};

/// What a consumer asks one provider for.
#[derive(Debug, Clone, Default)]
pub struct CandidateRequest {
    /// Amounts by resource class.
    pub resources: BTreeMap<String, i64>,
    /// Traits that the provider must have.
    pub required: Vec<String>,
    /// Groups of traits of which it must have at least one each.
    pub required_any: Vec<Vec<String>>,
    /// Traits that it must not have.
    pub forbidden: Vec<String>,
    /// Groups of aggregates; it must be in at least one of each.
    pub member_of: Vec<Vec<String>>,
    /// Aggregates that it must not be in.
    pub forbidden_aggregates: Vec<String>,
    /// Only the tree that this provider is in.
    pub in_tree: Option<String>,
    /// The most candidates to return.
    pub limit: Option<i64>,
}

/// A provider that can give all that was asked for.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The provider.
    pub provider_id: String,
    /// Its name.
    pub name: String,
    /// Its capacity and use (all classes) and traits, for weighing.
    pub summary: Summary,
}

/// What one demand left over, in the order in which demands are applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The demand: a resource class, a trait, `!TRAIT`, `member_of`.
    pub demand: String,
    /// The asked amount, for a resource class.
    pub asked: Option<i64>,
    /// How many providers were left before this step.
    pub before: usize,
    /// How many are left after it.
    pub left: usize,
    /// For a class that nobody left can give: the largest amount that one of them could.
    pub most: Option<i64>,
}

impl Placement {
    /// Providers that can give all that is asked, at most `limit`.
    pub async fn candidates(&self, request: &CandidateRequest) -> Result<Vec<Candidate>> {
        let _ = request;
        Err(Error::new(Kind::NotImplemented, "Not yet."))
    }

    /// Why there are no (or so few) candidates: what each demand removed.
    pub async fn candidates_explain(&self, request: &CandidateRequest) -> Result<Vec<Step>> {
        let _ = request;
        Err(Error::new(Kind::NotImplemented, "Not yet."))
    }
}
