//! Images: what servers start from. Their records, their bytes and who shares them; the OpenStack image API v2.

mod api;
mod data;
mod fields;
mod files;
mod image;
mod inspect;
mod list;
mod member;
mod patch;
mod quota;
mod range;
mod rules;
mod servers;
mod store;
mod sweep;
mod ticket;

pub use image::{ImageInfo, Status, Visibility};
pub use rules::RULES;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRef;
use db::{Db, Migration};
use identity::Identity;
use runtime::Runtime;

/// The schema of images.
pub const MIGRATIONS: &[Migration] = &[
    Migration { service: "image", version: 1, sql: include_str!("../migrations/0001.sql") },
    Migration { service: "image", version: 2, sql: include_str!("../migrations/0002_quota.sql") },
];

/// How the image service works.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the bytes are kept, one file per image.
    pub store_dir: PathBuf,
    /// The secret that download tickets are signed with; every copy of the control plane needs the same.
    pub ticket_key: String,
    /// The most bytes that one image may have.
    pub image_size_cap: u64,
    /// The most images that a list returns at once; the rest follows page by page.
    pub list_limit: i64,
    /// For how long an upload counts as alive after its last sign of life. It also ends when it brings no byte for so
    /// long.
    pub upload_lease: Duration,
}

impl Options {
    /// Defaults, with the bytes in that directory.
    pub fn new(store_dir: impl Into<PathBuf>, ticket_key: impl Into<String>) -> Self {
        Self {
            store_dir: store_dir.into(),
            ticket_key: ticket_key.into(),
            image_size_cap: 1 << 40,
            list_limit: 1000,
            upload_lease: Duration::from_secs(120),
        }
    }
}

/// The image service; a cheap handle.
#[derive(Clone)]
pub struct Image(Arc<Inner>);

struct Inner {
    db: Db,
    runtime: Runtime,
    identity: Identity,
    options: Options,
}

impl Image {
    /// The image service over a database that has its schema.
    pub fn new(db: Db, runtime: Runtime, identity: Identity, options: Options) -> Self {
        Self(Arc::new(Inner { db, runtime, identity, options }))
    }

    /// The image API.
    pub fn router(&self) -> axum::Router {
        api::router(self.clone())
    }
}

impl FromRef<Image> for Identity {
    fn from_ref(image: &Image) -> Self {
        image.0.identity.clone()
    }
}
