use db::{Db, Direction, Json, Keyset, On, Result, Sql, Tx, sql};
use jiff::Timestamp;

use crate::flavors::{ExtraSpecs, Flavor, Who};

const FLAVOR: &str = "SELECT id, name, description, vcpus, memory_mb, root_gb, ephemeral_gb, swap_mb, rxtx_factor,
    is_public, disabled, extra_specs, created_at, updated_at FROM flavors WHERE 1 = 1";

/// Which flavors a list shows.
#[derive(Debug)]
pub(crate) struct Filter<'a> {
    pub(crate) who: Who<'a>,
    pub(crate) is_public: Option<bool>,
    pub(crate) min_ram: Option<i64>,
    pub(crate) min_disk: Option<i64>,
    pub(crate) name: Option<&'a str>,
    pub(crate) sort: &'a [(&'static str, Direction)],
    pub(crate) marker: Option<&'a str>,
    pub(crate) limit: i64,
}

/// Leaves out what the caller may not see.
fn visible(query: &mut Sql, who: Who<'_>) {
    if let Who::Project(project) = who {
        query.push(" AND (is_public OR EXISTS (SELECT 1 FROM flavor_projects p WHERE p.flavor_id = flavors.id");
        query.push(" AND p.project_id = ").push_bind(project.unwrap_or_default()).push("))");
    }
}

pub(crate) async fn flavors_list(db: &Db, filter: &Filter<'_>) -> Result<Vec<Flavor>> {
    let mut query = sql(FLAVOR);
    visible(&mut query, filter.who);
    if let Some(is_public) = filter.is_public {
        query.push(" AND is_public = ").push_bind(is_public);
    }
    if let Some(least) = filter.min_ram {
        query.push(" AND memory_mb >= ").push_bind(least);
    }
    if let Some(least) = filter.min_disk {
        query.push(" AND root_gb >= ").push_bind(least);
    }
    if let Some(name) = filter.name {
        query.push(" AND name = ").push_bind(name);
    }
    let page = Keyset { table: "flavors", sort: filter.sort, marker: filter.marker, limit: Some(filter.limit) };
    query.push_keyset(&page);
    query.all(db).await
}

pub(crate) async fn flavor_get(on: impl Into<On<'_>>, who: Who<'_>, id: &str) -> Result<Option<Flavor>> {
    let mut query = sql(FLAVOR);
    query.push(" AND id = ").push_bind(id);
    visible(&mut query, who);
    query.optional(on).await
}

pub(crate) async fn flavor_insert(tx: &mut Tx, flavor: &Flavor) -> Result<u64> {
    sql("INSERT INTO flavors (id, name, description, vcpus, memory_mb, root_gb, ephemeral_gb, swap_mb, rxtx_factor,
            is_public, disabled, extra_specs, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)")
    .bind(&flavor.id)
    .bind(&flavor.name)
    .bind(flavor.description.as_deref())
    .bind(flavor.vcpus)
    .bind(flavor.memory_mb)
    .bind(flavor.root_gb)
    .bind(flavor.ephemeral_gb)
    .bind(flavor.swap_mb)
    .bind(flavor.rxtx_factor)
    .bind(flavor.is_public)
    .bind(flavor.disabled)
    .bind(&flavor.extra_specs)
    .bind(flavor.created_at)
    .execute(tx)
    .await
}

pub(crate) async fn flavor_describe(tx: &mut Tx, id: &str, text: Option<&str>, now: Timestamp) -> Result<u64> {
    sql("UPDATE flavors SET description = $2, updated_at = $3 WHERE id = $1")
        .bind(id)
        .bind(text)
        .bind(now)
        .execute(tx)
        .await
}

pub(crate) async fn flavor_delete(tx: &mut Tx, id: &str) -> Result<u64> {
    sql("DELETE FROM flavors WHERE id = $1").bind(id).execute(tx).await
}

/// Locks the flavor's row until the end of the transaction, so that its extra specs can be read and written back.
pub(crate) async fn flavor_lock(tx: &mut Tx, id: &str, now: Timestamp) -> Result<u64> {
    sql("UPDATE flavors SET updated_at = $2 WHERE id = $1").bind(id).bind(now).execute(tx).await
}

pub(crate) async fn extra_specs_set(tx: &mut Tx, id: &str, specs: &Json<ExtraSpecs>) -> Result<u64> {
    sql("UPDATE flavors SET extra_specs = $2 WHERE id = $1").bind(id).bind(specs).execute(tx).await
}

pub(crate) async fn access_list(on: impl Into<On<'_>>, id: &str) -> Result<Vec<String>> {
    sql("SELECT project_id FROM flavor_projects WHERE flavor_id = $1 ORDER BY project_id").bind(id).all(on).await
}

pub(crate) async fn access_add(tx: &mut Tx, id: &str, project_id: &str) -> Result<u64> {
    sql("INSERT INTO flavor_projects (flavor_id, project_id) VALUES ($1, $2) ON CONFLICT DO NOTHING")
        .bind(id)
        .bind(project_id)
        .execute(tx)
        .await
}

pub(crate) async fn access_remove(tx: &mut Tx, id: &str, project_id: &str) -> Result<u64> {
    sql("DELETE FROM flavor_projects WHERE flavor_id = $1 AND project_id = $2")
        .bind(id)
        .bind(project_id)
        .execute(tx)
        .await
}
