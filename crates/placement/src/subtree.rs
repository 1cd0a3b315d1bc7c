use std::collections::{BTreeMap, BTreeSet};

use crate::fleet::Summary;

/// The parts that must be given by providers of which one is above (or is) all others.
pub(crate) struct Subtree<'s, 'a> {
    places: &'s [usize],
    /// Every provider of the pool with all that are above it, itself among them.
    above: BTreeMap<&'a str, Vec<&'a str>>,
    /// Who can be that one: some giver at or below it is there for each part.
    tops: BTreeSet<&'a str>,
}

impl<'s, 'a> Subtree<'s, 'a> {
    pub(crate) fn new(places: &'s [usize], pool: &[&'a Summary], givers: &[Vec<&'a Summary>]) -> Self {
        let parents: BTreeMap<&str, Option<&str>> =
            pool.iter().map(|one| (one.provider.id.as_str(), one.provider.parent_id.as_deref())).collect();
        let parent = |id: &&'a str| parents.get(id).copied().flatten();
        let above: BTreeMap<&str, Vec<&str>> =
            parents.keys().map(|id| (*id, std::iter::successors(Some(*id), parent).collect())).collect();
        let of_parts = || places.iter().filter_map(|place| givers.get(*place));
        let mut subtree = Self { places, above, tops: BTreeSet::new() };
        let tops = of_parts().flatten().map(|one| one.provider.id.as_str()).collect::<BTreeSet<_>>().into_iter();
        let has_all = |top: &&str| of_parts().all(|givers| givers.iter().any(|one| subtree.is_below(one, top)));
        subtree.tops = tops.filter(has_all).collect();
        subtree
    }

    /// Whether no choice of givers can be in one subtree.
    pub(crate) fn is_impossible(&self) -> bool {
        self.tops.is_empty()
    }

    fn is_below(&self, provider: &Summary, top: &str) -> bool {
        self.above.get(provider.provider.id.as_str()).is_some_and(|above| above.contains(&top))
    }

    /// Whether there can be a top above those of its parts that are chosen; when all are, it must be one of them.
    pub(crate) fn may_be(&self, chosen: &[&Summary]) -> bool {
        let mine = || self.places.iter().filter_map(|place| chosen.get(*place).copied());
        let is_whole = mine().count() == self.places.len();
        let is_chosen = |top: &str| mine().any(|one| one.provider.id == top);
        self.tops.iter().any(|top| (!is_whole || is_chosen(top)) && mine().all(|one| self.is_below(one, top)))
    }
}
