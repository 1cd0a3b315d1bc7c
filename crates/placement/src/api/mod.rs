//! The placement API 1.0 to 1.39.

mod aggregates;
mod allocations;
mod candidates;
mod classes;
mod demand;
mod headers;
mod inventories;
mod providers;
mod reshaper;
mod traits;
mod usages;

use ::api::microversion::Negotiation;
use ::api::{Error, Json, Microversion, Result, Service, Style};
use axum::Router;
use axum::extract::{FromRef, FromRequestParts};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};
use http::request::Parts;
use identity::Identity;
use serde_json::{Value, json};

use crate::Placement;

const PREFIX: &str = "/placement";
const OLDEST: Microversion = Microversion(1, 0);
const NEWEST: Microversion = Microversion(1, 39);

impl FromRef<Placement> for Identity {
    fn from_ref(placement: &Placement) -> Self {
        placement.0.identity.clone()
    }
}

pub(crate) fn router(placement: Placement) -> Router {
    let provider = "/resource_providers/{id}";
    let below = |rest: &str| format!("{provider}/{rest}");
    let routes = Router::new()
        .route("/", get(versions))
        .route("/resource_providers", get(providers::provider_list).post(providers::provider_create))
        .route(
            provider,
            get(providers::provider_show).put(providers::provider_update).delete(providers::provider_delete),
        )
        .route(
            &below("inventories"),
            get(inventories::inventory_list)
                .put(inventories::inventories_replace)
                .post(inventories::inventory_create)
                .delete(inventories::inventories_delete),
        )
        .route(
            &below("inventories/{class}"),
            get(inventories::inventory_show).put(inventories::inventory_update).delete(inventories::inventory_delete),
        )
        .route(
            &below("traits"),
            get(traits::provider_traits).put(traits::provider_traits_replace).delete(traits::provider_traits_delete),
        )
        .route(&below("aggregates"), get(aggregates::aggregates_show).put(aggregates::aggregates_replace))
        .route(&below("usages"), get(usages::provider_usages))
        .route(&below("allocations"), get(allocations::provider_allocations))
        .route("/traits", get(traits::trait_list))
        .route("/traits/{name}", get(traits::trait_show).put(traits::trait_create).delete(traits::trait_delete))
        .route("/resource_classes", get(classes::class_list).post(classes::class_create))
        .route(
            "/resource_classes/{name}",
            get(classes::class_show).put(classes::class_update).delete(classes::class_delete),
        )
        .route("/allocations", post(allocations::allocations_change))
        .route(
            "/allocations/{consumer_id}",
            get(allocations::allocations_show)
                .put(allocations::allocations_replace)
                .delete(allocations::allocations_delete),
        )
        .route("/allocation_candidates", get(candidates::candidate_list))
        .route("/reshaper", post(reshaper::reshape))
        .route("/usages", get(usages::project_usages))
        .route_layer(from_fn(headers::negotiation))
        .layer(from_fn_with_state(placement.clone(), headers::freshness))
        .with_state(placement);
    let negotiation = Negotiation { service: "placement", legacy_header: None, min: OLDEST, max: NEWEST };
    Service { kind: "placement", prefix: PREFIX, style: Style::Placement, negotiation: Some(negotiation) }.wrap(routes)
}

async fn versions() -> Json<Value> {
    Json(json!({"versions": [{
        "id": "v1.0",
        "max_version": NEWEST.to_string(),
        "min_version": OLDEST.to_string(),
        "status": "CURRENT",
        "links": [{"rel": "self", "href": ""}],
    }]}))
}

/// The asked microversion, for what came with 1.`MINOR`: 404 before that, whatever the body is.
struct Since<const MINOR: u16>(Microversion);

impl<S: Send + Sync, const MINOR: u16> FromRequestParts<S> for Since<MINOR> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let version = Microversion::from_request_parts(parts, state).await?;
        if version < Microversion(1, MINOR) {
            return Err(Error::not_found(format!(
                "The resource could not be found; it needs microversion 1.{MINOR} or newer."
            )));
        }
        Ok(Self(version))
    }
}

/// 400 for a field of a body that came only with a later microversion.
fn field_since(version: Microversion, minor: u16, field: &str, is_given: bool) -> Result<()> {
    if is_given && version < Microversion(1, minor) {
        return Err(Error::bad_request(format!("The field {field} needs microversion 1.{minor} or newer.")));
    }
    Ok(())
}

/// 400 for an id that is none.
fn uuid_check(id: &str) -> Result<()> {
    if ::api::fields::is_uuid(id) { Ok(()) } else { Err(Error::bad_request(format!("\"{id}\" is not a UUID."))) }
}

/// An id in its usual form, with dashes; 400 for one that is none.
fn uuid_read(id: &str) -> Result<String> {
    uuid::Uuid::try_parse(id)
        .map(|id| id.to_string())
        .map_err(|_| Error::bad_request(format!("\"{id}\" is not a UUID.")))
}
