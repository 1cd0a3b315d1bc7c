use std::collections::BTreeMap;

use api::{Json, Result};
use axum::extract::{Path, State};
use http::StatusCode;
use identity::Caller;
use serde_json::{Value, json};

use super::body::{self, Body};
use crate::Network;
use crate::quota::Update;

pub(super) async fn list(State(x): State<Network>, caller: Caller) -> Result<Json<Value>> {
    let entry = |(project, quotas): (String, BTreeMap<String, i64>)| {
        let mut entry = json!(quotas);
        entry["project_id"] = json!(project);
        entry["tenant_id"] = json!(project);
        entry
    };
    let quotas: Vec<Value> = x.quota_list(&caller).await?.into_iter().map(entry).collect();
    Ok(Json(json!({ "quotas": quotas })))
}

/// `/quotas/tenant` and `/quotas/project` tell whose quota the caller would get.
pub(super) async fn show(State(x): State<Network>, caller: Caller, Path(id): Path<String>) -> Result<Json<Value>> {
    if ["tenant", "project"].contains(&id.as_str()) {
        let project = caller.project_id()?;
        return Ok(Json(json!({ id: { "tenant_id": project, "project_id": project } })));
    }
    Ok(Json(json!({ "quota": x.quota_show(&caller, &id).await? })))
}

pub(super) async fn defaults(State(x): State<Network>, caller: Caller, Path(id): Path<String>) -> Result<Json<Value>> {
    Ok(Json(json!({ "quota": x.quota_defaults(&caller, &id).await? })))
}

pub(super) async fn details(State(x): State<Network>, caller: Caller, Path(id): Path<String>) -> Result<Json<Value>> {
    Ok(Json(json!({ "quota": x.quota_details(&caller, &id).await? })))
}

pub(super) async fn update(
    State(x): State<Network>,
    caller: Caller,
    Path(id): Path<String>,
    Json(body): Body,
) -> Result<Json<Value>> {
    let update: Update = body::one(body, "quota")?;
    Ok(Json(json!({ "quota": x.quota_update(&caller, &id, &update).await? })))
}

pub(super) async fn reset(State(x): State<Network>, caller: Caller, Path(id): Path<String>) -> Result<StatusCode> {
    x.quota_reset(&caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
