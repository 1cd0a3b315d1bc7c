//! How much of everything a project may have.

use std::collections::BTreeMap;

use api::{Error, Result};
use db::Tx;
use identity::{Caller, Identity, LimitModel};

use crate::access::{conflict, of_project};
use crate::{Network, store};

/// What is counted, and how many a project may have unless it was given another number.
pub(crate) const DEFAULTS: &[(&str, i64)] = &[
    ("floatingip", 50),
    ("network", 100),
    ("port", 500),
    ("router", 10),
    ("security_group", 10),
    ("security_group_rule", 100),
    ("subnet", 100),
];

/// A quota and what is used of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Usage {
    pub(crate) limit: i64,
    pub(crate) used: i64,
    pub(crate) reserved: i64,
}

/// A change of a project's quotas.
#[derive(Debug, serde::Deserialize)]
pub(crate) struct Update {
    /// Refuse quotas below what is used already.
    #[serde(default)]
    check_limit: bool,
    /// The opposite, which is the rule.
    #[serde(default, rename = "force")]
    _force: bool,
    #[serde(flatten)]
    quotas: BTreeMap<String, i64>,
}

/// What counts for every quota: what this service was told for the project, else what identity was told for it, else
/// identity's registered limits, else what is built in.
fn with_defaults(given: &BTreeMap<String, i64>, unified: &identity::Limits) -> BTreeMap<String, i64> {
    let quota = |name: &str, default: i64| {
        let found = given.get(name).or_else(|| unified.project.get(name)).or_else(|| unified.default.get(name));
        found.copied().unwrap_or(default)
    };
    DEFAULTS.iter().map(|(name, default)| ((*name).to_owned(), quota(name, *default))).collect()
}

/// The type of this service, by which identity knows its limits.
const SERVICE: &str = "network";

/// Counts `count` new ones against the project's quota, in the transaction that makes them. What belongs to no
/// project is not counted.
pub(crate) async fn claim(
    tx: &mut Tx,
    identity: &Identity,
    project_id: &str,
    resource: &str,
    count: i64,
) -> Result<()> {
    if project_id.is_empty() || count == 0 {
        return Ok(());
    }
    let unified = identity.limits(&mut *tx, SERVICE, project_id).await?;
    if let Some(domain_id) = &unified.domain_id {
        let limit = unified.domain.get(resource).copied().unwrap_or(-1);
        if !count_domain(tx, identity, domain_id, resource, count, limit).await? {
            return Err(exceeded(
                resource,
                &format!("The projects of the domain {domain_id} may have {limit} together"),
            ));
        }
    }
    let given = store::quota::given(&mut *tx, project_id).await?;
    let limit = with_defaults(&given, &unified).get(resource).copied().unwrap_or(-1);
    if store::quota::count(tx, project_id, resource, count, limit).await? {
        return Ok(());
    }
    Err(exceeded(resource, &format!("The project may have {limit}")))
}

fn exceeded(resource: &str, why: &str) -> Error {
    let text = format!("Quota exceeded for resources: ['{resource}']. {why}; delete some or ask for a larger quota.");
    conflict("OverQuota", text)
}

/// Counts what is made without being asked for, or what is gone.
pub(crate) async fn count(
    tx: &mut Tx,
    identity: &Identity,
    project_id: &str,
    resource: &str,
    count: i64,
) -> Result<()> {
    if project_id.is_empty() || count == 0 {
        return Ok(());
    }
    if identity.limit_model() == LimitModel::StrictTwoLevel
        && let Some(domain_id) = identity.limits(&mut *tx, SERVICE, project_id).await?.domain_id
    {
        count_domain(tx, identity, &domain_id, resource, count, -1).await?;
    }
    store::quota::count(tx, project_id, resource, count, -1).await?;
    Ok(())
}

/// Counts for all projects of a domain together, under the strict two-level model. The count starts with what they use
/// at that moment.
async fn count_domain(
    tx: &mut Tx,
    identity: &Identity,
    domain_id: &str,
    resource: &str,
    count: i64,
    limit: i64,
) -> Result<bool> {
    let owner = format!("{DOMAIN_OWNER}{domain_id}");
    if !store::quota::used(&mut *tx, &owner).await?.contains_key(resource) {
        let projects = identity.project_ids_in_domain(&mut *tx, domain_id).await?;
        let used = store::quota::sum(tx, &projects, resource).await?;
        store::quota::start(tx, &owner, resource, used).await?;
    }
    Ok(store::quota::count(tx, &owner, resource, count, limit).await?)
}

/// What the owner of a domain's counts begins with.
const DOMAIN_OWNER: &str = "domain/";

