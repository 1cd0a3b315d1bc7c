//! The search for providers that can together give what is asked.
//!
//! A request has groups. What the unnamed group asks for may come from several providers of one tree, and from sharing
//! providers beside it; each named group is met by a single provider. Trees are searched one after the other; within a
//! tree the groups' choices are combined depth first, and a combination is given up as soon as it breaks a rule.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ::api::Result;

use crate::fleet::{Fleet, Summary, Tree};
use crate::{Allocations, Placement};

/// The most candidates that one tree adds, so that a wide tree cannot make an answer of millions.
const MOST_PER_TREE: usize = 1_000;

/// The most combinations that are looked at in one tree.
const STEPS_PER_TREE: usize = 1_000_000;

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
    /// The providers that meet each group.
    pub mappings: BTreeMap<String, BTreeSet<String>>,
}

impl CandidateRequest {
    /// A search for one group whose parts may come from several providers of a tree.
    pub fn unnamed(group: Group) -> Self {
        Self { groups: BTreeMap::from([(String::new(), group)]), ..Self::default() }
    }
}

impl Group {
    /// Whether this one provider meets all of it, but for the tree that it has to be in.
    pub(crate) fn fits(&self, provider: &Summary) -> bool {
        self.resources.iter().all(|(class, amount)| can_give(provider, class, *amount))
            && self.required.iter().all(|any| !any.is_disjoint(&provider.traits))
            && self.forbidden.is_disjoint(&provider.traits)
            && self.member_of.iter().all(|any| !any.is_disjoint(&provider.aggregates))
            && self.forbidden_aggregates.is_disjoint(&provider.aggregates)
    }

    /// Whether the provider is where this group looks, in the tree below `root`. An aggregate that a root is in holds
    /// its whole tree.
    fn is_eligible(&self, provider: &Summary, root: &Summary) -> bool {
        self.member_of.iter().all(|any| !any.is_disjoint(&provider.aggregates) || !any.is_disjoint(&root.aggregates))
            && self.forbidden_aggregates.is_disjoint(&provider.aggregates)
            && self.forbidden_aggregates.is_disjoint(&root.aggregates)
            && self.forbidden.is_disjoint(&provider.traits)
    }
}

fn can_give(provider: &Summary, class: &str, amount: i64) -> bool {
    provider.resources.get(class).is_some_and(|stock| stock.can_give(amount))
}

impl Placement {
    /// What fits the request now, at most `limit`.
    pub async fn candidates(&self, request: &CandidateRequest) -> Result<Vec<Candidate>> {
        Ok(search(&*self.fleet().await?, request))
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

/// What fits in the whole fleet.
pub(crate) fn search(fleet: &Fleet, request: &CandidateRequest) -> Vec<Candidate> {
    let limit = request.limit.unwrap_or(usize::MAX);
    let mut found = Vec::new();
    // What sharing providers give alone is found from every tree that they share with.
    let mut seen = BTreeSet::new();
    for tree in fleet.trees_from(request.start.as_deref().unwrap_or_default()) {
        let Some(root) = tree.first() else { continue };
        let wanted = request.root_required.is_subset(&root.traits) && request.root_forbidden.is_disjoint(&root.traits);
        if !wanted {
            continue;
        }
        let here = TreeSearch::new(fleet, tree, root, request);
        for candidate in here.run(limit - found.len()) {
            let shared = candidate.allocations.keys().any(|id| fleet.is_sharing(id));
            if !shared || seen.insert((candidate.allocations.clone(), candidate.mappings.clone())) {
                found.push(candidate);
            }
        }
        if found.len() >= limit {
            break;
        }
    }
    found
}

/// One way to meet one group: who gives what.
type Choice<'a> = Vec<(&'a Summary, Option<(&'a str, i64)>)>;

/// The search in one tree.
struct TreeSearch<'a> {
    fleet: &'a Fleet,
    root: &'a Arc<Summary>,
    request: &'a CandidateRequest,
    /// The providers of the tree, and those that share with it.
    pool: Vec<&'a Summary>,
}

impl<'a> TreeSearch<'a> {
    fn new(fleet: &'a Fleet, tree: &'a Tree, root: &'a Arc<Summary>, request: &'a CandidateRequest) -> Self {
        let pool = tree.iter().chain(fleet.shared_with(tree)).map(AsRef::as_ref).collect();
        Self { fleet, root, request, pool }
    }

    /// The candidates of this tree, at most `limit`.
    fn run(&self, limit: usize) -> Vec<Candidate> {
        let mut choices = Vec::new();
        for (name, group) in &self.request.groups {
            let of_group = if name.is_empty() { self.spread(group) } else { self.single(group) };
            if of_group.is_empty() {
                return Vec::new();
            }
            choices.push((name.as_str(), of_group));
        }
        let mut combination =
            Combination { search: self, choices: &choices, chosen: Vec::new(), steps: 0, found: Vec::new() };
        combination.extend(limit.min(MOST_PER_TREE));
        combination.found
    }

    /// The providers that a group may take from.
    fn of_group(&self, group: &Group) -> impl Iterator<Item = &'a Summary> {
        let asked = group.in_tree.as_ref().map(|id| self.fleet.root_of(id));
        self.pool
            .iter()
            .copied()
            .filter(move |provider| asked.is_none_or(|root| root == Some(&provider.provider.root_id)))
    }

    /// The providers that meet a named group alone.
    fn single(&self, group: &'a Group) -> Vec<Choice<'a>> {
        let give = |provider: &'a Summary| {
            let given: Choice<'a> =
                group.resources.iter().map(|(class, n)| (provider, Some((class.as_str(), *n)))).collect();
            if given.is_empty() { vec![(provider, None)] } else { given }
        };
        self.of_group(group).filter(|provider| group.fits(provider)).map(give).collect()
    }

    /// The ways to meet the unnamed group: each class from any provider that has it, whose traits together suffice.
    fn spread(&self, group: &'a Group) -> Vec<Choice<'a>> {
        let eligible: Vec<&Summary> =
            self.of_group(group).filter(|provider| group.is_eligible(provider, self.root)).collect();
        let mut ways: Vec<Choice<'a>> = vec![Vec::new()];
        for (class, amount) in &group.resources {
            let givers = || eligible.iter().copied().filter(|provider| can_give(provider, class, *amount));
            let longer = |way: Choice<'a>| {
                givers().map(move |provider| {
                    let mut way = way.clone();
                    way.push((provider, Some((class.as_str(), *amount))));
                    way
                })
            };
            ways = ways.into_iter().flat_map(longer).take(MOST_PER_TREE).collect();
        }
        let has = |way: &Choice<'a>, any: &BTreeSet<String>| way.iter().any(|(one, _)| !any.is_disjoint(&one.traits));
        ways.retain(|way| !way.is_empty() && group.required.iter().all(|any| has(way, any)));
        ways
    }
}

/// The choices made so far, group by group.
struct Combination<'s, 'a> {
    search: &'s TreeSearch<'a>,
    choices: &'s [(&'a str, Vec<Choice<'a>>)],
    chosen: Vec<&'s Choice<'a>>,
    steps: usize,
    found: Vec<Candidate>,
}

impl<'a> Combination<'_, 'a> {
    fn extend(&mut self, limit: usize) {
        let Some((_, choices)) = self.choices.get(self.chosen.len()) else {
            let candidate = self.candidate();
            if !self.search.request.flat || is_flat(&candidate, self.search.fleet) {
                self.found.push(candidate);
            }
            return;
        };
        for choice in choices {
            self.steps += 1;
            if self.found.len() >= limit || self.steps > STEPS_PER_TREE {
                return;
            }
            self.chosen.push(choice);
            if self.has_room() && self.is_isolated() && self.is_in_subtrees() {
                self.extend(limit);
            }
            self.chosen.pop();
        }
    }

