use std::collections::BTreeMap;

use api::{Error, Kind, Result};
use identity::Caller;
use jiff::Timestamp;

use crate::Image;

/// Who sees an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visibility {
    /// Everybody, in every list.
    Public,
    /// Everybody who knows its id.
    Community,
    /// Its owner and the projects that it is shared with.
    Shared,
    /// Its owner.
    Private,
}

/// Where an image is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It has no bytes yet.
    Queued,
    /// Its bytes are on their way.
    Saving,
    /// It can be used.
    Active,
    /// An administrator has taken its bytes out of use.
    Deactivated,
}

/// An image as other services see it.
#[derive(Debug, Clone)]
pub struct ImageInfo {
    /// Its id.
    pub id: String,
    /// Its name, which may be missing.
    pub name: Option<String>,
    /// The owning project.
    pub owner: String,
    /// Who sees it.
    pub visibility: Visibility,
    /// Where it is in its life.
    pub status: Status,
    /// How the disk is written: `qcow2`, `raw`, ...
    pub disk_format: Option<String>,
    /// What is around the disk: `bare` for nothing.
    pub container_format: Option<String>,
    /// Bytes stored.
    pub size: Option<i64>,
    /// Bytes that a server sees.
    pub virtual_size: Option<i64>,
    /// MD5 of the bytes, in hex.
    pub checksum: Option<String>,
    /// SHA-512 of the bytes, in hex.
    pub os_hash_value: Option<String>,
    /// The smallest disk, in GiB, that it fits on.
    pub min_disk: i64,
    /// The least memory, in MiB, that it runs in.
    pub min_ram: i64,
    /// Whether deleting it is forbidden.
    pub protected: bool,
    /// Whether lists leave it out.
    pub os_hidden: bool,
    /// Everything else that is known of it: `hw_disk_bus`, `os_distro`, ...
    pub properties: BTreeMap<String, String>,
    /// Labels.
    pub tags: Vec<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl Image {
    /// The image of that id; 404 if there is none.
    pub async fn image_get(&self, id: &str) -> Result<ImageInfo> {
        let _ = (id, &self.0.db, &self.0.identity);
        Err(Error::new(Kind::NotImplemented, "Not yet."))
    }

    /// The image of that id, if the caller may see it; else 404.
    pub async fn image_visible(&self, caller: &Caller, id: &str) -> Result<ImageInfo> {
        let _ = (caller, id);
        Err(Error::new(Kind::NotImplemented, "Not yet."))
    }
}
