//! The rules that guard the image API, with the names and defaults that operators know.

use policy::{Rule, Scope};

const SCOPES: &[Scope] = &[Scope::Project];
const MEMBER: &str = "role:admin or (role:member and project_id:%(project_id)s)";
const READER: &str = "role:admin or (role:reader and project_id:%(project_id)s)";
const ADMIN: &str = "role:admin";
const GET: &str = "role:admin or (role:reader and (project_id:%(project_id)s or project_id:%(member_id)s \
                   or 'community':%(visibility)s or 'public':%(visibility)s or 'shared':%(visibility)s))";
const DOWNLOAD: &str = "role:admin or (role:member and (project_id:%(project_id)s or project_id:%(member_id)s \
                        or 'community':%(visibility)s or 'public':%(visibility)s or 'shared':%(visibility)s))";
const SHARED: &str = "role:admin or (role:member and project_id:%(member_id)s)";
const SHARED_READER: &str = "role:admin or (role:reader and (project_id:%(project_id)s or project_id:%(member_id)s))";

const fn rule(
    name: &'static str,
    check: &'static str,
    description: &'static str,
    operations: &'static [(&'static str, &'static str)],
) -> Rule {
    Rule { name, check, description, operations, scopes: SCOPES }
}

/// All rules of the image API.
pub const RULES: &[Rule] = &[
    rule("add_image", MEMBER, "Create an image.", &[("POST", "/v2/images")]),
    rule("delete_image", MEMBER, "Delete an image.", &[("DELETE", "/v2/images/{image_id}")]),
    rule("get_image", GET, "Show an image.", &[("GET", "/v2/images/{image_id}")]),
    rule("get_images", READER, "List images.", &[("GET", "/v2/images")]),
    rule(
        "modify_image",
        MEMBER,
        "Change an image, its properties and its tags.",
        &[
            ("PATCH", "/v2/images/{image_id}"),
            ("PUT", "/v2/images/{image_id}/tags/{tag}"),
            ("DELETE", "/v2/images/{image_id}/tags/{tag}"),
        ],
    ),
    rule("publicize_image", ADMIN, "Make an image public.", &[("PATCH", "/v2/images/{image_id}")]),
    rule("communitize_image", MEMBER, "Make an image a community image.", &[("PATCH", "/v2/images/{image_id}")]),
    rule("download_image", DOWNLOAD, "Download an image's data.", &[("GET", "/v2/images/{image_id}/file")]),
    rule("upload_image", MEMBER, "Upload an image's data.", &[("PUT", "/v2/images/{image_id}/file")]),
    rule("add_member", MEMBER, "Share an image with a project.", &[("POST", "/v2/images/{image_id}/members")]),
    rule(
        "delete_member",
        MEMBER,
        "Stop sharing an image with a project.",
        &[("DELETE", "/v2/images/{image_id}/members/{member_id}")],
    ),
    rule(
        "get_member",
        SHARED_READER,
        "Show one project that an image is shared with.",
        &[("GET", "/v2/images/{image_id}/members/{member_id}")],
    ),
    rule(
        "get_members",
        SHARED_READER,
        "List the projects that an image is shared with.",
        &[("GET", "/v2/images/{image_id}/members")],
    ),
    rule(
        "modify_member",
        SHARED,
        "Accept or reject an image that is shared with one's project.",
        &[("PUT", "/v2/images/{image_id}/members/{member_id}")],
    ),
    rule("deactivate", MEMBER, "Take an image out of use.", &[("POST", "/v2/images/{image_id}/actions/deactivate")]),
    rule(
        "reactivate",
        MEMBER,
        "Take an image into use again.",
        &[("POST", "/v2/images/{image_id}/actions/reactivate")],
    ),
];
