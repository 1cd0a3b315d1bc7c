//! How much of each resource a project may use, and exact claims on it.

use std::collections::BTreeMap;

use ::api::{Error, Result};
use db::{On, Tx};

use crate::Compute;
use crate::store::quotas as store;

/// Something that is counted or limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resource {
    /// Its name in the API.
    pub name: &'static str,
    /// The most of it where nothing else is set; -1 is without limit.
    pub default: i64,
}

/// Every resource that has a limit, in the order of the API.
pub const RESOURCES: &[Resource] = &[
    Resource { name: "instances", default: 10 },
    Resource { name: "cores", default: 20 },
    Resource { name: "ram", default: 50 * 1024 },
    Resource { name: "metadata_items", default: 128 },
    Resource { name: "key_pairs", default: 100 },
    Resource { name: "server_groups", default: 10 },
    Resource { name: "server_group_members", default: 10 },
    Resource { name: "injected_files", default: 5 },
    Resource { name: "injected_file_content_bytes", default: 10 * 1024 },
    Resource { name: "injected_file_path_bytes", default: 255 },
    Resource { name: "fixed_ips", default: -1 },
    Resource { name: "floating_ips", default: -1 },
    Resource { name: "security_groups", default: -1 },
    Resource { name: "security_group_rules", default: -1 },
];

/// The owner in `compute_quotas` of the limits that replace the built-in defaults.
pub(crate) const DEFAULT_CLASS: &str = "class/default";

/// The built-in limit of a resource.
fn built_in(resource: &str) -> i64 {
    RESOURCES.iter().find(|known| known.name == resource).map_or(-1, |known| known.default)
}

/// Takes `amount` of each resource for the project; 403 when any limit forbids it. Dropping `tx` takes it back.
///
/// Claims of one project wait for each other on the usage rows, so that exactly as many succeed as fit.
pub async fn claim(tx: &mut Tx, project_id: &str, wanted: &[(&str, i64)]) -> Result<()> {
    claim_for(tx, Owner::Project(project_id), wanted).await
}

/// Gives back what [`claim`] took.
pub async fn release(tx: &mut Tx, project_id: &str, given: &[(&str, i64)]) -> Result<()> {
    release_for(tx, Owner::Project(project_id), given).await
}

/// Whose use counts.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Owner<'a> {
    /// The project's.
    Project(&'a str),
    /// The user's, over all projects, under the limits of this project (and the user's own in it).
    User { user_id: &'a str, project_id: &'a str },
}

impl Owner<'_> {
    /// The owner of the usage rows.
    fn usage(&self) -> &str {
        match self {
            Self::Project(id) | Self::User { user_id: id, .. } => id,
        }
    }

    /// The owner of the limit that counts first.
    fn own_limit(&self) -> String {
        match self {
            Self::Project(project_id) => (*project_id).to_owned(),
            Self::User { user_id, project_id } => format!("{project_id}/{user_id}"),
        }
    }

    fn project(&self) -> &str {
        match self {
            Self::Project(project_id) | Self::User { project_id, .. } => project_id,
        }
    }
}

pub(crate) async fn claim_for(tx: &mut Tx, owner: Owner<'_>, wanted: &[(&str, i64)]) -> Result<()> {
    // All claims take their rows in one order, so that two of them never wait for each other.
    let wanted: BTreeMap<&str, i64> = wanted.iter().copied().filter(|(_, amount)| *amount > 0).collect();
    let own = owner.own_limit();
    for (resource, amount) in &wanted {
        let claim = store::Claim {
            owner_id: owner.usage(),
            resource,
            amount: *amount,
            limited_by: [&own, owner.project(), DEFAULT_CLASS],
            built_in: built_in(resource),
        };
        if !store::usage_claim(tx, claim).await? {
            return Err(exceeded(tx, owner, &wanted, resource).await);
        }
    }
    Ok(())
}

pub(crate) async fn release_for(tx: &mut Tx, owner: Owner<'_>, given: &[(&str, i64)]) -> Result<()> {
    let given: BTreeMap<&str, i64> = given.iter().copied().filter(|(_, amount)| *amount > 0).collect();
    for (resource, amount) in given {
        store::usage_release(tx, owner.usage(), resource, amount).await?;
    }
    Ok(())
}

/// The limits that hold for a project.
pub async fn limits(on: impl Into<On<'_>>, project_id: &str) -> Result<Limits> {
    limits_for(on, Owner::Project(project_id)).await
}

/// Limits by resource.
pub type Limits = BTreeMap<&'static str, i64>;

