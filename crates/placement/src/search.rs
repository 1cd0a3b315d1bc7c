//! The search for providers that can together give what is asked.
//!
//! What is asked has parts: each named group is one, which a single provider gives; of the unnamed group each class is
//! one, so that several providers of a tree, and sharing providers beside it, may give them. Trees are searched one after
//! the other; within a tree the parts' givers are combined depth first, and a combination is given up as soon as it
//! breaks a rule.
//!
//! A request has a budget of steps, all its trees together. When it ends, the answer is what was found until then.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::fleet::{Fleet, Summary};
use crate::subtree::Subtree;
use crate::{Allocations, CandidateRequest, Group, Stock};

/// How often one request may try a provider for a part, in all trees together: less than half a second.
pub(crate) const STEPS: usize = 2_000_000;

/// The same for one tree, so that one which costs much does not take the steps of the others.
const STEPS_PER_TREE: usize = 100_000;

/// The most candidates of one request, so that no answer takes all memory.
const MOST: usize = 50_000;

/// The most candidates of one tree, so that a wide one does not hide the others.
const MOST_PER_TREE: usize = 1_000;

/// Something that one provider gives.
pub(crate) struct Part<'a> {
    pub(crate) group: &'a str,
    pub(crate) resources: Vec<(&'a str, i64)>,
    asked: &'a Group,
    /// The root of the tree that it has to be from; that of a provider that does not exist is none.
    tree: Option<Option<&'a str>>,
}

/// Providers that can together give all that was asked for.
pub(crate) struct Found<'a> {
    /// The tree that it was found in.
    pub(crate) tree: &'a [Arc<Summary>],
    /// Who gives each part.
    pub(crate) givers: Vec<&'a Summary>,
}

impl Found<'_> {
    /// What to allocate where.
    pub(crate) fn allocations(&self, parts: &[Part<'_>]) -> Allocations {
        let mut allocations = Allocations::new();
        for (part, giver) in parts.iter().zip(&self.givers) {
            for (class, amount) in &part.resources {
                let classes = allocations.entry(giver.provider.id.clone()).or_default();
                *classes.entry((*class).to_owned()).or_default() += amount;
            }
        }
        allocations
    }
}

/// What came of a search.
pub(crate) struct Outcome<'a> {
    pub(crate) parts: Vec<Part<'a>>,
    pub(crate) found: Vec<Found<'a>>,
    /// Whether steps were missing to look at everything.
    pub(crate) is_cut: bool,
}

/// Searches the whole fleet, with so many steps at most.
pub(crate) fn search<'a>(fleet: &'a Fleet, request: &'a CandidateRequest, steps: usize) -> Outcome<'a> {
    let parts: Vec<Part> = request.groups.iter().flat_map(|(name, group)| parts(fleet, name, group)).collect();
    let subtrees: Vec<Vec<usize>> = request.same_subtree.iter().map(|names| places(&parts, names)).collect();
    let mut search = Search {
        fleet,
        request,
        parts: &parts,
        unnamed: parts.iter().filter(|part| part.group.is_empty()).count(),
        subtrees: &subtrees,
        sums: sums(&parts),
        limit: request.limit.unwrap_or(MOST).min(MOST),
        steps,
        is_cut: false,
        found: Vec::new(),
        seen: BTreeSet::new(),
    };
    // Traits of an unnamed group that asks for nothing would have nobody to have them.
    let asks_nothing = request.groups.get("").is_some_and(|group| group.resources.is_empty());
    if !parts.is_empty() && !asks_nothing {
        search.run();
    }
    let (found, is_cut) = (search.found, search.is_cut);
    Outcome { parts, found, is_cut }
}

fn parts<'a>(fleet: &'a Fleet, name: &'a str, asked: &'a Group) -> Vec<Part<'a>> {
    let tree = asked.in_tree.as_ref().map(|id| fleet.root_of(id));
    let part = |resources| Part { group: name, resources, asked, tree };
    let resources: Vec<(&str, i64)> = asked.resources.iter().map(|(class, n)| (class.as_str(), *n)).collect();
    if name.is_empty() { resources.into_iter().map(|one| part(vec![one])).collect() } else { vec![part(resources)] }
}

