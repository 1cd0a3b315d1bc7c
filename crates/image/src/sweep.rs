//! Cleaning up after processes that ended in the middle of an upload or of a deletion.

use api::{Error, Result};

use crate::store::image as store;
use crate::{Image, files};

impl Image {
    /// Cleans up what an earlier process left, and goes on doing so while this one runs.
    pub async fn start(&self) -> Result<()> {
        tokio::fs::create_dir_all(&self.0.options.store_dir).await.map_err(Error::internal)?;
        self.sweep().await?;
        let image = self.clone();
        self.0.runtime.tasks.spawn_until_stop("image sweep", async move {
            loop {
                tokio::time::sleep(image.0.options.upload_lease).await;
                if let Err(error) = image.sweep().await {
                    tracing::warn!(%error, cause = ?error.cause, "the image store could not be swept");
                }
            }
        });
        Ok(())
    }

    /// Gives back images whose upload has died, and removes files that belong to no image.
    pub async fn sweep(&self) -> Result<()> {
        let dir = &self.0.options.store_dir;
        // The files first: one that comes later belongs to an upload that the database knows already.
        let found = files::uploads(dir).await.map_err(Error::internal)?;
        let mut tx = self.0.db.begin().await?;
        let released = store::upload_release_lapsed(&mut tx, self.0.runtime.clock.now()).await?;
        tx.commit().await?;
        if released > 0 {
            tracing::info!(released, "images wait for their data again, because their uploads ended unfinished");
        }
        for uploads in found.chunks(500) {
            let known = store::uploads_known(&self.0.db, uploads).await?;
            for upload in uploads.iter().filter(|upload| !known.contains(upload)) {
                tracing::info!(upload, "removing a file that belongs to no image");
                files::remove_all(dir, upload).await;
            }
        }
        Ok(())
    }
}
