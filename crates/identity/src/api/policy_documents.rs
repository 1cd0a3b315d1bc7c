//! `/v3/policies`, and which endpoints they are for.

use std::collections::BTreeMap;

use api::{Json, Result};
use axum::Router;
use axum::extract::Path;
use axum::routing::{get, put};
use http::StatusCode;
use serde_json::{Value, json};

use super::call::{Body, Call, created, done, shown};
use super::list::Listing;
use super::shapes;
use crate::Identity;
use crate::store::policy_document::Association;

pub(super) fn routes() -> Router<Identity> {
    let mut routes = Router::new()
        .route("/v3/policies", get(policy_list).post(policy_create))
        .route("/v3/policies/{policy}", get(policy_show).patch(policy_update).delete(policy_delete))
        .route("/v3/policies/{policy}/OS-ENDPOINT-POLICY/endpoints", get(endpoint_list))
        .route("/v3/endpoints/{endpoint}/OS-ENDPOINT-POLICY/policy", get(policy_of_endpoint));
    for place in ["endpoints/{endpoint}", "services/{service}", "services/{service}/regions/{region}"] {
        routes = routes.route(
            &format!("/v3/policies/{{policy}}/OS-ENDPOINT-POLICY/{place}"),
            put(association_create).get(association_check).delete(association_delete),
        );
    }
    routes
}

async fn policy_list(call: Call, list: Listing) -> Result<Json<Value>> {
    call.allow_plain("identity:list_policies")?;
    let rows = call.identity.policy_document_list(list.filter("type", "kind"), &list.page).await?;
    Ok(list.answer("policies", rows, |row| &row.id, |row| shapes::policy_document(&call.links, row)))
}

async fn policy_create(call: Call, body: Body) -> Result<(StatusCode, Json<Value>)> {
    call.allow_plain("identity:create_policy")?;
    let document = call.identity.policy_document_create(body.fields("policy")?).await?;
    created("policy", shapes::policy_document(&call.links, &document))
}

async fn policy_show(call: Call, Path(id): Path<String>) -> Result<Json<Value>> {
    call.allow_plain("identity:get_policy")?;
    shown("policy", shapes::policy_document(&call.links, &call.identity.policy_document_get(&id).await?))
}

async fn policy_update(call: Call, Path(id): Path<String>, body: Body) -> Result<Json<Value>> {
    call.allow_plain("identity:update_policy")?;
    let document = call.identity.policy_document_update(&id, body.fields("policy")?).await?;
    shown("policy", shapes::policy_document(&call.links, &document))
}

async fn policy_delete(call: Call, Path(id): Path<String>) -> Result<StatusCode> {
    call.allow_plain("identity:delete_policy")?;
    call.identity.policy_document_delete(&id).await?;
    done()
}

async fn endpoint_list(call: Call, Path(id): Path<String>) -> Result<Json<Value>> {
    call.allow_plain("identity:list_endpoints_for_policy")?;
    let endpoints = call.identity.policy_document_endpoints(&id).await?;
    let endpoints: Vec<Value> = endpoints.iter().map(|endpoint| shapes::endpoint(&call.links, endpoint)).collect();
    let here = call.links.to(&format!("/v3/policies/{id}/OS-ENDPOINT-POLICY/endpoints"));
    Ok(Json(json!({"endpoints": endpoints, "links": {"self": here, "next": null, "previous": null}})))
}

async fn policy_of_endpoint(call: Call, Path(id): Path<String>) -> Result<Json<Value>> {
    call.allow_plain("identity:get_policy_for_endpoint")?;
    shown("policy", shapes::policy_document(&call.links, &call.identity.policy_document_of(&id).await?))
}

type Names = BTreeMap<String, String>;

/// The association that a path names, if the caller may do to it what the rule guards.
fn allowed(call: &Call, verb: &str, mut names: Names) -> Result<Association> {
    let policy_id = names.remove("policy").unwrap_or_default();
    let (endpoint_id, service_id) = (names.remove("endpoint"), names.remove("service"));
    let region_id = names.remove("region");
    let place = match (&endpoint_id, &region_id) {
        (Some(_), _) => "endpoint",
        (None, Some(_)) => "region_and_service",
        (None, None) => "service",
    };
    call.allow_plain(&format!("identity:{verb}_policy_association_for_{place}"))?;
    Ok(Association { policy_id, endpoint_id, service_id, region_id })
}

async fn association_create(call: Call, Path(names): Path<Names>) -> Result<StatusCode> {
    call.identity.policy_association_create(&allowed(&call, "create", names)?).await?;
    done()
}

async fn association_check(call: Call, Path(names): Path<Names>) -> Result<StatusCode> {
    call.identity.policy_association_check(&allowed(&call, "check", names)?).await?;
    done()
}

async fn association_delete(call: Call, Path(names): Path<Names>) -> Result<StatusCode> {
    call.identity.policy_association_delete(&allowed(&call, "delete", names)?).await?;
    done()
}
