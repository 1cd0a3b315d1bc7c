use api::Page;
use db::{On, Result, Sql, Tx, sql};

use super::{BY_NAME, Extra, Filter, push_filters, push_page};

db::row! {
    /// A project: what owns servers, networks, images.
    #[derive(Clone, Debug)]
    pub(crate) struct Project {
        pub id: String,
        pub domain_id: String,
        pub parent_id: Option<String>,
        pub name: String,
        pub description: String,
        pub enabled: bool,
        pub options: Extra,
        pub extra: Extra,
    }
}

db::row! {
    /// A project with what its tokens need to know of its domain.
    #[derive(Clone, Debug)]
    pub(crate) struct Scoped {
        pub id: String,
        pub domain_id: String,
        pub name: String,
        pub enabled: bool,
        pub domain_name: String,
        pub domain_enabled: bool,
    }
}

db::row! {
    /// One tag of one project.
    pub(crate) struct Tag {
        pub project_id: String,
        pub name: String,
    }
}

db::row! {
    /// A project, and one that it stands below or the domain that it is in.
    pub(crate) struct Below {
        pub above_id: String,
        pub id: String,
    }
}

/// As many parameters as every engine takes.
const MANY: usize = 1000;

/// Which tags a list asks for.
#[derive(Debug, Default)]
pub(crate) struct TagFilter {
    /// Each of them.
    pub all: Vec<String>,
    /// At least one of them.
    pub any: Vec<String>,
    /// Not each of them.
    pub not_all: Vec<String>,
    /// None of them.
    pub not_any: Vec<String>,
}

pub(crate) async fn get(on: impl Into<On<'_>>, id: &str) -> Result<Option<Project>> {
    sql("SELECT * FROM identity_projects WHERE id = $1").bind(id).optional(on).await
}

pub(crate) async fn by_name(on: impl Into<On<'_>>, domain_id: &str, name: &str) -> Result<Option<Project>> {
    sql("SELECT * FROM identity_projects WHERE domain_id = $1 AND name = $2")
        .bind(domain_id)
        .bind(name)
        .optional(on)
        .await
}

