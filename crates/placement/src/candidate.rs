use std::collections::BTreeMap;

use ::api::Result;

use crate::{Placement, Summary, store};

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
    /// The provider above it, if it is not a root.
    pub parent_id: Option<String>,
    /// The root of its tree.
    pub root_id: String,
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
        let found = store::candidate::list(&self.0.db, request).await?;
        let ids: Vec<String> = found.iter().map(|provider| provider.id.clone()).collect();
        let mut summaries = self.provider_summaries(&ids).await?;
        Ok(found
            .into_iter()
            .map(|provider| Candidate {
                summary: summaries.remove(&provider.id).unwrap_or_default(),
                parent_id: provider.parent_id,
                root_id: provider.root_id,
                name: provider.name,
                provider_id: provider.id,
            })
            .collect())
    }

    /// Why there are no (or so few) candidates: what each demand removed.
    pub async fn candidates_explain(&self, request: &CandidateRequest) -> Result<Vec<Step>> {
        let mut so_far = CandidateRequest::default();
        let mut before = store::candidate::count(&self.0.db, &so_far).await?;
        let mut steps = Vec::new();
        for (demand, asked) in request.demands() {
            let without = so_far.clone();
            so_far.add(request, &demand);
            let left = store::candidate::count(&self.0.db, &so_far).await?;
            let most = match asked {
                Some(_) if left == 0 && before > 0 => store::candidate::most(&self.0.db, &without, &demand).await?,
                _ => None,
            };
            steps.push(Step {
                demand,
                asked,
                before: usize::try_from(before).unwrap_or(0),
                left: usize::try_from(left).unwrap_or(0),
                most,
            });
            before = left;
        }
        Ok(steps)
    }

    /// 400 for classes and traits that do not exist.
    pub(crate) async fn demand_check(&self, request: &CandidateRequest) -> Result<()> {
        self.classes_check(request.resources.keys().map(String::as_str)).await?;
        let traits = request.required.iter().chain(&request.forbidden).chain(request.required_any.iter().flatten());
        self.traits_check(traits.map(String::as_str)).await
    }
}

const TREE: &str = "in_tree";
const AGGREGATES: &str = "member_of";

impl CandidateRequest {
    /// The demands one by one: place first, then traits, then amounts.
    fn demands(&self) -> Vec<(String, Option<i64>)> {
        let mut demands = Vec::new();
        if self.in_tree.is_some() {
            demands.push((TREE.to_owned(), None));
        }
        if !self.member_of.is_empty() || !self.forbidden_aggregates.is_empty() {
            demands.push((AGGREGATES.to_owned(), None));
        }
        demands.extend(self.required.iter().map(|name| (name.clone(), None)));
        demands.extend(self.required_any.iter().map(|names| (format!("in:{}", names.join(",")), None)));
        demands.extend(self.forbidden.iter().map(|name| (format!("!{name}"), None)));
        demands.extend(self.resources.iter().map(|(class, amount)| (class.clone(), Some(*amount))));
        demands
    }

    /// Takes over one demand from `other`.
    fn add(&mut self, other: &Self, demand: &str) {
        if demand == TREE {
            self.in_tree.clone_from(&other.in_tree);
        } else if demand == AGGREGATES {
            self.member_of.clone_from(&other.member_of);
            self.forbidden_aggregates.clone_from(&other.forbidden_aggregates);
        } else if let Some(name) = demand.strip_prefix('!') {
            self.forbidden.push(name.to_owned());
        } else if let Some(names) = demand.strip_prefix("in:") {
            self.required_any.push(names.split(',').map(str::to_owned).collect());
        } else if let Some(amount) = other.resources.get(demand) {
            self.resources.insert(demand.to_owned(), *amount);
        } else {
            self.required.push(demand.to_owned());
        }
    }
}
