//! What users may say about an image, when they make it and when they change it.

use std::collections::BTreeMap;

use api::fields::{is_uuid, length};
use api::{Error, Kind, Result};
use identity::Caller;
use policy::Target;
use serde_json::{Map, Value};

use crate::Image;
use crate::image::{ImageInfo, Status, Visibility, is_admin};
use crate::patch::{Change, Operation};
use crate::quota::Resource;
use crate::store::image as store;

/// How a disk may be written.
pub(crate) const DISK_FORMATS: &[&str] = &["ami", "ari", "aki", "vhd", "vhdx", "vmdk", "raw", "qcow2", "vdi", "iso"];
/// What may be around a disk.
pub(crate) const CONTAINER_FORMATS: &[&str] = &["ami", "ari", "aki", "bare", "ovf", "ova", "docker", "compressed"];
/// What the service itself writes.
const READ_ONLY: &[&str] = &[
    "created_at",
    "updated_at",
    "status",
    "checksum",
    "os_hash_algo",
    "os_hash_value",
    "size",
    "virtual_size",
    "direct_url",
    "locations",
    "stores",
    "self",
    "file",
    "schema",
];
const RESERVED: &[&str] = &["location", "deleted", "deleted_at"];
/// Fields that every image has.
const BASE: &[&str] = &[
    "id",
    "name",
    "owner",
    "visibility",
    "disk_format",
    "container_format",
    "min_disk",
    "min_ram",
    "protected",
    "os_hidden",
    "tags",
];
/// The most properties, and the most tags, of one image.
const MOST_DETAILS: usize = 128;

impl Image {
    /// Makes an image without bytes.
    pub(crate) async fn image_create(&self, caller: &Caller, fields: Map<String, Value>) -> Result<ImageInfo> {
        let mut image = self.image_blank(caller)?;
        for (name, value) in &fields {
            set(&mut image, name, value)?;
        }
        let own = caller.token.project_id.as_deref() == Some(&image.owner);
        if !own && !is_admin(caller) {
            return Err(Error::forbidden(
                "Policy doesn't allow add_image to be performed for another project: leave the owner out.",
            ));
        }
        caller.allow("add_image", &image.target())?;
        check(&image)?;
        visibility_allow(caller, &image)?;
        let mut tx = self.0.db.begin().await?;
        self.quota_check(&mut tx, &image.owner, &[Resource::Images]).await?;
        store::insert(&mut tx, &image).await.map_err(|error| match error {
            error if error.is_unique() => Error::conflict(format!("Image ID {} already exists!", image.id)),
            other => other.into(),
        })?;
        tx.commit().await?;
        Ok(image)
    }

    fn image_blank(&self, caller: &Caller) -> Result<ImageInfo> {
        let now = self.0.runtime.clock.now();
        Ok(ImageInfo {
            id: self.0.runtime.ids.uuid(),
            name: None,
            owner: caller.project_id()?.to_owned(),
            visibility: Visibility::Shared,
            status: Status::Queued,
            disk_format: None,
            container_format: None,
            size: None,
            virtual_size: None,
            checksum: None,
            os_hash_value: None,
            min_disk: 0,
            min_ram: 0,
            protected: false,
            os_hidden: false,
            properties: BTreeMap::new(),
            tags: Vec::new(),
            created_at: now,
            updated_at: now,
            upload: None,
            revision: 1,
        })
    }

    /// Changes an image as the operations say: all of them or none.
    pub(crate) async fn image_update(&self, caller: &Caller, id: &str, operations: &[Operation]) -> Result<ImageInfo> {
        let before = self.image_visible(caller, id).await?;
        caller.allow("modify_image", &before.target())?;
        let mut image = before.clone();
        for operation in operations {
            apply(&mut image, operation)?;
        }
        check(&image)?;
        if image.owner != before.owner && !is_admin(caller) {
            return Err(Error::forbidden("Only an administrator may give an image to another project."));
        }
        if image.visibility != before.visibility {
            visibility_allow(caller, &image)?;
        }
        self.image_write(image).await
    }

    /// Makes these the own properties of an image.
    pub async fn image_properties_set(
        &self,
        caller: &Caller,
        id: &str,
        properties: BTreeMap<String, String>,
    ) -> Result<ImageInfo> {
        let mut image = self.image_visible(caller, id).await?;
        caller.allow("modify_image", &image.target())?;
        image.properties = properties;
        check(&image)?;
        self.image_write(image).await
    }

    /// Writes a changed image, unless somebody else was faster.
    pub(crate) async fn image_write(&self, mut image: ImageInfo) -> Result<ImageInfo> {
        let now = self.0.runtime.clock.now();
        let mut tx = self.0.db.begin().await?;
        if !store::update(&mut tx, &image, now).await? {
            return Err(Error::conflict(format!(
                "Image {} was changed by another request at the same moment; look at it and try again.",
                image.id
            )));
        }
        tx.commit().await?;
        image.updated_at = now;
        Ok(image)
    }
}

