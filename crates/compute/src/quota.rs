//! How much of each resource a project may use, and exact claims on it.

use std::collections::BTreeMap;

use ::api::{Error, Result};
use db::{On, Tx};
use identity::{Identity, LimitModel};

use crate::Compute;
use crate::store::quotas as store;
use crate::store::servers::servers_uncounted;

/// Something that is counted or limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resource {
    /// Its name in the API.
    pub name: &'static str,
    /// Its name among identity's unified limits; empty if it has none there.
    pub unified: &'static str,
    /// The most of it where nothing else is set; -1 is without limit.
    pub default: i64,
}

/// Every resource that has a limit, in the order of the API.
pub const RESOURCES: &[Resource] = &[
    Resource { name: "instances", unified: "servers", default: 10 },
    Resource { name: "cores", unified: "class:VCPU", default: 20 },
    Resource { name: "ram", unified: "class:MEMORY_MB", default: 50 * 1024 },
    Resource { name: "metadata_items", unified: "server_metadata_items", default: 128 },
    Resource { name: "key_pairs", unified: "server_key_pairs", default: 100 },
    Resource { name: "server_groups", unified: "server_groups", default: 10 },
    Resource { name: "server_group_members", unified: "server_group_members", default: 10 },
    Resource { name: "injected_files", unified: "server_injected_files", default: 5 },
    Resource { name: "injected_file_content_bytes", unified: "server_injected_file_content", default: 10 * 1024 },
    Resource { name: "injected_file_path_bytes", unified: "server_injected_file_path", default: 255 },
    Resource { name: "fixed_ips", unified: "", default: -1 },
    Resource { name: "floating_ips", unified: "", default: -1 },
    Resource { name: "security_groups", unified: "", default: -1 },
    Resource { name: "security_group_rules", unified: "", default: -1 },
];

/// The GiB of disk that servers have. No quota set shows it: only identity's unified limits limit it.
const DISK: Resource = Resource { name: "disk_gb", unified: "class:DISK_GB", default: -1 };

fn every() -> impl Iterator<Item = &'static Resource> {
    RESOURCES.iter().chain([&DISK])
}

/// The owner in `compute_quotas` of the limits that replace the built-in defaults.
pub(crate) const DEFAULT_CLASS: &str = "class/default";

/// What identity calls a resource, and its built-in limit.
fn known(resource: &str) -> (&'static str, i64) {
    let known = every().find(|known| known.name == resource);
    known.map_or(("", -1), |known| (known.unified, known.default))
}

/// Takes `amount` of each resource for the project; 403 when any limit forbids it. Dropping `tx` takes it back.
///
/// Claims of one project wait for each other on the usage rows, so that exactly as many succeed as fit.
pub async fn claim(tx: &mut Tx, identity: &Identity, project_id: &str, wanted: &[(&str, i64)]) -> Result<()> {
    claim_for(tx, identity, Owner::Project(project_id), wanted).await
}

