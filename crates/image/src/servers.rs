//! What compute asks for: images that servers' disks become.

use std::time::Duration;

use api::Result;
use db::Direction;
use identity::Caller;
use serde_json::{Map, Value};

use crate::store::image::{self as store, Condition, Viewer};
use crate::{Image, ImageInfo, files};

impl Image {
    /// Makes an image without bytes, with these fields and properties, for the caller's project.
    pub async fn image_reserve(&self, caller: &Caller, fields: Map<String, Value>) -> Result<ImageInfo> {
        self.image_create(caller, fields).await
    }

    /// Has an image whose upload broke off wait for its bytes again, and gives a ticket with which they may be PUT. An
    /// upload that goes on all the same ends without effect.
    pub async fn image_upload_ticket(&self, id: &str, valid: Duration) -> Result<String> {
        let mut tx = self.0.db.begin().await?;
        store::upload_release_image(&mut tx, id).await?;
        tx.commit().await?;
        Ok(self.ticket_for(crate::ticket::Purpose::Upload, id, valid))
    }

    /// Deletes an image that was reserved, or that is not needed any more. One that is gone or protected is left.
    pub async fn image_discard(&self, id: &str) -> Result<()> {
        let mut tx = self.0.db.begin().await?;
        let deleted = store::delete(&mut tx, id).await?;
        tx.commit().await?;
        if let Some(image) = deleted {
            files::remove(&self.0.options.store_dir, image.upload.as_deref()).await;
        }
        Ok(())
    }

    /// A project's active images that have all these properties, the newest first.
    pub async fn images_with(&self, project_id: &str, properties: &[(&str, &str)]) -> Result<Vec<ImageInfo>> {
        let mut conditions = vec![
            Condition::Text("owner", vec![project_id.to_owned()]),
            Condition::Text("status", vec!["active".to_owned()]),
        ];
        let all = properties.iter().map(|(name, value)| Condition::Property((*name).to_owned(), (*value).to_owned()));
        conditions.extend(all);
        let sort = [("created_at", Direction::Descending), ("id", Direction::Descending)];
        let viewer = Viewer::Project(project_id.to_owned(), None);
        Ok(store::list(&self.0.db, &viewer, &conditions, &sort, None, 10_000).await?)
    }
}