fn apply(image: &mut ImageInfo, operation: &Operation) -> Result<()> {
    let name = operation.name.as_str();
    let known = BASE.contains(&name) || READ_ONLY.contains(&name) || RESERVED.contains(&name);
    let missing = || Error::conflict(format!("Property {name} does not exist."));
    match &operation.change {
        Change::Remove if known => Err(Error::forbidden(format!("Property {name} may not be removed."))),
        Change::Remove => image.properties.remove(name).map(drop).ok_or_else(missing),
        Change::Replace(_) if !known && !image.properties.contains_key(name) => Err(missing()),
        Change::Replace(value) | Change::Add(value) => {
            if name == "id" {
                return Err(Error::forbidden("Attribute 'id' is read-only."));
            }
            if matches!(name, "disk_format" | "container_format") && image.status != Status::Queued {
                return Err(Error::forbidden(format!("Attribute {name} can be only replaced for a queued image.")));
            }
            set(image, name, value)
        }
    }
}

/// Sets one field or property.
fn set(image: &mut ImageInfo, name: &str, value: &Value) -> Result<()> {
    if READ_ONLY.contains(&name) {
        return Err(Error::forbidden(format!("Attribute '{name}' is read-only.")));
    }
    if RESERVED.contains(&name) || name.starts_with("os_glance") {
        return Err(Error::forbidden(format!("Attribute '{name}' is reserved.")));
    }
    match name {
        "id" => image.id = uuid(value)?,
        "name" => image.name = text(name, value)?,
        "owner" => image.owner = text(name, value)?.ok_or_else(|| invalid(name, "a project's id"))?,
        "visibility" => image.visibility = Visibility::parse(value.as_str().unwrap_or_default())?,
        "disk_format" => image.disk_format = one_of(name, value, DISK_FORMATS)?,
        "container_format" => image.container_format = one_of(name, value, CONTAINER_FORMATS)?,
        "min_disk" => image.min_disk = number(name, value)?,
        "min_ram" => image.min_ram = number(name, value)?,
        "protected" => image.protected = value.as_bool().ok_or_else(|| invalid(name, "true or false"))?,
        "os_hidden" => image.os_hidden = value.as_bool().ok_or_else(|| invalid(name, "true or false"))?,
        "tags" => image.tags = tags(value)?,
        _ => {
            length("The name of a property", name, 1, 255)?;
            let value = value.as_str().ok_or_else(|| invalid(name, "a text, as every custom property is"))?;
            image.properties.insert(name.to_owned(), value.to_owned());
        }
    }
    Ok(())
}

fn invalid(name: &str, wanted: &str) -> Error {
    Error::bad_request(format!("Provided object does not match schema 'image': {name} must be {wanted}."))
}

fn uuid(value: &Value) -> Result<String> {
    let id = value.as_str().filter(|id| is_uuid(id) && id.len() == 36);
    id.map(str::to_ascii_lowercase).ok_or_else(|| invalid("id", "a UUID"))
}

fn text(name: &str, value: &Value) -> Result<Option<String>> {
    let text = match value {
        Value::Null => return Ok(None),
        Value::String(text) => text,
        _ => return Err(invalid(name, "a text")),
    };
    length(name, text, 0, 255)?;
    Ok(Some(text.clone()))
}

fn one_of(name: &str, value: &Value, known: &[&str]) -> Result<Option<String>> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) if known.contains(&text.as_str()) => Ok(Some(text.clone())),
        _ => Err(invalid(name, &format!("one of {}", known.join(", ")))),
    }
}

fn number(name: &str, value: &Value) -> Result<i64> {
    let number = value.as_i64().filter(|number| (0..=i64::from(i32::MAX)).contains(number));
    number.ok_or_else(|| invalid(name, "a whole number from 0 to 2147483647"))
}

fn tags(value: &Value) -> Result<Vec<String>> {
    let wrong = || invalid("tags", "a list of texts");
    let mut tags = Vec::new();
    for tag in value.as_array().ok_or_else(wrong)? {
        let tag = tag.as_str().ok_or_else(wrong)?;
        length("tag", tag, 1, 255)?;
        tags.push(tag.to_owned());
    }
    tags.sort();
    tags.dedup();
    Ok(tags)
}

/// What must hold of an image as a whole.
fn check(image: &ImageInfo) -> Result<()> {
    let most = |what: &str, count: usize| {
        if count <= MOST_DETAILS {
            return Ok(());
        }
        let message = format!("An image may have {MOST_DETAILS} {what}; this one would have {count}. Remove some.");
        Err(Error::new(Kind::TooLarge, message))
    };
    most("properties", image.properties.len())?;
    most("tags", image.tags.len())?;
    let (Some(disk), Some(container)) = (&image.disk_format, &image.container_format) else { return Ok(()) };
    let amazon = |format: &str| matches!(format, "aki" | "ari" | "ami");
    if (amazon(disk) || amazon(container)) && disk != container {
        return Err(Error::bad_request(format!(
            "Invalid mix of disk and container formats: {disk} and {container}. When one of them is aki, ari or ami, \
             both must be the same."
        )));
    }
    Ok(())
}

fn visibility_allow(caller: &Caller, image: &ImageInfo) -> Result<()> {
    let target: Target<'_> = image.target();
    match image.visibility {
        Visibility::Public => caller.allow("publicize_image", &target),
        Visibility::Community => caller.allow("communitize_image", &target),
        Visibility::Shared | Visibility::Private => Ok(()),
    }
}
