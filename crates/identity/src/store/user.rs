use api::Page;
use db::{On, Result, Tx, sql};
use jiff::Timestamp;

use super::{BY_NAME, Extra, Filter, push_filters, push_page};

db::row! {
    /// A user.
    #[derive(Clone, Debug)]
    pub(crate) struct User {
        pub id: String,
        pub domain_id: String,
        pub name: String,
        pub password_hash: Option<String>,
        pub default_project_id: Option<String>,
        pub enabled: bool,
        pub token_generation: i64,
        pub created_at: Timestamp,
        pub extra: Extra,
    }
}

db::row! {
    /// A user with what authentication needs to know of the domain.
    #[derive(Clone, Debug)]
    pub(crate) struct Account {
        pub id: String,
        pub domain_id: String,
        pub name: String,
        pub password_hash: Option<String>,
        pub default_project_id: Option<String>,
        pub enabled: bool,
        pub token_generation: i64,
        pub domain_name: String,
        pub domain_enabled: bool,
    }
}

impl Account {
    /// Whether the user may log in at all.
    pub fn is_active(&self) -> bool {
        self.enabled && self.domain_enabled
    }
}

pub(crate) async fn get(on: impl Into<On<'_>>, id: &str) -> Result<Option<User>> {
    sql("SELECT * FROM identity_users WHERE id = $1").bind(id).optional(on).await
}

pub(crate) async fn by_name(on: impl Into<On<'_>>, domain_id: &str, name: &str) -> Result<Option<User>> {
    sql("SELECT * FROM identity_users WHERE domain_id = $1 AND name = $2").bind(domain_id).bind(name).optional(on).await
}

pub(crate) async fn account(on: impl Into<On<'_>>, id: &str) -> Result<Option<Account>> {
    sql("SELECT u.id, u.domain_id, u.name, u.password_hash, u.default_project_id, u.enabled, u.token_generation,
            d.name AS domain_name, d.enabled AS domain_enabled
         FROM identity_users u JOIN identity_domains d ON d.id = u.domain_id WHERE u.id = $1")
    .bind(id)
    .optional(on)
    .await
}

/// The account of that name in the domain of that id or of that name.
pub(crate) async fn account_by_name(
    on: impl Into<On<'_>>,
    name: &str,
    domain_id: Option<&str>,
    domain_name: Option<&str>,
) -> Result<Option<Account>> {
    sql("SELECT u.id, u.domain_id, u.name, u.password_hash, u.default_project_id, u.enabled, u.token_generation,
            d.name AS domain_name, d.enabled AS domain_enabled
         FROM identity_users u JOIN identity_domains d ON d.id = u.domain_id
         WHERE u.name = $1 AND (d.id = $2 OR d.name = $3)")
    .bind(name)
    .bind(domain_id)
    .bind(domain_name)
    .optional(on)
    .await
}

pub(crate) async fn list(on: impl Into<On<'_>>, filters: Vec<Filter>, page: &Page) -> Result<Vec<User>> {
    let mut sql = sql("SELECT * FROM identity_users WHERE TRUE");
    push_filters(&mut sql, "identity_users", filters);
    push_page(&mut sql, "identity_users", BY_NAME, page);
    sql.all(on).await
}

pub(crate) async fn of_group(
    on: impl Into<On<'_>>,
    group_id: &str,
    filters: Vec<Filter>,
    page: &Page,
) -> Result<Vec<User>> {
    let mut sql = sql("SELECT * FROM identity_users
         WHERE id IN (SELECT user_id FROM identity_memberships WHERE group_id = $1)")
    .bind(group_id);
    push_filters(&mut sql, "identity_users", filters);
    push_page(&mut sql, "identity_users", BY_NAME, page);
    sql.all(on).await
}

pub(crate) async fn insert(tx: &mut Tx, user: &User) -> Result<()> {
    sql("INSERT INTO identity_users (id, domain_id, name, password_hash, default_project_id, enabled,
            token_generation, created_at, extra)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)")
    .bind(&user.id)
    .bind(&user.domain_id)
    .bind(&user.name)
    .bind(user.password_hash.as_deref())
    .bind(user.default_project_id.as_deref())
    .bind(user.enabled)
    .bind(user.token_generation)
    .bind(user.created_at)
    .bind(&user.extra)
    .execute(tx)
    .await
    .map(drop)
}

pub(crate) async fn update(tx: &mut Tx, user: &User) -> Result<()> {
    sql("UPDATE identity_users SET name = $2, password_hash = $3, default_project_id = $4, enabled = $5,
            token_generation = $6, extra = $7
         WHERE id = $1")
    .bind(&user.id)
    .bind(&user.name)
    .bind(user.password_hash.as_deref())
    .bind(user.default_project_id.as_deref())
    .bind(user.enabled)
    .bind(user.token_generation)
    .bind(&user.extra)
    .execute(tx)
    .await
    .map(drop)
}

/// Removes the user and the roles that were given to it.
pub(crate) async fn delete(tx: &mut Tx, id: &str) -> Result<()> {
    for text in [
        "DELETE FROM identity_assignments WHERE actor_type = 'user' AND actor_id = $1",
        "DELETE FROM identity_users WHERE id = $1",
    ] {
        sql(text).bind(id).execute(&mut *tx).await?;
    }
    Ok(())
}
