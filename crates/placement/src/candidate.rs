use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ::api::{Error, Result};

use crate::fleet::{Fleet, Summary};
use crate::search::{self, Found, Outcome, STEPS};
use crate::{Allocations, Placement};

/// What is asked of one provider, or for the unnamed group of one tree.
#[derive(Debug, Clone, Default)]
pub struct Group {
    /// Amounts by resource class.
    pub resources: BTreeMap<String, i64>,
    /// Traits that must be there: at least one of each group.
    pub required: Vec<BTreeSet<String>>,
    /// Traits that must not be there.
    pub forbidden: BTreeSet<String>,
    /// Aggregates that it must be in: at least one of each group.
    pub member_of: Vec<BTreeSet<String>>,
    /// Aggregates that it must not be in.
    pub forbidden_aggregates: BTreeSet<String>,
    /// Only the tree that this provider is in.
    pub in_tree: Option<String>,
}

/// A search.
#[derive(Debug, Clone, Default)]
pub struct CandidateRequest {
    /// The groups by name; the unnamed one is under the empty text.
    pub groups: BTreeMap<String, Group>,
    /// Whether each named group takes a provider of its own.
    pub isolate: bool,
    /// Traits that the tree's root must have.
    pub root_required: BTreeSet<String>,
    /// Traits that the tree's root must not have.
    pub root_forbidden: BTreeSet<String>,
    /// Sets of groups whose providers must hang below (or be) one of them.
    pub same_subtree: Vec<BTreeSet<String>>,
    /// The most candidates to return.
    pub limit: Option<usize>,
    /// The id at which the search begins; it goes on with the first tree when the last was searched.
    pub start: Option<String>,
    /// Whether a candidate may take from only one provider of each tree, as clients before microversion 1.29 know it.
    pub flat: bool,
}

/// Providers that can together give all that was asked for.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The root of the tree that it was found in.
    pub root: Arc<Summary>,
    /// What to allocate where.
    pub allocations: Allocations,
}

/// Who asks for no more than this is answered by the thread that asks, if these steps are enough.
const FEW: usize = 1_000;
const FEW_STEPS: usize = 20_000;

impl CandidateRequest {
    /// A search for one group whose parts may come from several providers of a tree.
    pub fn unnamed(group: Group) -> Self {
        Self { groups: BTreeMap::from([(String::new(), group)]), ..Self::default() }
    }
}

impl Group {
    /// Whether this one provider meets all of it, but for the tree that it has to be in.
    pub(crate) fn fits(&self, provider: &Summary) -> bool {
        self.resources.iter().all(|(class, amount)| provider.can_give(class, *amount))
            && self.required.iter().all(|any| !any.is_disjoint(&provider.traits))
            && self.forbidden.is_disjoint(&provider.traits)
            && self.member_of.iter().all(|any| !any.is_disjoint(&provider.aggregates))
            && self.forbidden_aggregates.is_disjoint(&provider.aggregates)
    }

    /// Whether the provider is where this group looks, in the tree below `root` or sharing with it. An aggregate that a
    /// root is in holds its whole tree; what shares with the tree must be in the aggregate itself.
    pub(crate) fn is_eligible(&self, provider: &Summary, root: &Summary) -> bool {
        let in_tree = provider.provider.root_id == root.provider.id;
        let is_in = |any: &BTreeSet<String>| {
            !any.is_disjoint(&provider.aggregates) || (in_tree && !any.is_disjoint(&root.aggregates))
        };
        self.member_of.iter().all(is_in)
            && self.forbidden_aggregates.is_disjoint(&provider.aggregates)
            && self.forbidden_aggregates.is_disjoint(&root.aggregates)
            && self.forbidden.is_disjoint(&provider.traits)
    }
}

impl Placement {
    /// What fits the request now, at most `limit`.
    pub async fn candidates(&self, request: &CandidateRequest) -> Result<Vec<Candidate>> {
        self.search(request.clone(), |_, outcome| {
            let candidate = |one: &Found<'_>| {
                let root = Arc::clone(one.tree.first()?);
                Some(Candidate { root, allocations: one.allocations(&outcome.parts) })
            };
            outcome.found.iter().filter_map(candidate).collect()
        })
        .await
    }

    /// Searches, and makes an answer of what was found. What may take long is done by a thread for such work.
    pub(crate) async fn search<T: Send + 'static>(
        &self,
        request: CandidateRequest,
        answer: impl FnOnce(&Fleet, &Outcome<'_>) -> T + Send + 'static,
    ) -> Result<T> {
        let fleet = self.fleet().await?;
        if request.limit.is_some_and(|limit| limit <= FEW) {
            let found = search::search(&fleet, &request, FEW_STEPS);
            if !found.is_cut {
                return Ok(answer(&fleet, &found));
            }
        }
        let work = move || answer(&fleet, &search::search(&fleet, &request, STEPS));
        tokio::task::spawn_blocking(work).await.map_err(Error::internal)
    }

    /// 400 for classes and traits that do not exist.
    pub(crate) async fn demand_check(&self, request: &CandidateRequest) -> Result<()> {
        self.names_check(request.groups.values()).await?;
        let roots = request.root_required.iter().chain(&request.root_forbidden);
        self.traits_check(roots.map(String::as_str)).await
    }

    /// The same for what groups name.
    pub(crate) async fn names_check(&self, groups: impl Iterator<Item = &Group>) -> Result<()> {
        let (mut classes, mut traits) = (Vec::new(), Vec::new());
        for group in groups {
            classes.extend(group.resources.keys().map(String::as_str));
            traits.extend(group.required.iter().flatten().chain(&group.forbidden).map(String::as_str));
        }
        self.classes_check(classes.into_iter()).await?;
        self.traits_check(traits.into_iter()).await
    }
}
