use std::collections::BTreeMap;

use api::{Error, Result};
use identity::Caller;
use jiff::Timestamp;
use policy::Target;

use crate::store::image as store;
use crate::store::member;
use crate::{Image, files};

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
    /// The upload that its bytes come or came with; it names their file.
    pub(crate) upload: Option<String>,
    /// Counts changes, so that two at once are noticed.
    pub(crate) revision: i64,
}

impl Visibility {
    pub(crate) fn parse(text: &str) -> Result<Self> {
        Ok(match text {
            "public" => Self::Public,
            "community" => Self::Community,
            "shared" => Self::Shared,
            "private" => Self::Private,
            other => {
                return Err(Error::bad_request(format!(
                    "Invalid visibility value: {other}. Use public, community, shared or private."
                )));
            }
        })
    }

    /// As the API and the database write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Community => "community",
            Self::Shared => "shared",
            Self::Private => "private",
        }
    }
}

impl Status {
    pub(crate) fn parse(text: &str) -> Self {
        match text {
            "saving" => Self::Saving,
            "active" => Self::Active,
            "deactivated" => Self::Deactivated,
            _ => Self::Queued,
        }
    }

    /// As the API and the database write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Saving => "saving",
            Self::Active => "active",
            Self::Deactivated => "deactivated",
        }
    }
}

impl ImageInfo {
    /// What rules are told of the image.
    pub(crate) fn target(&self) -> Target<'_> {
        Target::new()
            .with("project_id", &self.owner)
            .with("owner", &self.owner)
            .with("visibility", self.visibility.as_str())
    }
}

pub(crate) fn not_found(id: &str) -> Error {
    Error::not_found(format!("No image found with ID {id}. Look for it with `openstack image list`."))
}

pub(crate) fn is_admin(caller: &Caller) -> bool {
    caller.may("context_is_admin", &Target::new())
}

impl Image {
    /// The image of that id; 404 if there is none.
    pub async fn image_get(&self, id: &str) -> Result<ImageInfo> {
        store::get(&self.0.db, id).await?.ok_or_else(|| not_found(id))
    }

    /// The image of that id, if the caller may see it; else 404.
    pub async fn image_visible(&self, caller: &Caller, id: &str) -> Result<ImageInfo> {
        let image = self.image_get(id).await?;
        let project = caller.token.project_id.as_deref();
        let open = matches!(image.visibility, Visibility::Public | Visibility::Community);
        let mut target = image.target();
        if !open && !is_admin(caller) && project != Some(&image.owner) {
            let Some(project) = project else { return Err(not_found(id)) };
            let member = member::get(&self.0.db, id, project).await?;
            if image.visibility != Visibility::Shared || member.is_none() {
                return Err(not_found(id));
            }
            target = target.with("member_id", project);
        }
        caller.allow("get_image", &target)?;
        Ok(image)
    }

    /// Deletes an image, then its bytes.
    pub async fn image_delete(&self, caller: &Caller, id: &str) -> Result<()> {
        let image = self.image_visible(caller, id).await?;
        caller.allow("delete_image", &image.target())?;
        if image.protected {
            return Err(Error::forbidden(format!(
                "Image {id} is protected and cannot be deleted. Unset `protected` first."
            )));
        }
        let mut tx = self.0.db.begin().await?;
        let deleted = store::delete(&mut tx, id).await?;
        tx.commit().await?;
        match deleted {
            Some(image) => {
                // Bytes that stay, because the process ends here or the disk fails, are swept later.
                files::remove(&self.0.options.store_dir, image.upload.as_deref()).await;
                Ok(())
            }
            None if self.image_get(id).await.is_ok() => {
                Err(Error::forbidden(format!("Image {id} was protected at the same moment. Unset `protected` first.")))
            }
            None => Err(not_found(id)),
        }
    }

    /// Takes the bytes out of use, or back into it.
    pub(crate) async fn image_activate(&self, caller: &Caller, id: &str, active: bool) -> Result<()> {
        let image = self.image_visible(caller, id).await?;
        caller.allow(if active { "reactivate" } else { "deactivate" }, &image.target())?;
        let (from, to) = if active { ("deactivated", "active") } else { ("active", "deactivated") };
        let mut tx = self.0.db.begin().await?;
        let changed = store::status_swap(&mut tx, id, from, to, self.0.runtime.clock.now()).await?;
        tx.commit().await?;
        if changed || image.status.as_str() == to {
            return Ok(());
        }
        Err(Error::forbidden(format!(
            "Image {id} is {}: only one that is {from} can become {to}.",
            image.status.as_str()
        )))
    }

    /// Adds a tag, or takes it away.
    pub(crate) async fn tag_set(&self, caller: &Caller, id: &str, tag: &str, wanted: bool) -> Result<()> {
        let mut image = self.image_visible(caller, id).await?;
        caller.allow("modify_image", &image.target())?;
        api::fields::length("tag", tag, 1, 255)?;
        let had = image.tags.iter().any(|known| known == tag);
        match (had, wanted) {
            (true, true) => return Ok(()),
            (false, false) => return Err(Error::not_found(format!("Image {id} has no tag {tag}."))),
            (false, true) => image.tags.push(tag.to_owned()),
            (true, false) => image.tags.retain(|known| known != tag),
        }
        self.image_write(image).await.map(drop)
    }
}
