//! What has to change so that the northbound database is as it should be.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;

use ovsdb::{Atom, Condition, Mutation, Row, Tables, Transaction, Until, Value};
use uuid::Uuid;

use super::row::{LINKS, Link, Place, Target, is_root};

/// The changes of one transaction.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Plan {
    inserts: Vec<(Place, Row)>,
    /// Columns that differ: as they are, and as they should be.
    updates: Vec<(Place, Row, Row)>,
    links_added: BTreeSet<Link>,
    links_removed: BTreeSet<Link>,
    deletes: Vec<Place>,
}

impl Plan {
    /// What makes the tables as the target says. Nothing else is looked at.
    pub(super) fn new(tables: &Tables, target: &Target) -> Self {
        let mut plan = Self::default();
        let exists = |(table, uuid): &Place| tables.row(table, *uuid).is_some();
        let wanted_links: BTreeSet<Link> = target
            .links
            .iter()
            .filter(|link| target.rows.contains_key(&link.from) || exists(&link.from))
            .cloned()
            .collect();
        let held: HashSet<Uuid> = wanted_links.iter().map(|link| link.to).collect();
        for (place, row) in &target.rows {
            match tables.row(place.0, place.1) {
                Some(actual) => plan.compare(*place, actual, row),
                // Nobody to refer to it: it would be gone at once.
                None if !is_root(place.0) && !held.contains(&place.1) => {}
                None => plan.inserts.push((*place, row.clone())),
            }
        }
        let mut scope: HashSet<Uuid> = target.rows.keys().map(|place| place.1).collect();
        for place in target.others.iter().filter(|place| !target.rows.contains_key(place)) {
            scope.insert(place.1);
            if is_root(place.0) && exists(place) {
                plan.deletes.push(*place);
            }
        }
        let actual_links = links_to(tables, &scope);
        plan.links_added = wanted_links.difference(&actual_links).cloned().collect();
        plan.links_removed = actual_links.difference(&wanted_links).cloned().collect();
        let deletes = &plan.deletes;
        plan.links_removed.retain(|link| !deletes.contains(&link.from));
        plan
    }

    fn compare(&mut self, place: Place, actual: &Row, wanted: &Row) {
        let (mut old, mut new) = (Row::new(), Row::new());
        for (column, value) in wanted.columns() {
            let is = actual.value(column).ok();
            if is != Some(value) {
                old.insert(column, is.cloned().unwrap_or(Value::Set(BTreeSet::new())));
                new.insert(column, value.clone());
            }
        }
        if new.columns().next().is_some() {
            self.updates.push((place, old, new));
        }
    }

    /// Whether all is as it should be.
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many rows and references change.
    pub(super) fn len(&self) -> usize {
        let links = self.links_added.len() + self.links_removed.len();
        self.inserts.len() + self.updates.len() + self.deletes.len() + links
    }

    /// The transaction. It fails if a row to be changed is not what it was when the plan was made, or if a row to be
    /// inserted is there already.
    pub(super) fn transaction(&self) -> Transaction {
        let mut transaction = Transaction::new();
        for ((table, uuid), old, _) in &self.updates {
            let columns: Vec<&str> = old.columns().map(|(name, _)| name).collect();
            let expected = std::slice::from_ref(old);
            transaction.wait(table, [Condition::uuid(*uuid)], &columns, Until::Equal, expected, Duration::ZERO);
        }
        for ((table, uuid), row) in &self.inserts {
            transaction.insert_with_uuid(table, *uuid, row.clone());
        }
        for ((table, uuid), _, new) in &self.updates {
            transaction.update(table, [Condition::uuid(*uuid)], new.clone());
        }
        mutate(&mut transaction, &self.links_removed, Mutation::delete);
        mutate(&mut transaction, &self.links_added, Mutation::insert);
        for (table, uuid) in &self.deletes {
            transaction.delete(table, [Condition::uuid(*uuid)]);
        }
        transaction
    }
}

/// One operation for all references from the same column.
fn mutate(transaction: &mut Transaction, links: &BTreeSet<Link>, mutation: fn(&str, Value) -> Mutation) {
    let mut columns: BTreeMap<(Place, &str), Vec<Uuid>> = BTreeMap::new();
    for link in links {
        columns.entry((link.from, link.column)).or_default().push(link.to);
    }
    for (((table, uuid), column), children) in columns {
        transaction.mutate(table, [Condition::uuid(uuid)], [mutation(column, Value::set(children))]);
    }
}

/// All references to the rows.
fn links_to(tables: &Tables, children: &HashSet<Uuid>) -> BTreeSet<Link> {
    let mut links = BTreeSet::new();
    for (table, column, _) in LINKS {
        for (uuid, row) in tables.rows(table) {
            let Ok(Value::Set(atoms)) = row.value(column) else { continue };
            let mut add = |to: Uuid| links.insert(Link { from: (table, uuid), column, to });
            // Whichever is less work: a switch has many ports, or a reconciliation many rows.
            if children.len() < atoms.len() {
                children.iter().filter(|child| atoms.contains(&Atom::Uuid(**child))).for_each(|child| {
                    add(*child);
                });
            } else {
                for atom in atoms {
                    if let Atom::Uuid(child) = atom
                        && children.contains(child)
                    {
                        add(*child);
                    }
                }
            }
        }
    }
    links
}