/// Which of the parts are the groups of these names.
fn places(parts: &[Part<'_>], names: &BTreeSet<String>) -> Vec<usize> {
    (0..).zip(parts).filter(|(_, part)| names.contains(part.group)).map(|(place, _)| place).collect()
}

/// How much is asked of each class that several parts ask for.
fn sums<'a>(parts: &[Part<'a>]) -> Vec<(&'a str, i64)> {
    let mut sums: BTreeMap<&str, (usize, i64)> = BTreeMap::new();
    for (class, amount) in parts.iter().flat_map(|part| &part.resources) {
        let (count, sum) = sums.entry(class).or_default();
        (*count, *sum) = (*count + 1, sum.saturating_add(*amount));
    }
    sums.into_iter().filter(|(_, (count, _))| *count > 1).map(|(class, (_, sum))| (class, sum)).collect()
}

impl Part<'_> {
    /// Whether the provider can give it, in the tree below `root` or beside it.
    fn fits(&self, provider: &Summary, root: &Summary) -> bool {
        let in_tree = self.tree.is_none_or(|asked| asked == Some(&provider.provider.root_id));
        in_tree
            && if self.group.is_empty() {
                self.resources.iter().all(|(class, amount)| provider.can_give(class, *amount))
                    && self.asked.is_eligible(provider, root)
            } else {
                self.asked.fits(provider)
            }
    }

    fn amount(&self, class: &str) -> i64 {
        self.resources.iter().find(|(name, _)| *name == class).map_or(0, |(_, amount)| *amount)
    }
}

/// What is the same for all trees, and what they yield together.
struct Search<'s, 'a> {
    fleet: &'a Fleet,
    request: &'a CandidateRequest,
    parts: &'s [Part<'a>],
    /// How many parts, the first ones, are of the unnamed group.
    unnamed: usize,
    /// The parts of each set of groups that must be in one subtree.
    subtrees: &'s [Vec<usize>],
    /// How much is asked of the classes that several parts ask for.
    sums: Vec<(&'a str, i64)>,
    limit: usize,
    steps: usize,
    is_cut: bool,
    found: Vec<Found<'a>>,
    /// What sharing providers give alone is found from every tree that they share with.
    seen: BTreeSet<Vec<&'a str>>,
}

impl<'s, 'a> Search<'s, 'a> {
    fn run(&mut self) {
        let (mut pool, mut givers) = (Vec::new(), vec![Vec::new(); self.parts.len()]);
        for tree in self.fleet.trees_from(self.request.start.as_deref().unwrap_or_default()) {
            let Some(root) = tree.first() else { continue };
            let CandidateRequest { root_required, root_forbidden, .. } = self.request;
            if !root_required.is_subset(&root.traits) || !root_forbidden.is_disjoint(&root.traits) {
                continue;
            }
            pool.clear();
            pool.extend(tree.iter().chain(self.fleet.shared_with(tree)).map(AsRef::as_ref));
            if self.givers_find(&pool, root, &mut givers) {
                self.tree(tree, &pool, &givers);
            }
            if self.found.len() >= self.limit || self.steps == 0 {
                return;
            }
        }
    }

    /// Who can give each part. Tells whether a combination of them may fit.
    fn givers_find(&self, pool: &[&'a Summary], root: &Summary, givers: &mut [Vec<&'a Summary>]) -> bool {
        for (part, givers) in self.parts.iter().zip(&mut *givers) {
            givers.clear();
            givers.extend(pool.iter().copied().filter(|provider| part.fits(provider, root)));
            if givers.is_empty() {
                return false;
            }
        }
        let free = |class: &str| -> i64 {
            let stocks = pool.iter().filter_map(|one| one.resources.get(class));
            stocks.map(|stock| stock.free().max(0)).fold(0, i64::saturating_add)
        };
        if self.sums.iter().any(|(class, sum)| free(class) < *sum) {
            return false;
        }
        let (unnamed, named) = givers.split_at(self.unnamed.min(givers.len()));
        let somewhere = |any: &BTreeSet<String>| unnamed.iter().flatten().any(|one| !any.is_disjoint(&one.traits));
        if !self.required().iter().all(somewhere) {
            return false;
        }
        let distinct = || named.iter().flatten().map(|one| &one.provider.id).collect::<BTreeSet<_>>().len();
        !self.request.isolate || distinct() >= named.len()
    }

    /// The traits that the givers of the unnamed group must have together.
    fn required(&self) -> &'a [BTreeSet<String>] {
        self.request.groups.get("").map_or(&[], |group| &group.required)
    }

    fn tree(&mut self, tree: &'a [Arc<Summary>], pool: &[&'a Summary], givers: &[Vec<&'a Summary>]) {
        let mut subtrees = Vec::new();
        for places in self.subtrees {
            let subtree = Subtree::new(places, pool, givers);
            if subtree.is_impossible() {
                return;
            }
            subtrees.push(subtree);
        }
        let steps = self.steps.min(STEPS_PER_TREE);
        let most = self.found.len() + MOST_PER_TREE.min(self.limit - self.found.len());
        let mut here = TreeSearch { search: self, tree, givers, subtrees, chosen: Vec::new(), steps, most };
        here.extend();
        let left = here.steps;
        self.steps -= steps - left;
        self.is_cut |= left == 0;
    }
}

