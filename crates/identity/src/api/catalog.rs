//! `/v3/regions`, `/v3/services` and `/v3/endpoints`.

use api::{Json, Result};
use axum::Router;
use axum::extract::Path;
use axum::routing::{get, put};
use http::StatusCode;
use serde_json::Value;

use super::call::{Body, Call, created, done, shown};
use super::list::Listing;
use super::shapes;
use crate::Identity;

pub(super) fn routes() -> Router<Identity> {
    Router::new()
        .route("/v3/regions", get(region_list).post(region_create))
        .route("/v3/regions/{region}", put(region_put).get(region_show).patch(region_update).delete(region_delete))
        .route("/v3/services", get(service_list).post(service_create))
        .route("/v3/services/{service}", get(service_show).patch(service_update).delete(service_delete))
        .route("/v3/endpoints", get(endpoint_list).post(endpoint_create))
        .route("/v3/endpoints/{endpoint}", get(endpoint_show).patch(endpoint_update).delete(endpoint_delete))
}

async fn region_list(call: Call, list: Listing) -> Result<Json<Value>> {
    call.allow_plain("identity:list_regions")?;
    let mut filters = list.filters(&["id"], &[])?;
    filters.extend(list.filter("parent_region_id", "parent_id"));
    let rows = call.identity.region_list(filters, &list.page).await?;
    Ok(list.answer("regions", rows, |region| &region.id, |region| shapes::region(&call.links, region)))
}

async fn region_create(call: Call, body: Body) -> Result<(StatusCode, Json<Value>)> {
    call.allow_plain("identity:create_region")?;
    let region = call.identity.region_create(body.fields("region")?).await?;
    created("region", shapes::region(&call.links, &region))
}

async fn region_show(call: Call, Path(id): Path<String>) -> Result<Json<Value>> {
    call.allow_plain("identity:get_region")?;
    shown("region", shapes::region(&call.links, &call.identity.region_get(&id).await?))
}

async fn region_update(call: Call, Path(id): Path<String>, body: Body) -> Result<Json<Value>> {
    call.allow_plain("identity:update_region")?;
    let region = call.identity.region_update(&id, body.fields("region")?).await?;
    shown("region", shapes::region(&call.links, &region))
}

async fn region_delete(call: Call, Path(id): Path<String>) -> Result<StatusCode> {
    call.allow_plain("identity:delete_region")?;
    call.identity.region_delete(&id).await?;
    done()
}

/// Makes a region whose id stands in the path.
async fn region_put(call: Call, Path(id): Path<String>, body: Body) -> Result<(StatusCode, Json<Value>)> {
    call.allow_plain("identity:create_region")?;
    let mut fields = body.fields("region")?;
    fields.fixed("id", Some(&id))?;
    fields.set("id", id);
    let region = call.identity.region_create(fields).await?;
    created("region", shapes::region(&call.links, &region))
}

async fn service_list(call: Call, list: Listing) -> Result<Json<Value>> {
    call.allow_plain("identity:list_services")?;
    let mut filters = list.filters(&["name"], &["enabled"])?;
    filters.extend(list.filter("type", "kind"));
    let rows = call.identity.service_list(filters, &list.page).await?;
    Ok(list.answer("services", rows, |service| &service.id, |service| shapes::service(&call.links, service)))
}

async fn service_create(call: Call, body: Body) -> Result<(StatusCode, Json<Value>)> {
    call.allow_plain("identity:create_service")?;
    let service = call.identity.service_create(body.fields("service")?).await?;
    created("service", shapes::service(&call.links, &service))
}

async fn service_show(call: Call, Path(id): Path<String>) -> Result<Json<Value>> {
    call.allow_plain("identity:get_service")?;
    shown("service", shapes::service(&call.links, &call.identity.service_get(&id).await?))
}

async fn service_update(call: Call, Path(id): Path<String>, body: Body) -> Result<Json<Value>> {
    call.allow_plain("identity:update_service")?;
    let service = call.identity.service_update(&id, body.fields("service")?).await?;
    shown("service", shapes::service(&call.links, &service))
}

async fn service_delete(call: Call, Path(id): Path<String>) -> Result<StatusCode> {
    call.allow_plain("identity:delete_service")?;
    call.identity.service_delete(&id).await?;
    done()
}

async fn endpoint_list(call: Call, list: Listing) -> Result<Json<Value>> {
    call.allow_plain("identity:list_endpoints")?;
    let filters = list.filters(&["service_id", "region_id", "interface"], &["enabled"])?;
    let rows = call.identity.endpoint_list(filters, &list.page).await?;
    Ok(list.answer("endpoints", rows, |endpoint| &endpoint.id, |endpoint| shapes::endpoint(&call.links, endpoint)))
}

async fn endpoint_create(call: Call, body: Body) -> Result<(StatusCode, Json<Value>)> {
    call.allow_plain("identity:create_endpoint")?;
    let endpoint = call.identity.endpoint_create(body.fields("endpoint")?).await?;
    created("endpoint", shapes::endpoint(&call.links, &endpoint))
}

async fn endpoint_show(call: Call, Path(id): Path<String>) -> Result<Json<Value>> {
    call.allow_plain("identity:get_endpoint")?;
    shown("endpoint", shapes::endpoint(&call.links, &call.identity.endpoint_get(&id).await?))
}

async fn endpoint_update(call: Call, Path(id): Path<String>, body: Body) -> Result<Json<Value>> {
    call.allow_plain("identity:update_endpoint")?;
    let endpoint = call.identity.endpoint_update(&id, body.fields("endpoint")?).await?;
    shown("endpoint", shapes::endpoint(&call.links, &endpoint))
}

async fn endpoint_delete(call: Call, Path(id): Path<String>) -> Result<StatusCode> {
    call.allow_plain("identity:delete_endpoint")?;
    call.identity.endpoint_delete(&id).await?;
    done()
}
