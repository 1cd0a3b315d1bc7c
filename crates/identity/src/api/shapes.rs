//! How resources look on the wire.

use api::Links;
use serde_json::{Map, Value, json};

use super::call::Call;
use crate::store::catalog::{Endpoint, Region, Service};
use crate::store::domain::Domain;
use crate::store::endpoint_filter::EndpointGroup;
use crate::store::group::Group;
use crate::store::limit::{Limit, RegisteredLimit};
use crate::store::policy_document::PolicyDocument;
use crate::store::project::Project;
use crate::store::role::Role;
use crate::store::user::User;

/// What clients gave beyond the known attributes, overlaid by those, with a link to the resource itself.
pub(super) fn shape(links: &Links, kind: &str, id: &str, extra: &Map<String, Value>, known: Value) -> Value {
    let mut all = extra.clone();
    if let Value::Object(known) = known {
        all.extend(known);
    }
    all.insert("id".to_owned(), json!(id));
    all.insert("links".to_owned(), json!({"self": links.to(&format!("/v3/{kind}/{id}"))}));
    Value::Object(all)
}

pub(super) fn domain(links: &Links, domain: &Domain) -> Value {
    let Domain { id, name, description, enabled, options, extra } = domain;
    let known = json!({"name": name, "description": description, "enabled": enabled, "tags": [], "options": options.0});
    shape(links, "domains", id, &extra.0, known)
}

/// A domain as the project that it is too.
pub(super) fn domain_as_project(links: &Links, domain: &Domain) -> Value {
    let Domain { id, name, description, enabled, options, extra } = domain;
    let known = json!({
        "name": name,
        "description": description,
        "enabled": enabled,
        "domain_id": null,
        "parent_id": null,
        "is_domain": true,
        "tags": [],
        "options": options.0,
    });
    shape(links, "projects", id, &extra.0, known)
}

pub(super) fn project(links: &Links, project: &Project, tags: &[String]) -> Value {
    let known = json!({
        "name": project.name,
        "description": project.description,
        "enabled": project.enabled,
        "domain_id": project.domain_id,
        "parent_id": project.parent_id.as_ref().unwrap_or(&project.domain_id),
        "is_domain": false,
        "tags": tags,
        "options": project.options.0,
    });
    shape(links, "projects", &project.id, &project.extra.0, known)
}

pub(super) fn user(call: &Call, user: &User) -> Value {
    let known = json!({
        "name": user.name,
        "domain_id": user.domain_id,
        "enabled": call.identity.is_enabled(user),
        "default_project_id": user.default_project_id,
        "password_expires_at": user.password_expires_at.map(api::time::naive_micros),
        "options": user.options.0,
    });
    shape(&call.links, "users", &user.id, &user.extra.0, known)
}

pub(super) fn group(links: &Links, group: &Group) -> Value {
    let known = json!({"name": group.name, "description": group.description, "domain_id": group.domain_id});
    shape(links, "groups", &group.id, &group.extra.0, known)
}

pub(super) fn role(links: &Links, role: &Role) -> Value {
    shape(links, "roles", &role.id, &role.extra.0, role_plain(role))
}

/// A role inside of something else.
pub(super) fn role_plain(role: &Role) -> Value {
    json!({
        "id": role.id, "name": role.name, "domain_id": role.domain_id, "description": role.description,
        "options": role.options.0,
    })
}

pub(super) fn region(links: &Links, region: &Region) -> Value {
    let known = json!({"parent_region_id": region.parent_id, "description": region.description});
    shape(links, "regions", &region.id, &region.extra.0, known)
}

pub(super) fn service(links: &Links, service: &Service) -> Value {
    let mut known = json!({"type": service.kind, "name": service.name, "enabled": service.enabled});
    if let Some(description) = &service.description {
        known["description"] = json!(description);
    }
    shape(links, "services", &service.id, &service.extra.0, known)
}

pub(super) fn endpoint(links: &Links, endpoint: &Endpoint) -> Value {
    let known = json!({
        "service_id": endpoint.service_id,
        "region_id": endpoint.region_id,
        "region": endpoint.region_id,
        "interface": endpoint.interface,
        "url": endpoint.url,
        "enabled": endpoint.enabled,
    });
    shape(links, "endpoints", &endpoint.id, &endpoint.extra.0, known)
}

pub(super) fn policy_document(links: &Links, document: &PolicyDocument) -> Value {
    shape(links, "policies", &document.id, &document.extra.0, json!({"type": document.kind, "blob": document.blob}))
}

pub(super) fn endpoint_group(links: &Links, group: &EndpointGroup) -> Value {
    let known = json!({"name": group.name, "description": group.description, "filters": group.filters.0});
    shape(links, "OS-EP-FILTER/endpoint_groups", &group.id, &group.extra.0, known)
}

pub(super) fn registered_limit(links: &Links, limit: &RegisteredLimit) -> Value {
    let known = json!({
        "service_id": limit.service_id,
        "region_id": limit.region_id,
        "resource_name": limit.resource_name,
        "default_limit": limit.default_limit,
        "description": limit.description,
    });
    shape(links, "registered_limits", &limit.id, &Map::new(), known)
}

pub(super) fn limit(links: &Links, limit: &Limit) -> Value {
    let known = json!({
        "project_id": limit.project_id,
        "domain_id": limit.domain_id,
        "service_id": limit.service_id,
        "region_id": limit.region_id,
        "resource_name": limit.resource_name,
        "resource_limit": limit.resource_limit,
        "description": limit.description,
    });
    shape(links, "limits", &limit.id, &Map::new(), known)
}