    /// The chosen, with the names of their groups.
    fn named(&self) -> impl Iterator<Item = (&'a str, &Choice<'a>)> {
        self.choices.iter().map(|(name, _)| *name).zip(self.chosen.iter().copied())
    }

    /// Whether providers that were chosen more than once can give the sum.
    fn has_room(&self) -> bool {
        if self.chosen.len() < 2 {
            return true;
        }
        let mut sums: BTreeMap<(&str, &str), i64> = BTreeMap::new();
        for (provider, given) in self.chosen.iter().copied().flatten() {
            let Some((class, amount)) = given else { continue };
            let sum = sums.entry((&provider.provider.id, class)).or_default();
            *sum += amount;
            let stock = provider.resources.get(*class);
            if !stock.is_some_and(|stock| stock.used + *sum <= stock.capacity && *sum <= stock.max_unit) {
                return false;
            }
        }
        true
    }

    fn is_isolated(&self) -> bool {
        let mut taken = BTreeSet::new();
        let mut named = self.named().filter(|(name, _)| !name.is_empty());
        !self.search.request.isolate
            || named.all(|(_, choice)| choice.first().is_some_and(|(provider, _)| taken.insert(&provider.provider.id)))
    }

    /// Whether each set of groups that is complete has a provider above (or at) all of its others.
    fn is_in_subtrees(&self) -> bool {
        self.search.request.same_subtree.iter().all(|groups| {
            let providers: BTreeSet<&str> = self
                .named()
                .filter(|(name, _)| groups.contains(*name))
                .flat_map(|(_, choice)| choice.iter().map(|(provider, _)| provider.provider.id.as_str()))
                .collect();
            let complete = self.named().filter(|(name, _)| groups.contains(*name)).count() == groups.len();
            !complete || providers.iter().any(|top| providers.iter().all(|one| self.is_below(one, top)))
        })
    }

    fn is_below(&self, id: &str, top: &str) -> bool {
        let parent = |id: &str| self.search.fleet.get(id).and_then(|provider| provider.provider.parent_id.clone());
        id == top || std::iter::successors(parent(id), |id| parent(id)).any(|above| above == top)
    }

    fn candidate(&self) -> Candidate {
        let mut allocations = Allocations::new();
        let mut mappings: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (name, choice) in self.named() {
            let mapped = mappings.entry(name.to_owned()).or_default();
            for (provider, given) in choice {
                mapped.insert(provider.provider.id.clone());
                if let Some((class, amount)) = given {
                    let classes = allocations.entry(provider.provider.id.clone()).or_default();
                    *classes.entry((*class).to_owned()).or_default() += amount;
                }
            }
        }
        Candidate { root: Arc::clone(self.search.root), allocations, mappings }
    }
}

/// Whether no two providers are of the same tree.
fn is_flat(candidate: &Candidate, fleet: &Fleet) -> bool {
    let mut roots = BTreeSet::new();
    candidate.allocations.keys().all(|id| roots.insert(fleet.root_of(id)))
}
