//! `/os-quota-sets`, `/os-quota-class-sets` and `/limits`.

use std::collections::BTreeMap;

use ::api::{Error, Json, Microversion, Query, Result};
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use http::StatusCode;
use identity::Caller;
use policy::Target;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::common::{self, Flag, MAX_INT, NoParameters, Whole};
use crate::Compute;
use crate::quota::{Limits, Owner, RESOURCES};

pub(super) fn routes() -> Router<Compute> {
    Router::new()
        .route("/v2.1/os-quota-sets/{project}", get(quota_show).put(quota_update).delete(quota_delete))
        .route("/v2.1/os-quota-sets/{project}/detail", get(quota_detail))
        .route("/v2.1/os-quota-sets/{project}/defaults", get(quota_defaults))
        .route("/v2.1/os-quota-class-sets/{class}", get(class_show).put(class_update))
        .route("/v2.1/limits", get(limits_show))
}

const NETWORK: &[&str] = &["fixed_ips", "floating_ips", "security_groups", "security_group_rules"];
const FILES: &[&str] = &["injected_files", "injected_file_content_bytes", "injected_file_path_bytes"];
const GROUPS: &[&str] = &["server_groups", "server_group_members"];

/// Whether quota sets have the resource in that microversion.
fn in_set(resource: &str, version: Microversion) -> bool {
    !(NETWORK.contains(&resource) && version >= Microversion(2, 36)
        || FILES.contains(&resource) && version >= Microversion(2, 57))
}

/// Whether quota classes show the resource in that microversion.
fn in_class(resource: &str, version: Microversion) -> bool {
    !(NETWORK.contains(&resource) && version >= Microversion(2, 50)
        || FILES.contains(&resource) && version >= Microversion(2, 57)
        || GROUPS.contains(&resource) && version < Microversion(2, 50))
}

fn set_view(limits: &Limits, version: Microversion) -> Map<String, Value> {
    limits
        .iter()
        .filter(|(resource, _)| in_set(resource, version))
        .map(|(resource, limit)| ((*resource).to_owned(), json!(limit)))
        .collect()
}

/// Whose quota is meant: the project's, or that of one user in it.
fn owner<'a>(project: &'a str, query: &'a Query, version: Microversion) -> Result<Owner<'a>> {
    common::known_only(query, version, 75, &["user_id"])?;
    Ok(match query.get("user_id").filter(|user| !user.is_empty()) {
        Some(user_id) => Owner::User { user_id, project_id: project },
        None => Owner::Project(project),
    })
}

async fn quota_show(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    query: Query,
    Path(project): Path<String>,
) -> Result<Json<Value>> {
    caller.allow("os_compute_api:os-quota-sets:show", &Target::new().with("project_id", &project))?;
    compute.project_check(&project).await?;
    let limits = compute.quota_limits(owner(&project, &query, version)?).await?;
    let mut shown = set_view(&limits, version);
    shown.insert("id".to_owned(), json!(project));
    Ok(Json(json!({"quota_set": shown})))
}

async fn quota_detail(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    query: Query,
    Path(project): Path<String>,
) -> Result<Json<Value>> {
    caller.allow("os_compute_api:os-quota-sets:detail", &Target::new().with("project_id", &project))?;
    compute.project_check(&project).await?;
    let owner = owner(&project, &query, version)?;
    let limits = compute.quota_limits(owner).await?;
    let used = compute.quota_usages(owner).await?;
    let mut shown = set_view(&limits, version);
    for (resource, limit) in &mut shown {
        let used = used.get(resource).copied().unwrap_or(0);
        *limit = json!({"in_use": used, "limit": limit, "reserved": 0});
    }
    shown.insert("id".to_owned(), json!(project));
    Ok(Json(json!({"quota_set": shown})))
}

