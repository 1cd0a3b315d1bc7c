use api::Page;
use db::{On, Result, Sql, Tx, sql};

use super::catalog::Endpoint;
use super::project::Project;
use super::{BY_ID, Extra, Filter, push_filters, push_page};

db::row! {
    /// Endpoints that have something in common: service, region, interface.
    #[derive(Clone, Debug)]
    pub(crate) struct EndpointGroup {
        pub id: String,
        pub name: String,
        pub description: Option<String>,
        pub filters: Extra,
        pub extra: Extra,
    }
}

/// What a project is shown: a single endpoint, or a group of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    Endpoint,
    Group,
}

impl Shown {
    fn table(self) -> &'static str {
        match self {
            Self::Endpoint => "identity_project_endpoints",
            Self::Group => "identity_project_endpoint_groups",
        }
    }

    fn column(self) -> &'static str {
        match self {
            Self::Endpoint => "endpoint_id",
            Self::Group => "endpoint_group_id",
        }
    }
}

pub(crate) async fn get(on: impl Into<On<'_>>, id: &str) -> Result<Option<EndpointGroup>> {
    sql("SELECT * FROM identity_endpoint_groups WHERE id = $1").bind(id).optional(on).await
}

pub(crate) async fn list(on: impl Into<On<'_>>, filters: Vec<Filter>, page: &Page) -> Result<Vec<EndpointGroup>> {
    let mut sql = sql("SELECT * FROM identity_endpoint_groups WHERE TRUE");
    push_filters(&mut sql, "identity_endpoint_groups", filters);
    push_page(&mut sql, "identity_endpoint_groups", BY_ID, page);
    sql.all(on).await
}

pub(crate) async fn insert(tx: &mut Tx, group: &EndpointGroup) -> Result<()> {
    sql("INSERT INTO identity_endpoint_groups (id, name, description, filters, extra) VALUES ($1, $2, $3, $4, $5)")
        .bind(&group.id)
        .bind(&group.name)
        .bind(group.description.as_deref())
        .bind(&group.filters)
        .bind(&group.extra)
        .execute(tx)
        .await
        .map(drop)
}

pub(crate) async fn update(tx: &mut Tx, group: &EndpointGroup) -> Result<()> {
    sql("UPDATE identity_endpoint_groups SET name = $2, description = $3, filters = $4, extra = $5 WHERE id = $1")
        .bind(&group.id)
        .bind(&group.name)
        .bind(group.description.as_deref())
        .bind(&group.filters)
        .bind(&group.extra)
        .execute(tx)
        .await
        .map(drop)
}

pub(crate) async fn delete(tx: &mut Tx, id: &str) -> Result<()> {
    sql("DELETE FROM identity_endpoint_groups WHERE id = $1").bind(id).execute(tx).await.map(drop)
}

/// Whether the catalog of any project is filtered.
pub(crate) async fn any(on: impl Into<On<'_>>) -> Result<bool> {
    let found: Option<String> = sql("SELECT project_id FROM identity_project_endpoints
         UNION ALL SELECT project_id FROM identity_project_endpoint_groups LIMIT 1")
    .optional(on)
    .await?;
    Ok(found.is_some())
}

/// The ids of what a project is shown.
pub(crate) async fn of_project(on: impl Into<On<'_>>, what: Shown, project_id: &str) -> Result<Vec<String>> {
    let mut sql = sql("SELECT ");
    sql.push(what.column()).push(" FROM ").push(what.table()).push(" WHERE project_id = ").push_bind(project_id);
    sql.push(" ORDER BY ").push(what.column());
    sql.all(on).await
}

/// The projects that are shown an endpoint or a group.
pub(crate) async fn projects(on: impl Into<On<'_>>, what: Shown, id: &str) -> Result<Vec<Project>> {
    let mut sql = sql("SELECT * FROM identity_projects WHERE id IN (SELECT project_id FROM ");
    sql.push(what.table()).push(" WHERE ").push(what.column()).push(" = ").push_bind(id);
    sql.push(") ORDER BY name, id");
    sql.all(on).await
}

pub(crate) async fn show(tx: &mut Tx, what: Shown, project_id: &str, id: &str) -> Result<()> {
    let mut sql = sql("INSERT INTO ");
    sql.push(what.table()).push(" (project_id, ").push(what.column()).push(") VALUES (").push_bind(project_id);
    sql.push(", ").push_bind(id).push(") ON CONFLICT DO NOTHING");
    sql.execute(tx).await.map(drop)
}

fn push_one<'a>(sql: &'a mut Sql, what: Shown, project_id: &str, id: &str) -> &'a mut Sql {
    sql.push(what.table()).push(" WHERE project_id = ").push_bind(project_id);
    sql.push(" AND ").push(what.column()).push(" = ").push_bind(id)
}

pub(crate) async fn is_shown(on: impl Into<On<'_>>, what: Shown, project_id: &str, id: &str) -> Result<bool> {
    let mut sql = sql("SELECT project_id FROM ");
    push_one(&mut sql, what, project_id, id);
    let found: Option<String> = sql.optional(on).await?;
    Ok(found.is_some())
}

/// Tells whether it was shown.
pub(crate) async fn hide(tx: &mut Tx, what: Shown, project_id: &str, id: &str) -> Result<bool> {
    let mut sql = sql("DELETE FROM ");
    push_one(&mut sql, what, project_id, id);
    Ok(sql.execute(tx).await? > 0)
}

impl EndpointGroup {
    /// Whether the endpoint is in the group.
    pub fn has(&self, endpoint: &Endpoint) -> bool {
        self.filters.0.iter().all(|(name, wanted)| match name.as_str() {
            "service_id" => *wanted == endpoint.service_id.as_str(),
            "interface" => *wanted == endpoint.interface.as_str(),
            "region_id" => endpoint.region_id.as_deref() == wanted.as_str(),
            _ => false,
        })
    }
}