pub(crate) async fn limits_for(on: impl Into<On<'_>>, owner: Owner<'_>) -> Result<Limits> {
    let own = owner.own_limit();
    let order = [own.as_str(), owner.project(), DEFAULT_CLASS];
    let rows = store::limits_list(on, order).await?;
    let set = |resource: &str| {
        order.iter().find_map(|owner| {
            rows.iter().find(|row| row.owner_id == *owner && row.resource == resource).map(|row| row.most)
        })
    };
    Ok(RESOURCES.iter().map(|resource| (resource.name, set(resource.name).unwrap_or(resource.default))).collect())
}

/// What a project has in use. Resources that were never used are missing.
pub async fn usages(on: impl Into<On<'_>>, project_id: &str) -> Result<BTreeMap<String, i64>> {
    let rows = store::usages_list(on, project_id).await?;
    Ok(rows.into_iter().map(|row| (row.resource, row.used)).collect())
}

/// The refusal, naming every resource that does not fit. `failed` is the first in the order of claiming.
async fn exceeded(tx: &mut Tx, owner: Owner<'_>, wanted: &BTreeMap<&str, i64>, failed: &str) -> Error {
    let (limits, usages) = match (limits_for(&mut *tx, owner).await, usages(&mut *tx, owner.usage()).await) {
        (Ok(limits), Ok(usages)) => (limits, usages),
        (Err(error), _) | (_, Err(error)) => return error,
    };
    let mut parts: [Vec<String>; 4] = Default::default();
    for (resource, amount) in wanted {
        let mut used = usages.get(*resource).copied().unwrap_or(0);
        if *resource < failed {
            used -= amount; // This transaction claimed it already.
        }
        let most = limits.get(resource).copied().unwrap_or(-1);
        if *resource == failed || (most >= 0 && used + amount > most) {
            let values = [(*resource).to_owned(), amount.to_string(), used.to_string(), most.to_string()];
            for (part, value) in parts.iter_mut().zip(values) {
                part.push(value);
            }
        }
    }
    let [names, amounts, used, most] = parts.map(|part| part.join(", "));
    Error::forbidden(format!(
        "Quota exceeded for {names}: Requested {amounts}, but already used {used} of {most} {names}. \
         Delete what is no longer needed, or ask an administrator to raise the quota."
    ))
}

impl Compute {
    /// The limits that hold where nothing else is set.
    pub(crate) async fn quota_defaults(&self) -> Result<Limits> {
        limits(self.db(), DEFAULT_CLASS).await
    }

    pub(crate) async fn quota_limits(&self, owner: Owner<'_>) -> Result<Limits> {
        limits_for(self.db(), owner).await
    }

    pub(crate) async fn quota_usages(&self, owner: Owner<'_>) -> Result<BTreeMap<String, i64>> {
        usages(self.db(), owner.usage()).await
    }

    /// Sets limits. Without `force` none may be below what is in use, and a user's none above the project's.
    pub(crate) async fn quota_update(&self, owner: Owner<'_>, wanted: &Limits, force: bool) -> Result<Limits> {
        let mut tx = self.db().begin().await?;
        if !force {
            let used = usages(&mut tx, owner.usage()).await?;
            let most = limits(&mut tx, owner.project()).await?;
            for (resource, limit) in wanted {
                let used = used.get(*resource).copied().unwrap_or(0);
                let most = most.get(resource).copied().filter(|_| matches!(owner, Owner::User { .. }));
                limit_check(resource, *limit, used, most.unwrap_or(-1))?;
            }
        }
        for (resource, limit) in wanted {
            store::limit_set(&mut tx, &owner.own_limit(), resource, *limit).await?;
        }
        let now = limits_for(&mut tx, owner).await?;
        tx.commit().await?;
        Ok(now)
    }

    /// Sets limits of the default class, which hold where nothing else is set.
    pub(crate) async fn quota_defaults_update(&self, wanted: &Limits) -> Result<Limits> {
        self.quota_update(Owner::Project(DEFAULT_CLASS), wanted, true).await
    }

    /// Gives the owner the default limits again.
    pub(crate) async fn quota_reset(&self, owner: Owner<'_>) -> Result<()> {
        let mut tx = self.db().begin().await?;
        store::limits_delete(&mut tx, &owner.own_limit()).await?;
        Ok(tx.commit().await?)
    }
}

fn limit_check(resource: &str, limit: i64, used: i64, most: i64) -> Result<()> {
    if limit >= 0 && limit < used {
        return Err(Error::bad_request(format!(
            "Quota limit {limit} for {resource} must be greater than or equal to already used and reserved {used}. \
             Free some first, or send \"force\": true to stop only further use."
        )));
    }
    if most >= 0 && !(0..=most).contains(&limit) {
        return Err(Error::bad_request(format!(
            "Quota limit {limit} for {resource} must be less than or equal to {most}, the project's own limit."
        )));
    }
    Ok(())
}
