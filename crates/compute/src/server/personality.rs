//! Files that users give for their guests. They reach them on the config drive.

use std::collections::BTreeMap;

use ::api::{Error, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::Compute;
use crate::quota::Owner;

/// A file, as the API takes it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    pub(crate) path: String,
    /// In base64.
    pub(crate) contents: String,
}

impl Compute {
    /// The files by path, if their number and sizes are within the project's limits; 403 if not.
    pub(crate) async fn personality_of(&self, project_id: &str, files: &[File]) -> Result<BTreeMap<String, String>> {
        if files.is_empty() {
            return Ok(BTreeMap::new());
        }
        let limits = self.quota_limits(Owner::Project(project_id)).await?;
        let over = |resource: &str, amount: usize| {
            let limit = limits.get(resource).copied().unwrap_or(-1);
            limit >= 0 && i64::try_from(amount).is_ok_and(|amount| amount > limit)
        };
        if over("injected_files", files.len()) {
            return Err(Error::forbidden("Personality file limit exceeded: send fewer files."));
        }
        let mut kept = BTreeMap::new();
        for File { path, contents } in files {
            let text: String = contents.split_whitespace().collect();
            let Ok(bytes) = STANDARD.decode(&text) else {
                return Err(Error::bad_request(format!(
                    "Personality content for {path} cannot be decoded: send base64."
                )));
            };
            if over("injected_file_path_bytes", path.len()) {
                return Err(Error::forbidden(format!("Personality file path {path} is too long.")));
            }
            if over("injected_file_content_bytes", bytes.len()) {
                return Err(Error::forbidden(format!("Personality file content of {path} is too long.")));
            }
            kept.insert(path.clone(), text);
        }
        Ok(kept)
    }
}
