//! `/v3/projects` and their tags.

use api::{Json, Links, Query, Result};
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use http::StatusCode;
use policy::Target;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::list::Listing;
use super::shapes;
use crate::fields::{Fields, missing};
use crate::store::project::{Project, TagFilter};
use crate::{Caller, Identity};

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
async fn allowed(identity: &Identity, caller: &Caller, rule: &str, id: &str) -> Result<Project> {
    let project = identity.project_find(id).await?;
    caller.allow(rule, &target(project.as_ref()))?;
    project.ok_or_else(|| missing("project", id))
}

/// Projects as a list shows them.
pub(super) async fn answer(
    identity: &Identity,
    links: &Links,
    list: &Listing,
    projects: Vec<Project>,
) -> Result<Json<Value>> {
    let tags = identity.project_tags(&projects).await?;
    let show = |project: &Project| shapes::project(links, project, tags.get(&project.id).map_or(&[], Vec::as_slice));
    Ok(list.answer("projects", projects, |project| &project.id, show))
}

async fn shape(identity: &Identity, links: &Links, project: &Project) -> Result<Value> {
    let tags = identity.project_tags(std::slice::from_ref(project)).await?;
    Ok(shapes::project(links, project, tags.get(&project.id).map_or(&[], Vec::as_slice)))
}

async fn project_list(
    State(identity): State<Identity>,
    caller: Caller,
    links: Links,
    list: Listing,
) -> Result<Json<Value>> {
    let domain_id = list.domain(&caller);
    caller.allow("identity:list_projects", &Target::new().with("target.domain_id", &domain_id))?;
    let mut filters = list.filters(&["name", "id"], &["enabled"])?;
    if list.query.flag("is_domain")? == Some(true) {
        return Ok(list.answer("projects", Vec::<Project>::new(), |project| &project.id, |_| Value::Null));
    }
    filters.extend(domain_id.map(|id| ("domain_id", db::Value::from(id))));
    if let Some(parent_id) = list.query.get("parent_id") {
        // Projects directly below their domain name the domain as their parent.
        if identity.domain_find(parent_id).await?.is_some() {
            filters.push(("domain_id", db::Value::from(parent_id)));
            filters.push(("parent_id", db::Value::Text(None)));
        } else {
            filters.push(("parent_id", db::Value::from(parent_id)));
        }
    }
    let tags = |name: &str| -> Vec<String> {
        list.query.get(name).into_iter().flat_map(|text| text.split(',')).map(str::to_owned).collect()
    };
    let tags = TagFilter {
        all: tags("tags"),
        any: tags("tags-any"),
        not_all: tags("not-tags"),
        not_any: tags("not-tags-any"),
    };
    let projects = identity.project_list(filters, &tags, &list.page).await?;
    answer(&identity, &links, &list, projects).await
}

async fn project_create(
    State(identity): State<Identity>,
    caller: Caller,
    links: Links,
    Json(body): Json<Map<String, Value>>,
) -> Result<(StatusCode, Json<Value>)> {
    let mut fields = Fields::of("project", body)?;
    let domain_id = super::domain_or_own(&caller, &mut fields)?;
    caller.allow("identity:create_project", &Target::new().with("target.project.domain_id", &domain_id))?;
    let project = identity.project_create(fields, domain_id).await?;
    Ok((StatusCode::CREATED, Json(json!({"project": shape(&identity, &links, &project).await?}))))
}

async fn project_show(
    State(identity): State<Identity>,
    caller: Caller,
    links: Links,
    Path(id): Path<String>,
    query: Query,
) -> Result<Json<Value>> {
    let project = allowed(&identity, &caller, "identity:get_project", &id).await?;
    let mut body = shape(&identity, &links, &project).await?;
    let wrapped = |projects: &[Project]| -> Value {
        projects.iter().map(|project| json!({"project": shapes::project(&links, project, &[])})).collect()
    };
    if query.get("parents_as_list").is_some() {
        body["parents"] = wrapped(&identity.project_parents(&id).await?);
    } else if query.get("parents_as_ids").is_some() {
        let parents = identity.project_parents(&id).await?;
        let top = json!({&project.domain_id: null});
        body["parents"] = parents.iter().rev().fold(top, |above, parent| json!({&parent.id: above}));
    }
    if query.get("subtree_as_list").is_some() {
        body["subtree"] = wrapped(&identity.project_subtree(&id).await?);
    } else if query.get("subtree_as_ids").is_some() {
        body["subtree"] = below(&id, &identity.project_subtree(&id).await?);
    }
    Ok(Json(json!({"project": body})))
}

