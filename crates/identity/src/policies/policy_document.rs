use policy::Rule;

use super::{ADMIN, READ, cloud_rule};

pub(super) const RULES: &[Rule] = &[
    cloud_rule("identity:get_policy", READ, "Show a policy document.", &[("GET", "/v3/policies/{policy_id}")]),
    cloud_rule("identity:list_policies", READ, "List policy documents.", &[("GET", "/v3/policies")]),
    cloud_rule("identity:create_policy", ADMIN, "Keep a policy document.", &[("POST", "/v3/policies")]),
    cloud_rule("identity:update_policy", ADMIN, "Change a policy document.", &[("PATCH", "/v3/policies/{policy_id}")]),
    cloud_rule("identity:delete_policy", ADMIN, "Delete a policy document.", &[("DELETE", "/v3/policies/{policy_id}")]),
    cloud_rule(
        "identity:create_policy_association_for_endpoint",
        ADMIN,
        "Let a policy document be for an endpoint.",
        &[("PUT", "/v3/policies/{policy_id}/OS-ENDPOINT-POLICY/endpoints/{endpoint_id}")],
    ),
    cloud_rule(
        "identity:check_policy_association_for_endpoint",
        READ,
        "Check whether a policy document is for an endpoint.",
        &[
            ("GET", "/v3/policies/{policy_id}/OS-ENDPOINT-POLICY/endpoints/{endpoint_id}"),
            ("HEAD", "/v3/policies/{policy_id}/OS-ENDPOINT-POLICY/endpoints/{endpoint_id}"),
        ],
    ),
    cloud_rule(
        "identity:delete_policy_association_for_endpoint",
        ADMIN,
        "Say that a policy document is no longer for an endpoint.",
        &[("DELETE", "/v3/policies/{policy_id}/OS-ENDPOINT-POLICY/endpoints/{endpoint_id}")],
    ),
    cloud_rule(
        "identity:create_policy_association_for_service",
        ADMIN,
        "Let a policy document be for a service.",
        &[("PUT", "/v3/policies/{policy_id}/OS-ENDPOINT-POLICY/services/{service_id}")],
    ),
    cloud_rule(
        "identity:check_policy_association_for_service",
        READ,
        "Check whether a policy document is for a service.",
        &[
            ("GET", "/v3/policies/{policy_id}/OS-ENDPOINT-POLICY/services/{service_id}"),
            ("HEAD", "/v3/policies/{policy_id}/OS-ENDPOINT-POLICY/services/{service_id}"),
        ],
    ),
    cloud_rule(
        "identity:delete_policy_association_for_service",
        ADMIN,
        "Say that a policy document is no longer for a service.",
        &[("DELETE", "/v3/policies/{policy_id}/OS-ENDPOINT-POLICY/services/{service_id}")],
    ),
    cloud_rule(
        "identity:create_policy_association_for_region_and_service",
        ADMIN,
        "Let a policy document be for a service in a region.",
        &[("PUT", "/v3/policies/{policy_id}/OS-ENDPOINT-POLICY/services/{service_id}/regions/{region_id}")],
    ),
    cloud_rule(
        "identity:check_policy_association_for_region_and_service",
        READ,
        "Check whether a policy document is for a service in a region.",
        &[
            ("GET", "/v3/policies/{policy_id}/OS-ENDPOINT-POLICY/services/{service_id}/regions/{region_id}"),
            ("HEAD", "/v3/policies/{policy_id}/OS-ENDPOINT-POLICY/services/{service_id}/regions/{region_id}"),
        ],
    ),
    cloud_rule(
        "identity:delete_policy_association_for_region_and_service",
        ADMIN,
        "Say that a policy document is no longer for a service in a region.",
        &[("DELETE", "/v3/policies/{policy_id}/OS-ENDPOINT-POLICY/services/{service_id}/regions/{region_id}")],
    ),
    cloud_rule(
        "identity:get_policy_for_endpoint",
        READ,
        "Show the policy document for an endpoint.",
        &[("GET", "/v3/endpoints/{endpoint_id}/OS-ENDPOINT-POLICY/policy")],
    ),
    cloud_rule(
        "identity:list_endpoints_for_policy",
        READ,
        "List the endpoints that a policy document is for.",
        &[("GET", "/v3/policies/{policy_id}/OS-ENDPOINT-POLICY/endpoints")],
    ),
];