async fn quota_defaults(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    _: NoParameters,
    Path(project): Path<String>,
) -> Result<Json<Value>> {
    caller.allow("os_compute_api:os-quota-sets:defaults", &Target::new().with("project_id", &project))?;
    compute.project_check(&project).await?;
    let mut shown = set_view(&compute.quota_defaults().await?, version);
    shown.insert("id".to_owned(), json!(project));
    Ok(Json(json!({"quota_set": shown})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetUpdate {
    quota_set: BTreeMap<String, Value>,
}

/// The limits of a request; 400 for what is no resource in that microversion or no limit.
fn checked(wanted: BTreeMap<String, Value>, known: impl Fn(&str) -> bool) -> Result<Limits> {
    let mut limits = Limits::new();
    for (name, value) in wanted {
        let resource = RESOURCES.iter().find(|resource| resource.name == name && known(&name)).ok_or_else(|| {
            Error::bad_request(format!("{name} is no resource with a limit in this microversion; leave it out."))
        })?;
        let limit = Whole::deserialize(&value)
            .ok()
            .filter(|Whole(limit)| (-1..=MAX_INT).contains(limit))
            .ok_or_else(|| Error::bad_request(format!("{name} must be -1 (no limit) to {MAX_INT}, not {value}.")))?;
        limits.insert(resource.name, limit.0);
    }
    Ok(limits)
}

async fn quota_update(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    query: Query,
    Path(project): Path<String>,
    Json(SetUpdate { quota_set: mut wanted }): Json<SetUpdate>,
) -> Result<Json<Value>> {
    caller.allow("os_compute_api:os-quota-sets:update", &Target::new().with("project_id", &project))?;
    compute.project_check(&project).await?;
    let owner = owner(&project, &query, version)?;
    let force = wanted
        .remove("force")
        .map(|value| Flag::deserialize(&value).map_err(|error| Error::bad_request(format!("force: {error}"))))
        .transpose()?
        .is_some_and(|flag| flag.0);
    let wanted = checked(wanted, |name| in_set(name, version))?;
    let limits = compute.quota_update(owner, &wanted, force).await?;
    Ok(Json(json!({"quota_set": set_view(&limits, version)})))
}

async fn quota_delete(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    query: Query,
    Path(project): Path<String>,
) -> Result<StatusCode> {
    caller.allow("os_compute_api:os-quota-sets:delete", &Target::new().with("project_id", &project))?;
    compute.quota_reset(owner(&project, &query, version)?).await?;
    Ok(StatusCode::ACCEPTED)
}

fn class_view(limits: &Limits, version: Microversion) -> Map<String, Value> {
    limits
        .iter()
        .filter(|(resource, _)| in_class(resource, version))
        .map(|(resource, limit)| ((*resource).to_owned(), json!(limit)))
        .collect()
}

async fn class_show(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    _: NoParameters,
    Path(class): Path<String>,
) -> Result<Json<Value>> {
    caller.allow("os_compute_api:os-quota-class-sets:show", &Target::new().with("quota_class", &class))?;
    let mut shown = class_view(&compute.quota_defaults().await?, version);
    shown.insert("id".to_owned(), json!(class));
    Ok(Json(json!({"quota_class_set": shown})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClassUpdate {
    quota_class_set: BTreeMap<String, Value>,
}

async fn class_update(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    Path(class): Path<String>,
    Json(body): Json<ClassUpdate>,
) -> Result<Json<Value>> {
    caller.allow("os_compute_api:os-quota-class-sets:update", &Target::new().with("quota_class", &class))?;
    if class != "default" {
        return Err(Error::bad_request(format!(
            "Only the class \"default\" has an effect, so only it can be changed; {class} would change nothing."
        )));
    }
    let known = |name: &str| GROUPS.contains(&name) || in_class(name, version);
    let limits = compute.quota_defaults_update(&checked(body.quota_class_set, known)?).await?;
    Ok(Json(json!({"quota_class_set": class_view(&limits, version)})))
}

/// The names of the limits: resource, limit, use.
const LIMITS: &[(&str, &str, Option<&str>)] = &[
    ("instances", "maxTotalInstances", Some("totalInstancesUsed")),
    ("cores", "maxTotalCores", Some("totalCoresUsed")),
    ("ram", "maxTotalRAMSize", Some("totalRAMUsed")),
    ("key_pairs", "maxTotalKeypairs", None),
    ("metadata_items", "maxServerMeta", None),
    ("server_groups", "maxServerGroups", Some("totalServerGroupsUsed")),
    ("server_group_members", "maxServerGroupMembers", None),
    ("injected_files", "maxPersonality", None),
    ("injected_file_content_bytes", "maxPersonalitySize", None),
    ("floating_ips", "maxTotalFloatingIps", Some("totalFloatingIpsUsed")),
    ("security_groups", "maxSecurityGroups", Some("totalSecurityGroupsUsed")),
    ("security_group_rules", "maxSecurityGroupRules", None),
];

async fn limits_show(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    query: Query,
) -> Result<Json<Value>> {
    caller.allow("os_compute_api:limits", &Target::new())?;
    common::known_only(&query, version, 75, &["tenant_id"])?;
    let project = match query.get("tenant_id") {
        Some(project) => {
            caller.allow("os_compute_api:limits:other_project", &Target::new())?;
            project.to_owned()
        }
        None => caller.project_id()?.to_owned(),
    };
    let limits = compute.quota_limits(Owner::Project(&project)).await?;
    let used = compute.quota_usages(Owner::Project(&project)).await?;
    let mut absolute = Map::new();
    for (resource, limit_name, used_name) in LIMITS.iter().filter(|(resource, ..)| in_set(resource, version)) {
        let limit = limits.get(resource).copied().unwrap_or(-1);
        absolute.insert((*limit_name).to_owned(), json!(limit));
        if let Some(used_name) = used_name {
            absolute.insert((*used_name).to_owned(), json!(used.get(*resource).copied().unwrap_or(0)));
        }
        if *resource == "metadata_items" && version < Microversion(2, 39) {
            absolute.insert("maxImageMeta".to_owned(), json!(limit));
        }
    }
    Ok(Json(json!({"limits": {"rate": [], "absolute": absolute}})))
}