/// The search in one tree, and who is chosen so far, part by part.
struct TreeSearch<'t, 's, 'a> {
    search: &'t mut Search<'s, 'a>,
    tree: &'a [Arc<Summary>],
    givers: &'t [Vec<&'a Summary>],
    subtrees: Vec<Subtree<'t, 'a>>,
    chosen: Vec<&'a Summary>,
    /// The steps that are left.
    steps: usize,
    /// How many candidates there may be when this tree is searched.
    most: usize,
}

impl<'a> TreeSearch<'_, '_, 'a> {
    fn extend(&mut self) {
        let givers = self.givers;
        let Some(givers) = givers.get(self.chosen.len()) else { return self.keep() };
        for giver in givers {
            if self.steps == 0 || self.search.found.len() >= self.most {
                return;
            }
            self.steps -= 1;
            if self.may_add(giver) {
                self.chosen.push(giver);
                if self.has_traits() && self.subtrees.iter().all(|subtree| subtree.may_be(&self.chosen)) {
                    self.extend();
                }
                self.chosen.pop();
            }
        }
    }

    fn keep(&mut self) {
        let Search { fleet, found, seen, .. } = &mut *self.search;
        let only_sharing = fleet.has_sharing() && self.chosen.iter().all(|one| fleet.is_sharing(&one.provider.id));
        if !only_sharing || seen.insert(self.chosen.iter().map(|one| one.provider.id.as_str()).collect()) {
            found.push(Found { tree: self.tree, givers: self.chosen.clone() });
        }
    }

    /// Whether the next part may be given by this provider, beside what is chosen.
    fn may_add(&self, giver: &Summary) -> bool {
        let place = self.chosen.len();
        let Some(part) = self.search.parts.get(place) else { return false };
        let is_same = |other: &Summary| std::ptr::eq(other, giver);
        let mut others = self.search.parts.iter().zip(&self.chosen);
        if self.search.request.flat {
            let root_id = &giver.provider.root_id;
            if self.chosen.iter().any(|other| !is_same(other) && other.provider.root_id == *root_id) {
                return false;
            }
        }
        if self.search.request.isolate && !part.group.is_empty() {
            return !others.any(|(other, one)| is_same(one) && !other.group.is_empty()) && self.has_room(part, giver);
        }
        self.has_room(part, giver)
    }

    /// Whether the provider has room for the part beside what is taken from it already.
    fn has_room(&self, part: &Part<'_>, giver: &Summary) -> bool {
        part.resources.iter().all(|(class, amount)| {
            let others = self.search.parts.iter().zip(&self.chosen).filter(|(_, one)| std::ptr::eq(**one, giver));
            let taken: i64 = others.map(|(other, _)| other.amount(class)).fold(0, i64::saturating_add);
            let sum = amount.saturating_add(taken);
            let room = |stock: &Stock| sum <= stock.free() && sum <= stock.inventory.max_unit;
            taken == 0 || giver.resources.get(*class).is_some_and(room)
        })
    }

