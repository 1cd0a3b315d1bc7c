//! Changing what users may change of a server: names, metadata, tags.

use std::collections::BTreeMap;

use ::api::{Error, Result};
use identity::Caller;

use super::Server;
use super::actions::key_check;
use super::create::check_metadata;
use crate::state::{self, Action};
use crate::store::servers::Edit;
use crate::{Compute, store};

/// The most tags that a server may have.
const TAGS: usize = 50;

impl Compute {
    /// Changes names and the like; returns the server as it is then.
    pub(crate) async fn server_edit(&self, server: &Server, edit: &Edit) -> Result<Server> {
        if let Some(zone) = edit.asked_zone.as_deref().filter(|zone| !zone.is_empty()) {
            pin_check(server, zone)?;
        }
        let mut tx = self.db().begin().await?;
        store::servers::server_edit(&mut tx, &server.id, edit, self.runtime().clock.now()).await?;
        tx.commit().await?;
        store::servers::server_get(self.db(), &server.id).await?.ok_or_else(|| super::not_found(&server.id))
    }

    /// Replaces the server's metadata by what `change` makes of it; 409 when somebody else changed it meanwhile.
    pub(crate) async fn metadata_change(
        &self,
        caller: &Caller,
        server: &Server,
        change: impl FnOnce(&mut BTreeMap<String, String>) -> Result<()>,
    ) -> Result<BTreeMap<String, String>> {
        key_check(caller, server)?;
        Action::Metadata.check(&server.id, &server.vm_state, &server.task_state)?;
        let mut metadata = server.metadata.0.clone();
        change(&mut metadata)?;
        check_metadata(&metadata, self.metadata_limit(&server.project_id).await?)?;
        let mut tx = self.db().begin().await?;
        let now = self.runtime().clock.now();
        if !store::servers::metadata_replace(&mut tx, server, metadata.clone(), now).await? {
            return Err(Error::conflict("The metadata changed at the same moment; look at it and try again."));
        }
        tx.commit().await?;
        Ok(metadata)
    }

    /// The server's tags.
    pub(crate) async fn tags_of(&self, server: &Server) -> Result<Vec<String>> {
        let mut tags = store::server_tags::tags_of(self.db(), std::slice::from_ref(&server.id)).await?;
        Ok(tags.remove(&server.id).unwrap_or_default())
    }

    /// Gives the server exactly these tags.
    pub(crate) async fn tags_replace(&self, server: &Server, tags: &[String]) -> Result<Vec<String>> {
        check_tags(tags)?;
        tags_may_change(server)?;
        let mut tx = self.db().begin().await?;
        store::server_tags::tags_remove(&mut tx, &server.id, None).await?;
        store::server_tags::tags_add(&mut tx, &server.id, tags).await?;
        tx.commit().await?;
        self.tags_of(server).await
    }

    /// Gives the server one more tag; tells whether it is new.
    pub(crate) async fn tag_add(&self, server: &Server, tag: &str) -> Result<bool> {
        check_tag(tag)?;
        tags_may_change(server)?;
        let mut tx = self.db().begin().await?;
        let added = store::server_tags::tags_add(&mut tx, &server.id, &[tag.to_owned()]).await?;
        let ids = std::slice::from_ref(&server.id);
        let tags = store::server_tags::tags_of(&mut tx, ids).await?.remove(&server.id).unwrap_or_default();
        if tags.len() > TAGS {
            return Err(Error::bad_request(format!("The number of tags exceeded the per-server limit {TAGS}.")));
        }
        tx.commit().await?;
        Ok(added > 0)
    }

    /// Takes a tag from the server, or all.
    pub(crate) async fn tags_remove(&self, server: &Server, tag: Option<&str>) -> Result<()> {
        tags_may_change(server)?;
        let mut tx = self.db().begin().await?;
        let removed = store::server_tags::tags_remove(&mut tx, &server.id, tag).await?;
        tx.commit().await?;
        match tag {
            Some(tag) if removed == 0 => Err(Error::not_found(format!("Instance {} has no tag '{tag}'", server.id))),
            _ => Ok(()),
        }
    }
}

/// 409 in states in which a server keeps its tags.
fn tags_may_change(server: &Server) -> Result<()> {
    let state = server.vm_state.as_str();
    if [state::ACTIVE, state::PAUSED, state::SUSPENDED, state::STOPPED].contains(&state) {
        return Ok(());
    }
    Err(Error::conflict(format!("Cannot change the tags of instance {} while it is in vm_state {state}", server.id)))
}

/// A server is pinned to the zone that it is in, and to no other.
fn pin_check(server: &Server, zone: &str) -> Result<()> {
    if !server.asked_zone.is_empty() && server.asked_zone != zone {
        return Err(Error::conflict(format!(
            "The server is pinned to the zone {}; set pinned_availability_zone to null first.",
            server.asked_zone
        )));
    }
    if server.zone != zone {
        return Err(Error::conflict(format!(
            "The server is in the zone {}, so it cannot be pinned to {zone}; move it there first.",
            server.zone
        )));
    }
    Ok(())
}

/// Checks the tags that a server is to have.
pub(crate) fn check_tags(tags: &[String]) -> Result<()> {
    if tags.len() > TAGS {
        return Err(Error::bad_request(format!("The number of tags exceeded the per-server limit {TAGS}.")));
    }
    tags.iter().try_for_each(|tag| check_tag(tag))
}

/// 400 for a label that is none.
pub(crate) fn check_tag(tag: &str) -> Result<()> {
    ::api::fields::length("A tag", tag, 1, 60)?;
    if tag.contains(['/', ',']) {
        return Err(Error::bad_request(format!("The tag \"{tag}\" must not hold a slash or a comma.")));
    }
    Ok(())
}
