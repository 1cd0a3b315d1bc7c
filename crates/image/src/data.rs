//! The bytes of an image: how they come and how they go out.

use std::io::SeekFrom;
use std::time::Duration;

use api::{Error, Kind, Result};
use axum::body::{Body, BodyDataStream};
use futures_util::StreamExt as _;
use identity::Caller;
use jiff::{SignedDuration, Timestamp};
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio::sync::oneshot;
use tokio_util::io::ReaderStream;

use crate::files::{self, Writer};
use crate::image::{ImageInfo, Status, is_admin};
use crate::inspect::{Format, Inspector};
use crate::quota::Resource;
use crate::range::range;
use crate::store::image::{self as store, Stored};
use crate::{Image, Inner};

/// How much is read from the disk at once.
const CHUNK: usize = 256 << 10;

/// How much of a refused upload is still read.
const DISCARDED: usize = 256 << 20;

/// A part of an image's bytes, or all of them.
pub(crate) struct Download {
    pub image: ImageInfo,
    /// The first byte and the number of bytes; `None` for everything.
    pub range: Option<(u64, u64)>,
    pub size: u64,
    pub body: Body,
}

impl Image {
    /// Takes the bytes of a queued image. They go on the disk in a task of their own, so that a caller who goes away
    /// leaves nothing behind. Without a caller it is the bearer of a ticket for it.
    pub(crate) async fn upload(
        &self,
        caller: Option<&Caller>,
        id: &str,
        body: Body,
        length: Option<u64>,
    ) -> Result<()> {
        let image = match caller {
            Some(caller) => self.image_visible(caller, id).await?,
            None => self.image_get(id).await?,
        };
        if let Some(caller) = caller {
            caller.allow("upload_image", &image.target())?;
        }
        let inspector = inspector(&image)?;
        if length.is_some_and(|length| length > self.0.options.image_size_cap) {
            return Err(files::too_large(self.0.options.image_size_cap));
        }
        let upload = self.0.runtime.ids.uuid();
        let mut tx = self.0.db.begin().await?;
        self.quota_check(&mut tx, &image.owner, &[Resource::Uploads, Resource::Size]).await?;
        let claimed = store::upload_claim(&mut tx, &image, &upload, self.lease()).await?;
        tx.commit().await?;
        if !claimed {
            return Err(Error::conflict(format!(
                "Image {id} was changed or is being uploaded by another request; look at its status and try again."
            )));
        }
        let (answer, answered) = oneshot::channel();
        let receiving = Receiving { service: self.clone(), upload, length, inspector, answer };
        self.0.runtime.tasks.spawn("image upload", receiving.run(body));
        answered.await.map_err(Error::internal)?
    }

    fn lease(&self) -> Timestamp {
        let lease = SignedDuration::try_from(self.0.options.upload_lease).unwrap_or(SignedDuration::MAX);
        self.0.runtime.clock.now().saturating_add(lease).unwrap_or(Timestamp::MAX)
    }

    /// The bytes of an image that the caller (`None`: the bearer of a ticket for it) may read; `None` if it has none.
    pub(crate) async fn download(
        &self,
        caller: Option<&Caller>,
        id: &str,
        asked: Option<&str>,
    ) -> Result<Option<Download>> {
        let image = match caller {
            Some(caller) => self.image_visible(caller, id).await?,
            None => self.image_get(id).await?,
        };
        if let Some(caller) = caller {
            let target = image.target().with("member_id", caller.token.project_id.as_deref());
            caller.allow("download_image", &target)?;
        }
        if image.status == Status::Deactivated && !caller.is_some_and(is_admin) {
            return Err(Error::forbidden(
                "The requested image has been deactivated. Image data download is forbidden.",
            ));
        }
        if !matches!(image.status, Status::Active | Status::Deactivated) {
            return Ok(None);
        }
        let path = self.0.options.store_dir.join(image.upload.as_deref().unwrap_or_default());
        let missing = |error: std::io::Error| {
            let message = format!("The data of image {id} cannot be read from its store; the operator must look why.");
            Error::new(Kind::Unavailable, message).with_cause(error)
        };
        let mut file = tokio::fs::File::open(path).await.map_err(missing)?;
        let size = file.metadata().await.map_err(missing)?.len();
        let range = asked.map(|asked| range(asked, size)).transpose()?.flatten();
        let (start, count) = range.unwrap_or((0, size));
        if start > 0 {
            file.seek(SeekFrom::Start(start)).await.map_err(missing)?;
        }
        let body = Body::from_stream(ReaderStream::with_capacity(file.take(count), CHUNK));
        Ok(Some(Download { image, range, size, body }))
    }
}

