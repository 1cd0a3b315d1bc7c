use api::Page;
use db::{On, Result, Sql, Tx, sql};

use super::{BY_ID, Extra, Filter, push_filters, push_page};

db::row! {
    /// A document that clients keep here; the cloud does not read it.
    #[derive(Clone, Debug)]
    pub(crate) struct PolicyDocument {
        pub id: String,
        pub kind: String,
        pub blob: String,
        pub extra: Extra,
    }
}

db::row! {
    /// What a document is for: an endpoint, a service, or a service in a region.
    #[derive(Clone, Debug)]
    pub(crate) struct Association {
        pub policy_id: String,
        pub endpoint_id: Option<String>,
        pub service_id: Option<String>,
        pub region_id: Option<String>,
    }
}

pub(crate) async fn get(on: impl Into<On<'_>>, id: &str) -> Result<Option<PolicyDocument>> {
    sql("SELECT * FROM identity_policies WHERE id = $1").bind(id).optional(on).await
}

pub(crate) async fn list(on: impl Into<On<'_>>, filters: Vec<Filter>, page: &Page) -> Result<Vec<PolicyDocument>> {
    let mut sql = sql("SELECT * FROM identity_policies WHERE TRUE");
    push_filters(&mut sql, "identity_policies", filters);
    push_page(&mut sql, "identity_policies", BY_ID, page);
    sql.all(on).await
}

pub(crate) async fn insert(tx: &mut Tx, document: &PolicyDocument) -> Result<()> {
    sql("INSERT INTO identity_policies (id, kind, blob, extra) VALUES ($1, $2, $3, $4)")
        .bind(&document.id)
        .bind(&document.kind)
        .bind(&document.blob)
        .bind(&document.extra)
        .execute(tx)
        .await
        .map(drop)
}

pub(crate) async fn update(tx: &mut Tx, document: &PolicyDocument) -> Result<()> {
    sql("UPDATE identity_policies SET kind = $2, blob = $3, extra = $4 WHERE id = $1")
        .bind(&document.id)
        .bind(&document.kind)
        .bind(&document.blob)
        .bind(&document.extra)
        .execute(tx)
        .await
        .map(drop)
}

pub(crate) async fn delete(tx: &mut Tx, id: &str) -> Result<()> {
    sql("DELETE FROM identity_policies WHERE id = $1").bind(id).execute(tx).await.map(drop)
}

pub(crate) async fn associations(on: impl Into<On<'_>>) -> Result<Vec<Association>> {
    sql("SELECT policy_id, endpoint_id, service_id, region_id FROM identity_policy_associations").all(on).await
}

/// Narrows a statement down to one endpoint, or service, or service in a region.
fn push_place(sql: &mut Sql, place: &Association) {
    for (column, value) in
        [("endpoint_id", &place.endpoint_id), ("service_id", &place.service_id), ("region_id", &place.region_id)]
    {
        match value {
            Some(value) => sql.push(&format!(" AND {column} = ")).push_bind(value),
            None => sql.push(&format!(" AND {column} IS NULL")),
        };
    }
}

/// Makes the document the one for the place, instead of any other.
pub(crate) async fn associate(tx: &mut Tx, id: &str, new: &Association) -> Result<()> {
    let mut old = sql("DELETE FROM identity_policy_associations WHERE TRUE");
    push_place(&mut old, new);
    old.execute(&mut *tx).await?;
    sql("INSERT INTO identity_policy_associations (id, policy_id, endpoint_id, service_id, region_id)
         VALUES ($1, $2, $3, $4, $5)")
    .bind(id)
    .bind(&new.policy_id)
    .bind(new.endpoint_id.as_deref())
    .bind(new.service_id.as_deref())
    .bind(new.region_id.as_deref())
    .execute(tx)
    .await
    .map(drop)
}

/// Tells whether there was such an association.
pub(crate) async fn dissociate(tx: &mut Tx, old: &Association) -> Result<bool> {
    let mut sql = sql("DELETE FROM identity_policy_associations WHERE policy_id = $1").bind(&old.policy_id);
    push_place(&mut sql, old);
    Ok(sql.execute(tx).await? > 0)
}