/// Gives back what [`claim`] took.
pub async fn release(tx: &mut Tx, identity: &Identity, project_id: &str, given: &[(&str, i64)]) -> Result<()> {
    release_for(tx, identity, Owner::Project(project_id), given).await
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

pub(crate) async fn claim_for(
    tx: &mut Tx,
    identity: &Identity,
    owner: Owner<'_>,
    wanted: &[(&str, i64)],
) -> Result<()> {
    // All claims take their rows in one order, so that two of them never wait for each other.
    let wanted: BTreeMap<&str, i64> = wanted.iter().copied().filter(|(_, amount)| *amount > 0).collect();
    let own = owner.own_limit();
    let unified = identity.limits(&mut *tx, SERVICE, owner.project()).await?;
    for (resource, amount) in &wanted {
        let (name, built_in) = known(resource);
        if let Some(domain) = Domain::of(&unified, owner) {
            domain.claim(tx, identity, resource, *amount, unified.domain.get(name).copied().unwrap_or(-1)).await?;
        }
        let claim = store::Claim {
            owner_id: owner.usage(),
            resource,
            amount: *amount,
            limited_by: [&own, owner.project(), DEFAULT_CLASS],
            unified: unified.project.get(name).copied(),
            built_in: unified.default.get(name).copied().unwrap_or(built_in),
        };
        if !store::usage_claim(tx, claim).await? {
            return Err(exceeded(tx, &unified, owner, &wanted, resource).await);
        }
    }
    Ok(())
}

pub(crate) async fn release_for(
    tx: &mut Tx,
    identity: &Identity,
    owner: Owner<'_>,
    given: &[(&str, i64)],
) -> Result<()> {
    let given: BTreeMap<&str, i64> = given.iter().copied().filter(|(_, amount)| *amount > 0).collect();
    let unified = match identity.limit_model() {
        LimitModel::Flat => identity::Limits::default(),
        LimitModel::StrictTwoLevel => identity.limits(&mut *tx, SERVICE, owner.project()).await?,
    };
    for (resource, amount) in given {
        if let Some(domain) = Domain::of(&unified, owner) {
            domain.release(tx, identity, resource, amount).await?;
        }
        store::usage_release(tx, owner.usage(), resource, amount).await?;
    }
    Ok(())
}

/// The type of this service, by which identity knows its limits.
const SERVICE: &str = "compute";

/// A domain whose projects count together, under the strict two-level model.
struct Domain<'a> {
    id: &'a str,
    /// The owner of its usage rows.
    owner: String,
}

impl<'a> Domain<'a> {
    fn of(unified: &'a identity::Limits, owner: Owner<'_>) -> Option<Self> {
        let id = unified.domain_id.as_deref().filter(|_| matches!(owner, Owner::Project(_)))?;
        Some(Self { id, owner: format!("{DOMAIN_OWNER}{id}") })
    }

    async fn claim(&self, tx: &mut Tx, identity: &Identity, resource: &str, amount: i64, limit: i64) -> Result<()> {
        self.ensure(tx, identity, resource).await?;
        let claim = store::Claim {
            owner_id: &self.owner,
            resource,
            amount,
            limited_by: [""; 3],
            unified: Some(limit),
            built_in: -1,
        };
        if store::usage_claim(tx, claim).await? {
            return Ok(());
        }
        Err(Error::forbidden(format!(
            "Quota exceeded for {resource}: Requested {amount}, but the projects of the domain {} may have {limit} \
             together. Delete what is no longer needed, or ask an administrator to raise the domain's limit.",
            self.id
        )))
    }

    async fn release(&self, tx: &mut Tx, identity: &Identity, resource: &str, amount: i64) -> Result<()> {
        self.ensure(tx, identity, resource).await?;
        store::usage_release(tx, &self.owner, resource, amount).await?;
        Ok(())
    }

    /// The count of a domain starts with what its projects use at that moment.
    async fn ensure(&self, tx: &mut Tx, identity: &Identity, resource: &str) -> Result<()> {
        if store::usage_exists(&mut *tx, &self.owner, resource).await? {
            return Ok(());
        }
        let projects = identity.project_ids_in_domain(&mut *tx, self.id).await?;
        let used = store::usages_sum(tx, &projects, resource).await?;
        store::usage_start(tx, &self.owner, resource, used).await?;
        Ok(())
    }
}

/// What the owner of a domain's usage rows begins with.
pub(crate) const DOMAIN_OWNER: &str = "domain/";

/// Limits by resource.
pub type Limits = BTreeMap<&'static str, i64>;

