//! The steps for what a user hands on and keeps secret. All of it is the caller's own.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};

use super::{Contract, Step, create, get, patch};

fn delete(path: &'static str) -> Step {
    Step("DELETE", path, Value::Null, &[])
}

fn head(path: &'static str) -> Step {
    Step("HEAD", path, Value::Null, &[])
}

/// HMAC with SHA-1 in base 64: the signature of the oldest versions.
fn signature(secret: &str, text: &str) -> String {
    let mut mac = Hmac::<sha1::Sha1>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

fn things() -> Vec<Step> {
    vec![
        create(
            "/v3/OS-TRUST/trusts",
            json!({"trust": {"trustor_user_id": "{user_id}", "trustee_user_id": "{other_id}", "impersonation": false,
                "project_id": "{own_project_id}", "roles": [{"name": "admin"}]}}),
            &[("trust_id", "/trust/id"), ("role_id", "/trust/roles/0/id")],
        ),
        create(
            "/v3/users/{user_id}/application_credentials",
            json!({"application_credential": {"name": "a", "secret": "s",
                "access_rules": [{"service": "compute", "method": "GET", "path": "/v2.1/servers"}]}}),
            &[
                ("application_credential_id", "/application_credential/id"),
                ("access_rule_id", "/application_credential/access_rules/0/id"),
            ],
        ),
        create(
            "/v3/credentials",
            json!({"credential": {"type": "ec2", "user_id": "{user_id}", "project_id": "{own_project_id}",
                "blob": "{\"access\": \"a\", \"secret\": \"s\"}"}}),
            &[("credential_id", "/credential/id")],
        ),
        patch("/v3/credentials/{credential_id}", json!({"credential": {"note": "n"}})),
        create(
            "/v3/ec2tokens",
            json!({"credentials": {"access": "a", "signature": signature("s", "Nothing"),
                "params": {"SignatureVersion": "0", "Action": "Nothing"}}}),
            &[],
        ),
        create(
            "/v3/s3tokens",
            json!({"credentials": {"access": "a", "signature": signature("s", "GET"), "token": URL_SAFE.encode("GET")}}),
            &[],
        ),
        get("/v3/OS-TRUST/trusts/{trust_id}/roles/{role_id}"),
        head("/v3/OS-TRUST/trusts/{trust_id}/roles/{role_id}"),
        get("/v3/users/{user_id}/access_rules"),
        head("/v3/users/{user_id}/access_rules"),
        get("/v3/users/{user_id}/access_rules/{access_rule_id}"),
        head("/v3/users/{user_id}/access_rules/{access_rule_id}"),
        get("/v3/users/{user_id}/application_credentials"),
        head("/v3/users/{user_id}/application_credentials"),
        get("/v3/users/{user_id}/application_credentials/{application_credential_id}"),
        head("/v3/users/{user_id}/application_credentials/{application_credential_id}"),
    ]
}

impl Contract {
    /// Does the steps as the administrator for itself.
    pub(super) async fn delegation(&mut self) {
        let before = self.names.clone();
        let own = [("user_id", &self.cloud.admin.user_id), ("own_project_id", &self.cloud.admin.project_id)];
        let own: Vec<(String, String)> = own.map(|(name, value)| (name.to_owned(), value.clone())).into();
        self.names.extend(own);
        self.names.insert("other_id".to_owned(), before["user_id"].clone());
        for step in things() {
            self.step(step).await;
        }
        let form = format!(
            "grant_type=client_credentials&client_id={}&client_secret=s",
            self.names["application_credential_id"]
        );
        let answer = self.cloud.form("/v3/OS-OAUTH2/token", &[], &form).await;
        self.check("POST", "/v3/OS-OAUTH2/token", &answer);
        for step in [
            delete("/v3/users/{user_id}/application_credentials/{application_credential_id}"),
            delete("/v3/users/{user_id}/access_rules/{access_rule_id}"),
        ] {
            self.step(step).await;
        }
        let made = ["trust_id", "credential_id"].map(|name| (name.to_owned(), self.names[name].clone()));
        self.names = before;
        self.names.extend(made);
    }
}
