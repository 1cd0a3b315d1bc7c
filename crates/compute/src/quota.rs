//! How much of each resource a project may use, and exact claims on it.

use std::collections::BTreeMap;

use ::api::{Error, Result};
use db::{On, Tx, sql};

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
    claim_for(tx, project_id, project_id, wanted).await
}

/// Like [`claim`], counted for `owner_id` (a user, for key pairs) under the limits of the project.
pub(crate) async fn claim_for(tx: &mut Tx, owner_id: &str, project_id: &str, wanted: &[(&str, i64)]) -> Result<()> {
    // All claims take their rows in one order, so that two of them never wait for each other.
    let wanted: BTreeMap<&str, i64> = wanted.iter().copied().filter(|(_, amount)| *amount > 0).collect();
    for (resource, amount) in &wanted {
        sql("INSERT INTO compute_usages (owner_id, resource, used) VALUES ($1, $2, 0) ON CONFLICT DO NOTHING")
            .bind(owner_id)
            .bind(*resource)
            .execute(&mut *tx)
            .await?;
        let claimed = sql("UPDATE compute_usages SET used = used + $3 WHERE owner_id = $1 AND resource = $2
             AND used + $3 <= (SELECT CASE WHEN most < 0 THEN 9223372036854775807 ELSE most END FROM (
                 SELECT COALESCE((SELECT most FROM compute_quotas WHERE owner_id = $4 AND resource = $2),
                                 (SELECT most FROM compute_quotas WHERE owner_id = $5 AND resource = $2),
                                 $6) AS most) AS limits)")
        .bind(owner_id)
        .bind(*resource)
        .bind(*amount)
        .bind(project_id)
        .bind(DEFAULT_CLASS)
        .bind(built_in(resource))
        .execute(&mut *tx)
        .await?;
        if claimed == 0 {
            return Err(exceeded(tx, owner_id, project_id, &wanted, resource).await);
        }
    }
    Ok(())
}

/// Gives back what was claimed.
pub async fn release(tx: &mut Tx, owner_id: &str, given: &[(&str, i64)]) -> Result<()> {
    let given: BTreeMap<&str, i64> = given.iter().copied().filter(|(_, amount)| *amount > 0).collect();
    for (resource, amount) in given {
        sql("UPDATE compute_usages SET used = CASE WHEN used > $3 THEN used - $3 ELSE 0 END
             WHERE owner_id = $1 AND resource = $2")
        .bind(owner_id)
        .bind(resource)
        .bind(amount)
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

/// The limits of a project.
pub async fn limits(on: impl Into<On<'_>>, project_id: &str) -> Result<BTreeMap<&'static str, i64>> {
    db::row! { struct Limit { owner_id: String, resource: String, most: i64 } }
    let rows: Vec<Limit> = sql("SELECT owner_id, resource, most FROM compute_quotas WHERE owner_id IN ($1, $2)")
        .bind(project_id)
        .bind(DEFAULT_CLASS)
        .all(on)
        .await?;
    let of = |owner: &str, resource: &str| {
        rows.iter().find(|row| row.owner_id == owner && row.resource == resource).map(|row| row.most)
    };
    Ok(RESOURCES
        .iter()
        .map(|resource| {
            let set = of(project_id, resource.name).or_else(|| of(DEFAULT_CLASS, resource.name));
            (resource.name, set.unwrap_or(resource.default))
        })
        .collect())
}

/// What a project (or a user, for key pairs) has in use. Resources that were never used are missing.
pub async fn usages(on: impl Into<On<'_>>, owner_id: &str) -> Result<BTreeMap<String, i64>> {
    db::row! { struct Usage { resource: String, used: i64 } }
    let rows: Vec<Usage> =
        sql("SELECT resource, used FROM compute_usages WHERE owner_id = $1").bind(owner_id).all(on).await?;
    Ok(rows.into_iter().map(|row| (row.resource, row.used)).collect())
}

/// The refusal, naming every resource that does not fit. `failed` is the first in the order of claiming.
async fn exceeded(tx: &mut Tx, owner_id: &str, project_id: &str, wanted: &BTreeMap<&str, i64>, failed: &str) -> Error {
    let (limits, usages) = match (limits(&mut *tx, project_id).await, usages(&mut *tx, owner_id).await) {
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
