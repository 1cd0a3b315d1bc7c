//! Images that servers' disks become.

use std::collections::BTreeMap;

use ::api::Result;
use identity::Caller;
use serde_json::{Map, Value, json};
use trace::Traced as _;

use super::Server;
use crate::Compute;
use crate::state::Action;
use crate::work::snapshot::ServerSnapshot;
use crate::work::steps::Before;

/// How long an image may take to be sent.
pub(crate) const UPLOAD_MINUTES: i64 = 12 * 60;

/// Properties that belong to an image's own bytes and not to a copy.
const NOT_INHERITED: &[&str] = &["cache_in_nova", "bittorrent", "os_hash_algo", "os_hash_value"];

/// An order for an image.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    pub(crate) name: String,
    pub(crate) metadata: BTreeMap<String, String>,
    /// For a backup: its type, and how many of that type are kept.
    pub(crate) backup: Option<(String, i64)>,
}

impl Compute {
    /// Reserves the image and promises that the server's disk is sent there. Returns the image's id.
    pub(crate) async fn server_snapshot(&self, caller: &Caller, server: &Server, order: &Snapshot) -> Result<String> {
        let action = if order.backup.is_some() { Action::Backup } else { Action::Snapshot };
        action.check(&server.id, &server.vm_state, &server.task_state)?;
        let kind = if order.backup.is_some() { "backup" } else { "snapshot" };
        let mut properties = order.metadata.clone();
        if let Some((backup_type, _)) = &order.backup {
            properties.insert("backup_type".to_owned(), backup_type.clone());
        }
        let image_id = self.image_reserve(caller, server, &order.name, kind, properties).await?;
        let quiesce = server.image.0.properties.get("os_require_quiesce").is_some_and(|word| flag(word));
        let data = ServerSnapshot {
            server_id: server.id.clone(),
            before: Before::of(server),
            image_id: image_id.clone(),
            quiesce,
            backup: order.backup.clone(),
            rotated: false,
        };
        match self.server_claim(Some(caller), server, action).await {
            Ok(tx) => self.server_submit(tx, Some(caller), server, UPLOAD_MINUTES, data).await?,
            Err(error) => {
                self.0.deps.image.image_discard(&image_id).traced("image", "discard").await?;
                return Err(error);
            }
        };
        Ok(image_id)
    }

    /// Makes the record of an image that the server's disk will fill.
    pub(crate) async fn image_reserve(
        &self,
        caller: &Caller,
        server: &Server,
        name: &str,
        kind: &str,
        properties: BTreeMap<String, String>,
    ) -> Result<String> {
        let image = &server.image.0;
        let mut fields = Map::new();
        for (key, value) in &image.properties {
            if !NOT_INHERITED.contains(&key.as_str()) && !key.starts_with("img_signature") {
                fields.insert(key.clone(), json!(value));
            }
        }
        for (key, value) in [
            ("image_type", json!(kind)),
            ("instance_uuid", json!(server.id)),
            ("user_id", json!(server.user_id)),
            ("base_image_ref", json!(server.image_id)),
            ("min_ram", json!(image.min_ram)),
            ("min_disk", json!(image.min_disk.max(server.flavor.0.root_gb))),
        ] {
            fields.insert(key.to_owned(), value);
        }
        fields.extend(properties.into_iter().map(|(key, value)| (key, Value::String(value))));
        for (key, value) in
            [("name", name), ("visibility", "private"), ("disk_format", "qcow2"), ("container_format", "bare")]
        {
            fields.insert(key.to_owned(), json!(value));
        }
        Ok(self.0.deps.image.image_reserve(caller, fields).traced("image", "reserve").await?.id)
    }
}

fn flag(word: &str) -> bool {
    matches!(word.to_ascii_lowercase().as_str(), "1" | "true" | "yes" | "on")
}
