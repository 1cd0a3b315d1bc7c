//! Making a server anew, from another image or the same.

use std::collections::BTreeMap;

use ::api::{Error, Kind, Result};
use identity::Caller;

use super::Server;
use super::create::{check_metadata, check_user_data};
use super::fit::needs_config_drive;
use super::personality::File;
use crate::state::Action;
use crate::store::servers::{self, Change, Edit};
use crate::work::rebuild::ServerRebuild;
use crate::work::steps::Before;
use crate::{Compute, demand, store};

/// How long fetching an image and making disks may take.
const LIMIT_MINUTES: i64 = 60;

/// An order for a rebuild, as the API read it; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rebuild {
    pub(crate) image_id: String,
    pub(crate) edit: Edit,
    pub(crate) metadata: Option<BTreeMap<String, String>>,
    pub(crate) key_name: Option<Option<String>>,
    pub(crate) user_data: Option<Option<String>>,
    pub(crate) personality: Option<Vec<File>>,
    pub(crate) preserve_ephemeral: bool,
    pub(crate) admin_pass: String,
}

impl Compute {
    /// Checks the order and promises the rebuild. Returns the server as it is from now on.
    pub(crate) async fn server_rebuild(&self, caller: &Caller, server: &Server, order: &Rebuild) -> Result<Server> {
        let image =
            self.image_of(caller, &order.image_id, &server.flavor.0).await.map_err(|error| match error.kind {
                Kind::BadRequest if error.message == "Can not find requested image." => {
                    Error::bad_request("Cannot find image for rebuild")
                }
                _ => error,
            })?;
        if !demand::same_processors(&server.flavor.0, &server.image.0, &image) {
            return Err(Error::bad_request(
                "An instance's NUMA topology cannot be changed as part of a rebuild. The image asks for other processors \
                 or NUMA nodes than the server has; make a new server from it.",
            ));
        }
        let metadata = order.metadata.clone().unwrap_or_else(|| server.metadata.0.clone());
        check_metadata(&metadata, self.metadata_limit(&server.project_id).await?)?;
        check_user_data(order.user_data.as_ref().and_then(Option::as_deref))?;
        let key = match &order.key_name {
            Some(Some(name)) => Some(self.key_of(caller, name).await?),
            _ => None,
        };
        let personality = match &order.personality {
            Some(files) => Some(self.personality_of(&server.project_id, files).await?),
            None => None,
        };
        let data = ServerRebuild {
            server_id: server.id.clone(),
            before: Before::of(server),
            image_id: order.image_id.clone(),
            image,
            old_image_id: server.image_id.clone(),
            old_image: server.image.0.clone(),
            preserve_ephemeral: order.preserve_ephemeral,
            admin_pass: order.admin_pass.clone(),
        };
        let mut tx = self.server_claim(Some(caller), server, Action::Rebuild).await?;
        let now = self.runtime().clock.now();
        let image = Some((order.image_id.as_str(), &data.image));
        servers::state_change(&mut tx, &server.id, None, &Change { image, ..Change::default() }, now).await?;
        servers::server_edit(&mut tx, &server.id, &order.edit, now).await?;
        let given = servers::Given {
            metadata: Some(metadata),
            key: order.key_name.as_ref().map(|_| key),
            user_data: order.user_data.clone(),
            config_drive: personality.as_ref().is_some_and(|files| !files.is_empty())
                || needs_config_drive(&data.image),
            personality,
        };
        servers::given_set(&mut tx, &server.id, &given).await?;
        self.server_submit(tx, Some(caller), server, LIMIT_MINUTES, data).await?;
        store::servers::server_get(self.db(), &server.id).await?.ok_or_else(|| super::not_found(&server.id))
    }
}
