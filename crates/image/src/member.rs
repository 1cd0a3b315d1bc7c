//! Which projects an image is shared with, and what they think of it.

use api::{Error, Result};
use identity::Caller;

use crate::Image;
use crate::image::{ImageInfo, Visibility, is_admin};
use crate::store::member::{self as store, Member};

const STATES: &[&str] = &["pending", "accepted", "rejected"];

fn missing(image_id: &str, member_id: &str) -> Error {
    Error::not_found(format!("Image {image_id} is not shared with project {member_id}."))
}

/// Whether the caller may see all members, and not only their own project.
fn sees_all(caller: &Caller, image: &ImageInfo) -> bool {
    is_admin(caller) || caller.token.project_id.as_deref() == Some(&image.owner)
}

impl Image {
    async fn shared(&self, caller: &Caller, id: &str) -> Result<ImageInfo> {
        let image = self.image_visible(caller, id).await?;
        if image.visibility != Visibility::Shared {
            return Err(Error::forbidden("Only shared images have members. Set the visibility to shared first."));
        }
        Ok(image)
    }

    pub(crate) async fn member_list(&self, caller: &Caller, id: &str) -> Result<Vec<Member>> {
        let image = self.shared(caller, id).await?;
        let own = caller.token.project_id.as_deref();
        caller.allow("get_members", &image.target().with("member_id", own))?;
        if sees_all(caller, &image) {
            return Ok(store::list(&self.0.db, id).await?);
        }
        let Some(own) = own else { return Ok(Vec::new()) };
        Ok(store::get(&self.0.db, id, own).await?.into_iter().collect())
    }

    pub(crate) async fn member_get(&self, caller: &Caller, id: &str, member_id: &str) -> Result<Member> {
        let image = self.shared(caller, id).await?;
        caller.allow("get_member", &image.target().with("member_id", caller.token.project_id.as_deref()))?;
        if !sees_all(caller, &image) && caller.token.project_id.as_deref() != Some(member_id) {
            return Err(missing(id, member_id));
        }
        store::get(&self.0.db, id, member_id).await?.ok_or_else(|| missing(id, member_id))
    }

    pub(crate) async fn member_create(&self, caller: &Caller, id: &str, member_id: &str) -> Result<Member> {
        let image = self.shared(caller, id).await?;
        caller.allow("add_member", &image.target())?;
        api::fields::length("member", member_id, 1, 255)?;
        let mut tx = self.0.db.begin().await?;
        let made = store::insert(&mut tx, id, member_id, self.0.runtime.clock.now()).await;
        let member = made.map_err(|error| match error {
            error if error.is_unique() => {
                Error::conflict(format!("Image {id} is shared with project {member_id} already."))
            }
            other => other.into(),
        })?;
        tx.commit().await?;
        Ok(member)
    }

    pub(crate) async fn member_update(
        &self,
        caller: &Caller,
        id: &str,
        member_id: &str,
        status: &str,
    ) -> Result<Member> {
        let image = self.shared(caller, id).await?;
        if !STATES.contains(&status) {
            return Err(Error::bad_request(format!("The status must be one of {}, not {status}.", STATES.join(", "))));
        }
        caller.allow("modify_member", &image.target().with("member_id", member_id))?;
        let mut tx = self.0.db.begin().await?;
        let member = store::update(&mut tx, id, member_id, status, self.0.runtime.clock.now()).await?;
        tx.commit().await?;
        member.ok_or_else(|| missing(id, member_id))
    }

    pub(crate) async fn member_delete(&self, caller: &Caller, id: &str, member_id: &str) -> Result<()> {
        let image = self.shared(caller, id).await?;
        caller.allow("delete_member", &image.target())?;
        let mut tx = self.0.db.begin().await?;
        let deleted = store::delete(&mut tx, id, member_id).await?;
        tx.commit().await?;
        if deleted { Ok(()) } else { Err(missing(id, member_id)) }
    }
}
