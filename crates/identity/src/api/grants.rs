//! Roles on projects, domains and the system: `/v3/projects/{project}/users/{user}/roles/{role}` and its siblings.

use std::collections::BTreeMap;

use api::{Json, Result};
use axum::Router;
use axum::extract::{FromRequestParts, Path};
use axum::routing::{get, put};
use http::StatusCode;
use http::request::Parts;
use policy::Target;
use serde_json::{Value, json};

use super::call::{Call, done};
use super::shapes;
use crate::Identity;
use crate::store::assignment::{Assignment, Wanted};

pub(super) fn routes() -> Router<Identity> {
    let mut routes = Router::new();
    for actor in ["users/{user}", "groups/{group}"] {
        for target in ["projects/{project}", "domains/{domain}", "system"] {
            routes = routes
                .route(&format!("/v3/{target}/{actor}/roles"), get(grant_list))
                .route(&format!("/v3/{target}/{actor}/roles/{{role}}"), one());
        }
        for target in ["projects/{project}", "domains/{domain}"] {
            let base = format!("/v3/OS-INHERIT/{target}/{actor}/roles");
            routes = routes
                .route(&format!("{base}/inherited_to_projects"), get(grant_list))
                .route(&format!("{base}/{{role}}/inherited_to_projects"), one());
        }
    }
    routes
}

fn one() -> axum::routing::MethodRouter<Identity> {
    put(grant_create).get(grant_check).delete(grant_delete)
}

/// The assignment that a path names; without a role, all between that actor and that target.
struct Grant {
    assignment: Assignment,
    /// `grant` or `system_grant_for_user` or `system_grant_for_group`: how the rules call it.
    plural: &'static str,
    singular: &'static str,
}

impl FromRequestParts<Identity> for Grant {
    type Rejection = api::Error;

    async fn from_request_parts(parts: &mut Parts, state: &Identity) -> Result<Self> {
        let names = Path::<BTreeMap<String, String>>::from_request_parts(parts, state).await;
        let Path(mut names) = names.map_err(|error| api::Error::bad_request(error.to_string()))?;
        let mut take =
            |kinds: &[&'static str]| kinds.iter().find_map(|kind| Some(((*kind).to_owned(), names.remove(*kind)?)));
        let (actor_type, actor_id) = take(&["user", "group"]).unwrap_or_default();
        let target = take(&["project", "domain"]);
        let (_, role_id) = take(&["role"]).unwrap_or_default();
        let (singular, plural) = match (&target, actor_type.as_str()) {
            (Some(_), _) => ("grant", "grants"),
            (None, "user") => ("system_grant_for_user", "system_grants_for_user"),
            (None, _) => ("system_grant_for_group", "system_grants_for_group"),
        };
        let (target_type, target_id) = target.unwrap_or_else(|| ("system".to_owned(), "system".to_owned()));
        let inherited = parts.uri.path().ends_with("/inherited_to_projects");
        let assignment = Assignment { actor_type, actor_id, target_type, target_id, role_id, inherited };
        Ok(Self { assignment, plural, singular })
    }
}

impl Grant {
    /// Asks the policy, with all that the rules may want to know of actor, target and role.
    async fn allow(&self, call: &Call, rule: &str) -> Result<()> {
        let Assignment { actor_type, actor_id, target_type, target_id, role_id, .. } = &self.assignment;
        let actor_domain = match actor_type.as_str() {
            "user" => call.identity.user_find(actor_id).await?.map(|user| user.domain_id),
            _ => call.identity.group_find(actor_id).await?.map(|group| group.domain_id),
        };
        let role = call.identity.role_find(role_id).await?;
        let mut target = Target::new().with("target.role.name", role.as_ref().map(|role| role.name.as_str()));
        if let Some(role) = &role {
            target = target.with("target.role.domain_id", &role.domain_id);
        }
        let actor_names = ["target.user.domain_id", "target.group.domain_id"];
        target = target.with(actor_names[usize::from(actor_type == "group")], &actor_domain);
        if target_type == "domain" {
            target = target.with("target.domain.id", target_id);
        }
        let project = if target_type == "project" { call.identity.project_find(target_id).await? } else { None };
        if let Some(project) = &project {
            target = target.with("target.project.domain_id", &project.domain_id);
        }
        call.allow(rule, &target)
    }
}

async fn grant_list(call: Call, grant: Grant) -> Result<Json<Value>> {
    grant.allow(&call, &format!("identity:list_{}", grant.plural)).await?;
    let Assignment { actor_type, actor_id, target_type, target_id, inherited, .. } = grant.assignment;
    let kind = ["project", "domain", "system"].into_iter().find(|kind| *kind == target_type).unwrap_or("system");
    let (user_id, group_id) = if actor_type == "user" { (Some(actor_id), None) } else { (None, Some(actor_id)) };
    let targets = vec![(kind, target_id)];
    let wanted = Wanted { user_id, group_id, targets, inherited: Some(inherited), ..Wanted::default() };
    let roles = call.identity.assignment_roles(&wanted).await?;
    let roles: Vec<Value> = roles.iter().map(|role| shapes::role(&call.links, role)).collect();
    Ok(Json(json!({"roles": roles, "links": {"next": null, "previous": null, "self": call.links.to("/v3/roles")}})))
}

async fn grant_create(call: Call, grant: Grant) -> Result<StatusCode> {
    grant.allow(&call, &format!("identity:create_{}", grant.singular)).await?;
    call.identity.assignment_create(&grant.assignment).await?;
    done()
}

async fn grant_check(call: Call, grant: Grant) -> Result<StatusCode> {
    grant.allow(&call, &format!("identity:check_{}", grant.singular)).await?;
    call.identity.assignment_check(&grant.assignment).await?;
    done()
}

async fn grant_delete(call: Call, grant: Grant) -> Result<StatusCode> {
    grant.allow(&call, &format!("identity:revoke_{}", grant.singular)).await?;
    call.identity.assignment_delete(&grant.assignment).await?;
    done()
}
