//! `/v3/regions`, `/v3/services` and `/v3/endpoints`.

use api::{Json, Links, Result};
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::{get, put};
use http::StatusCode;
use policy::Target;
use serde_json::{Map, Value, json};

use super::list::Listing;
use super::shapes;
use crate::fields::Fields;
use crate::{Caller, Identity};

pub(super) fn routes() -> Router<Identity> {
    Router::new()
        .route("/v3/regions", get(region_list).post(region_create))
        .route("/v3/regions/{region}", put(region_put).get(region_show).patch(region_update).delete(region_delete))
        .route("/v3/services", get(service_list).post(service_create))
        .route("/v3/services/{service}", get(service_show).patch(service_update).delete(service_delete))
        .route("/v3/endpoints", get(endpoint_list).post(endpoint_create))
        .route("/v3/endpoints/{endpoint}", get(endpoint_show).patch(endpoint_update).delete(endpoint_delete))
}

async fn region_list(
    State(identity): State<Identity>,
    caller: Caller,
    links: Links,
    list: Listing,
) -> Result<Json<Value>> {
    caller.allow("identity:list_regions", &Target::new())?;
    let mut filters = list.filters(&["id"], &[])?;
    if let Some(parent_id) = list.query.get("parent_region_id") {
        filters.push(("parent_id", db::Value::from(parent_id)));
    }
    let rows = identity.region_list(filters, &list.page).await?;
    Ok(list.answer("regions", rows, |region| &region.id, |region| shapes::region(&links, region)))
}

async fn region_create(
    State(identity): State<Identity>,
    caller: Caller,
    links: Links,
    Json(body): Json<Map<String, Value>>,
) -> Result<(StatusCode, Json<Value>)> {
    caller.allow("identity:create_region", &Target::new())?;
    let region = identity.region_create(Fields::of("region", body)?).await?;
    Ok((StatusCode::CREATED, Json(json!({"region": shapes::region(&links, &region)}))))
}

async fn region_show(
    State(identity): State<Identity>,
    caller: Caller,
    links: Links,
    Path(id): Path<String>,
) -> Result<Json<Value>> {
    caller.allow("identity:get_region", &Target::new())?;
    Ok(Json(json!({"region": shapes::region(&links, &identity.region_get(&id).await?)})))
}

async fn region_update(
    State(identity): State<Identity>,
    caller: Caller,
    links: Links,
    Path(id): Path<String>,
    Json(body): Json<Map<String, Value>>,
) -> Result<Json<Value>> {
    caller.allow("identity:update_region", &Target::new())?;
    let region = identity.region_update(&id, Fields::of("region", body)?).await?;
    Ok(Json(json!({"region": shapes::region(&links, &region)})))
}

async fn region_delete(State(identity): State<Identity>, caller: Caller, Path(id): Path<String>) -> Result<StatusCode> {
    caller.allow("identity:delete_region", &Target::new())?;
    identity.region_delete(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes a region whose id stands in the path.
async fn region_put(
    State(identity): State<Identity>,
    caller: Caller,
    links: Links,
    Path(id): Path<String>,
    Json(mut body): Json<Map<String, Value>>,
) -> Result<(StatusCode, Json<Value>)> {
    caller.allow("identity:create_region", &Target::new())?;
    if let Some(Value::Object(region)) = body.get_mut("region") {
        let given = region.insert("id".to_owned(), json!(id));
        if given.is_some_and(|given| given != id.as_str()) {
            return Err(api::Error::bad_request("The region's id in the body is not the one in the path."));
        }
    }
    let region = identity.region_create(Fields::of("region", body)?).await?;
    Ok((StatusCode::CREATED, Json(json!({"region": shapes::region(&links, &region)}))))
}

async fn service_list(
    State(identity): State<Identity>,
    caller: Caller,
    links: Links,
    list: Listing,
) -> Result<Json<Value>> {
    caller.allow("identity:list_services", &Target::new())?;
    let mut filters = list.filters(&["name"], &["enabled"])?;
    if let Some(kind) = list.query.get("type") {
        filters.push(("kind", db::Value::from(kind)));
    }
    let rows = identity.service_list(filters, &list.page).await?;
    Ok(list.answer("services", rows, |service| &service.id, |service| shapes::service(&links, service)))
}

async fn service_create(
    State(identity): State<Identity>,
    caller: Caller,
    links: Links,
    Json(body): Json<Map<String, Value>>,
) -> Result<(StatusCode, Json<Value>)> {
    caller.allow("identity:create_service", &Target::new())?;
    let service = identity.service_create(Fields::of("service", body)?).await?;
    Ok((StatusCode::CREATED, Json(json!({"service": shapes::service(&links, &service)}))))
}

async fn service_show(
    State(identity): State<Identity>,
    caller: Caller,
    links: Links,
    Path(id): Path<String>,
) -> Result<Json<Value>> {
    caller.allow("identity:get_service", &Target::new())?;
    Ok(Json(json!({"service": shapes::service(&links, &identity.service_get(&id).await?)})))
}

async fn service_update(
    State(identity): State<Identity>,
    caller: Caller,
    links: Links,
    Path(id): Path<String>,
    Json(body): Json<Map<String, Value>>,
) -> Result<Json<Value>> {
    caller.allow("identity:update_service", &Target::new())?;
    let service = identity.service_update(&id, Fields::of("service", body)?).await?;
    Ok(Json(json!({"service": shapes::service(&links, &service)})))
}

async fn service_delete(
    State(identity): State<Identity>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode> {
    caller.allow("identity:delete_service", &Target::new())?;
    identity.service_delete(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn endpoint_list(
    State(identity): State<Identity>,
    caller: Caller,
    links: Links,
    list: Listing,
) -> Result<Json<Value>> {
    caller.allow("identity:list_endpoints", &Target::new())?;
    let filters = list.filters(&["service_id", "region_id", "interface"], &["enabled"])?;
    let rows = identity.endpoint_list(filters, &list.page).await?;
    Ok(list.answer("endpoints", rows, |endpoint| &endpoint.id, |endpoint| shapes::endpoint(&links, endpoint)))
}

async fn endpoint_create(
    State(identity): State<Identity>,
    caller: Caller,
    links: Links,
    Json(body): Json<Map<String, Value>>,
) -> Result<(StatusCode, Json<Value>)> {
    caller.allow("identity:create_endpoint", &Target::new())?;
    let endpoint = identity.endpoint_create(Fields::of("endpoint", body)?).await?;
    Ok((StatusCode::CREATED, Json(json!({"endpoint": shapes::endpoint(&links, &endpoint)}))))
}

async fn endpoint_show(
    State(identity): State<Identity>,
    caller: Caller,
    links: Links,
    Path(id): Path<String>,
) -> Result<Json<Value>> {
    caller.allow("identity:get_endpoint", &Target::new())?;
    Ok(Json(json!({"endpoint": shapes::endpoint(&links, &identity.endpoint_get(&id).await?)})))
}

async fn endpoint_update(
    State(identity): State<Identity>,
    caller: Caller,
    links: Links,
    Path(id): Path<String>,
    Json(body): Json<Map<String, Value>>,
) -> Result<Json<Value>> {
    caller.allow("identity:update_endpoint", &Target::new())?;
    let endpoint = identity.endpoint_update(&id, Fields::of("endpoint", body)?).await?;
    Ok(Json(json!({"endpoint": shapes::endpoint(&links, &endpoint)})))
}

async fn endpoint_delete(
    State(identity): State<Identity>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode> {
    caller.allow("identity:delete_endpoint", &Target::new())?;
    identity.endpoint_delete(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}
