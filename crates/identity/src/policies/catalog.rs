use policy::Rule;

use super::{ADMIN, ANYONE, READ, cloud_rule, rule};

pub(super) const RULES: &[Rule] = &[
    rule("identity:get_region", ANYONE, "Show a region.", &[("GET", "/v3/regions/{region_id}")]),
    rule("identity:list_regions", ANYONE, "List regions.", &[("GET", "/v3/regions")]),
    cloud_rule(
        "identity:create_region",
        ADMIN,
        "Create a region.",
        &[("POST", "/v3/regions"), ("PUT", "/v3/regions/{region_id}")],
    ),
    cloud_rule("identity:update_region", ADMIN, "Change a region.", &[("PATCH", "/v3/regions/{region_id}")]),
    cloud_rule("identity:delete_region", ADMIN, "Delete a region.", &[("DELETE", "/v3/regions/{region_id}")]),
    cloud_rule("identity:get_service", READ, "Show a service.", &[("GET", "/v3/services/{service_id}")]),
    cloud_rule("identity:list_services", READ, "List services.", &[("GET", "/v3/services")]),
    cloud_rule("identity:create_service", ADMIN, "Create a service.", &[("POST", "/v3/services")]),
    cloud_rule("identity:update_service", ADMIN, "Change a service.", &[("PATCH", "/v3/services/{service_id}")]),
    cloud_rule("identity:delete_service", ADMIN, "Delete a service.", &[("DELETE", "/v3/services/{service_id}")]),
    cloud_rule("identity:get_endpoint", READ, "Show an endpoint.", &[("GET", "/v3/endpoints/{endpoint_id}")]),
    cloud_rule("identity:list_endpoints", READ, "List endpoints.", &[("GET", "/v3/endpoints")]),
    cloud_rule("identity:create_endpoint", ADMIN, "Create an endpoint.", &[("POST", "/v3/endpoints")]),
    cloud_rule("identity:update_endpoint", ADMIN, "Change an endpoint.", &[("PATCH", "/v3/endpoints/{endpoint_id}")]),
    cloud_rule("identity:delete_endpoint", ADMIN, "Delete an endpoint.", &[("DELETE", "/v3/endpoints/{endpoint_id}")]),
];
