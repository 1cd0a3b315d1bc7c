use policy::Rule;

use super::{cloud_rule, rule};

const SEE: &str = "rule:admin_required or (role:reader and system_scope:all) \
    or user_id:%(target.credential.user_id)s";
const MANAGE: &str = "rule:admin_required or user_id:%(target.credential.user_id)s";
const MANAGE_EC2: &str = "rule:admin_required or (role:member and user_id:%(target.credential.user_id)s)";

pub(super) const RULES: &[Rule] = &[
    rule("identity:get_credential", SEE, "Show a credential.", &[("GET", "/v3/credentials/{credential_id}")]),
    rule("identity:list_credentials", SEE, "List credentials.", &[("GET", "/v3/credentials")]),
    rule("identity:create_credential", MANAGE, "Create a credential.", &[("POST", "/v3/credentials")]),
    rule("identity:update_credential", MANAGE, "Change a credential.", &[("PATCH", "/v3/credentials/{credential_id}")]),
    rule(
        "identity:delete_credential",
        MANAGE,
        "Delete a credential.",
        &[("DELETE", "/v3/credentials/{credential_id}")],
    ),
    cloud_rule(
        "identity:ec2_get_credential",
        SEE,
        "Show a pair of keys for EC2 and S3.",
        &[("GET", "/v3/users/{user_id}/credentials/OS-EC2/{credential_id}")],
    ),
    cloud_rule(
        "identity:ec2_list_credentials",
        "rule:admin_required or (role:reader and system_scope:all) or rule:owner",
        "List a user's pairs of keys for EC2 and S3.",
        &[("GET", "/v3/users/{user_id}/credentials/OS-EC2")],
    ),
    cloud_rule(
        "identity:ec2_create_credential",
        MANAGE_EC2,
        "Create a pair of keys for EC2 and S3.",
        &[("POST", "/v3/users/{user_id}/credentials/OS-EC2")],
    ),
    cloud_rule(
        "identity:ec2_delete_credential",
        MANAGE_EC2,
        "Delete a pair of keys for EC2 and S3.",
        &[("DELETE", "/v3/users/{user_id}/credentials/OS-EC2/{credential_id}")],
    ),
    rule(
        "identity:ec2tokens_validate",
        "rule:service_or_admin",
        "Get a token for a request that is signed as for EC2.",
        &[("POST", "/v3/ec2tokens")],
    ),
    rule(
        "identity:s3tokens_validate",
        "rule:service_or_admin",
        "Get a token for a request that is signed as for S3.",
        &[("POST", "/v3/s3tokens")],
    ),
];
