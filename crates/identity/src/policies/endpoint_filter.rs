use policy::Rule;

use super::{ADMIN, READ, cloud_rule};

pub(super) const RULES: &[Rule] = &[
    cloud_rule(
        "identity:create_endpoint_group",
        ADMIN,
        "Make a group of endpoints.",
        &[("POST", "/v3/OS-EP-FILTER/endpoint_groups")],
    ),
    cloud_rule(
        "identity:list_endpoint_groups",
        READ,
        "List groups of endpoints.",
        &[("GET", "/v3/OS-EP-FILTER/endpoint_groups")],
    ),
    cloud_rule(
        "identity:get_endpoint_group",
        READ,
        "Show a group of endpoints.",
        &[("GET", "/v3/OS-EP-FILTER/endpoint_groups/{endpoint_group_id}")],
    ),
    cloud_rule(
        "identity:update_endpoint_group",
        ADMIN,
        "Change a group of endpoints.",
        &[("PATCH", "/v3/OS-EP-FILTER/endpoint_groups/{endpoint_group_id}")],
    ),
    cloud_rule(
        "identity:delete_endpoint_group",
        ADMIN,
        "Delete a group of endpoints.",
        &[("DELETE", "/v3/OS-EP-FILTER/endpoint_groups/{endpoint_group_id}")],
    ),
    cloud_rule(
        "identity:list_projects_associated_with_endpoint_group",
        READ,
        "List the projects that are shown a group of endpoints.",
        &[("GET", "/v3/OS-EP-FILTER/endpoint_groups/{endpoint_group_id}/projects")],
    ),
    cloud_rule(
        "identity:list_endpoints_associated_with_endpoint_group",
        READ,
        "List the endpoints in a group.",
        &[("GET", "/v3/OS-EP-FILTER/endpoint_groups/{endpoint_group_id}/endpoints")],
    ),
    cloud_rule(
        "identity:get_endpoint_group_in_project",
        READ,
        "Check whether a project is shown a group of endpoints.",
        &[
            ("GET", "/v3/OS-EP-FILTER/endpoint_groups/{endpoint_group_id}/projects/{project_id}"),
            ("HEAD", "/v3/OS-EP-FILTER/endpoint_groups/{endpoint_group_id}/projects/{project_id}"),
        ],
    ),
    cloud_rule(
        "identity:list_endpoint_groups_for_project",
        READ,
        "List the groups of endpoints that a project is shown.",
        &[("GET", "/v3/OS-EP-FILTER/projects/{project_id}/endpoint_groups")],
    ),
    cloud_rule(
        "identity:add_endpoint_group_to_project",
        ADMIN,
        "Show a project a group of endpoints.",
        &[("PUT", "/v3/OS-EP-FILTER/endpoint_groups/{endpoint_group_id}/projects/{project_id}")],
    ),
    cloud_rule(
        "identity:remove_endpoint_group_from_project",
        ADMIN,
        "Show a project a group of endpoints no longer.",
        &[("DELETE", "/v3/OS-EP-FILTER/endpoint_groups/{endpoint_group_id}/projects/{project_id}")],
    ),
    cloud_rule(
        "identity:list_projects_for_endpoint",
        READ,
        "List the projects that are shown an endpoint.",
        &[("GET", "/v3/OS-EP-FILTER/endpoints/{endpoint_id}/projects")],
    ),
    cloud_rule(
        "identity:add_endpoint_to_project",
        ADMIN,
        "Show a project an endpoint.",
        &[("PUT", "/v3/OS-EP-FILTER/projects/{project_id}/endpoints/{endpoint_id}")],
    ),
    cloud_rule(
        "identity:check_endpoint_in_project",
        READ,
        "Check whether a project is shown an endpoint.",
        &[
            ("GET", "/v3/OS-EP-FILTER/projects/{project_id}/endpoints/{endpoint_id}"),
            ("HEAD", "/v3/OS-EP-FILTER/projects/{project_id}/endpoints/{endpoint_id}"),
        ],
    ),
    cloud_rule(
        "identity:list_endpoints_for_project",
        READ,
        "List the endpoints that a project is shown.",
        &[("GET", "/v3/OS-EP-FILTER/projects/{project_id}/endpoints")],
    ),
    cloud_rule(
        "identity:remove_endpoint_from_project",
        ADMIN,
        "Show a project an endpoint no longer.",
        &[("DELETE", "/v3/OS-EP-FILTER/projects/{project_id}/endpoints/{endpoint_id}")],
    ),
];
