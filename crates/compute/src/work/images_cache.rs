//! Bringing images to nodes ahead of time.

use std::time::Duration;

use ::work::{Failure, Operation, Progress, Step};
use async_trait::async_trait;
use futures_util::{StreamExt as _, stream};
use protocol::Call;
use serde::{Deserialize, Serialize};

use crate::Compute;
use crate::server::Image;

/// How many nodes fetch at the same time.
const NODES_AT_ONCE: usize = 4;

/// How long a node may take to begin to fetch an image.
const TICKET: Duration = Duration::from_secs(24 * 3600);

/// Brings images to nodes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ImagesCache {
    pub(crate) hosts: Vec<String>,
    pub(crate) images: Vec<(String, Image)>,
}

impl Operation for ImagesCache {
    const KIND: &'static str = "images_cache";
    type Context = Compute;

    fn steps() -> &'static [&'static dyn Step<Self>] {
        &[&Fetch]
    }
}

/// Has each node fetch each image. What a node does not get now, it gets with the first server that needs it.
struct Fetch;

#[async_trait]
impl Step<ImagesCache> for Fetch {
    fn name(&self) -> &'static str {
        "images"
    }

    async fn run(&self, compute: &Compute, operation: &mut ImagesCache, _: &mut Progress) -> Result<(), Failure> {
        let of_node = |host: &String| {
            let images = operation.images.iter();
            let calls: Vec<Call> = images.map(|(id, image)| compute.image_fetch(id, image, TICKET)).collect();
            bring(compute.clone(), host.clone(), calls)
        };
        let nodes: Vec<_> = operation.hosts.iter().map(of_node).collect();
        stream::iter(nodes).for_each_concurrent(NODES_AT_ONCE, |node| node).await;
        Ok(())
    }
}

async fn bring(compute: Compute, host: String, calls: Vec<Call>) {
    for call in &calls {
        if let Err(trouble) = compute.ask(&host, call).await {
            tracing::warn!(host, %trouble, "an image was not brought to a node ahead of time");
        }
    }
}
