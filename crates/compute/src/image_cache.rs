//! Images brought to nodes before a server there needs them.

use std::time::Duration;

use ::api::{Error, Kind, Result};
use identity::Caller;
use protocol::Call;

use crate::Compute;
use crate::server::Image;
use crate::server::spec::image_source;

/// How long a node may take to begin to fetch an image.
const TICKET: Duration = Duration::from_secs(24 * 3600);

impl Compute {
    /// Has the nodes of an aggregate fetch images, in the background and one node after the other, so that the image
    /// service is not asked by all of them at once.
    pub(crate) async fn images_cache(&self, caller: &Caller, aggregate: i64, image_ids: &[String]) -> Result<()> {
        let hosts = self.aggregate_get(aggregate).await?.hosts;
        let mut calls = Vec::new();
        for id in image_ids {
            let info = self.0.deps.image.image_visible(caller, id).await.map_err(|error| match error.kind {
                Kind::NotFound => Error::bad_request(format!("Image {id} could not be found.")),
                _ => error,
            })?;
            if info.status != image::Status::Active {
                return Err(Error::bad_request(format!("Image {id} is not active: upload its data first.")));
            }
            calls.push(self.image_fetch(id, &Image::from(info), TICKET));
        }
        let nodes = self.nodes_alive().await?;
        let hosts: Vec<String> = hosts.into_iter().filter(|host| nodes.iter().any(|node| node.host == *host)).collect();
        let compute = self.clone();
        self.runtime().tasks.spawn_until_stop("image cache", async move {
            for host in &hosts {
                for call in &calls {
                    if let Err(trouble) = compute.ask(host, call).await {
                        tracing::warn!(host, %trouble, "an image was not brought to a node ahead of time");
                    }
                }
            }
        });
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
