use api::Page;
use db::{On, Result, Tx, sql};

use super::{BY_ID, Extra, Filter, push_filters, push_page};

db::row! {
    /// A region.
    #[derive(Clone, Debug)]
    pub(crate) struct Region {
        pub id: String,
        pub parent_id: Option<String>,
        pub description: String,
        pub extra: Extra,
    }
}

db::row! {
    /// A service.
    #[derive(Clone, Debug)]
    pub(crate) struct Service {
        pub id: String,
        pub kind: String,
        pub name: String,
        pub description: Option<String>,
        pub enabled: bool,
        pub extra: Extra,
    }
}

db::row! {
    /// An address of a service.
    #[derive(Clone, Debug)]
    pub(crate) struct Endpoint {
        pub id: String,
        pub service_id: String,
        pub region_id: Option<String>,
        pub interface: String,
        pub url: String,
        pub enabled: bool,
        pub extra: Extra,
    }
}

pub(crate) async fn region_get(on: impl Into<On<'_>>, id: &str) -> Result<Option<Region>> {
    sql("SELECT * FROM identity_regions WHERE id = $1").bind(id).optional(on).await
}

pub(crate) async fn region_list(on: impl Into<On<'_>>, filters: Vec<Filter>, page: &Page) -> Result<Vec<Region>> {
    let mut sql = sql("SELECT * FROM identity_regions WHERE TRUE");
    push_filters(&mut sql, "identity_regions", filters);
    push_page(&mut sql, "identity_regions", BY_ID, page);
    sql.all(on).await
}

pub(crate) async fn region_insert(tx: &mut Tx, region: &Region) -> Result<()> {
    sql("INSERT INTO identity_regions (id, parent_id, description, extra) VALUES ($1, $2, $3, $4)")
        .bind(&region.id)
        .bind(region.parent_id.as_deref())
        .bind(&region.description)
        .bind(&region.extra)
        .execute(tx)
        .await
        .map(drop)
}

pub(crate) async fn region_update(tx: &mut Tx, region: &Region) -> Result<()> {
    sql("UPDATE identity_regions SET parent_id = $2, description = $3, extra = $4 WHERE id = $1")
        .bind(&region.id)
        .bind(region.parent_id.as_deref())
        .bind(&region.description)
        .bind(&region.extra)
        .execute(tx)
        .await
        .map(drop)
}

/// Removes the region and all below it.
pub(crate) async fn region_delete(tx: &mut Tx, id: &str) -> Result<()> {
    sql("DELETE FROM identity_regions WHERE id IN (WITH RECURSIVE down AS (
            SELECT id FROM identity_regions WHERE id = $1
            UNION SELECT r.id FROM identity_regions r JOIN down ON r.parent_id = down.id)
         SELECT id FROM down)")
    .bind(id)
    .execute(tx)
    .await
    .map(drop)
}

/// Whether the region is the other one, or stands above it.
pub(crate) async fn region_is_above(on: impl Into<On<'_>>, id: &str, other: &str) -> Result<bool> {
    let found: Option<String> = sql("WITH RECURSIVE up AS (
            SELECT id, parent_id FROM identity_regions WHERE id = $2
            UNION SELECT r.id, r.parent_id FROM identity_regions r JOIN up ON r.id = up.parent_id)
         SELECT id FROM up WHERE id = $1")
    .bind(id)
    .bind(other)
    .optional(on)
    .await?;
    Ok(found.is_some())
}

pub(crate) async fn service_get(on: impl Into<On<'_>>, id: &str) -> Result<Option<Service>> {
    sql("SELECT * FROM identity_services WHERE id = $1").bind(id).optional(on).await
}

pub(crate) async fn service_list(on: impl Into<On<'_>>, filters: Vec<Filter>, page: &Page) -> Result<Vec<Service>> {
    let mut sql = sql("SELECT * FROM identity_services WHERE TRUE");
    push_filters(&mut sql, "identity_services", filters);
    push_page(&mut sql, "identity_services", BY_ID, page);
    sql.all(on).await
}

pub(crate) async fn service_insert(tx: &mut Tx, service: &Service) -> Result<()> {
    sql("INSERT INTO identity_services (id, kind, name, description, enabled, extra) VALUES ($1, $2, $3, $4, $5, $6)")
        .bind(&service.id)
        .bind(&service.kind)
        .bind(&service.name)
        .bind(service.description.as_deref())
        .bind(service.enabled)
        .bind(&service.extra)
        .execute(tx)
        .await
        .map(drop)
}

pub(crate) async fn service_update(tx: &mut Tx, service: &Service) -> Result<()> {
    sql("UPDATE identity_services SET kind = $2, name = $3, description = $4, enabled = $5, extra = $6 WHERE id = $1")
        .bind(&service.id)
        .bind(&service.kind)
        .bind(&service.name)
        .bind(service.description.as_deref())
        .bind(service.enabled)
        .bind(&service.extra)
        .execute(tx)
        .await
        .map(drop)
}

pub(crate) async fn service_delete(tx: &mut Tx, id: &str) -> Result<()> {
    sql("DELETE FROM identity_services WHERE id = $1").bind(id).execute(tx).await.map(drop)
}

pub(crate) async fn endpoint_get(on: impl Into<On<'_>>, id: &str) -> Result<Option<Endpoint>> {
    sql("SELECT * FROM identity_endpoints WHERE id = $1").bind(id).optional(on).await
}

pub(crate) async fn endpoint_list(on: impl Into<On<'_>>, filters: Vec<Filter>, page: &Page) -> Result<Vec<Endpoint>> {
    let mut sql = sql("SELECT * FROM identity_endpoints WHERE TRUE");
    push_filters(&mut sql, "identity_endpoints", filters);
    push_page(&mut sql, "identity_endpoints", BY_ID, page);
    sql.all(on).await
}

pub(crate) async fn endpoint_insert(tx: &mut Tx, endpoint: &Endpoint) -> Result<()> {
    sql("INSERT INTO identity_endpoints (id, service_id, region_id, interface, url, enabled, extra)
         VALUES ($1, $2, $3, $4, $5, $6, $7)")
    .bind(&endpoint.id)
    .bind(&endpoint.service_id)
    .bind(endpoint.region_id.as_deref())
    .bind(&endpoint.interface)
    .bind(&endpoint.url)
    .bind(endpoint.enabled)
    .bind(&endpoint.extra)
    .execute(tx)
    .await
    .map(drop)
}

pub(crate) async fn endpoint_update(tx: &mut Tx, endpoint: &Endpoint) -> Result<()> {
    sql("UPDATE identity_endpoints SET service_id = $2, region_id = $3, interface = $4, url = $5, enabled = $6, extra = $7
         WHERE id = $1")
    .bind(&endpoint.id)
    .bind(&endpoint.service_id)
    .bind(endpoint.region_id.as_deref())
    .bind(&endpoint.interface)
    .bind(&endpoint.url)
    .bind(endpoint.enabled)
    .bind(&endpoint.extra)
    .execute(tx)
    .await
    .map(drop)
}

pub(crate) async fn endpoint_delete(tx: &mut Tx, id: &str) -> Result<()> {
    sql("DELETE FROM identity_endpoints WHERE id = $1").bind(id).execute(tx).await.map(drop)
}
