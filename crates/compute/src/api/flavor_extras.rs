//! What hangs on a flavor: the projects that may use it, and its extra specs.

use ::api::{Error, Json, Microversion, Result};
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::{get, post};
use http::StatusCode;
use identity::Caller;
use policy::Target;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::common::NoParameters;
use crate::Compute;
use crate::extra_specs;
use crate::flavors::{ExtraSpecs, extra_spec_missing};

pub(super) fn routes() -> Router<Compute> {
    Router::new()
        .route("/v2.1/flavors/{id}/action", post(flavor_action))
        .route("/v2.1/flavors/{id}/os-flavor-access", get(access_list))
        .route("/v2.1/flavors/{id}/os-extra_specs", get(extra_specs_list).post(extra_specs_create))
        .route(
            "/v2.1/flavors/{id}/os-extra_specs/{key}",
            get(extra_spec_show).put(extra_spec_update).delete(extra_spec_delete),
        )
}

#[derive(Deserialize)]
enum Action {
    #[serde(rename = "addTenantAccess")]
    Add(Access),
    #[serde(rename = "removeTenantAccess")]
    Remove(Access),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Access {
    tenant: String,
}

fn access_view(flavor: &str, projects: &[String]) -> Json<Value> {
    let shown: Vec<Value> = projects.iter().map(|id| json!({"flavor_id": flavor, "tenant_id": id})).collect();
    Json(json!({"flavor_access": shown}))
}

async fn flavor_action(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    Path(id): Path<String>,
    Json(action): Json<Action>,
) -> Result<Json<Value>> {
    let projects = match action {
        Action::Add(Access { tenant }) => {
            caller.allow("os_compute_api:os-flavor-access:add_tenant_access", &Target::new())?;
            compute.project_check(&tenant).await?;
            compute.flavor_access_add(&id, &tenant, version >= Microversion(2, 7)).await?
        }
        Action::Remove(Access { tenant }) => {
            caller.allow("os_compute_api:os-flavor-access:remove_tenant_access", &Target::new())?;
            compute.flavor_access_remove(&id, &tenant).await?
        }
    };
    Ok(access_view(&id, &projects))
}

async fn access_list(
    State(compute): State<Compute>,
    caller: Caller,
    _: NoParameters,
    Path(id): Path<String>,
) -> Result<Json<Value>> {
    caller.allow("os_compute_api:os-flavor-access", &Target::new())?;
    Ok(access_view(&id, &compute.flavor_access_list(&caller, &id).await?))
}

async fn extra_specs_list(
    State(compute): State<Compute>,
    caller: Caller,
    _: NoParameters,
    Path(id): Path<String>,
) -> Result<Json<Value>> {
    let project = caller.token.project_id.as_deref();
    caller.allow("os_compute_api:os-flavor-extra-specs:index", &Target::new().with("project_id", project))?;
    let flavor = compute.flavor_get(&caller, &id).await?;
    Ok(Json(json!({"extra_specs": flavor.extra_specs.0})))
}

async fn extra_spec_show(
    State(compute): State<Compute>,
    caller: Caller,
    _: NoParameters,
    Path((id, key)): Path<(String, String)>,
) -> Result<Json<Value>> {
    let project = caller.token.project_id.as_deref();
    caller.allow("os_compute_api:os-flavor-extra-specs:show", &Target::new().with("project_id", project))?;
    let flavor = compute.flavor_get(&caller, &id).await?;
    let value = flavor.extra_specs.0.get(&key).ok_or_else(|| extra_spec_missing(&id, &key))?;
    Ok(Json(json!({key: value})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateSpecs {
    extra_specs: Map<String, Value>,
}

/// The extra specs of a request; values may be texts or numbers and are kept as texts.
fn checked(specs: &Map<String, Value>, version: Microversion) -> Result<ExtraSpecs> {
    let mut checked = ExtraSpecs::new();
    for (name, value) in specs {
        let value = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => return Err(Error::bad_request(format!("The value of extra spec {name} must be a text or a number."))),
        };
        extra_specs::shape_check(name, &value)?;
        if version >= Microversion(2, 86) {
            extra_specs::meaning_check(name, &value)?;
        }
        checked.insert(name.clone(), value);
    }
    Ok(checked)
}

async fn extra_specs_create(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    Path(id): Path<String>,
    Json(body): Json<CreateSpecs>,
) -> Result<Json<Value>> {
    caller.allow("os_compute_api:os-flavor-extra-specs:create", &Target::new())?;
    let specs = checked(&body.extra_specs, version)?;
    compute.extra_specs_add(&id, &specs).await?;
    Ok(Json(json!({"extra_specs": specs})))
}

async fn extra_spec_update(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    Path((id, key)): Path<(String, String)>,
    Json(body): Json<Map<String, Value>>,
) -> Result<Json<Value>> {
    caller.allow("os_compute_api:os-flavor-extra-specs:update", &Target::new())?;
    if body.len() != 1 || !body.contains_key(&key) {
        return Err(Error::bad_request(format!(
            "Request body and URI mismatch: the body must have {key} and nothing else."
        )));
    }
    let specs = checked(&body, version)?;
    compute.extra_specs_add(&id, &specs).await?;
    Ok(Json(json!(specs)))
}

async fn extra_spec_delete(
    State(compute): State<Compute>,
    caller: Caller,
    Path((id, key)): Path<(String, String)>,
) -> Result<StatusCode> {
    caller.allow("os_compute_api:os-flavor-extra-specs:delete", &Target::new())?;
    compute.extra_spec_delete(&id, &key).await?;
    Ok(StatusCode::OK)
}
