use policy::Rule;

use super::rule;

const SEE: &str = "rule:admin_required or (role:reader and system_scope:all) \
    or (role:reader and domain_id:%(target.project.domain_id)s) or project_id:%(target.project.id)s";
const LIST: &str = "rule:admin_required or (role:reader and system_scope:all) \
    or (role:reader and domain_id:%(target.domain_id)s)";
const OF_USER: &str = "rule:admin_required or (role:reader and system_scope:all) \
    or (role:reader and domain_id:%(target.user.domain_id)s) or user_id:%(target.user.id)s";
const MANAGE: &str = "rule:admin_required or (role:manager and domain_id:%(target.project.domain_id)s)";

pub(super) const RULES: &[Rule] = &[
    rule("identity:get_project", SEE, "Show a project.", &[("GET", "/v3/projects/{project_id}")]),
    rule("identity:list_projects", LIST, "List projects.", &[("GET", "/v3/projects")]),
    rule(
        "identity:list_user_projects",
        OF_USER,
        "List the projects on which a user has a role.",
        &[("GET", "/v3/users/{user_id}/projects")],
    ),
    rule("identity:create_project", MANAGE, "Create a project.", &[("POST", "/v3/projects")]),
    rule("identity:update_project", MANAGE, "Change a project.", &[("PATCH", "/v3/projects/{project_id}")]),
    rule("identity:delete_project", MANAGE, "Delete a project.", &[("DELETE", "/v3/projects/{project_id}")]),
    rule(
        "identity:list_project_tags",
        SEE,
        "List the tags of a project.",
        &[("GET", "/v3/projects/{project_id}/tags"), ("HEAD", "/v3/projects/{project_id}/tags")],
    ),
    rule(
        "identity:get_project_tag",
        SEE,
        "Check whether a project has a tag.",
        &[("GET", "/v3/projects/{project_id}/tags/{value}"), ("HEAD", "/v3/projects/{project_id}/tags/{value}")],
    ),
    rule(
        "identity:update_project_tags",
        MANAGE,
        "Replace the tags of a project.",
        &[("PUT", "/v3/projects/{project_id}/tags")],
    ),
    rule(
        "identity:create_project_tag",
        MANAGE,
        "Add a tag to a project.",
        &[("PUT", "/v3/projects/{project_id}/tags/{value}")],
    ),
    rule(
        "identity:delete_project_tags",
        MANAGE,
        "Remove all tags of a project.",
        &[("DELETE", "/v3/projects/{project_id}/tags")],
    ),
    rule(
        "identity:delete_project_tag",
        MANAGE,
        "Remove a tag of a project.",
        &[("DELETE", "/v3/projects/{project_id}/tags/{value}")],
    ),
];