pub(crate) async fn scoped(on: impl Into<On<'_>>, id: &str) -> Result<Option<Scoped>> {
    sql("SELECT p.id, p.domain_id, p.name, p.enabled, d.name AS domain_name, d.enabled AS domain_enabled
         FROM identity_projects p JOIN identity_domains d ON d.id = p.domain_id WHERE p.id = $1")
    .bind(id)
    .optional(on)
    .await
}

pub(crate) async fn list(
    on: impl Into<On<'_>>,
    filters: Vec<Filter>,
    tags: &TagFilter,
    page: &Page,
) -> Result<Vec<Project>> {
    let mut sql = sql("SELECT * FROM identity_projects WHERE TRUE");
    push_filters(&mut sql, "identity_projects", filters);
    push_tags(&mut sql, tags);
    push_page(&mut sql, "identity_projects", BY_NAME, page);
    sql.all(on).await
}

fn push_tags(sql: &mut Sql, tags: &TagFilter) {
    let count = |sql: &mut Sql, wanted: &[String]| {
        sql.push(
            "(SELECT COUNT(*) FROM identity_project_tags t WHERE t.project_id = identity_projects.id AND t.name IN ",
        );
        sql.push_list(wanted).push(")");
    };
    for (wanted, comparison) in [(&tags.all, " = "), (&tags.any, " > "), (&tags.not_all, " < "), (&tags.not_any, " = ")]
    {
        if wanted.is_empty() {
            continue;
        }
        sql.push(" AND ");
        count(sql, wanted);
        let compared_with_all = std::ptr::eq(wanted, &tags.all) || std::ptr::eq(wanted, &tags.not_all);
        let bound = if compared_with_all { i64::try_from(wanted.len()).unwrap_or(i64::MAX) } else { 0 };
        sql.push(comparison).push_bind(bound);
    }
}

pub(crate) async fn list_ids(on: impl Into<On<'_>>) -> Result<Vec<String>> {
    sql("SELECT id FROM identity_projects ORDER BY id").all(on).await
}

/// The projects with these ids.
pub(crate) async fn by_ids(db: &db::Db, ids: &[&str]) -> Result<Vec<Project>> {
    let mut all = Vec::new();
    for ids in ids.chunks(MANY) {
        let mut sql = sql("SELECT * FROM identity_projects WHERE id IN ");
        sql.push_list(ids.iter().copied());
        all.extend(sql.all::<Project>(db).await?);
    }
    Ok(all)
}

/// The project's ancestors, nearest first.
pub(crate) async fn parents(on: impl Into<On<'_>>, id: &str) -> Result<Vec<Project>> {
    sql("WITH RECURSIVE up AS (
            SELECT id, parent_id, 0 AS depth FROM identity_projects WHERE id = $1
            UNION ALL SELECT p.id, p.parent_id, up.depth + 1 FROM identity_projects p JOIN up ON p.id = up.parent_id)
         SELECT p.* FROM identity_projects p JOIN up ON up.id = p.id WHERE up.depth > 0 ORDER BY up.depth")
    .bind(id)
    .all(on)
    .await
}

/// Everything below the project.
pub(crate) async fn subtree(on: impl Into<On<'_>>, id: &str) -> Result<Vec<Project>> {
    sql("WITH RECURSIVE down AS (
            SELECT id FROM identity_projects WHERE parent_id = $1
            UNION SELECT p.id FROM identity_projects p JOIN down ON p.parent_id = down.id)
         SELECT * FROM identity_projects WHERE id IN (SELECT id FROM down) ORDER BY name, id")
    .bind(id)
    .all(on)
    .await
}

pub(crate) async fn ids_in_domain(on: impl Into<On<'_>>, domain_id: &str) -> Result<Vec<String>> {
    sql("SELECT id FROM identity_projects WHERE domain_id = $1 ORDER BY id").bind(domain_id).all(on).await
}

/// The projects in several domains.
pub(crate) async fn in_domains(db: &db::Db, ids: &[&str]) -> Result<Vec<Below>> {
    let mut all = Vec::new();
    for ids in ids.chunks(MANY) {
        let mut sql = sql("SELECT domain_id AS above_id, id FROM identity_projects WHERE domain_id IN ");
        sql.push_list(ids.iter().copied());
        all.extend(sql.all::<Below>(db).await?);
    }
    Ok(all)
}

/// The projects below several others.
pub(crate) async fn below(db: &db::Db, ids: &[&str]) -> Result<Vec<Below>> {
    let mut all = Vec::new();
    for ids in ids.chunks(MANY) {
        let mut sql = sql("WITH RECURSIVE down AS (
            SELECT parent_id AS above_id, id FROM identity_projects WHERE parent_id IN ");
        sql.push_list(ids.iter().copied());
        sql.push(
            " UNION SELECT down.above_id, p.id FROM identity_projects p JOIN down ON p.parent_id = down.id)
              SELECT above_id, id FROM down",
        );
        all.extend(sql.all::<Below>(db).await?);
    }
    Ok(all)
}

pub(crate) async fn insert(tx: &mut Tx, project: &Project) -> Result<()> {
    sql("INSERT INTO identity_projects (id, domain_id, parent_id, name, description, enabled, options, extra)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)")
    .bind(&project.id)
    .bind(&project.domain_id)
    .bind(project.parent_id.as_deref())
    .bind(&project.name)
    .bind(&project.description)
    .bind(project.enabled)
    .bind(&project.options)
    .bind(&project.extra)
    .execute(tx)
    .await
    .map(drop)
}

pub(crate) async fn update(tx: &mut Tx, project: &Project) -> Result<()> {
    sql("UPDATE identity_projects SET name = $2, description = $3, enabled = $4, options = $5, extra = $6 WHERE id = $1")
        .bind(&project.id)
        .bind(&project.name)
        .bind(&project.description)
        .bind(project.enabled)
        .bind(&project.options)
        .bind(&project.extra)
        .execute(tx)
        .await
        .map(drop)
}

/// Removes the project and the roles that were given on it.
pub(crate) async fn delete(tx: &mut Tx, id: &str) -> Result<()> {
    for text in [
        "DELETE FROM identity_assignments WHERE target_type = 'project' AND target_id = $1",
        "UPDATE identity_users SET default_project_id = NULL WHERE default_project_id = $1",
        "DELETE FROM identity_credentials WHERE project_id = $1",
        "DELETE FROM identity_projects WHERE id = $1",
    ] {
        sql(text).bind(id).execute(&mut *tx).await?;
    }
    Ok(())
}

/// The tags of several projects.
pub(crate) async fn tags(on: impl Into<On<'_>>, ids: &[&str]) -> Result<Vec<Tag>> {
    let mut sql = sql("SELECT project_id, name FROM identity_project_tags WHERE project_id IN ");
    sql.push_list(ids.iter().copied()).push(" ORDER BY name");
    sql.all(on).await
}

/// Replaces the tags of a project.
pub(crate) async fn tags_set(tx: &mut Tx, id: &str, tags: &[String]) -> Result<()> {
    sql("DELETE FROM identity_project_tags WHERE project_id = $1").bind(id).execute(&mut *tx).await?;
    for tag in tags {
        tag_add(tx, id, tag).await?;
    }
    Ok(())
}

pub(crate) async fn tag_add(tx: &mut Tx, id: &str, tag: &str) -> Result<()> {
    sql("INSERT INTO identity_project_tags (project_id, name) VALUES ($1, $2) ON CONFLICT (project_id, name) DO NOTHING")
        .bind(id)
        .bind(tag)
        .execute(tx)
        .await
        .map(drop)
}

pub(crate) async fn tag_remove(tx: &mut Tx, id: &str, tag: &str) -> Result<u64> {
    sql("DELETE FROM identity_project_tags WHERE project_id = $1 AND name = $2").bind(id).bind(tag).execute(tx).await
}
