//! `/v3/projects` and their tags.

use api::{Json, Query, Result};
use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use http::StatusCode;
use policy::Target;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::call::{Body, Call, created, done, shown};
use super::list::{Listing, own_domain};
use super::shapes;
use crate::Identity;
use crate::fields::missing;
use crate::store::Filter;
use crate::store::domain::Domain;
use crate::store::project::{Project, TagFilter};

pub(super) fn routes() -> Router<Identity> {
    Router::new()
        .route("/v3/projects", get(project_list).post(project_create))
        .route("/v3/projects/{project}", get(project_show).patch(project_update).delete(project_delete))
        .route("/v3/projects/{project}/tags", get(tag_list).put(tag_replace).delete(tag_clear))
        .route("/v3/projects/{project}/tags/{tag}", get(tag_check).put(tag_add).delete(tag_remove))
}

/// What the policy asks of a project; one that does not exist has nothing.
fn target(project: Option<&Project>) -> Target<'_> {
    match project {
        Some(project) => {
            Target::new().with("target.project.id", &project.id).with("target.project.domain_id", &project.domain_id)
        }
        None => Target::new(),
    }
}

/// The project, if the caller may do to it what the rule guards.
async fn allowed(call: &Call, rule: &str, id: &str) -> Result<Project> {
    let project = call.identity.project_find(id).await?;
    call.allow(rule, &target(project.as_ref()))?;
    project.ok_or_else(|| missing("project", id))
}

/// Projects as a list shows them.
pub(super) async fn answer(call: &Call, list: &Listing, projects: Vec<Project>) -> Result<Json<Value>> {
    let tags = call.identity.project_tags(&projects).await?;
    let show =
        |project: &Project| shapes::project(&call.links, project, tags.get(&project.id).map_or(&[], Vec::as_slice));
    Ok(list.answer("projects", projects, |project| &project.id, show))
}

async fn shape(call: &Call, project: &Project) -> Result<Value> {
    let tags = call.identity.project_tags(std::slice::from_ref(project)).await?;
    Ok(shapes::project(&call.links, project, tags.get(&project.id).map_or(&[], Vec::as_slice)))
}

async fn project_list(call: Call, list: Listing) -> Result<Json<Value>> {
    let own = &call.caller.token.domain_id;
    call.allow("identity:list_projects", &Target::new().with("target.domain_id", own))?;
    let mut filters = list.filters(&["name", "id"], &["enabled"])?;
    if list.query.flag("is_domain")? == Some(true) {
        filters.extend(own_domain(&call.caller, "id"));
        let domains = call.identity.domain_list(filters, &list.page).await?;
        let show = |domain: &Domain| shapes::domain_as_project(&call.links, domain);
        return Ok(list.answer("projects", domains, |domain| &domain.id, show));
    }
    filters.extend(list.domain(&call.caller));
    if let Some(parent_id) = list.query.get("parent_id") {
        // Projects directly below their domain name the domain as their parent.
        if call.identity.domain_find(parent_id).await?.is_some() {
            filters.push(Filter::is("domain_id", parent_id));
            filters.push(Filter::is("parent_id", None::<&str>));
        } else {
            filters.push(Filter::is("parent_id", parent_id));
        }
    }
    let projects = call.identity.project_list(filters, &tag_filter(&list.query), &list.page).await?;
    answer(&call, &list, projects).await
}

fn tag_filter(query: &Query) -> TagFilter {
    let tags = |name: &str| -> Vec<String> {
        query.get(name).into_iter().flat_map(|text| text.split(',')).map(str::to_owned).collect()
    };
    TagFilter { all: tags("tags"), any: tags("tags-any"), not_all: tags("not-tags"), not_any: tags("not-tags-any") }
}

async fn project_create(call: Call, body: Body) -> Result<(StatusCode, Json<Value>)> {
    let mut fields = body.fields("project")?;
    if fields.flag("is_domain")? == Some(true) {
        call.allow_plain("identity:create_project")?;
        fields.fixed("domain_id", None)?;
        fields.fixed("parent_id", None)?;
        let domain = call.identity.domain_create(fields).await?;
        return created("project", shapes::domain_as_project(&call.links, &domain));
    }
    let domain_id = super::domain_or_own(&call.caller, &mut fields)?;
    call.allow("identity:create_project", &Target::new().with("target.project.domain_id", &domain_id))?;
    let project = call.identity.project_create(fields, domain_id).await?;
    created("project", shape(&call, &project).await?)
}

/// The domain of that id, seen as a project, if the caller may do to it what the rule guards.
async fn allowed_domain(call: &Call, rule: &str, id: &str) -> Result<Option<Domain>> {
    let domain = call.identity.domain_find(id).await?;
    if domain.is_some() {
        call.allow(rule, &Target::new().with("target.project.id", id))?;
    }
    Ok(domain)
}

