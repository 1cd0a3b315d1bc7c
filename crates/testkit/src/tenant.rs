use ferrostack::client::Client;
use http::Method;
use serde_json::json;

use crate::{TestCloud, expect};

/// A project with a member and a reader.
pub struct Tenant {
    /// The project.
    pub project_id: String,
    /// A user with the role `member`.
    pub member: Client,
    /// A user with the role `reader`.
    pub reader: Client,
}

impl TestCloud {
    /// Makes a project of that name, with two users.
    pub async fn tenant(&self, name: &str) -> Tenant {
        let body = json!({"project": {"name": name, "domain_id": "default"}});
        let project = expect(&self.admin, 201, Method::POST, "/identity/v3/projects", Some(body)).await;
        let project_id = project["project"]["id"].as_str().unwrap_or_default().to_owned();
        let member = self.user(name, &project_id, "member").await;
        let reader = self.user(name, &project_id, "reader").await;
        Tenant { project_id, member, reader }
    }

    async fn user(&self, project: &str, project_id: &str, role: &str) -> Client {
        let (name, password) = (format!("{project}-{role}"), "a password");
        let body = json!({"user": {"name": name, "password": password, "domain_id": "default"}});
        let user = expect(&self.admin, 201, Method::POST, "/identity/v3/users", Some(body)).await;
        let user_id = user["user"]["id"].as_str().unwrap_or_default();
        let roles = expect(&self.admin, 200, Method::GET, &format!("/identity/v3/roles?name={role}"), None).await;
        let role_id = roles["roles"][0]["id"].as_str().unwrap_or_default();
        let path = format!("/identity/v3/projects/{project_id}/users/{user_id}/roles/{role_id}");
        expect(&self.admin, 204, Method::PUT, &path, None).await;
        Client::log_in(&self.url, &name, password, project).await.expect("the user logs in")
    }
}
