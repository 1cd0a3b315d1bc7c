//! A cloud with identity and placement, and a client for it.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use db::{Db, Options};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use identity::{Bootstrap, Identity};
use placement::Placement;
use policy::Policy;
use runtime::Runtime;
use serde_json::{Value, json};
use tower::ServiceExt as _;

pub struct Cloud {
    pub placement: Placement,
    pub project_id: String,
    router: Router,
    identity: Identity,
    db: Db,
    token: String,
    _dir: tempfile::TempDir,
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Answer {
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        self.body
    }
}

impl Cloud {
    pub async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open(&Options::Sqlite(dir.path().join("test.db"))).await.unwrap();
        Self::with(db, dir).await
    }

    pub async fn over(db: Db) -> Self {
        Self::with(db, tempfile::tempdir().unwrap()).await
    }

    async fn with(db: Db, dir: tempfile::TempDir) -> Self {
        db.migrate(&[identity::MIGRATIONS, placement::MIGRATIONS].concat()).await.unwrap();
        let rules = [identity::BASE_RULES, identity::RULES, placement::RULES];
        let policy = Arc::new(Policy::new(&rules).unwrap());
        let mut options = identity::Options::new(dir.path().join("keys"));
        options.config.password_hash_rounds = 4;
        let identity = Identity::new(db.clone(), Runtime::default(), policy, options).unwrap();
        let admin = identity
            .bootstrap(&Bootstrap {
                admin_password: "correct horse".into(),
                region: "RegionOne".into(),
                base_url: "http://127.0.0.1".into(),
                services: Vec::new(),
            })
            .await
            .unwrap();
        let token = identity.token_for_user(&admin.user_id, &admin.project_id).await.unwrap();
        let placement = Placement::new(db.clone(), Runtime::default(), identity.clone());
        Self { router: placement.router(), placement, project_id: admin.project_id, identity, db, token, _dir: dir }
    }

    /// Another process's placement over the same database.
    pub fn another(&self) -> Placement {
        Placement::new(self.db.clone(), Runtime::default(), self.identity.clone())
    }

    /// Asks as the administrator, with microversion 1.`minor`.
    pub async fn ask(&self, method: &str, path: &str, minor: u16, body: Value) -> Answer {
        self.ask_as(&self.token, method, path, minor, body).await
    }

    pub async fn get(&self, path: &str, minor: u16) -> Answer {
        self.ask("GET", path, minor, Value::Null).await
    }

    pub async fn ask_as(&self, token: &str, method: &str, path: &str, minor: u16, body: Value) -> Answer {
        let version = format!("placement 1.{minor}");
        send(&self.router, token, method, path, Some(&version), body).await
    }

    /// Asks as the administrator with these headers alone, at 1.39 unless they say another version.
    pub async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = Request::builder().method(method).uri(path).header("x-auth-token", &self.token);
        if !headers.iter().any(|(name, _)| *name == "openstack-api-version") {
            request = request.header("openstack-api-version", "placement 1.39");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.header("content-length", body.len()).body(Body::from(body.to_owned())).unwrap();
        answer(&self.router, request).await
    }

    /// The token of a new user who has only that role in the administrator's project.
    pub async fn token_with(&self, role: &str) -> String {
        let identity = self.identity.router();
        let user = json!({"user": {"name": role, "password": "correct horse"}});
        let user = send(&identity, &self.token, "POST", "/v3/users", None, user).await.expect(201);
        let user_id = user["user"]["id"].as_str().unwrap();
        let roles = send(&identity, &self.token, "GET", &format!("/v3/roles?name={role}"), None, Value::Null).await;
        let role_id = roles.expect(200)["roles"][0]["id"].as_str().unwrap().to_owned();
        let path = format!("/v3/projects/{}/users/{user_id}/roles/{role_id}", self.project_id);
        send(&identity, &self.token, "PUT", &path, None, Value::Null).await.expect(204);
        self.identity.token_for_user(user_id, &self.project_id).await.unwrap()
    }
}

async fn send(router: &Router, token: &str, method: &str, path: &str, version: Option<&str>, body: Value) -> Answer {
    let mut request = Request::builder().method(method).uri(path).header("x-auth-token", token);
    if let Some(version) = version {
        request = request.header("openstack-api-version", version);
    }
    let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
    answer(router, request.header("content-type", "application/json").body(body).unwrap()).await
}

async fn answer(router: &Router, request: Request<Body>) -> Answer {
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    Answer { status: parts.status, headers: parts.headers, body }
}