impl Network {
    /// The project's quotas.
    pub(crate) async fn quota_show(&self, caller: &Caller, project_id: &str) -> Result<BTreeMap<String, i64>> {
        caller.allow("get_quota", &of_project(project_id))?;
        let unified = self.unified(project_id).await?;
        Ok(with_defaults(&store::quota::given(&self.0.db, project_id).await?, &unified))
    }

    /// The project's quotas and what is used of them.
    pub(crate) async fn quota_details(&self, caller: &Caller, project_id: &str) -> Result<BTreeMap<String, Usage>> {
        let quotas = self.quota_show(caller, project_id).await?;
        let used = store::quota::used(&self.0.db, project_id).await?;
        Ok(quotas
            .into_iter()
            .map(|(name, limit)| {
                let used = used.get(&name).copied().unwrap_or_default();
                (name, Usage { limit, used, reserved: 0 })
            })
            .collect())
    }

    /// The default quotas.
    pub(crate) async fn quota_defaults(&self, caller: &Caller, project_id: &str) -> Result<BTreeMap<String, i64>> {
        caller.allow("get_quota", &of_project(project_id))?;
        let unified = identity::Limits { project: BTreeMap::new(), ..self.unified(project_id).await? };
        Ok(with_defaults(&BTreeMap::new(), &unified))
    }

    async fn unified(&self, project_id: &str) -> Result<identity::Limits> {
        self.0.identity.limits(&self.0.db, SERVICE, project_id).await
    }

    /// Under the flat model nothing counts by domain; what was counted under another would be wrong later.
    pub(crate) async fn quota_start(&self) -> Result<()> {
        if self.0.identity.limit_model() == LimitModel::Flat {
            let mut tx = self.0.db.begin().await?;
            store::quota::forget(&mut tx, DOMAIN_OWNER).await?;
            tx.commit().await?;
        }
        Ok(())
    }

    /// Every project with quotas of its own.
    pub(crate) async fn quota_list(&self, caller: &Caller) -> Result<Vec<(String, BTreeMap<String, i64>)>> {
        caller.allow("get_all_quotas", &policy::Target::new())?;
        let mut given: BTreeMap<String, BTreeMap<String, i64>> = BTreeMap::new();
        for row in store::quota::all(&self.0.db).await? {
            given.entry(row.project_id).or_default().insert(row.resource, row.quota);
        }
        let projects: Vec<String> = given.keys().cloned().collect();
        let unified = self.0.identity.limits_of_projects(SERVICE, &projects).await?;
        let none = identity::Limits::default();
        let complete = |(project, quotas): (String, BTreeMap<String, i64>)| {
            let quotas = with_defaults(&quotas, unified.get(&project).unwrap_or(&none));
            (project, quotas)
        };
        Ok(given.into_iter().map(complete).collect())
    }

    /// Gives the project quotas of its own; -1 is without limit.
    pub(crate) async fn quota_update(
        &self,
        caller: &Caller,
        project_id: &str,
        update: &Update,
    ) -> Result<BTreeMap<String, i64>> {
        caller.allow("update_quota", &of_project(project_id))?;
        let mut write = self.write().await?;
        let used = store::quota::used(&mut write.tx, project_id).await?;
        for (name, quota) in &update.quotas {
            if !DEFAULTS.iter().any(|(known, _)| known == name) {
                return Err(Error::bad_request(format!("Unrecognized attribute(s) '{name}': there is no such quota."))
                    .with_code("HTTPBadRequest"));
            }
            if !(-1..=i64::from(i32::MAX)).contains(quota) {
                return Err(Error::bad_request(format!("The quota {name} must be -1 (no limit) or 0 to 2147483647.")));
            }
            let used = used.get(name).copied().unwrap_or_default();
            if update.check_limit && *quota >= 0 && used > *quota {
                return Err(Error::bad_request(format!(
                    "Quota limit {quota} for {name} must be greater than or equal to already used {used}; delete some, or use force."
                )));
            }
            store::quota::set(&mut write.tx, project_id, name, *quota).await?;
        }
        self.commit(write).await?;
        self.quota_show(caller, project_id).await
    }

    /// Gives the project the default quotas.
    pub(crate) async fn quota_reset(&self, caller: &Caller, project_id: &str) -> Result<()> {
        caller.allow("delete_quota", &of_project(project_id))?;
        let mut write = self.write().await?;
        if store::quota::reset(&mut write.tx, project_id).await? == 0 {
            return Err(crate::access::missing("TenantQuotaNotFound", "Quota for tenant", project_id));
        }
        self.commit(write).await
    }
}
