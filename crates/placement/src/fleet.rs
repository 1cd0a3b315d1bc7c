//! All providers in memory: a copy of the tables that is brought up to date, by what changed since, before each use.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::{Arc, PoisonError};

use ::api::Result;
use rpds::{HashTrieMapSync, RedBlackTreeMapSync};
use serde::Serialize;

use crate::store::change::{self, Changes};
use crate::{Inventory, Placement, Provider, standard};

/// What a provider has of a resource class, and has given.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stock {
    /// What it says of itself.
    #[serde(skip)]
    pub inventory: Inventory,
    /// What can be allocated in all: the unreserved part, overcommitted.
    pub capacity: i64,
    /// What is allocated.
    pub used: i64,
}

impl Stock {
    /// What is left; less than nothing when the capacity shrank below what is used.
    pub(crate) fn free(&self) -> i64 {
        self.capacity - self.used
    }

    /// Whether it can give that much now.
    pub fn can_give(&self, amount: i64) -> bool {
        let Inventory { min_unit, max_unit, step_size, .. } = self.inventory;
        amount <= self.free() && (min_unit..=max_unit).contains(&amount) && amount % step_size == 0
    }
}

/// One provider: what it has, has given, and is.
#[derive(Debug, Clone)]
pub struct Summary {
    /// Its name and its place in a tree.
    pub provider: Provider,
    /// What it has, by resource class.
    pub resources: BTreeMap<String, Stock>,
    /// Its traits.
    pub traits: BTreeSet<String>,
    /// The aggregates that it is in.
    pub aggregates: BTreeSet<String>,
}

impl Summary {
    /// Whether it can give that much of a class now.
    pub(crate) fn can_give(&self, class: &str, amount: i64) -> bool {
        self.resources.get(class).is_some_and(|stock| stock.can_give(amount))
    }

    /// Whether others in its aggregates may use what it has.
    pub(crate) fn is_sharing(&self) -> bool {
        self.traits.contains(standard::SHARES)
    }
}

/// The providers of one tree, the root first.
pub(crate) type Tree = Vec<Arc<Summary>>;

/// All providers as of a count. The maps share what did not change with those before, which others may hold.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fleet {
    count: i64,
    trees: RedBlackTreeMapSync<String, Tree>,
    roots: HashTrieMapSync<String, String>,
    sharing: BTreeMap<String, Arc<Summary>>,
}

impl Fleet {
    pub(crate) fn get(&self, id: &str) -> Option<&Arc<Summary>> {
        self.trees.get(self.roots.get(id)?)?.iter().find(|one| one.provider.id == id)
    }

    pub(crate) fn tree(&self, root_id: &str) -> &[Arc<Summary>] {
        self.trees.get(root_id).map_or(&[], Vec::as_slice)
    }

    /// Every tree, beginning with the first whose root's id is not before `start`.
    pub(crate) fn trees_from(&self, start: &str) -> impl Iterator<Item = &Tree> {
        let from = self.trees.range::<str, _>((Bound::Included(start), Bound::Unbounded));
        let before = self.trees.range::<str, _>((Bound::Unbounded, Bound::Excluded(start)));
        from.chain(before).map(|(_, tree)| tree)
    }

    pub(crate) fn providers(&self) -> impl Iterator<Item = &Arc<Summary>> {
        self.trees.values().flatten()
    }

    /// The root of the tree that a provider is in.
    pub(crate) fn root_of(&self, id: &str) -> Option<&str> {
        self.roots.get(id).map(String::as_str)
    }

    pub(crate) fn has_sharing(&self) -> bool {
        !self.sharing.is_empty()
    }

    pub(crate) fn is_sharing(&self, id: &str) -> bool {
        self.sharing.contains_key(id)
    }

    /// The sharing providers that are in an aggregate with some provider of the tree, but not in the tree.
    pub(crate) fn shared_with(&self, tree: &Tree) -> impl Iterator<Item = &Arc<Summary>> {
        self.sharing.values().filter(|sharing| {
            tree.first().is_some_and(|root| root.provider.id != sharing.provider.root_id)
                && tree.iter().any(|provider| !provider.aggregates.is_disjoint(&sharing.aggregates))
        })
    }

