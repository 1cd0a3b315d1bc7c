//! What the cloud has and who uses it: resource providers, inventories, traits, allocations and the search for
//! candidates; the OpenStack placement API.
//!
//! Searches run in memory, over a copy of all providers that is brought up to date before each use (`fleet`).
//!
//! The sum of all allocations of a class on a provider stands beside the inventory (`used`), kept in the same
//! transaction. A claim is one conditional update per class, so that no two claims share the last unit.

mod aggregate;
mod allocation;
mod api;
mod candidate;
mod error;
mod fleet;
mod inventory;
mod names;
mod provider;
mod reshape;
mod rules;
mod search;
mod standard;
mod store;
mod subtree;
mod write;

pub use allocation::{Allocations, Claim};
pub use candidate::{Candidate, CandidateRequest, Group};
pub use fleet::{Stock, Summary};
pub use inventory::Inventory;
pub use rules::RULES;
pub use store::provider::Provider;

use std::sync::{Arc, Mutex};

use db::{Db, Migration};
use identity::Identity;
use runtime::Runtime;

/// The schema of placement.
pub const MIGRATIONS: &[Migration] = &[
    Migration { service: "placement", version: 1, sql: include_str!("../migrations/0001.sql") },
    Migration { service: "placement", version: 2, sql: include_str!("../migrations/0002_changes.sql") },
];

/// The placement service; a cheap handle.
#[derive(Clone)]
pub struct Placement(Arc<Inner>);

struct Inner {
    db: Db,
    runtime: Runtime,
    identity: Identity,
    fleet: Mutex<Arc<fleet::Fleet>>,
}

impl Placement {
    /// Placement over a database that has its schema.
    pub fn new(db: Db, runtime: Runtime, identity: Identity) -> Self {
        Self(Arc::new(Inner { db, runtime, identity, fleet: Mutex::default() }))
    }

    /// The placement API.
    pub fn router(&self) -> axum::Router {
        crate::api::router(self.clone())
    }

    fn now(&self) -> jiff::Timestamp {
        self.0.runtime.clock.now()
    }
}
