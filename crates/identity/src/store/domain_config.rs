use db::{On, Result, Sql, Tx, sql};

db::row! {
    /// An option of a domain.
    #[derive(Clone, Debug)]
    pub(crate) struct DomainOption {
        pub section: String,
        pub name: String,
        /// JSON; encrypted if sensitive.
        pub value: String,
        pub sensitive: bool,
    }
}

/// Which options of a domain: all, those of a section, or one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part<'a> {
    pub section: Option<&'a str>,
    pub name: Option<&'a str>,
}

impl Part<'_> {
    fn push(self, sql: &mut Sql) {
        if let Some(section) = self.section {
            sql.push(" AND section = ").push_bind(section);
        }
        if let Some(name) = self.name {
            sql.push(" AND name = ").push_bind(name);
        }
    }
}

pub(crate) async fn list(on: impl Into<On<'_>>, domain_id: &str, part: Part<'_>) -> Result<Vec<DomainOption>> {
    let mut sql = sql("SELECT section, name, value, sensitive FROM identity_domain_options WHERE domain_id = $1");
    sql = sql.bind(domain_id);
    part.push(&mut sql);
    sql.push(" ORDER BY section, name");
    sql.all(on).await
}

pub(crate) async fn set(tx: &mut Tx, domain_id: &str, option: &DomainOption) -> Result<()> {
    sql("INSERT INTO identity_domain_options (domain_id, section, name, value, sensitive) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (domain_id, section, name) DO UPDATE SET value = excluded.value")
    .bind(domain_id)
    .bind(&option.section)
    .bind(&option.name)
    .bind(&option.value)
    .bind(option.sensitive)
    .execute(tx)
    .await
    .map(drop)
}

db::row! {
    /// A secret option, encrypted.
    pub(crate) struct Secret {
        pub domain_id: String,
        pub section: String,
        pub name: String,
        pub value: String,
    }
}

/// The secret options of all domains.
pub(crate) async fn secrets(tx: &mut Tx) -> Result<Vec<Secret>> {
    sql("SELECT domain_id, section, name, value FROM identity_domain_options WHERE sensitive").all(tx).await
}

pub(crate) async fn secret_replace(tx: &mut Tx, secret: &Secret) -> Result<()> {
    sql("UPDATE identity_domain_options SET value = $4 WHERE domain_id = $1 AND section = $2 AND name = $3")
        .bind(&secret.domain_id)
        .bind(&secret.section)
        .bind(&secret.name)
        .bind(&secret.value)
        .execute(tx)
        .await
        .map(drop)
}

pub(crate) async fn delete(tx: &mut Tx, domain_id: &str, part: Part<'_>) -> Result<()> {
    let mut sql = sql("DELETE FROM identity_domain_options WHERE domain_id = $1").bind(domain_id);
    part.push(&mut sql);
    sql.execute(tx).await.map(drop)
}
