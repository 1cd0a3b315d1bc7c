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
        pub options: Extra,
        pub password_created_at: Option<Timestamp>,
        pub password_expires_at: Option<Timestamp>,
        /// Whether the user chose the password, and not an administrator.
        pub password_self_service: bool,
        pub failed_auth_count: i64,
        pub failed_auth_at: Option<Timestamp>,
        pub last_active_at: Option<Timestamp>,
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
        pub created_at: Timestamp,
        pub options: Extra,
        pub password_expires_at: Option<Timestamp>,
        pub failed_auth_count: i64,
        pub failed_auth_at: Option<Timestamp>,
        pub last_active_at: Option<Timestamp>,
        pub domain_name: String,
        pub domain_enabled: bool,
    }
}

impl User {
    /// A user without a password.
    pub fn new(id: String, domain_id: String, name: String, created_at: Timestamp) -> Self {
        Self {
            id,
            domain_id,
            name,
            password_hash: None,
            default_project_id: None,
            enabled: true,
            token_generation: 0,
            created_at,
            extra: Extra::default(),
            options: Extra::default(),
            password_created_at: None,
            password_expires_at: None,
            password_self_service: false,
            failed_auth_count: 0,
            failed_auth_at: None,
            last_active_at: None,
        }
    }
}

/// Which users a list asks for by the end of their passwords.
pub(crate) struct Expiry {
    /// A comparison of SQL.
    pub comparison: &'static str,
    pub at: Timestamp,
}

pub(crate) async fn get(on: impl Into<On<'_>>, id: &str) -> Result<Option<User>> {
    sql("SELECT * FROM identity_users WHERE id = $1").bind(id).optional(on).await
}

pub(crate) async fn by_name(on: impl Into<On<'_>>, domain_id: &str, name: &str) -> Result<Option<User>> {
    sql("SELECT * FROM identity_users WHERE domain_id = $1 AND name = $2").bind(domain_id).bind(name).optional(on).await
}

