//! A cloud with nothing but identity, and a client for it.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use db::{Db, Options};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use identity::{Bootstrap, BootstrapService, Bootstrapped, Identity};
use jiff::Timestamp;
use policy::Policy;
use runtime::{Clock, Ids, Runtime};
use serde_json::{Value, json};
use tower::ServiceExt as _;

pub const PASSWORD: &str = "correct horse";

pub struct Cloud {
    pub identity: Identity,
    pub admin: Bootstrapped,
    pub runtime: Runtime,
    pub db: Db,
    router: Router,
    dir: tempfile::TempDir,
}

pub struct User {
    pub id: String,
    pub name: String,
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

pub fn bootstrap() -> Bootstrap {
    let service = BootstrapService::new;
    Bootstrap {
        admin_password: PASSWORD.into(),
        region: "RegionOne".into(),
        base_url: "http://127.0.0.1:8080".into(),
        services: vec![
            service("identity", "keystone", "/identity"),
            service("compute", "nova", "/compute/v2.1"),
            service("volumev3", "cinder", "/volume/v3/%(project_id)s"),
        ],
    }
}

impl Cloud {
    /// A cloud over SQLite.
    pub async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open(&Options::Sqlite(dir.path().join("test.db"))).await.unwrap();
        db.migrate(identity::MIGRATIONS).await.unwrap();
        Self::start(db, dir).await
    }

    /// A cloud over SQLite with other options.
    pub async fn with(change: impl FnOnce(&mut identity::Options)) -> Self {
        let mut cloud = Self::new().await;
        let mut options = options(&cloud.dir);
        change(&mut options);
        cloud.identity = identity_of(&cloud.db, &cloud.runtime, options);
        cloud.router = cloud.identity.router();
        cloud
    }

    /// A cloud over that database, which has its schema.
    pub async fn over(db: Db) -> Self {
        Self::start(db, tempfile::tempdir().unwrap()).await
    }

    async fn start(db: Db, dir: tempfile::TempDir) -> Self {
        let start = "2026-11-21T04:00:00Z".parse().unwrap();
        let runtime = Runtime { clock: Clock::manual(start), ids: Ids::seeded(1), ..Runtime::default() };
        let identity = copy(&db, &runtime, &dir);
        let admin = identity.bootstrap(&bootstrap()).await.unwrap();
        Self { router: identity.router(), identity, admin, runtime, db, dir }
    }

    /// Another process of the control plane over the same database and keys.
    pub fn copy(&self) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let identity = copy(&self.db, &self.runtime, &self.dir);
        let (admin, runtime, db) = (self.admin.clone(), self.runtime.clone(), self.db.clone());
        Self { router: identity.router(), identity, admin, runtime, db, dir }
    }

    pub fn later(&self, seconds: i64) {
        let now = self.runtime.clock.now().as_second();
        self.runtime.clock.set(Timestamp::from_second(now + seconds).unwrap());
    }

    pub async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Option<Value>) -> Answer {
        let mut request = Request::builder().method(method).uri(path).header("host", "cloud:8080");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        self.answer(request.header("content-type", "application/json").body(body).unwrap()).await
    }

    /// Posts a form.
    pub async fn form(&self, path: &str, headers: &[(&str, &str)], form: &str) -> Answer {
        let mut request = Request::builder().method(Method::POST).uri(path).header("host", "cloud:8080");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        self.answer(request.body(Body::from(form.to_owned())).unwrap()).await
    }

    async fn answer(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Answer { status: parts.status, headers: parts.headers, body }
    }

    pub async fn get(&self, token: &str, path: &str) -> Answer {
        self.send(Method::GET, path, &[("x-auth-token", token)], None).await
    }

    pub async fn head(&self, token: &str, path: &str) -> Answer {
        self.send(Method::HEAD, path, &[("x-auth-token", token)], None).await
    }

    pub async fn post(&self, token: &str, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, &[("x-auth-token", token)], Some(body)).await
    }

    pub async fn patch(&self, token: &str, path: &str, body: Value) -> Answer {
        self.send(Method::PATCH, path, &[("x-auth-token", token)], Some(body)).await
    }

    pub async fn put(&self, token: &str, path: &str) -> Answer {
        self.send(Method::PUT, path, &[("x-auth-token", token)], None).await
    }

    pub async fn delete(&self, token: &str, path: &str) -> Answer {
        self.send(Method::DELETE, path, &[("x-auth-token", token)], None).await
    }

    pub async fn auth(&self, auth: Value) -> Answer {
        self.send(Method::POST, "/v3/auth/tokens", &[], Some(json!({"auth": auth}))).await
    }

    /// A token by name and password.
    pub async fn login(&self, name: &str, password: &str, scope: Value) -> Answer {
        self.auth(by_password(name, password, scope)).await
    }

    pub async fn admin(&self) -> String {
        let scope = json!({"project": {"id": self.admin.project_id}});
        token_of(self.login("admin", PASSWORD, scope).await)
    }

    /// The id of a role that stands from the start.
    pub async fn role(&self, name: &str) -> String {
        let found = self.get(&self.admin().await, &format!("/v3/roles?name={name}")).await.expect(200);
        found["roles"][0]["id"].as_str().unwrap().to_owned()
    }

    /// A new user with that role on a new project.
    pub async fn user(&self, role: &str) -> (User, String) {
        let (admin, role) = (self.admin().await, self.role(role).await);
        let name = format!("u{}", self.runtime.ids.hex());
        let body = json!({"project": {"name": name, "domain_id": "default"}});
        let project = self.post(&admin, "/v3/projects", body).await.expect(201);
        let project = project["project"]["id"].as_str().unwrap().to_owned();
        let body = json!({"user": {"name": name, "domain_id": "default", "password": PASSWORD}});
        let user = self.post(&admin, "/v3/users", body).await.expect(201);
        let user = User { id: user["user"]["id"].as_str().unwrap().to_owned(), name };
        let path = format!("/v3/projects/{project}/users/{}/roles/{role}", user.id);
        self.put(&admin, &path).await.expect(204);
        (user, project)
    }

    /// A token of the user on the project.
    pub async fn token(&self, user: &User, project: &str) -> String {
        token_of(self.login(&user.name, PASSWORD, json!({"project": {"id": project}})).await)
    }

    /// Whether the token is valid, as another service would find out.
    pub async fn is_valid(&self, token: &str) -> bool {
        self.identity.authenticate(token).await.is_ok()
    }
}

fn copy(db: &Db, runtime: &Runtime, dir: &tempfile::TempDir) -> Identity {
    identity_of(db, runtime, options(dir))
}

fn options(dir: &tempfile::TempDir) -> identity::Options {
    let mut options = identity::Options::new(dir.path().join("keys"));
    options.config.password_hash_rounds = 4;
    options
}

fn identity_of(db: &Db, runtime: &Runtime, options: identity::Options) -> Identity {
    let policy = Arc::new(Policy::new(&[identity::BASE_RULES, identity::RULES]).unwrap());
    Identity::new(db.clone(), runtime.clone(), policy, options).unwrap()
}

pub fn by_password(name: &str, password: &str, scope: Value) -> Value {
    let user = json!({"name": name, "domain": {"id": "default"}, "password": password});
    let mut auth = json!({"identity": {"methods": ["password"], "password": {"user": user}}});
    if !scope.is_null() {
        auth["scope"] = scope;
    }
    auth
}

#[track_caller]
pub fn token_of(answer: Answer) -> String {
    assert_eq!(answer.status, 201, "{}", answer.body);
    answer.headers["x-subject-token"].to_str().unwrap().to_owned()
}
