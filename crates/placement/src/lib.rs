//! What the cloud has and who uses it: resource providers, inventories, traits, allocations and the search for
//! candidates; the OpenStack placement API.
//!
//! The sum of all allocations of a class on a provider stands beside the inventory (`inventories.used`), kept in the
//! same transaction. A claim is one conditional update per class, so that no two claims share the last unit.

mod allocation;
mod candidate;
mod inventory;
mod provider;

pub use allocation::{Allocations, Claim};
pub use candidate::{Candidate, CandidateRequest, Step};
pub use inventory::{Inventory, Summary, Use};

use std::sync::Arc;

use db::Db;
use identity::Identity;
use runtime::Runtime;

/// The placement service; a cheap handle.
#[derive(Clone)]
pub struct Placement(Arc<Inner>);

struct Inner {
    db: Db,
    runtime: Runtime,
    identity: Identity,
}

impl Placement {
    /// Placement over a database that has its schema.
    pub fn new(db: Db, runtime: Runtime, identity: Identity) -> Self {
        Self(Arc::new(Inner { db, runtime, identity }))
    }
}
