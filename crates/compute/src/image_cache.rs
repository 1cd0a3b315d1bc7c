//! Images brought to nodes before a server there needs them.

use std::time::Duration;

use ::api::{Error, Kind, Result};
use identity::Caller;
use jiff::{Timestamp, ToSpan as _};
use protocol::Call;

use crate::Compute;
use crate::server::Image;
use crate::server::spec::image_source;
use crate::work::images_cache::ImagesCache;

impl Compute {
    /// Promises that the nodes of an aggregate which are up fetch images, a few nodes at a time, so that the image service is
    /// not asked by all of them at once.
    pub(crate) async fn images_cache(&self, caller: &Caller, aggregate: i64, image_ids: &[String]) -> Result<()> {
        let mut hosts = self.aggregate_get(aggregate).await?.hosts;
        let mut images = Vec::new();
        for id in image_ids {
            let info = self.0.deps.image.image_visible(caller, id).await.map_err(|error| match error.kind {
                Kind::NotFound => Error::bad_request(format!("Image {id} could not be found.")),
                _ => error,
            })?;
            if info.status != image::Status::Active {
                return Err(Error::bad_request(format!("Image {id} is not active: upload its data first.")));
            }
            images.push((id.clone(), Image::from(info)));
        }
        let fleet = self.fleet().await?;
        hosts.retain(|host| fleet.of_host(host).is_some_and(|known| self.known_is_up(&fleet, known)));
        if hosts.is_empty() || images.is_empty() {
            return Ok(());
        }
        let deps = &self.0.deps;
        let deadline = deps.runtime.clock.now().checked_add(24.hours()).unwrap_or(Timestamp::MAX);
        let mut tx = deps.db.begin().await?;
        let new = work::NewOperation {
            target: format!("image-cache/{}", deps.runtime.ids.uuid()),
            project_id: caller.token.project_id.clone(),
            user_id: Some(caller.token.user_id.clone()),
            request_id: caller.request_id.clone(),
            deadline,
            data: ImagesCache { hosts, images },
        };
        deps.work.submit(&mut tx, &new).await?;
        tx.commit().await?;
        deps.work.wake();
        Ok(())
    }

    /// Tells a node to have an image.
    pub(crate) fn image_fetch(&self, id: &str, image: &Image, valid: Duration) -> Call {
        let base = self.options().image_url.trim_end_matches('/');
        Call::ImageFetch {
            image: image_source(id, image),
            url: format!("{base}/v2/images/{id}/file"),
            token: self.0.deps.image.ticket(id, valid),
        }
    }
}