    /// Whether the givers of the unnamed group, once all are chosen, have its traits.
    fn has_traits(&self) -> bool {
        let has = |any: &BTreeSet<String>| self.chosen.iter().any(|one| !any.is_disjoint(&one.traits));
        self.chosen.len() != self.search.unnamed || self.search.required().iter().all(has)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Provider;
    use crate::store::change::Changes;
    use crate::store::inventory::Stored;

    fn id(tree: usize, number: usize) -> String {
        format!("aaaaaaaa-0000-4000-{number:04}-{tree:012}")
    }

    /// Trees with children that have so many functions, of which one consumer may take so many.
    fn changes(trees: usize, children: usize, functions: i64, most: i64) -> Changes {
        let mut changes = Changes::default();
        for (tree, number) in (0..trees).flat_map(|tree| (0..=children).map(move |number| (tree, number))) {
            changes.providers.push(Provider {
                id: id(tree, number),
                name: id(tree, number),
                generation: 0,
                parent_id: (number > 0).then(|| id(tree, 0)),
                root_id: id(tree, 0),
                updated_at: jiff::Timestamp::UNIX_EPOCH,
            });
            let (class, total) = if number == 0 { ("VCPU", 64) } else { ("SRIOV_NET_VF", functions) };
            changes.stocks.push(Stored {
                provider_id: id(tree, number),
                class: class.to_owned(),
                total,
                reserved: 0,
                min_unit: 1,
                max_unit: most,
                step_size: 1,
                allocation_ratio: 1.0,
                used: 0,
            });
        }
        changes
    }

    fn fleet(trees: usize, children: usize, functions: i64, most: i64) -> Fleet {
        let mut fleet = Fleet::default();
        fleet.apply(changes(trees, children, functions, most), 1);
        fleet
    }

    /// So many groups of one function each, called 1, 2, 3 ...
    fn functions(groups: usize) -> CandidateRequest {
        let one = Group { resources: BTreeMap::from([("SRIOV_NET_VF".to_owned(), 1)]), ..Group::default() };
        let groups = (1..=groups).map(|number| (number.to_string(), one.clone())).collect();
        CandidateRequest { groups, ..CandidateRequest::default() }
    }

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    /// How many candidates are found, and whether the steps were not enough.
    fn counted(fleet: &Fleet, request: &CandidateRequest, steps: usize) -> (usize, bool) {
        let outcome = search(fleet, request, steps);
        (outcome.found.len(), outcome.is_cut)
    }

    #[test]
    fn what_cannot_fit_costs_next_to_nothing_in_any_number_of_trees() {
        let fleet = fleet(2_000, 8, 8, 8);
        // Siblings are in no subtree of one of them.
        let all: Vec<String> = (1..=6).map(|number| number.to_string()).collect();
        let apart =
            CandidateRequest { isolate: true, same_subtree: vec![all.iter().cloned().collect()], ..functions(6) };
        // A set is judged before all of its groups are met: the last one is the first that can tell.
        let mut pairs = CandidateRequest { isolate: true, same_subtree: vec![names(&["1", "2"])], ..functions(6) };
        pairs.groups.insert("7".to_owned(), Group { in_tree: Some(id(1, 0)), ..Group::default() });
        let too_many_apart = CandidateRequest { isolate: true, ..functions(9) };
        for (request, most) in [(apart, 200_000), (pairs, 200), (too_many_apart, 0), (functions(65), 0)] {
            assert_eq!(counted(&fleet, &request, most + 1), (0, false));
        }
    }

    #[test]
    fn an_unnamed_group_that_asks_for_nothing_is_met_by_nobody() {
        let fleet = fleet(1, 2, 8, 8);
        let mut request = functions(1);
        assert_eq!(counted(&fleet, &request, STEPS), (2, false));
        request.groups.insert(String::new(), Group::default());
        assert_eq!(counted(&fleet, &request, STEPS), (0, false));
        assert_eq!(counted(&fleet, &CandidateRequest::default(), STEPS), (0, false));
    }

    #[test]
    fn what_is_used_beyond_one_capacity_takes_nothing_from_another() {
        let mut changes = changes(1, 2, 8, 8);
        changes.stocks.iter_mut().filter(|stock| stock.provider_id == id(0, 1)).for_each(|stock| stock.used = 16);
        let mut fleet = Fleet::default();
        fleet.apply(changes, 1);
        assert_eq!(counted(&fleet, &functions(8), STEPS), (1, false));
        assert_eq!(counted(&fleet, &functions(9), STEPS), (0, false));
    }

    #[test]
    fn all_trees_share_one_budget_and_what_was_found_stays() {
        // Two children give eight functions each, and nothing tells that this is less than seventeen but trying.
        let fleet = fleet(1_000, 2, 16, 8);
        assert_eq!(counted(&fleet, &functions(17), 300_000), (0, true));
        assert_eq!(counted(&fleet, &CandidateRequest { limit: Some(3), ..functions(2) }, 300_000), (3, false));
        // Each tree has four ways, at six steps.
        assert_eq!(counted(&fleet, &functions(2), 300_000), (4_000, false));
        assert_eq!(counted(&fleet, &functions(2), 300), (200, true));
    }

    #[test]
    fn no_tree_takes_all_steps_or_all_candidates() {
        // Trying all of it would take a million steps.
        assert_eq!(counted(&fleet(1, 2, 32, 10), &functions(21), STEPS), (0, true));
        assert_eq!(counted(&fleet(3, 8, 8, 8), &functions(6), STEPS), (3 * MOST_PER_TREE, false));
    }
}
