//! `/os-server-groups`: servers that are to be together or apart.

use ::api::{Error, Json, Microversion, Query, Result};
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use http::StatusCode;
use identity::Caller;
use policy::Target;
use serde::Deserialize;
use serde_json::{Value, json};

use super::common::{self, NoParameters, Whole, name_check};
use crate::groups::Group;
use crate::{Compute, flavors};

pub(super) fn routes() -> Router<Compute> {
    Router::new()
        .route("/v2.1/os-server-groups", get(groups_list).post(group_create))
        .route("/v2.1/os-server-groups/{id}", get(group_show).delete(group_delete))
}

fn view(group: &Group, members: &[String], version: Microversion) -> Value {
    let mut view = json!({"id": group.id, "name": group.name, "members": members});
    if version >= Microversion(2, 13) {
        view["project_id"] = json!(group.project_id);
        view["user_id"] = json!(group.user_id);
    }
    if version >= Microversion(2, 64) {
        view["policy"] = json!(group.policy);
        view["rules"] = match group.max_server_per_host {
            Some(most) => json!({"max_server_per_host": most}),
            None => json!({}),
        };
    } else {
        view["policies"] = json!([group.policy]);
        view["metadata"] = json!({});
    }
    view
}

/// The caller's own project as the target of a rule.
fn own(caller: &Caller) -> Result<Target<'_>> {
    Ok(Target::new().with("project_id", caller.project_id()?))
}

async fn groups_list(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    query: Query,
) -> Result<Json<Value>> {
    caller.allow("os_compute_api:os-server-groups:index", &own(&caller)?)?;
    common::known_only(&query, version, 75, &["all_projects", "limit", "offset"])?;
    let all = query.get("all_projects").is_some() && flavors::is_admin(&caller);
    if all {
        caller.allow("os_compute_api:os-server-groups:index:all_projects", &own(&caller)?)?;
    }
    let number = |name: &str| match query.number(name)? {
        Some(number) if number < 0 => Err(Error::bad_request(format!("{name} must be zero or more."))),
        number => Ok(number),
    };
    let (limit, offset) = (common::limit(number("limit")?), number("offset")?.unwrap_or(0));
    let project = if all { None } else { Some(caller.project_id()?) };
    let groups = compute.groups_list(project, offset, limit).await?;
    let shown: Vec<Value> = groups.iter().map(|(group, members)| view(group, members, version)).collect();
    Ok(Json(json!({"server_groups": shown})))
}

async fn group_show(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    _: NoParameters,
    Path(id): Path<String>,
) -> Result<Json<Value>> {
    let group = compute.group_for(&caller, "os_compute_api:os-server-groups:show", &id).await?;
    let members = compute.group_members(&group).await?;
    Ok(Json(json!({"server_group": view(&group, &members, version)})))
}

async fn group_delete(State(compute): State<Compute>, caller: Caller, Path(id): Path<String>) -> Result<StatusCode> {
    let group = compute.group_for(&caller, "os_compute_api:os-server-groups:delete", &id).await?;
    compute.group_delete(&group).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Create {
    server_group: NewGroup,
}

/// All that any microversion takes; which of it, is looked at below.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewGroup {
    name: String,
    #[serde(default)]
    policies: Option<Vec<String>>,
    #[serde(default)]
    policy: Option<String>,
    #[serde(default)]
    rules: Option<Rules>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rules {
    #[serde(default)]
    max_server_per_host: Option<Whole>,
}

impl NewGroup {
    /// The policy and the most servers of a node, as the microversion has them.
    fn policy(&self, version: Microversion) -> Result<(String, Option<i64>)> {
        let modern = version >= Microversion(2, 64);
        if (modern && self.policies.is_some()) || (!modern && (self.policy.is_some() || self.rules.is_some())) {
            return Err(Error::bad_request(
                "Since microversion 2.64 a group has one policy and perhaps rules, before it has policies: a list of one.",
            ));
        }
        let policy = match (&self.policy, self.policies.as_deref()) {
            (Some(policy), _) => policy,
            (None, Some([policy])) => policy,
            _ => return Err(Error::bad_request("A group needs exactly one policy.")),
        };
        let known: &[&str] = if version >= Microversion(2, 15) {
            &["affinity", "anti-affinity", "soft-affinity", "soft-anti-affinity"]
        } else {
            &["affinity", "anti-affinity"]
        };
        if !known.contains(&policy.as_str()) {
            return Err(Error::bad_request(format!("{policy} is no policy of a group: use {}.", known.join(", "))));
        }
        let most = self.rules.as_ref().and_then(|rules| rules.max_server_per_host);
        let most = most.map(|most| most.within("max_server_per_host", 1)).transpose()?;
        if most.is_some() && policy != "anti-affinity" {
            return Err(Error::bad_request("Only anti-affinity policy supports rules."));
        }
        Ok((policy.clone(), most))
    }
}

async fn group_create(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    Json(Create { server_group: new }): Json<Create>,
) -> Result<Json<Value>> {
    caller.allow("os_compute_api:os-server-groups:create", &own(&caller)?)?;
    name_check("name", &new.name)?;
    let (policy, max_server_per_host) = new.policy(version)?;
    let group = Group {
        id: compute.runtime().ids.uuid(),
        project_id: caller.project_id()?.to_owned(),
        user_id: caller.token.user_id.clone(),
        name: new.name,
        policy,
        max_server_per_host,
    };
    compute.group_create(&group).await?;
    Ok(Json(json!({"server_group": view(&group, &[], version)})))
}
