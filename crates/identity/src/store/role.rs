use api::Page;
use db::{On, Result, Tx, sql};

use super::{BY_NAME, Extra, Filter, push_filters, push_page};

db::row! {
    /// A role.
    #[derive(Clone, Debug)]
    pub(crate) struct Role {
        pub id: String,
        pub name: String,
        pub domain_id: Option<String>,
        pub description: Option<String>,
        pub options: Extra,
        pub extra: Extra,
    }
}

db::row! {
    /// Who has the prior role has the implied one too.
    #[derive(Clone, Debug)]
    pub(crate) struct Implication {
        pub prior_id: String,
        pub implied_id: String,
    }
}

pub(crate) async fn get(on: impl Into<On<'_>>, id: &str) -> Result<Option<Role>> {
    sql("SELECT * FROM identity_roles WHERE id = $1").bind(id).optional(on).await
}

pub(crate) async fn by_name(on: impl Into<On<'_>>, name: &str) -> Result<Option<Role>> {
    sql("SELECT * FROM identity_roles WHERE name = $1 AND domain_id IS NULL").bind(name).optional(on).await
}

pub(crate) async fn list(on: impl Into<On<'_>>, filters: Vec<Filter>, page: &Page) -> Result<Vec<Role>> {
    let mut sql = sql("SELECT * FROM identity_roles WHERE TRUE");
    push_filters(&mut sql, "identity_roles", filters);
    push_page(&mut sql, "identity_roles", BY_NAME, page);
    sql.all(on).await
}

/// Every role, of every domain.
pub(crate) async fn all(on: impl Into<On<'_>>) -> Result<Vec<Role>> {
    sql("SELECT * FROM identity_roles ORDER BY name, id").all(on).await
}

pub(crate) async fn insert(tx: &mut Tx, role: &Role) -> Result<()> {
    sql("INSERT INTO identity_roles (id, name, domain_id, description, options, extra) VALUES ($1, $2, $3, $4, $5, $6)")
        .bind(&role.id)
        .bind(&role.name)
        .bind(role.domain_id.as_deref())
        .bind(role.description.as_deref())
        .bind(&role.options)
        .bind(&role.extra)
        .execute(tx)
        .await
        .map(drop)
}

pub(crate) async fn update(tx: &mut Tx, role: &Role) -> Result<()> {
    sql("UPDATE identity_roles SET name = $2, description = $3, options = $4, extra = $5 WHERE id = $1")
        .bind(&role.id)
        .bind(&role.name)
        .bind(role.description.as_deref())
        .bind(&role.options)
        .bind(&role.extra)
        .execute(tx)
        .await
        .map(drop)
}

pub(crate) async fn delete(tx: &mut Tx, id: &str) -> Result<()> {
    sql("DELETE FROM identity_roles WHERE id = $1").bind(id).execute(tx).await.map(drop)
}

pub(crate) async fn implications(on: impl Into<On<'_>>) -> Result<Vec<Implication>> {
    sql("SELECT * FROM identity_implied_roles ORDER BY prior_id, implied_id").all(on).await
}

pub(crate) async fn imply(tx: &mut Tx, prior_id: &str, implied_id: &str) -> Result<u64> {
    sql("INSERT INTO identity_implied_roles (prior_id, implied_id) VALUES ($1, $2)
         ON CONFLICT (prior_id, implied_id) DO NOTHING")
    .bind(prior_id)
    .bind(implied_id)
    .execute(tx)
    .await
}

pub(crate) async fn imply_not(tx: &mut Tx, prior_id: &str, implied_id: &str) -> Result<u64> {
    sql("DELETE FROM identity_implied_roles WHERE prior_id = $1 AND implied_id = $2")
        .bind(prior_id)
        .bind(implied_id)
        .execute(tx)
        .await
}