pub(crate) async fn account(on: impl Into<On<'_>>, id: &str) -> Result<Option<Account>> {
    sql("SELECT u.*, d.name AS domain_name, d.enabled AS domain_enabled
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
    sql("SELECT u.*, d.name AS domain_name, d.enabled AS domain_enabled
         FROM identity_users u JOIN identity_domains d ON d.id = u.domain_id
         WHERE u.name = $1 AND (d.id = $2 OR d.name = $3)")
    .bind(name)
    .bind(domain_id)
    .bind(domain_name)
    .optional(on)
    .await
}

/// A page of users, of a group if one is named.
pub(crate) async fn list(
    on: impl Into<On<'_>>,
    group_id: Option<&str>,
    filters: Vec<Filter>,
    expiry: Option<&Expiry>,
    page: &Page,
) -> Result<Vec<User>> {
    let mut sql = sql("SELECT * FROM identity_users WHERE TRUE");
    if let Some(group_id) = group_id {
        sql.push(" AND id IN (SELECT user_id FROM identity_memberships WHERE group_id = ")
            .push_bind(group_id)
            .push(")");
    }
    push_filters(&mut sql, "identity_users", filters);
    if let Some(expiry) = expiry {
        sql.push(" AND password_expires_at ").push(expiry.comparison).push(" ").push_bind(expiry.at);
    }
    push_page(&mut sql, "identity_users", BY_NAME, page);
    sql.all(on).await
}

pub(crate) async fn insert(tx: &mut Tx, user: &User) -> Result<()> {
    sql("INSERT INTO identity_users (id, domain_id, name, password_hash, default_project_id, enabled,
            token_generation, created_at, extra, options, password_created_at, password_expires_at,
            password_self_service, failed_auth_count, failed_auth_at, last_active_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)")
    .bind(&user.id)
    .bind(&user.domain_id)
    .bind(&user.name)
    .bind(user.password_hash.as_deref())
    .bind(user.default_project_id.as_deref())
    .bind(user.enabled)
    .bind(user.token_generation)
    .bind(user.created_at)
    .bind(&user.extra)
    .bind(&user.options)
    .bind(user.password_created_at)
    .bind(user.password_expires_at)
    .bind(user.password_self_service)
    .bind(user.failed_auth_count)
    .bind(user.failed_auth_at)
    .bind(user.last_active_at)
    .execute(tx)
    .await
    .map(drop)
}

pub(crate) async fn update(tx: &mut Tx, user: &User) -> Result<()> {
    sql("UPDATE identity_users SET name = $2, password_hash = $3, default_project_id = $4, enabled = $5,
            token_generation = $6, extra = $7, options = $8, password_created_at = $9, password_expires_at = $10,
            password_self_service = $11, failed_auth_count = $12, failed_auth_at = $13, last_active_at = $14
         WHERE id = $1")
    .bind(&user.id)
    .bind(&user.name)
    .bind(user.password_hash.as_deref())
    .bind(user.default_project_id.as_deref())
    .bind(user.enabled)
    .bind(user.token_generation)
    .bind(&user.extra)
    .bind(&user.options)
    .bind(user.password_created_at)
    .bind(user.password_expires_at)
    .bind(user.password_self_service)
    .bind(user.failed_auth_count)
    .bind(user.failed_auth_at)
    .bind(user.last_active_at)
    .execute(tx)
    .await
    .map(drop)
}

/// Counts a wrong password; one after the end of a lock is the first again. Takes as long for a user who is not there.
pub(crate) async fn failure_count(
    tx: &mut Tx,
    id: &str,
    now: Timestamp,
    most: i64,
    locked_until: Timestamp,
) -> Result<Option<i64>> {
    sql("UPDATE identity_users SET failed_auth_at = $2, failed_auth_count =
            CASE WHEN failed_auth_count >= $3 AND failed_auth_at <= $4 THEN 1 ELSE failed_auth_count + 1 END
         WHERE id = $1 RETURNING failed_auth_count")
    .bind(id)
    .bind(now)
    .bind(most)
    .bind(locked_until)
    .optional(tx)
    .await
}

/// Notes a login: no failures any more, and the time if that is wanted.
pub(crate) async fn login_note(tx: &mut Tx, id: &str, now: Option<Timestamp>) -> Result<()> {
    sql("UPDATE identity_users SET failed_auth_count = 0, failed_auth_at = NULL,
            last_active_at = COALESCE($2, last_active_at) WHERE id = $1")
    .bind(id)
    .bind(now)
    .execute(tx)
    .await
    .map(drop)
}

/// The hashes of the passwords that the user had before, the latest first.
pub(crate) async fn old_passwords(on: impl Into<On<'_>>, user_id: &str, limit: i64) -> Result<Vec<String>> {
    sql("SELECT password_hash FROM identity_old_passwords WHERE user_id = $1 ORDER BY created_at DESC, id LIMIT $2")
        .bind(user_id)
        .bind(limit)
        .all(on)
        .await
}

/// Keeps a password that was replaced, and forgets those beyond `most`.
pub(crate) async fn old_password_keep(
    tx: &mut Tx,
    id: &str,
    user_id: &str,
    hash: &str,
    now: Timestamp,
    most: i64,
) -> Result<()> {
    sql("INSERT INTO identity_old_passwords (id, user_id, password_hash, created_at) VALUES ($1, $2, $3, $4)")
        .bind(id)
        .bind(user_id)
        .bind(hash)
        .bind(now)
        .execute(&mut *tx)
        .await?;
    sql("DELETE FROM identity_old_passwords WHERE user_id = $1 AND id NOT IN (
            SELECT id FROM identity_old_passwords WHERE user_id = $1 ORDER BY created_at DESC, id LIMIT $2)")
    .bind(user_id)
    .bind(most)
    .execute(tx)
    .await
    .map(drop)
}

/// Removes the user and the roles that were given to it.
pub(crate) async fn delete(tx: &mut Tx, id: &str) -> Result<()> {
    for text in [
        "DELETE FROM identity_assignments WHERE actor_type = 'user' AND actor_id = $1",
        "DELETE FROM identity_application_credentials WHERE user_id = $1",
        "DELETE FROM identity_users WHERE id = $1",
    ] {
        sql(text).bind(id).execute(&mut *tx).await?;
    }
    Ok(())
}
