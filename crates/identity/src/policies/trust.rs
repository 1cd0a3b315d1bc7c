use policy::Rule;

use super::{READ, cloud_rule, project_rule};

const SEE: &str = "rule:admin_required or (role:reader and system_scope:all) \
    or user_id:%(target.trust.trustor_user_id)s or user_id:%(target.trust.trustee_user_id)s";
const OF_TRUSTOR: &str = "rule:admin_required or (role:reader and system_scope:all) \
    or user_id:%(target.trust.trustor_user_id)s";
const OF_TRUSTEE: &str = "rule:admin_required or (role:reader and system_scope:all) \
    or user_id:%(target.trust.trustee_user_id)s";

pub(super) const RULES: &[Rule] = &[
    project_rule(
        "identity:create_trust",
        "user_id:%(target.trust.trustor_user_id)s",
        "Let another user act for oneself.",
        &[("POST", "/v3/OS-TRUST/trusts")],
    ),
    cloud_rule("identity:list_trusts", READ, "List all trusts.", &[("GET", "/v3/OS-TRUST/trusts")]),
    cloud_rule(
        "identity:list_trusts_for_trustor",
        OF_TRUSTOR,
        "List the trusts that a user gave.",
        &[("GET", "/v3/OS-TRUST/trusts?trustor_user_id={trustor_user_id}")],
    ),
    cloud_rule(
        "identity:list_trusts_for_trustee",
        OF_TRUSTEE,
        "List the trusts that a user received.",
        &[("GET", "/v3/OS-TRUST/trusts?trustee_user_id={trustee_user_id}")],
    ),
    cloud_rule("identity:get_trust", SEE, "Show a trust.", &[("GET", "/v3/OS-TRUST/trusts/{trust_id}")]),
    cloud_rule(
        "identity:list_roles_for_trust",
        SEE,
        "List the roles that a trust gives.",
        &[("GET", "/v3/OS-TRUST/trusts/{trust_id}/roles")],
    ),
    cloud_rule(
        "identity:get_role_for_trust",
        SEE,
        "Show a role that a trust gives.",
        &[("GET", "/v3/OS-TRUST/trusts/{trust_id}/roles/{role_id}")],
    ),
    cloud_rule(
        "identity:delete_trust",
        "rule:admin_required or user_id:%(target.trust.trustor_user_id)s",
        "End a trust.",
        &[("DELETE", "/v3/OS-TRUST/trusts/{trust_id}")],
    ),
];
