//! `/v3/OS-EP-FILTER`: groups of endpoints, and which endpoints a project's catalog shows.

use api::{Json, Result};
use axum::Router;
use axum::extract::Path;
use axum::routing::{get, put};
use http::StatusCode;
use serde_json::{Value, json};

use super::call::{Body, Call, created, done, shown};
use super::list::Listing;
use super::{projects, shapes};
use crate::Identity;
use crate::store::catalog::Endpoint;
use crate::store::endpoint_filter::Shown;

pub(super) fn routes() -> Router<Identity> {
    let base = "/v3/OS-EP-FILTER";
    let group = format!("{base}/endpoint_groups/{{group}}");
    Router::new()
        .route(&format!("{base}/endpoint_groups"), get(group_list).post(group_create))
        .route(&group, get(group_show).patch(group_update).delete(group_delete))
        .route(&format!("{group}/endpoints"), get(group_endpoints))
        .route(&format!("{group}/projects"), get(group_projects))
        .route(&format!("{group}/projects/{{project}}"), put(group_add).get(group_check).delete(group_remove))
        .route(&format!("{base}/endpoints/{{endpoint}}/projects"), get(endpoint_projects))
        .route(&format!("{base}/projects/{{project}}/endpoint_groups"), get(project_groups))
        .route(&format!("{base}/projects/{{project}}/endpoints"), get(project_endpoints))
        .route(
            &format!("{base}/projects/{{project}}/endpoints/{{endpoint}}"),
            put(endpoint_add).get(endpoint_check).delete(endpoint_remove),
        )
}

async fn group_list(call: Call, list: Listing) -> Result<Json<Value>> {
    call.allow_plain("identity:list_endpoint_groups")?;
    let rows = call.identity.endpoint_group_list(list.filters(&["name"], &[])?, &list.page).await?;
    Ok(list.answer("endpoint_groups", rows, |row| &row.id, |row| shapes::endpoint_group(&call.links, row)))
}

async fn group_create(call: Call, body: Body) -> Result<(StatusCode, Json<Value>)> {
    call.allow_plain("identity:create_endpoint_group")?;
    let group = call.identity.endpoint_group_create(body.fields("endpoint_group")?).await?;
    created("endpoint_group", shapes::endpoint_group(&call.links, &group))
}

async fn group_show(call: Call, Path(id): Path<String>) -> Result<Json<Value>> {
    call.allow_plain("identity:get_endpoint_group")?;
    shown("endpoint_group", shapes::endpoint_group(&call.links, &call.identity.endpoint_group_get(&id).await?))
}

async fn group_update(call: Call, Path(id): Path<String>, body: Body) -> Result<Json<Value>> {
    call.allow_plain("identity:update_endpoint_group")?;
    let group = call.identity.endpoint_group_update(&id, body.fields("endpoint_group")?).await?;
    shown("endpoint_group", shapes::endpoint_group(&call.links, &group))
}

async fn group_delete(call: Call, Path(id): Path<String>) -> Result<StatusCode> {
    call.allow_plain("identity:delete_endpoint_group")?;
    call.identity.endpoint_group_delete(&id).await?;
    done()
}

fn endpoints(call: &Call, list: &Listing, endpoints: Vec<Endpoint>) -> Json<Value> {
    let endpoints = list.behind_marker(endpoints, |endpoint| &endpoint.id);
    let show = |endpoint: &Endpoint| shapes::endpoint(&call.links, endpoint);
    list.answer("endpoints", endpoints, |endpoint| &endpoint.id, show)
}

async fn group_endpoints(call: Call, Path(id): Path<String>, list: Listing) -> Result<Json<Value>> {
    call.allow_plain("identity:list_endpoints_associated_with_endpoint_group")?;
    let found = call.identity.endpoint_group_endpoints(&id).await?;
    Ok(endpoints(&call, &list, found))
}

async fn group_projects(call: Call, Path(id): Path<String>, list: Listing) -> Result<Json<Value>> {
    call.allow_plain("identity:list_projects_associated_with_endpoint_group")?;
    let found = call.identity.endpoint_filter_projects(Shown::Group, &id).await?;
    projects::answer(&call, &list, list.behind_marker(found, |project| &project.id)).await
}

async fn endpoint_projects(call: Call, Path(id): Path<String>, list: Listing) -> Result<Json<Value>> {
    call.allow_plain("identity:list_projects_for_endpoint")?;
    let found = call.identity.endpoint_filter_projects(Shown::Endpoint, &id).await?;
    projects::answer(&call, &list, list.behind_marker(found, |project| &project.id)).await
}

async fn project_groups(call: Call, Path(id): Path<String>, list: Listing) -> Result<Json<Value>> {
    call.allow_plain("identity:list_endpoint_groups_for_project")?;
    let rows = list.behind_marker(call.identity.endpoint_groups_of_project(&id).await?, |row| &row.id);
    Ok(list.answer("endpoint_groups", rows, |row| &row.id, |row| shapes::endpoint_group(&call.links, row)))
}

async fn project_endpoints(call: Call, Path(id): Path<String>, list: Listing) -> Result<Json<Value>> {
    call.allow_plain("identity:list_endpoints_for_project")?;
    let found = call.identity.endpoints_of_project(&id).await?;
    Ok(endpoints(&call, &list, found))
}

async fn group_add(call: Call, Path((group, project)): Path<(String, String)>) -> Result<StatusCode> {
    call.allow_plain("identity:add_endpoint_group_to_project")?;
    call.identity.endpoint_filter_add(Shown::Group, &project, &group).await?;
    done()
}

async fn group_check(call: Call, Path((group, project)): Path<(String, String)>) -> Result<Json<Value>> {
    call.allow_plain("identity:get_endpoint_group_in_project")?;
    call.identity.endpoint_filter_check(Shown::Group, &project, &group).await?;
    let here = call.links.to(&format!("/v3/OS-EP-FILTER/endpoint_groups/{group}/projects/{project}"));
    let both = json!({"endpoint_group_id": group, "project_id": project, "links": {"self": here}});
    shown("project_endpoint_group", both)
}

async fn group_remove(call: Call, Path((group, project)): Path<(String, String)>) -> Result<StatusCode> {
    call.allow_plain("identity:remove_endpoint_group_from_project")?;
    call.identity.endpoint_filter_remove(Shown::Group, &project, &group).await?;
    done()
}

async fn endpoint_add(call: Call, Path((project, endpoint)): Path<(String, String)>) -> Result<StatusCode> {
    call.allow_plain("identity:add_endpoint_to_project")?;
    call.identity.endpoint_filter_add(Shown::Endpoint, &project, &endpoint).await?;
    done()
}

async fn endpoint_check(call: Call, Path((project, endpoint)): Path<(String, String)>) -> Result<StatusCode> {
    call.allow_plain("identity:check_endpoint_in_project")?;
    call.identity.endpoint_filter_check(Shown::Endpoint, &project, &endpoint).await?;
    done()
}

async fn endpoint_remove(call: Call, Path((project, endpoint)): Path<(String, String)>) -> Result<StatusCode> {
    call.allow_plain("identity:remove_endpoint_from_project")?;
    call.identity.endpoint_filter_remove(Shown::Endpoint, &project, &endpoint).await?;
    done()
}
