use db::{On, Result, Tx, sql};
use jiff::Timestamp;

use super::{Filter, push_filters};

db::row! {
    /// What a user made so that a program can act for it on one project.
    #[derive(Clone, Debug)]
    pub(crate) struct ApplicationCredential {
        pub id: String,
        pub name: String,
        pub description: Option<String>,
        pub user_id: String,
        pub project_id: String,
        pub secret_hash: String,
        pub expires_at: Option<Timestamp>,
        /// Whether it may make and delete others of its kind.
        pub unrestricted: bool,
        /// Whether only the requests of its access rules are allowed.
        pub restricted_to_rules: bool,
    }
}

db::row! {
    /// A request that is allowed.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) struct AccessRule {
        pub id: String,
        pub user_id: String,
        pub service: String,
        pub method: String,
        pub path: String,
    }
}

db::row! {
    /// One of the roles of one of several application credentials.
    pub(crate) struct RoleOf {
        pub credential_id: String,
        pub role_id: String,
    }
}

db::row! {
    /// One of the rules of one of several application credentials.
    pub(crate) struct RuleOf {
        pub credential_id: String,
        pub id: String,
        pub user_id: String,
        pub service: String,
        pub method: String,
        pub path: String,
    }
}

pub(crate) async fn get(on: impl Into<On<'_>>, id: &str) -> Result<Option<ApplicationCredential>> {
    sql("SELECT * FROM identity_application_credentials WHERE id = $1").bind(id).optional(on).await
}

pub(crate) async fn by_name(on: impl Into<On<'_>>, user_id: &str, name: &str) -> Result<Option<ApplicationCredential>> {
    sql("SELECT * FROM identity_application_credentials WHERE user_id = $1 AND name = $2")
        .bind(user_id)
        .bind(name)
        .optional(on)
        .await
}

/// The application credentials of a user, in the order of their names.
pub(crate) async fn list(
    on: impl Into<On<'_>>,
    user_id: &str,
    name: Option<&str>,
) -> Result<Vec<ApplicationCredential>> {
    sql("SELECT * FROM identity_application_credentials
         WHERE user_id = $1 AND (CAST($2 AS TEXT) IS NULL OR name = $2) ORDER BY name, id")
    .bind(user_id)
    .bind(name)
    .all(on)
    .await
}

pub(crate) async fn count(on: impl Into<On<'_>>, user_id: &str) -> Result<i64> {
    sql("SELECT COUNT(*) FROM identity_application_credentials WHERE user_id = $1").bind(user_id).one(on).await
}

/// The roles of all application credentials of a user.
pub(crate) async fn roles(on: impl Into<On<'_>>, user_id: &str) -> Result<Vec<RoleOf>> {
    sql("SELECT r.credential_id, r.role_id FROM identity_application_credential_roles r
         JOIN identity_application_credentials c ON c.id = r.credential_id WHERE c.user_id = $1")
    .bind(user_id)
    .all(on)
    .await
}

/// The access rules of all application credentials of a user.
pub(crate) async fn rules(on: impl Into<On<'_>>, user_id: &str) -> Result<Vec<RuleOf>> {
    sql("SELECT c.credential_id, r.* FROM identity_application_credential_rules c
         JOIN identity_access_rules r ON r.id = c.rule_id WHERE r.user_id = $1 ORDER BY r.id")
    .bind(user_id)
    .all(on)
    .await
}

pub(crate) async fn insert(
    tx: &mut Tx,
    new: &ApplicationCredential,
    roles: &[String],
    rules: &[AccessRule],
) -> Result<()> {
    sql("INSERT INTO identity_application_credentials (id, name, description, user_id, project_id, secret_hash,
            expires_at, unrestricted, restricted_to_rules)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)")
    .bind(&new.id)
    .bind(&new.name)
    .bind(new.description.as_deref())
    .bind(&new.user_id)
    .bind(&new.project_id)
    .bind(&new.secret_hash)
    .bind(new.expires_at)
    .bind(new.unrestricted)
    .bind(new.restricted_to_rules)
    .execute(&mut *tx)
    .await?;
    for role_id in roles {
        sql("INSERT INTO identity_application_credential_roles (credential_id, role_id) VALUES ($1, $2)")
            .bind(&new.id)
            .bind(role_id)
            .execute(&mut *tx)
            .await?;
    }
    for rule in rules {
        sql("INSERT INTO identity_application_credential_rules (credential_id, rule_id) VALUES ($1, $2)
             ON CONFLICT (credential_id, rule_id) DO NOTHING")
        .bind(&new.id)
        .bind(&rule.id)
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

pub(crate) async fn delete(tx: &mut Tx, id: &str) -> Result<u64> {
    sql("DELETE FROM identity_application_credentials WHERE id = $1").bind(id).execute(tx).await
}

/// Removes all that the user has, or those on one project.
pub(crate) async fn delete_of_user(tx: &mut Tx, user_id: &str, project_id: Option<&str>) -> Result<()> {
    sql("DELETE FROM identity_application_credentials WHERE user_id = $1 AND (CAST($2 AS TEXT) IS NULL OR project_id = $2)")
        .bind(user_id)
        .bind(project_id)
        .execute(tx)
        .await
        .map(drop)
}

pub(crate) async fn rule_get(on: impl Into<On<'_>>, id: &str) -> Result<Option<AccessRule>> {
    sql("SELECT * FROM identity_access_rules WHERE id = $1").bind(id).optional(on).await
}

pub(crate) async fn rule_list(on: impl Into<On<'_>>, user_id: &str, filters: Vec<Filter>) -> Result<Vec<AccessRule>> {
    let mut sql = sql("SELECT * FROM identity_access_rules WHERE user_id = $1").bind(user_id);
    push_filters(&mut sql, "identity_access_rules", filters);
    sql.push(" ORDER BY id");
    sql.all(on).await
}

/// The rule itself, or the same one that the user has already.
pub(crate) async fn rule_ensure(tx: &mut Tx, new: &AccessRule) -> Result<AccessRule> {
    sql("INSERT INTO identity_access_rules (id, user_id, service, method, path) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (user_id, service, method, path) DO UPDATE SET path = excluded.path
         RETURNING *")
    .bind(&new.id)
    .bind(&new.user_id)
    .bind(&new.service)
    .bind(&new.method)
    .bind(&new.path)
    .one(tx)
    .await
}

pub(crate) async fn rule_delete(tx: &mut Tx, id: &str) -> Result<u64> {
    sql("DELETE FROM identity_access_rules WHERE id = $1").bind(id).execute(tx).await
}

/// Removes the rules that a user has; no application credential may refer to them.
pub(crate) async fn rules_delete_of_user(tx: &mut Tx, user_id: &str) -> Result<()> {
    sql("DELETE FROM identity_access_rules WHERE user_id = $1").bind(user_id).execute(tx).await.map(drop)
}
