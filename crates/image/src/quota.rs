//! How many images, uploads and bytes a project may have, by identity's unified limits. Without a limit there is none.

use api::{Error, Kind, Result};
use db::Tx;
use serde_json::{Value, json};

use crate::Image;
use crate::store::quota::{self as store, Used};

/// The type of this service, by which identity knows its limits.
const SERVICE: &str = "image";
const MIB: i64 = 1 << 20;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resource {
    /// Images of any status.
    Images,
    /// Images whose bytes are on their way.
    Uploads,
    /// MiB of stored bytes. What an upload brings is known when it ends, so one that begins below the limit may end
    /// above it, and the next is refused.
    Size,
}

impl Resource {
    const ALL: [Self; 3] = [Self::Images, Self::Uploads, Self::Size];

    /// Its name among the unified limits.
    fn name(self) -> &'static str {
        match self {
            Self::Images => "image_count_total",
            Self::Uploads => "image_count_uploading",
            Self::Size => "image_size_total",
        }
    }

    fn of(self, used: Used) -> i64 {
        match self {
            Self::Images => used.images,
            Self::Uploads => used.uploads,
            Self::Size => used.bytes / MIB,
        }
    }

    /// How much of it one more image or upload is known to take.
    fn next(self) -> i64 {
        match self {
            Self::Images | Self::Uploads => 1,
            Self::Size => 0,
        }
    }
}

impl Image {
    /// Refuses one more of each resource where a limit of the project or of its domain says so, in the transaction
    /// that is going to make it: others who count the same wait for its end.
    pub(crate) async fn quota_check(&self, tx: &mut Tx, project_id: &str, resources: &[Resource]) -> Result<()> {
        let identity = &self.0.identity;
        let limits = identity.limits(&mut *tx, SERVICE, project_id).await?;
        if let Some(domain_id) = &limits.domain_id {
            let limit = |resource: Resource| limits.domain.get(resource.name()).copied().filter(|limit| *limit >= 0);
            if resources.iter().any(|resource| limit(*resource).is_some()) {
                let projects = identity.project_ids_in_domain(&mut *tx, domain_id).await?;
                store::lock(tx, &format!("domain/{domain_id}")).await?;
                let used = store::used(&mut *tx, &projects).await?;
                check(resources, used, limit, &format!("The projects of the domain {domain_id} may have"))?;
            }
        }
        let limit = |resource: Resource| {
            let name = resource.name();
            limits.project.get(name).or_else(|| limits.default.get(name)).copied().filter(|limit| *limit >= 0)
        };
        if resources.iter().any(|resource| limit(*resource).is_some()) {
            store::lock(tx, project_id).await?;
            let used = store::used(&mut *tx, &[project_id.to_owned()]).await?;
            check(resources, used, limit, "The project may have")?;
        }
        Ok(())
    }

    /// What the project may have and has: `{"image_count_total": {"limit": 10, "usage": 3}, ...}`.
    pub(crate) async fn quota_usage(&self, project_id: &str) -> Result<Value> {
        let limits = self.0.identity.limits(&self.0.db, SERVICE, project_id).await?;
        let used = store::used(&self.0.db, &[project_id.to_owned()]).await?;
        let entry = |resource: Resource| {
            let name = resource.name();
            let limit = limits.project.get(name).or_else(|| limits.default.get(name)).copied().unwrap_or(-1);
            (name.to_owned(), json!({"limit": limit, "usage": resource.of(used)}))
        };
        Ok(Value::Object(Resource::ALL.into_iter().map(entry).collect()))
    }
}

fn check(resources: &[Resource], used: Used, limit: impl Fn(Resource) -> Option<i64>, who: &str) -> Result<()> {
    for resource in resources {
        let (used, name) = (resource.of(used), resource.name());
        if let Some(limit) = limit(*resource)
            && used + resource.next() > limit
        {
            return Err(Error::new(
                Kind::TooLarge,
                format!(
                    "Quota exceeded for {name}: {who} {limit} and {used} are in use. Delete images that are no longer \
                     needed, or ask an administrator to raise the limit."
                ),
            ));
        }
    }
    Ok(())
}
