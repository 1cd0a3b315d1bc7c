//! Operations on what a user hands on or keeps secret: trusts, application credentials and credentials.

use super::row::Access::Refused;
use super::row::Row;
use super::table::{admin, anyone, delete, patch, post};

pub fn rows() -> Vec<Row> {
    let own = "only the user itself may";
    let trust = r#"{"trust": {"trustor_user_id": "{user}", "trustee_user_id": "{dave}", "project_id": "{project}",
        "impersonation": false, "roles": [{"name": "reader"}]}}"#;
    let credential = r#"{"credential": {"type": "cert", "blob": "x", "user_id": "{user}"}}"#;
    let signed = r#"{"credentials": {"access": "nobody's", "signature": "x", "token": ""}}"#;
    let trusts = "/v3/OS-TRUST/trusts";
    let of_user = "/v3/users/{user}";
    vec![
        post(trusts, trust).admin(403, own),
        admin(trusts),
        admin(&format!("{trusts}?trustor_user_id={{user}}")),
        admin(&format!("{trusts}?trustee_user_id={{user}}")),
        admin(&format!("{trusts}/{{trust}}")),
        admin(&format!("{trusts}/{{trust}}/roles")),
        admin(&format!("{trusts}/{{trust}}/roles/{{reader_role}}")),
        delete(&format!("{trusts}/{{trust}}")),
        post(&format!("{of_user}/application_credentials"), r#"{"application_credential": {"name": "cake"}}"#)
            .admin(403, own),
        admin(&format!("{of_user}/application_credentials")),
        admin(&format!("{of_user}/application_credentials/{{application_credential}}")),
        delete(&format!("{of_user}/application_credentials/{{application_credential}}")),
        admin(&format!("{of_user}/access_rules")).admin(403, own),
        admin(&format!("{of_user}/access_rules/{{access_rule}}")).admin(403, own),
        delete(&format!("{of_user}/access_rules/{{access_rule}}")).admin(403, own),
        anyone("/v3/credentials"),
        admin("/v3/credentials/{credential}"),
        post("/v3/credentials", credential),
        patch("/v3/credentials/{credential}", r#"{"credential": {"blob": "y"}}"#),
        delete("/v3/credentials/{credential}"),
        admin(&format!("{of_user}/credentials/OS-EC2")),
        admin(&format!("{of_user}/credentials/OS-EC2/{{access}}")),
        post(&format!("{of_user}/credentials/OS-EC2"), r#"{"tenant_id": "{project}"}"#),
        delete(&format!("{of_user}/credentials/OS-EC2/{{access}}")),
        post("/v3/ec2tokens", signed).admin(404, "there is no such pair of keys"),
        post("/v3/s3tokens", signed).admin(404, "there is no such pair of keys"),
        Row::new("GET", "/v3/OS-REVOKE/events", Refused),
    ]
}
