//! A cloud with two projects, and a client for it.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use db::{Db, sql};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use identity::{Bootstrap, Identity};
use image::Image;
use policy::Policy;
use runtime::{Clock, Runtime};
use serde_json::{Value, json};
use tower::ServiceExt as _;

pub struct Cloud {
    pub image: Image,
    pub runtime: Runtime,
    pub db: Db,
    /// Tokens: the administrator, a member and a reader of project one, a member of project two.
    pub admin: String,
    pub one: String,
    pub reader: String,
    pub two: String,
    router: Router,
    pub dir: tempfile::TempDir,
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub bytes: Bytes,
}

impl Answer {
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{:?}", self.bytes);
        serde_json::from_slice(&self.bytes).unwrap_or(Value::Null)
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

async fn tenant(db: &Db, identity: &Identity, name: &str, project: &str, role: &str) -> String {
    let mut tx = db.begin().await.unwrap();
    sql("INSERT INTO identity_projects (id, domain_id, name, description, enabled, extra)
         VALUES ($1, 'default', $1, '', TRUE, '{}') ON CONFLICT (id) DO NOTHING")
    .bind(project)
    .execute(&mut tx)
    .await
    .unwrap();
    sql("INSERT INTO identity_users (id, domain_id, name, enabled, token_generation, created_at, extra)
         VALUES ($1, 'default', $1, TRUE, 0, 0, '{}')")
    .bind(name)
    .execute(&mut tx)
    .await
    .unwrap();
    sql("INSERT INTO identity_assignments (actor_type, actor_id, target_type, target_id, role_id, inherited)
         SELECT 'user', $1, 'project', $2, id, FALSE FROM identity_roles WHERE name = $3")
    .bind(name)
    .bind(project)
    .bind(role)
    .execute(&mut tx)
    .await
    .unwrap();
    tx.commit().await.unwrap();
    identity.token_for_user(name, project).await.unwrap()
}

pub fn project(number: u8) -> String {
    number.to_string().repeat(32)
}

impl Cloud {
    pub async fn new() -> Self {
        Self::with(|_, _| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut image::Options, &mut identity::Config)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open(&db::Options::Sqlite(dir.path().join("test.db"))).await.unwrap();
        db.migrate(identity::MIGRATIONS).await.unwrap();
        db.migrate(image::MIGRATIONS).await.unwrap();
        let clock = Clock::manual("2026-11-21T04:00:00Z".parse().unwrap());
        let runtime = Runtime { clock, ..Runtime::default() };
        let policy = Policy::new(&[identity::BASE_RULES, identity::RULES, image::RULES]).unwrap();
        let mut options = identity::Options::new(dir.path().join("keys"));
        options.config.password_hash_rounds = 4;
        let mut image_options = image::Options::new(dir.path().join("images"), "a key for tickets");
        change(&mut image_options, &mut options.config);
        let identity = Identity::new(db.clone(), runtime.clone(), Arc::new(policy), options).unwrap();
        let wanted = Bootstrap {
            admin_password: "secret".into(),
            region: "RegionOne".into(),
            base_url: "http://cloud:8080".into(),
            services: Vec::new(),
        };
        let made = identity.bootstrap(&wanted).await.unwrap();
        let one = tenant(&db, &identity, &"a".repeat(32), &project(1), "member").await;
        let reader = tenant(&db, &identity, &"b".repeat(32), &project(1), "reader").await;
        let two = tenant(&db, &identity, &"c".repeat(32), &project(2), "member").await;
        let admin = identity.token_for_user(&made.user_id, &made.project_id).await.unwrap();
        let image = Image::new(db.clone(), runtime.clone(), identity, image_options);
        Self { router: image.router(), image, runtime, db, admin, one, reader, two, dir }
    }

    pub async fn send(&self, token: &str, method: Method, path: &str, headers: &[(&str, &str)], body: Body) -> Answer {
        let mut request = Request::builder().method(method).uri(path).header("host", "cloud:8080");
        request = request.header("x-auth-token", token);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.router.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        Answer { status: parts.status, headers: parts.headers, bytes: body.collect().await.unwrap().to_bytes() }
    }

    pub async fn get(&self, token: &str, path: &str) -> Answer {
        self.send(token, Method::GET, path, &[], Body::empty()).await
    }

    pub async fn delete(&self, token: &str, path: &str) -> Answer {
        self.send(token, Method::DELETE, path, &[], Body::empty()).await
    }

    pub async fn json(&self, token: &str, method: Method, path: &str, body: Value) -> Answer {
        let headers = [("content-type", "application/json")];
        self.send(token, method, path, &headers, Body::from(body.to_string())).await
    }

    pub async fn create(&self, token: &str, mut fields: Value) -> String {
        for (name, value) in [("disk_format", "raw"), ("container_format", "bare")] {
            if fields.get(name).is_none() {
                fields[name] = json!(value);
            }
        }
        let made = self.json(token, Method::POST, "/v2/images", fields).await.expect(201);
        made["id"].as_str().unwrap().to_owned()
    }

    pub async fn patch(&self, token: &str, id: &str, body: Value) -> Answer {
        let headers = [("content-type", "application/openstack-images-v2.1-json-patch")];
        self.send(token, Method::PATCH, &format!("/v2/images/{id}"), &headers, Body::from(body.to_string())).await
    }

    pub async fn upload(&self, token: &str, id: &str, body: impl Into<Body>) -> Answer {
        let headers = [("content-type", "application/octet-stream")];
        self.send(token, Method::PUT, &format!("/v2/images/{id}/file"), &headers, body.into()).await
    }

    pub async fn show(&self, id: &str) -> Value {
        self.get(&self.admin, &format!("/v2/images/{id}")).await.expect(200)
    }

    /// What identity limits every project (or, under the strict model, every domain) to.
    pub async fn limit(&self, resource: &str, limit: i64) {
        let mut tx = self.db.begin().await.unwrap();
        sql(
            "INSERT INTO identity_services (id, kind, name, enabled, extra) VALUES ('i', 'image', 'glance', TRUE, '{}')
             ON CONFLICT (id) DO NOTHING",
        )
        .execute(&mut tx)
        .await
        .unwrap();
        sql("INSERT INTO identity_registered_limits (id, service_id, resource_name, default_limit)
             VALUES ($1, 'i', $1, $2) ON CONFLICT (id) DO UPDATE SET default_limit = excluded.default_limit")
        .bind(resource)
        .bind(limit)
        .execute(&mut tx)
        .await
        .unwrap();
        tx.commit().await.unwrap();
    }

    /// How many files the store has.
    pub fn files(&self) -> usize {
        std::fs::read_dir(self.dir.path().join("images")).map_or(0, Iterator::count)
    }
}
