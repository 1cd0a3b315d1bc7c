use api::Page;
use db::{On, Result, Sql, Tx, sql};

use super::{BY_ID, Filter, push_filters, push_page};

db::row! {
    /// What every project may have of a resource where nothing else is said.
    #[derive(Clone, Debug)]
    pub(crate) struct RegisteredLimit {
        pub id: String,
        pub service_id: String,
        pub region_id: Option<String>,
        pub resource_name: String,
        pub default_limit: i64,
        pub description: Option<String>,
    }
}

db::row! {
    /// What one project or domain may have instead.
    #[derive(Clone, Debug)]
    pub(crate) struct Limit {
        pub id: String,
        pub registered_limit_id: String,
        pub project_id: Option<String>,
        pub domain_id: Option<String>,
        pub service_id: String,
        pub region_id: Option<String>,
        pub resource_name: String,
        pub resource_limit: i64,
        pub description: Option<String>,
    }
}

db::row! {
    /// All limits of one resource that concern a project.
    #[derive(Clone, Debug)]
    pub(crate) struct Concerning {
        pub resource_name: String,
        pub default_limit: i64,
        pub project_limit: Option<i64>,
        pub domain_limit: Option<i64>,
        pub domain_id: Option<String>,
    }
}

/// Whose limits a list may show.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Seen<'a> {
    /// Everybody's.
    All,
    /// Those of a domain and of the projects in it.
    Domain(&'a str),
    /// Those of a project.
    Project(&'a str),
    /// Nobody's.
    None,
}

pub(crate) async fn registered_get(on: impl Into<On<'_>>, id: &str) -> Result<Option<RegisteredLimit>> {
    sql("SELECT * FROM identity_registered_limits WHERE id = $1").bind(id).optional(on).await
}

pub(crate) async fn registered_list(
    on: impl Into<On<'_>>,
    filters: Vec<Filter>,
    page: &Page,
) -> Result<Vec<RegisteredLimit>> {
    let mut sql = sql("SELECT * FROM identity_registered_limits WHERE TRUE");
    push_filters(&mut sql, "identity_registered_limits", filters);
    push_page(&mut sql, "identity_registered_limits", BY_ID, page);
    sql.all(on).await
}

/// The registered limit of exactly that service, resource and region.
pub(crate) async fn registered_find(
    on: impl Into<On<'_>>,
    service_id: &str,
    resource_name: &str,
    region_id: Option<&str>,
) -> Result<Option<RegisteredLimit>> {
    let mut sql = sql("SELECT * FROM identity_registered_limits WHERE service_id = $1 AND resource_name = $2")
        .bind(service_id)
        .bind(resource_name);
    match region_id {
        Some(id) => sql.push(" AND region_id = ").push_bind(id),
        None => sql.push(" AND region_id IS NULL"),
    };
    sql.optional(on).await
}

pub(crate) async fn registered_insert(tx: &mut Tx, limit: &RegisteredLimit) -> Result<()> {
    sql("INSERT INTO identity_registered_limits
            (id, service_id, region_id, resource_name, default_limit, description) VALUES ($1, $2, $3, $4, $5, $6)")
    .bind(&limit.id)
    .bind(&limit.service_id)
    .bind(limit.region_id.as_deref())
    .bind(&limit.resource_name)
    .bind(limit.default_limit)
    .bind(limit.description.as_deref())
    .execute(tx)
    .await
    .map(drop)
}

pub(crate) async fn registered_update(tx: &mut Tx, limit: &RegisteredLimit) -> Result<()> {
    sql("UPDATE identity_registered_limits
         SET service_id = $2, region_id = $3, resource_name = $4, default_limit = $5, description = $6 WHERE id = $1")
    .bind(&limit.id)
    .bind(&limit.service_id)
    .bind(limit.region_id.as_deref())
    .bind(&limit.resource_name)
    .bind(limit.default_limit)
    .bind(limit.description.as_deref())
    .execute(tx)
    .await
    .map(drop)
}

pub(crate) async fn registered_delete(tx: &mut Tx, id: &str) -> Result<()> {
    sql("DELETE FROM identity_registered_limits WHERE id = $1").bind(id).execute(tx).await.map(drop)
}

/// Whether any project or domain has a limit of its own under a registered one.
pub(crate) async fn is_used(on: impl Into<On<'_>>, registered_id: &str) -> Result<bool> {
    let found: Option<String> = sql("SELECT id FROM identity_limits WHERE registered_limit_id = $1 LIMIT 1")
        .bind(registered_id)
        .optional(on)
        .await?;
    Ok(found.is_some())
}

pub(crate) async fn get(on: impl Into<On<'_>>, id: &str) -> Result<Option<Limit>> {
    sql("SELECT * FROM identity_limits WHERE id = $1").bind(id).optional(on).await
}

pub(crate) async fn list(
    on: impl Into<On<'_>>,
    seen: Seen<'_>,
    filters: Vec<Filter>,
    page: &Page,
) -> Result<Vec<Limit>> {
    let mut sql = sql("SELECT * FROM identity_limits WHERE TRUE");
    push_seen(&mut sql, seen);
    push_filters(&mut sql, "identity_limits", filters);
    push_page(&mut sql, "identity_limits", BY_ID, page);
    sql.all(on).await
}

/// What was set for any of the projects.
pub(crate) async fn set_for<'a>(
    on: impl Into<On<'_>>,
    project_ids: impl IntoIterator<Item = &'a str>,
) -> Result<Vec<Limit>> {
    let mut query = sql("SELECT * FROM identity_limits WHERE project_id IN ");
    query.push_list(project_ids).push(" ORDER BY id");
    query.all(on).await
}

fn push_seen(sql: &mut Sql, seen: Seen<'_>) {
    match seen {
        Seen::All => sql,
        Seen::None => sql.push(" AND FALSE"),
        Seen::Project(id) => sql.push(" AND project_id = ").push_bind(id),
        Seen::Domain(id) => {
            sql.push(" AND (domain_id = ").push_bind(id);
            sql.push(" OR project_id IN (SELECT id FROM identity_projects WHERE domain_id = ").push_bind(id).push("))")
        }
    };
}

pub(crate) async fn insert(tx: &mut Tx, limit: &Limit) -> Result<()> {
    sql("INSERT INTO identity_limits (id, registered_limit_id, project_id, domain_id, service_id, region_id,
            resource_name, resource_limit, description)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)")
    .bind(&limit.id)
    .bind(&limit.registered_limit_id)
    .bind(limit.project_id.as_deref())
    .bind(limit.domain_id.as_deref())
    .bind(&limit.service_id)
    .bind(limit.region_id.as_deref())
    .bind(&limit.resource_name)
    .bind(limit.resource_limit)
    .bind(limit.description.as_deref())
    .execute(tx)
    .await
    .map(drop)
}

pub(crate) async fn update(tx: &mut Tx, limit: &Limit) -> Result<()> {
    sql("UPDATE identity_limits SET resource_limit = $2, description = $3 WHERE id = $1")
        .bind(&limit.id)
        .bind(limit.resource_limit)
        .bind(limit.description.as_deref())
        .execute(tx)
        .await
        .map(drop)
}

pub(crate) async fn delete(tx: &mut Tx, id: &str) -> Result<()> {
    sql("DELETE FROM identity_limits WHERE id = $1").bind(id).execute(tx).await.map(drop)
}

/// The limit of a domain under a registered one.
pub(crate) async fn of_domain(on: impl Into<On<'_>>, registered_id: &str, domain_id: &str) -> Result<Option<i64>> {
    sql("SELECT resource_limit FROM identity_limits WHERE registered_limit_id = $1 AND domain_id = $2")
        .bind(registered_id)
        .bind(domain_id)
        .optional(on)
        .await
}

/// The largest limit of any project in a domain under a registered one. No limit counts as the largest.
pub(crate) async fn largest_in_domain(
    on: impl Into<On<'_>>,
    registered_id: &str,
    domain_id: &str,
) -> Result<Option<i64>> {
    sql("SELECT l.resource_limit FROM identity_limits l JOIN identity_projects p ON p.id = l.project_id
         WHERE l.registered_limit_id = $1 AND p.domain_id = $2
         ORDER BY CASE WHEN l.resource_limit < 0 THEN 1 ELSE 0 END DESC, l.resource_limit DESC LIMIT 1")
    .bind(registered_id)
    .bind(domain_id)
    .optional(on)
    .await
}

/// What concerns a project of a type of service in a region; what is said for the region alone stands last.
pub(crate) async fn concerning(
    on: impl Into<On<'_>>,
    service_type: &str,
    region_id: &str,
    project_id: &str,
) -> Result<Vec<Concerning>> {
    sql("SELECT r.resource_name, r.default_limit, p.resource_limit AS project_limit, d.resource_limit AS domain_limit,
            o.domain_id
         FROM identity_registered_limits r
         JOIN identity_services s ON s.id = r.service_id AND s.kind = $1
         LEFT JOIN identity_limits p ON p.registered_limit_id = r.id AND p.project_id = $3
         LEFT JOIN identity_projects o ON o.id = $3
         LEFT JOIN identity_limits d ON d.registered_limit_id = r.id AND d.domain_id = o.domain_id
         WHERE r.region_id IS NULL OR r.region_id = $2
         ORDER BY CASE WHEN r.region_id IS NULL THEN 0 ELSE 1 END, r.id")
    .bind(service_type)
    .bind(region_id)
    .bind(project_id)
    .all(on)
    .await
}

db::row! {
    /// A limit of a project.
    pub(crate) struct OfProject { pub(crate) project_id: String, pub(crate) resource_name: String, pub(crate) resource_limit: i64 }
}

/// What is said of several projects for a type of service in a region; what is said for the region alone stands last.
pub(crate) async fn of_projects(
    on: impl Into<On<'_>>,
    service_type: &str,
    region_id: &str,
    project_ids: &[String],
) -> Result<Vec<OfProject>> {
    let mut query = sql("SELECT p.project_id, r.resource_name, p.resource_limit FROM identity_limits p
         JOIN identity_registered_limits r ON r.id = p.registered_limit_id
         JOIN identity_services s ON s.id = r.service_id
         WHERE s.kind = ");
    query.push_bind(service_type).push(" AND (r.region_id IS NULL OR r.region_id = ").push_bind(region_id);
    query.push(") AND p.project_id IN ").push_list(project_ids);
    query.push(" ORDER BY CASE WHEN r.region_id IS NULL THEN 0 ELSE 1 END, r.id");
    query.all(on).await
}