    pub(crate) fn apply(&mut self, changes: Changes, count: i64) {
        for id in &changes.gone {
            self.remove(id);
        }
        let mut fresh: BTreeMap<String, Summary> =
            changes.providers.into_iter().map(|row| (row.id.clone(), summary(row))).collect();
        for row in changes.stocks {
            if let Some(provider) = fresh.get_mut(&row.provider_id) {
                let inventory = row.inventory();
                let stock = Stock { capacity: inventory.capacity(), used: row.used, inventory };
                provider.resources.insert(row.class, stock);
            }
        }
        for row in changes.traits {
            fresh.get_mut(&row.provider_id).map(|provider| provider.traits.insert(row.label));
        }
        for row in changes.aggregates {
            fresh.get_mut(&row.provider_id).map(|provider| provider.aggregates.insert(row.label));
        }
        for summary in fresh.into_values() {
            self.put(summary);
        }
        self.count = count;
    }

    fn put(&mut self, summary: Summary) {
        let summary = Arc::new(summary);
        let Provider { id, root_id, .. } = &summary.provider;
        let same_tree = self.roots.get(id) == Some(root_id);
        let places = same_tree.then(|| self.trees.get_mut(root_id)).flatten();
        match places.and_then(|tree| tree.iter_mut().find(|other| other.provider.id == *id)) {
            Some(place) => *place = Arc::clone(&summary),
            None => {
                self.remove(id);
                self.roots.insert_mut(id.clone(), root_id.clone());
                let mut tree = self.tree(root_id).to_vec();
                let place = if id == root_id { 0 } else { tree.len() };
                tree.insert(place, Arc::clone(&summary));
                self.trees.insert_mut(root_id.clone(), tree);
            }
        }
        if summary.is_sharing() {
            self.sharing.insert(id.clone(), Arc::clone(&summary));
        } else {
            self.sharing.remove(id);
        }
    }

    fn remove(&mut self, id: &str) {
        self.sharing.remove(id);
        let Some(root_id) = self.roots.get(id).cloned() else { return };
        self.roots.remove_mut(id);
        if let Some(tree) = self.trees.get_mut(&root_id) {
            tree.retain(|one| one.provider.id != id);
            if tree.is_empty() {
                self.trees.remove_mut(&root_id);
            }
        }
    }
}

fn summary(provider: Provider) -> Summary {
    Summary { provider, resources: BTreeMap::new(), traits: BTreeSet::new(), aggregates: BTreeSet::new() }
}

impl Placement {
    /// All providers as they are now. Costs one tiny query, and reading what changed since the last time.
    pub(crate) async fn fleet(&self) -> Result<Arc<Fleet>> {
        let known = Arc::clone(&self.0.fleet.lock().unwrap_or_else(PoisonError::into_inner));
        let count = change::count(&self.0.db).await?;
        if known.count == count {
            return Ok(known);
        }
        let remembered = change::is_remembered(known.count, count);
        let since = if remembered { known.count } else { 0 };
        drop(known);
        let changes = change::since(&self.0.db, since).await?;
        let mut fleet = self.0.fleet.lock().unwrap_or_else(PoisonError::into_inner);
        // Others may have brought it further meanwhile; what they read is newer than this.
        if fleet.count < count {
            if remembered {
                Arc::make_mut(&mut fleet).apply(changes, count);
            } else {
                let mut fresh = Fleet::default();
                fresh.apply(changes, count);
                *fleet = Arc::new(fresh);
            }
        }
        Ok(Arc::clone(&fleet))
    }

    /// Those of the providers that there are: what they have, have given, and are.
    pub async fn provider_summaries(&self, provider_ids: &[String]) -> Result<Vec<Arc<Summary>>> {
        let fleet = self.fleet().await?;
        Ok(provider_ids.iter().filter_map(|id| fleet.get(id).map(Arc::clone)).collect())
    }
}