/// The tree below a project, as nested ids.
fn below(id: &str, all: &[Project]) -> Value {
    let children = all.iter().filter(|project| project.parent_id.as_deref() == Some(id));
    let tree: Map<String, Value> = children.map(|child| (child.id.clone(), below(&child.id, all))).collect();
    if tree.is_empty() { Value::Null } else { Value::Object(tree) }
}

async fn project_update(
    State(identity): State<Identity>,
    caller: Caller,
    links: Links,
    Path(id): Path<String>,
    Json(body): Json<Map<String, Value>>,
) -> Result<Json<Value>> {
    allowed(&identity, &caller, "identity:update_project", &id).await?;
    let project = identity.project_update(&id, Fields::of("project", body)?).await?;
    Ok(Json(json!({"project": shape(&identity, &links, &project).await?})))
}

async fn project_delete(
    State(identity): State<Identity>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode> {
    allowed(&identity, &caller, "identity:delete_project", &id).await?;
    identity.project_delete(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TagsBody {
    tags: Vec<String>,
}

async fn tags_of(identity: &Identity, project: Project) -> Result<Vec<String>> {
    Ok(identity.project_tags(&[project]).await?.into_values().next().unwrap_or_default())
}

async fn tag_list(
    State(identity): State<Identity>,
    caller: Caller,
    links: Links,
    Path(id): Path<String>,
) -> Result<Json<Value>> {
    let project = allowed(&identity, &caller, "identity:list_project_tags", &id).await?;
    let here = links.to(&format!("/v3/projects/{id}/tags"));
    Ok(Json(json!({"tags": tags_of(&identity, project).await?, "links": {"self": here}})))
}

async fn tag_replace(
    State(identity): State<Identity>,
    caller: Caller,
    links: Links,
    Path(id): Path<String>,
    Json(body): Json<TagsBody>,
) -> Result<Json<Value>> {
    allowed(&identity, &caller, "identity:update_project_tags", &id).await?;
    let tags = identity.project_tags_set(&id, body.tags).await?;
    Ok(Json(json!({"tags": tags, "links": {"self": links.to(&format!("/v3/projects/{id}/tags"))}})))
}

async fn tag_clear(State(identity): State<Identity>, caller: Caller, Path(id): Path<String>) -> Result<StatusCode> {
    allowed(&identity, &caller, "identity:delete_project_tags", &id).await?;
    identity.project_tags_set(&id, Vec::new()).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn tag_check(
    State(identity): State<Identity>,
    caller: Caller,
    Path((id, tag)): Path<(String, String)>,
) -> Result<StatusCode> {
    let project = allowed(&identity, &caller, "identity:get_project_tag", &id).await?;
    let found = tags_of(&identity, project).await?.contains(&tag);
    found.then_some(StatusCode::NO_CONTENT).ok_or_else(|| missing("project tag", &tag))
}

async fn tag_add(
    State(identity): State<Identity>,
    caller: Caller,
    Path((id, tag)): Path<(String, String)>,
) -> Result<StatusCode> {
    allowed(&identity, &caller, "identity:create_project_tag", &id).await?;
    identity.project_tag_add(&id, tag).await?;
    Ok(StatusCode::CREATED)
}

async fn tag_remove(
    State(identity): State<Identity>,
    caller: Caller,
    Path((id, tag)): Path<(String, String)>,
) -> Result<StatusCode> {
    allowed(&identity, &caller, "identity:delete_project_tag", &id).await?;
    identity.project_tag_remove(&id, &tag).await?;
    Ok(StatusCode::NO_CONTENT)
}