/// The limits of an owner: what this service was told for it, else what identity was told for the project, else the
/// default class here, else identity's registered limits, else what is built in.
async fn limits_for(on: impl Into<On<'_>>, unified: &identity::Limits, owner: Owner<'_>) -> Result<Limits> {
    let own = owner.own_limit();
    let (mine, class) = ([own.as_str(), owner.project()], DEFAULT_CLASS);
    let rows = store::limits_list(on, [mine[0], mine[1], class]).await?;
    let set = |owner: &str, resource: &Resource| {
        rows.iter().find(|row| row.owner_id == owner && row.resource == resource.name).map(|row| row.most)
    };
    let limit = |resource: &Resource| {
        let own = mine.iter().find_map(|owner| set(owner, resource));
        own.or_else(|| unified.project.get(resource.unified).copied())
            .or_else(|| set(class, resource))
            .or_else(|| unified.default.get(resource.unified).copied())
            .unwrap_or(resource.default)
    };
    Ok(every().map(|resource| (resource.name, limit(resource))).collect())
}

/// What a project has in use. Resources that were never used are missing.
pub async fn usages(on: impl Into<On<'_>>, project_id: &str) -> Result<BTreeMap<String, i64>> {
    let rows = store::usages_list(on, project_id).await?;
    Ok(rows.into_iter().map(|row| (row.resource, row.used)).collect())
}

/// The refusal, naming every resource that does not fit. `failed` is the first in the order of claiming.
async fn exceeded(
    tx: &mut Tx,
    unified: &identity::Limits,
    owner: Owner<'_>,
    wanted: &BTreeMap<&str, i64>,
    failed: &str,
) -> Error {
    let (limits, usages) = match (limits_for(&mut *tx, unified, owner).await, usages(&mut *tx, owner.usage()).await) {
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
        self.quota_limits(Owner::Project(DEFAULT_CLASS)).await
    }

    /// The limits that hold for an owner.
    pub(crate) async fn quota_limits(&self, owner: Owner<'_>) -> Result<Limits> {
        let unified = self.0.deps.identity.limits(self.db(), SERVICE, owner.project()).await?;
        let mut limits = limits_for(self.db(), &unified, owner).await?;
        limits.remove(DISK.name);
        Ok(limits)
    }

    /// Under the flat model nothing counts by domain; what was counted under another would be wrong later. Disk is counted
    /// where an earlier release did not.
    pub(crate) async fn quota_start(&self) -> Result<()> {
        let mut tx = self.db().begin().await?;
        if self.0.deps.identity.limit_model() == LimitModel::Flat {
            store::usages_forget(&mut tx, DOMAIN_OWNER).await?;
        }
        let mut used = BTreeMap::<String, i64>::new();
        for server in servers_uncounted(&mut tx, DISK.name).await? {
            let disk = server.quota_held().into_iter().find(|(name, _)| *name == DISK.name);
            *used.entry(server.project_id).or_default() += disk.map_or(0, |(_, amount)| amount);
        }
        for (project_id, used) in used {
            store::usage_start(&mut tx, &project_id, DISK.name, used).await?;
        }
        Ok(tx.commit().await?)
    }

    pub(crate) async fn quota_usages(&self, owner: Owner<'_>) -> Result<BTreeMap<String, i64>> {
        usages(self.db(), owner.usage()).await
    }

    /// Sets limits. Without `force` none may be below what is in use, and a user's none above the project's.
    pub(crate) async fn quota_update(&self, owner: Owner<'_>, wanted: &Limits, force: bool) -> Result<Limits> {
        let mut tx = self.db().begin().await?;
        let unified = self.0.deps.identity.limits(&mut tx, SERVICE, owner.project()).await?;
        if !force {
            let used = usages(&mut tx, owner.usage()).await?;
            let most = limits_for(&mut tx, &unified, Owner::Project(owner.project())).await?;
            for (resource, limit) in wanted {
                let used = used.get(*resource).copied().unwrap_or(0);
                let most = most.get(resource).copied().filter(|_| matches!(owner, Owner::User { .. }));
                limit_check(resource, *limit, used, most.unwrap_or(-1))?;
            }
        }
        for (resource, limit) in wanted {
            store::limit_set(&mut tx, &owner.own_limit(), resource, *limit).await?;
        }
        let mut now = limits_for(&mut tx, &unified, owner).await?;
        now.remove(DISK.name);
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
