//! Putting a server aside, and taking it back.

use std::collections::BTreeMap;

use ::api::{Error, Result};
use identity::Caller;
use trace::Traced as _;

use super::snapshot::UPLOAD_MINUTES;
use super::{Image, Server};
use crate::Compute;
use crate::state::{self, Action};
use crate::store::servers::{self, Edit};
use crate::work::create::{ServerCreate, Shelved};
use crate::work::shelve::{ServerOffload, ServerShelve, ServerUnshelve};
use crate::work::steps::Before;

const LIMIT_MINUTES: i64 = 60;

/// Where a server is to come up again; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub(crate) struct Destination {
    /// `Some(None)` for any zone.
    pub(crate) zone: Option<Option<String>>,
    pub(crate) host: Option<String>,
}

impl Compute {
    /// Promises that the server becomes an image, and leaves its node when the operator says so.
    pub(crate) async fn server_shelve(&self, caller: &Caller, server: &Server) -> Result<()> {
        Action::Shelve.check(&server.id, &server.vm_state, &server.task_state)?;
        super::actions::key_check(caller, server)?;
        let name = format!("{}-shelved", server.name);
        let image_id = self.image_reserve(caller, server, &name, "snapshot", BTreeMap::new()).await?;
        let data = ServerShelve {
            server_id: server.id.clone(),
            before: Before::of(server),
            image_id: image_id.clone(),
            user_id: caller.token.user_id.clone(),
            offload: self.options().config.shelved_offload_time == 0,
        };
        match self.server_claim(Some(caller), server, Action::Shelve).await {
            Ok(tx) => self.server_submit(tx, Some(caller), server, UPLOAD_MINUTES, data).await.map(drop),
            Err(error) => {
                self.0.deps.image.image_discard(&image_id).traced("image", "discard").await?;
                Err(error)
            }
        }
    }

    /// Promises that a shelved server leaves its node. Without a caller it is the service itself.
    pub(crate) async fn server_offload(&self, caller: Option<&Caller>, server: &Server) -> Result<()> {
        let tx = self.server_claim(caller, server, Action::ShelveOffload).await?;
        self.server_submit(tx, caller, server, LIMIT_MINUTES, ServerOffload::new(&server.id)).await.map(drop)
    }

    /// Promises that a shelved server runs again: where it is kept, or on a node that is chosen anew.
    pub(crate) async fn server_unshelve(&self, caller: &Caller, server: &Server, to: &Destination) -> Result<()> {
        let moves = to.zone.is_some() || to.host.is_some();
        if server.vm_state == state::SHELVED {
            if moves {
                return Err(Error::conflict(format!(
                    "Cannot unshelve instance {} to another place while it is SHELVED: it must be SHELVED_OFFLOADED.",
                    server.id
                )));
            }
            let tx = self.server_claim(Some(caller), server, Action::Unshelve).await?;
            let (before, image_id) = (Before::of(server), server.shelved_image_id.clone());
            let data = ServerUnshelve { server_id: server.id.clone(), before, image_id };
            return self.server_submit(tx, Some(caller), server, LIMIT_MINUTES, data).await.map(drop);
        }
        Action::Unshelve.check(&server.id, &server.vm_state, &server.task_state)?;
        self.destination_check(server, to).await?;
        let image_id = server.shelved_image_id.clone();
        let image = self.0.deps.image.image_get(&image_id).traced("image", "look up").await.map_err(|_| {
            Error::conflict(format!("The image {image_id} of the shelved instance {} is gone.", server.id))
        })?;
        let mut tx = self.server_claim(Some(caller), server, Action::Unshelve).await?;
        let asked_zone = to.zone.clone().map(Option::unwrap_or_default);
        // The host that it was once bound to counts no more.
        let edit = Edit { asked_zone, asked_host: Some(to.host.clone().unwrap_or_default()), ..Edit::default() };
        servers::server_edit(&mut tx, &server.id, &edit, self.runtime().clock.now()).await?;
        let data = ServerCreate::unshelve(&server.id, Shelved { image_id, image: Image::from(image) });
        self.server_submit(tx, Some(caller), server, LIMIT_MINUTES, data).await.map(drop)
    }

    async fn destination_check(&self, server: &Server, to: &Destination) -> Result<()> {
        if let Some(Some(zone)) = &to.zone {
            self.zone_check(zone).await?;
        }
        let Some(host) = &to.host else { return Ok(()) };
        if self.fleet().await?.of_host(host).is_none() {
            return Err(Error::bad_request(format!("Compute host {host} could not be found.")));
        }
        let zone = to.zone.clone().flatten().unwrap_or_else(|| server.asked_zone.clone());
        let stays = to.zone != Some(None) && !zone.is_empty();
        if stays && self.zone_of(&*self.aggregates().await?, host) != zone {
            return Err(Error::conflict(format!("Host {host} is not in the availability zone {zone}.")));
        }
        Ok(())
    }

    /// Takes servers off their nodes that have been shelved for longer than the operator lets them stay.
    pub(crate) async fn shelved_offload(&self) -> Result<()> {
        let time = self.options().config.shelved_offload_time;
        for server in self.servers_overdue(state::SHELVED, time).await? {
            if let Err(error) = self.server_offload(None, &server).await {
                tracing::warn!(server = server.id, %error, "a shelved server could not be taken off its node");
            }
        }
        Ok(())
    }
}