async fn project_show(call: Call, Path(id): Path<String>, query: Query) -> Result<Json<Value>> {
    if let Some(domain) = allowed_domain(&call, "identity:get_project", &id).await? {
        return shown("project", shapes::domain_as_project(&call.links, &domain));
    }
    let project = allowed(&call, "identity:get_project", &id).await?;
    let mut body = shape(&call, &project).await?;
    let asked = |name: &str| Ok::<_, api::Error>(query.flag(name)?.unwrap_or(false));
    for kind in ["parents", "subtree"] {
        if asked(&format!("{kind}_as_list"))? && asked(&format!("{kind}_as_ids"))? {
            let problem = format!("Cannot use {kind}_as_list and {kind}_as_ids at the same time: leave one out.");
            return Err(api::Error::bad_request(problem));
        }
    }
    if asked("parents_as_list")? {
        body["parents"] = visible(&call, call.identity.project_parents(&id).await?, asked("include_limits")?).await?;
    } else if asked("parents_as_ids")? {
        let parents = call.identity.project_parents(&id).await?;
        let top = json!({&project.domain_id: null});
        body["parents"] = parents.iter().rev().fold(top, |above, parent| json!({&parent.id: above}));
    }
    if asked("subtree_as_list")? {
        body["subtree"] = visible(&call, call.identity.project_subtree(&id).await?, asked("include_limits")?).await?;
    } else if asked("subtree_as_ids")? {
        body["subtree"] = below(&id, &call.identity.project_subtree(&id).await?);
    }
    shown("project", body)
}

/// Those of the projects on which the caller has a role, as they stand within another; with their limits if asked for.
async fn visible(call: &Call, mut projects: Vec<Project>, with_limits: bool) -> Result<Value> {
    let mine = call.identity.project_list_of_user(&call.caller.token.user_id, false).await?;
    projects.retain(|project| mine.iter().any(|one| one.id == project.id));
    let tags = call.identity.project_tags(&projects).await?;
    let limits = if with_limits { call.identity.limits_set_for(&projects).await? } else { Vec::new() };
    let show = |project: &Project| {
        let tags = tags.get(&project.id).map_or(&[][..], Vec::as_slice);
        let mut shown = shapes::project(&call.links, project, tags);
        if with_limits {
            let own = limits.iter().filter(|limit| limit.project_id.as_ref() == Some(&project.id));
            shown["limits"] = own.map(|limit| shapes::limit(&call.links, limit)).collect();
        }
        json!({"project": shown})
    };
    Ok(projects.iter().map(show).collect())
}

/// The tree below a project, as nested ids.
fn below(id: &str, all: &[Project]) -> Value {
    let children = all.iter().filter(|project| project.parent_id.as_deref() == Some(id));
    let tree: Map<String, Value> = children.map(|child| (child.id.clone(), below(&child.id, all))).collect();
    if tree.is_empty() { Value::Null } else { Value::Object(tree) }
}

async fn project_update(call: Call, Path(id): Path<String>, body: Body) -> Result<Json<Value>> {
    let mut fields = body.fields("project")?;
    if allowed_domain(&call, "identity:update_project", &id).await?.is_some() {
        fields.fixed("domain_id", None)?;
        fields.fixed("parent_id", None)?;
        if fields.flag("is_domain")? == Some(false) {
            return Err(api::Error::bad_request("is_domain cannot be changed; make a new project instead."));
        }
        let domain = call.identity.domain_update(&id, fields).await?;
        return shown("project", shapes::domain_as_project(&call.links, &domain));
    }
    allowed(&call, "identity:update_project", &id).await?;
    let project = call.identity.project_update(&id, fields).await?;
    shown("project", shape(&call, &project).await?)
}

async fn project_delete(call: Call, Path(id): Path<String>) -> Result<StatusCode> {
    if allowed_domain(&call, "identity:delete_project", &id).await?.is_some() {
        call.identity.domain_delete(&id).await?;
    } else {
        allowed(&call, "identity:delete_project", &id).await?;
        call.identity.project_delete(&id).await?;
    }
    done()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TagsBody {
    tags: Vec<String>,
}

async fn tags_of(identity: &Identity, project: Project) -> Result<Vec<String>> {
    Ok(identity.project_tags(&[project]).await?.into_values().next().unwrap_or_default())
}

async fn tag_list(call: Call, Path(id): Path<String>) -> Result<Json<Value>> {
    let project = allowed(&call, "identity:list_project_tags", &id).await?;
    let here = call.links.to(&format!("/v3/projects/{id}/tags"));
    Ok(Json(json!({"tags": tags_of(&call.identity, project).await?, "links": {"self": here}})))
}

async fn tag_replace(call: Call, Path(id): Path<String>, Json(body): Json<TagsBody>) -> Result<Json<Value>> {
    allowed(&call, "identity:update_project_tags", &id).await?;
    let tags = call.identity.project_tags_set(&id, body.tags).await?;
    Ok(Json(json!({"tags": tags, "links": {"self": call.links.to(&format!("/v3/projects/{id}/tags"))}})))
}

async fn tag_clear(call: Call, Path(id): Path<String>) -> Result<StatusCode> {
    allowed(&call, "identity:delete_project_tags", &id).await?;
    call.identity.project_tags_set(&id, Vec::new()).await?;
    done()
}

async fn tag_check(call: Call, Path((id, tag)): Path<(String, String)>) -> Result<StatusCode> {
    let project = allowed(&call, "identity:get_project_tag", &id).await?;
    let found = tags_of(&call.identity, project).await?.contains(&tag);
    found.then_some(StatusCode::NO_CONTENT).ok_or_else(|| missing("project tag", &tag))
}

async fn tag_add(call: Call, Path((id, tag)): Path<(String, String)>) -> Result<StatusCode> {
    allowed(&call, "identity:create_project_tag", &id).await?;
    call.identity.project_tag_add(&id, tag).await?;
    Ok(StatusCode::CREATED)
}

async fn tag_remove(call: Call, Path((id, tag)): Path<(String, String)>) -> Result<StatusCode> {
    allowed(&call, "identity:delete_project_tag", &id).await?;
    call.identity.project_tag_remove(&id, &tag).await?;
    done()
}
