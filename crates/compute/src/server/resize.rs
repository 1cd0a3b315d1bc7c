//! Giving a server another size.

use ::api::{Error, Kind, Result};
use identity::Caller;

use super::{Flavor, Server};
use crate::quota;
use crate::state::{self, Action};
use crate::store::migrations::{Migration, migration_insert};
use crate::store::servers::Edit;
use crate::work::resize::{ServerResize, ServerResizeConfirm, ServerResizeRevert, above};
use crate::work::steps::Before;
use crate::{Compute, store};

/// How long copying and growing disks may take.
const LIMIT_MINUTES: i64 = 12 * 60;

impl Compute {
    /// Promises that the server gets the size of the flavor.
    pub(crate) async fn server_resize(
        &self,
        caller: &Caller,
        server: &Server,
        flavor_id: &str,
        disk_config: Option<String>,
    ) -> Result<()> {
        let new = self.flavor_of(caller, flavor_id).await.map_err(|error| match error.kind {
            Kind::NotFound | Kind::BadRequest => Error::bad_request("Unable to locate requested flavor."),
            _ => error,
        })?;
        let old = &server.flavor.0;
        resize_check(server, old, &new)?;
        self.fit_check(caller, &server.image.0, server.image.0.size, &new)?;
        let now = self.runtime().clock.now();
        let migration = Migration {
            id: self.runtime().ids.uuid(),
            number: 0,
            type_: "resize".to_owned(),
            status: "migrating".to_owned(),
            server_id: server.id.clone(),
            project_id: server.project_id.clone(),
            user_id: caller.token.user_id.clone(),
            source_compute: server.host.clone(),
            source_node: server.host.clone(),
            dest_compute: Some(server.host.clone()),
            dest_node: Some(server.host.clone()),
            dest_host: None,
            old_flavor_id: Some(old.id.clone()),
            new_flavor_id: Some(new.id.clone()),
            memory_total: None,
            memory_processed: None,
            memory_remaining: None,
            disk_total: None,
            disk_processed: None,
            disk_remaining: None,
            created_at: now,
            updated_at: now,
        };
        let mut tx = self.server_claim(Some(caller), server, Action::Resize).await?;
        quota::claim(&mut tx, &self.0.deps.identity, &server.project_id, &above(old, &new)).await?;
        migration_insert(&mut tx, &migration).await?;
        store::servers::server_edit(&mut tx, &server.id, &Edit { disk_config, ..Edit::default() }, now).await?;
        let data = ServerResize {
            server_id: server.id.clone(),
            before: Before::of(server),
            old: old.clone(),
            new,
            migration_id: migration.id,
        };
        self.server_submit(tx, Some(caller), server, LIMIT_MINUTES, data).await.map(drop)
    }

    /// Promises that the server keeps its new size. Without a caller it is the service itself.
    pub(crate) async fn server_resize_confirm(&self, caller: Option<&Caller>, server: &Server) -> Result<()> {
        let tx = self.server_claim(caller, server, Action::ResizeConfirm).await?;
        let from = server.resized_from().ok_or_else(|| nothing_to(server, "confirmed"))?;
        let data = ServerResizeConfirm { server_id: server.id.clone(), before: Before::of(server), from };
        self.server_submit(tx, caller, server, LIMIT_MINUTES, data).await.map(drop)
    }

    /// Promises that the server gets its old size back.
    pub(crate) async fn server_resize_revert(&self, caller: &Caller, server: &Server) -> Result<()> {
        let tx = self.server_claim(Some(caller), server, Action::ResizeRevert).await?;
        let from = server.resized_from().ok_or_else(|| nothing_to(server, "reverted"))?;
        let (before, new) = (Before::of(server), server.flavor.0.clone());
        let data = ServerResizeRevert { server_id: server.id.clone(), before, from, new, back: false };
        self.server_submit(tx, Some(caller), server, LIMIT_MINUTES, data).await.map(drop)
    }

    /// Confirms the resizes that have waited longer than the operator lets them.
    pub(crate) async fn resizes_confirm(&self) -> Result<()> {
        let window = self.options().config.resize_confirm_window;
        for server in self.servers_overdue(state::RESIZED, window).await? {
            if let Err(error) = self.server_resize_confirm(None, &server).await {
                tracing::warn!(server = server.id, %error, "a resize could not be confirmed by itself");
            }
        }
        Ok(())
    }
}

fn nothing_to(server: &Server, what: &str) -> Error {
    Error::bad_request(format!("Instance {} has not been resized, so nothing can be {what}.", server.id))
}

fn resize_check(server: &Server, old: &Flavor, new: &Flavor) -> Result<()> {
    if server.resized_from().is_some() {
        return Err(Error::conflict(format!("A resize of instance {} waits to be confirmed or reverted.", server.id)));
    }
    if old.id == new.id {
        return Err(Error::bad_request("When resizing, instances must change flavor!"));
    }
    if new.root_gb == 0 && old.root_gb > 0 {
        return Err(Error::bad_request("Resize to zero disk flavor is not allowed."));
    }
    if (new.root_gb > 0 && new.root_gb < old.root_gb) || new.ephemeral_gb < old.ephemeral_gb {
        return Err(Error::bad_request(
            "Resize error: Unable to resize disk down. Choose a flavor whose disks are not smaller.",
        ));
    }
    Ok(())
}
