//! The policy rules of placement.

use policy::Rule;

const OPERATOR: &str = "role:admin or role:service";
const OWNER: &str = "role:admin or role:service or (role:reader and project_id:%(project_id)s)";

const fn rule(
    name: &'static str,
    check: &'static str,
    description: &'static str,
    operations: &'static [(&'static str, &'static str)],
) -> Rule {
    Rule { name, check, description, operations, scopes: &[policy::Scope::Project] }
}

/// The rules of placement and their defaults.
pub const RULES: &[Rule] = &[
    rule("placement:resource_providers:list", OPERATOR, "List resource providers", &[("GET", "/resource_providers")]),
    rule(
        "placement:resource_providers:create",
        OPERATOR,
        "Create a resource provider",
        &[("POST", "/resource_providers")],
    ),
    rule(
        "placement:resource_providers:show",
        OPERATOR,
        "Show a resource provider",
        &[("GET", "/resource_providers/{uuid}")],
    ),
    rule(
        "placement:resource_providers:update",
        OPERATOR,
        "Change a resource provider",
        &[("PUT", "/resource_providers/{uuid}")],
    ),
    rule(
        "placement:resource_providers:delete",
        OPERATOR,
        "Delete a resource provider",
        &[("DELETE", "/resource_providers/{uuid}")],
    ),
    rule("placement:resource_classes:list", OPERATOR, "List resource classes", &[("GET", "/resource_classes")]),
    rule("placement:resource_classes:create", OPERATOR, "Create a resource class", &[("POST", "/resource_classes")]),
    rule("placement:resource_classes:show", OPERATOR, "Show a resource class", &[("GET", "/resource_classes/{name}")]),
    rule(
        "placement:resource_classes:update",
        OPERATOR,
        "Make sure that a resource class exists, or rename it",
        &[("PUT", "/resource_classes/{name}")],
    ),
    rule(
        "placement:resource_classes:delete",
        OPERATOR,
        "Delete a resource class",
        &[("DELETE", "/resource_classes/{name}")],
    ),
    rule(
        "placement:resource_providers:inventories:list",
        OPERATOR,
        "List the inventories of a provider",
        &[("GET", "/resource_providers/{uuid}/inventories")],
    ),
    rule(
        "placement:resource_providers:inventories:create",
        OPERATOR,
        "Add an inventory to a provider",
        &[("POST", "/resource_providers/{uuid}/inventories")],
    ),
    rule(
        "placement:resource_providers:inventories:show",
        OPERATOR,
        "Show an inventory of a provider",
        &[("GET", "/resource_providers/{uuid}/inventories/{resource_class}")],
    ),
    rule(
        "placement:resource_providers:inventories:update",
        OPERATOR,
        "Change inventories of a provider",
        &[
            ("PUT", "/resource_providers/{uuid}/inventories"),
            ("PUT", "/resource_providers/{uuid}/inventories/{resource_class}"),
        ],
    ),
    rule(
        "placement:resource_providers:inventories:delete",
        OPERATOR,
        "Delete inventories of a provider",
        &[
            ("DELETE", "/resource_providers/{uuid}/inventories"),
            ("DELETE", "/resource_providers/{uuid}/inventories/{resource_class}"),
        ],
    ),
    rule(
        "placement:resource_providers:aggregates:list",
        OPERATOR,
        "List the aggregates of a provider",
        &[("GET", "/resource_providers/{uuid}/aggregates")],
    ),
    rule(
        "placement:resource_providers:aggregates:update",
        OPERATOR,
        "Change the aggregates of a provider",
        &[("PUT", "/resource_providers/{uuid}/aggregates")],
    ),
    rule(
        "placement:resource_providers:usages",
        OPERATOR,
        "Show how much of a provider is used",
        &[("GET", "/resource_providers/{uuid}/usages")],
    ),
    rule("placement:usages", OWNER, "Show how much a project uses", &[("GET", "/usages")]),
    rule("placement:traits:list", OPERATOR, "List traits", &[("GET", "/traits")]),
    rule("placement:traits:show", OPERATOR, "Show whether a trait exists", &[("GET", "/traits/{name}")]),
    rule("placement:traits:update", OPERATOR, "Create a trait", &[("PUT", "/traits/{name}")]),
    rule("placement:traits:delete", OPERATOR, "Delete a trait", &[("DELETE", "/traits/{name}")]),
    rule(
        "placement:resource_providers:traits:list",
        OPERATOR,
        "List the traits of a provider",
        &[("GET", "/resource_providers/{uuid}/traits")],
    ),
    rule(
        "placement:resource_providers:traits:update",
        OPERATOR,
        "Change the traits of a provider",
        &[("PUT", "/resource_providers/{uuid}/traits")],
    ),
    rule(
        "placement:resource_providers:traits:delete",
        OPERATOR,
        "Remove the traits of a provider",
        &[("DELETE", "/resource_providers/{uuid}/traits")],
    ),
    rule(
        "placement:allocations:manage",
        OPERATOR,
        "Change the allocations of several consumers",
        &[("POST", "/allocations")],
    ),
    rule(
        "placement:allocations:list",
        OPERATOR,
        "List the allocations of a consumer",
        &[("GET", "/allocations/{consumer_uuid}")],
    ),
    rule(
        "placement:allocations:update",
        OPERATOR,
        "Change the allocations of a consumer",
        &[("PUT", "/allocations/{consumer_uuid}")],
    ),
    rule(
        "placement:allocations:delete",
        OPERATOR,
        "Delete the allocations of a consumer",
        &[("DELETE", "/allocations/{consumer_uuid}")],
    ),
    rule(
        "placement:resource_providers:allocations:list",
        OPERATOR,
        "List the allocations of a provider",
        &[("GET", "/resource_providers/{uuid}/allocations")],
    ),
    rule(
        "placement:allocation_candidates:list",
        OPERATOR,
        "Search for providers that can give what is asked",
        &[("GET", "/allocation_candidates")],
    ),
    rule(
        "placement:reshaper:reshape",
        OPERATOR,
        "Move inventories between providers together with what is allocated of them",
        &[("POST", "/reshaper")],
    ),
];
