use api::Page;
use db::{On, Result, Tx, sql};

use super::{BY_NAME, Extra, Filter, push_filters, push_page};

db::row! {
    /// A domain: a space of names for projects, users and groups.
    #[derive(Clone, Debug)]
    pub(crate) struct Domain {
        pub id: String,
        pub name: String,
        pub description: String,
        pub enabled: bool,
        pub options: Extra,
        pub extra: Extra,
    }
}

pub(crate) async fn get(on: impl Into<On<'_>>, id: &str) -> Result<Option<Domain>> {
    sql("SELECT * FROM identity_domains WHERE id = $1").bind(id).optional(on).await
}

/// The domains with these ids.
pub(crate) async fn by_ids(db: &db::Db, ids: &[&str]) -> Result<Vec<Domain>> {
    let mut all = Vec::new();
    // As many parameters as every engine takes.
    for ids in ids.chunks(1000) {
        let mut sql = sql("SELECT * FROM identity_domains WHERE id IN ");
        sql.push_list(ids.iter().copied());
        all.extend(sql.all::<Domain>(db).await?);
    }
    Ok(all)
}

pub(crate) async fn by_name(on: impl Into<On<'_>>, name: &str) -> Result<Option<Domain>> {
    sql("SELECT * FROM identity_domains WHERE name = $1").bind(name).optional(on).await
}

pub(crate) async fn list(on: impl Into<On<'_>>, filters: Vec<Filter>, page: &Page) -> Result<Vec<Domain>> {
    let mut sql = sql("SELECT * FROM identity_domains WHERE TRUE");
    push_filters(&mut sql, "identity_domains", filters);
    push_page(&mut sql, "identity_domains", BY_NAME, page);
    sql.all(on).await
}

pub(crate) async fn insert(tx: &mut Tx, domain: &Domain) -> Result<()> {
    sql("INSERT INTO identity_domains (id, name, description, enabled, options, extra) VALUES ($1, $2, $3, $4, $5, $6)")
        .bind(&domain.id)
        .bind(&domain.name)
        .bind(&domain.description)
        .bind(domain.enabled)
        .bind(&domain.options)
        .bind(&domain.extra)
        .execute(tx)
        .await
        .map(drop)
}

pub(crate) async fn update(tx: &mut Tx, domain: &Domain) -> Result<()> {
    sql("UPDATE identity_domains SET name = $2, description = $3, enabled = $4, options = $5, extra = $6 WHERE id = $1")
        .bind(&domain.id)
        .bind(&domain.name)
        .bind(&domain.description)
        .bind(domain.enabled)
        .bind(&domain.options)
        .bind(&domain.extra)
        .execute(tx)
        .await
        .map(drop)
}

/// Removes the domain and everything in it.
pub(crate) async fn delete(tx: &mut Tx, id: &str) -> Result<()> {
    for text in [
        "DELETE FROM identity_assignments WHERE target_type = 'domain' AND target_id = $1",
        "DELETE FROM identity_assignments WHERE target_type = 'project'
         AND target_id IN (SELECT id FROM identity_projects WHERE domain_id = $1)",
        "DELETE FROM identity_assignments WHERE actor_type = 'user'
         AND actor_id IN (SELECT id FROM identity_users WHERE domain_id = $1)",
        "DELETE FROM identity_assignments WHERE actor_type = 'group'
         AND actor_id IN (SELECT id FROM identity_groups WHERE domain_id = $1)",
        "DELETE FROM identity_application_credentials
         WHERE user_id IN (SELECT id FROM identity_users WHERE domain_id = $1)",
        "DELETE FROM identity_credentials
         WHERE project_id IN (SELECT id FROM identity_projects WHERE domain_id = $1)",
        "DELETE FROM identity_groups WHERE domain_id = $1",
        "DELETE FROM identity_users WHERE domain_id = $1",
        "DELETE FROM identity_roles WHERE domain_id = $1",
        "UPDATE identity_projects SET parent_id = NULL WHERE domain_id = $1",
        "DELETE FROM identity_projects WHERE domain_id = $1",
        "DELETE FROM identity_domains WHERE id = $1",
    ] {
        sql(text).bind(id).execute(&mut *tx).await?;
    }
    Ok(())
}
