//! Images: what servers start from. Their records, their bytes and who shares them; the OpenStack image API v2.

mod image;
mod ticket;

pub use image::{ImageInfo, Status, Visibility};

use std::path::PathBuf;
use std::sync::Arc;

use db::Db;
use identity::Identity;
use runtime::Runtime;

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
}

impl Options {
    /// Defaults, with the bytes in that directory.
    pub fn new(store_dir: impl Into<PathBuf>, ticket_key: impl Into<String>) -> Self {
        Self { store_dir: store_dir.into(), ticket_key: ticket_key.into(), image_size_cap: 1 << 40, list_limit: 1000 }
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
}