/// What looks at the bytes, as far as the declared formats let it; refuses an image that cannot take any.
fn inspector(image: &ImageInfo) -> Result<Option<Inspector>> {
    let id = &image.id;
    if image.status != Status::Queued {
        return Err(Error::conflict(format!(
            "Image {id} is {}: data can be uploaded only to a queued image. Make a new image for new data.",
            image.status.as_str()
        )));
    }
    let (Some(disk), Some(container)) = (&image.disk_format, &image.container_format) else {
        return Err(Error::bad_request(format!(
            "Properties disk_format, container_format must be set prior to saving data of image {id}."
        )));
    };
    let bare = matches!(container.as_str(), "bare" | "ami" | "ari" | "aki");
    Ok(Format::declared(disk).filter(|_| bare).map(Inspector::new))
}

/// An upload under way.
struct Receiving {
    service: Image,
    upload: String,
    length: Option<u64>,
    inspector: Option<Inspector>,
    answer: oneshot::Sender<Result<()>>,
}

impl Receiving {
    async fn run(mut self, body: Body) {
        let received = match self.receive(body).await {
            Ok(stored) => self.activate(&stored).await,
            Err(error) => Err(error),
        };
        if received.is_err()
            && let Err(error) = self.undo().await
        {
            tracing::warn!(%error, upload = self.upload, "an image stays in saving until its upload's lease ends");
        }
        drop(self.answer.send(received));
    }

    /// Brings the whole body to the disk.
    async fn receive(&mut self, body: Body) -> Result<Stored> {
        let options = &self.service.0.options;
        let writer = Writer::start(&options.store_dir, &self.upload, self.inspector.take(), options.image_size_cap);
        match self.pump(body.into_data_stream(), &writer).await {
            Ok(()) => writer.finish().await,
            Err(error) => {
                writer.abort().await;
                Err(error)
            }
        }
    }

    async fn pump(&self, mut body: BodyDataStream, writer: &Writer) -> Result<()> {
        let runtime = &self.service.0.runtime;
        let lease = self.service.0.options.upload_lease;
        let mut renewal = tokio::time::interval((lease / 4).max(Duration::from_millis(10)));
        let (mut received, mut idle, mut discarded) = (0_u64, 0, 0);
        loop {
            let data = tokio::select! {
                data = body.next() => data,
                () = runtime.tasks.stopping() => {
                    return Err(Error::unavailable("The service is being stopped; upload the image again."));
                }
                _ = renewal.tick() => {
                    self.renew().await?;
                    idle += 1;
                    if idle > 5 { return Err(files::truncated()) }
                    continue;
                }
            };
            match data {
                Some(Ok(data)) => {
                    idle = 0;
                    received += data.len() as u64;
                    // Many clients read an answer only when they have sent everything.
                    if discarded > 0 || !writer.push(data.clone()).await {
                        discarded += data.len();
                    }
                    if discarded > DISCARDED {
                        return Ok(());
                    }
                }
                Some(Err(error)) => return Err(files::truncated().with_cause(error)),
                // A connection that is dropped ends its body too; then nobody waits for the answer any more.
                None if self.answer.is_closed() => return Err(files::truncated()),
                None if self.length.is_some_and(|length| length != received) => return Err(files::truncated()),
                None => return Ok(()),
            }
        }
    }

    async fn renew(&self) -> Result<()> {
        let mut tx = self.service.0.db.begin().await?;
        let alive = store::upload_renew(&mut tx, &self.upload, self.service.lease()).await?;
        tx.commit().await?;
        if alive { Ok(()) } else { Err(gone()) }
    }

    async fn activate(&self, stored: &Stored) -> Result<()> {
        let mut tx = self.service.0.db.begin().await?;
        let active = store::upload_finish(&mut tx, &self.upload, stored, self.service.0.runtime.clock.now()).await?;
        tx.commit().await?;
        if active { Ok(()) } else { Err(gone()) }
    }

    /// Gives the image back to the queue and removes the bytes, unless it became active after all.
    async fn undo(&self) -> Result<()> {
        let Inner { db, options, .. } = &*self.service.0;
        let mut tx = db.begin().await?;
        store::upload_release(&mut tx, &self.upload).await?;
        tx.commit().await?;
        if store::uploads_known(db, std::slice::from_ref(&self.upload)).await?.is_empty() {
            files::remove_all(&options.store_dir, &self.upload).await;
        }
        Ok(())
    }
}

fn gone() -> Error {
    Error::new(Kind::Gone, "The image was deleted while its data was being uploaded; nothing of it was kept.")
}
