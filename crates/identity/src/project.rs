//! Projects.

use api::Result;

use crate::Identity;
use crate::store::project as store;

impl Identity {
    /// Whether there is such a project.
    pub async fn project_exists(&self, id: &str) -> Result<bool> {
        Ok(store::get(&self.0.db, id).await?.is_some())
    }

    /// The ids of all projects.
    pub async fn project_list_ids(&self) -> Result<Vec<String>> {
        Ok(store::list_ids(&self.0.db).await?)
    }
}
