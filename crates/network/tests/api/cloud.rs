//! A network service over a database of its own, with an administrator, two projects and a reader.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use db::{Db, sql};
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use identity::{Bootstrap, Identity};
use network::{Backend, Network};
use policy::Policy;
use runtime::Runtime;
use serde_json::{Value, json};
use tower::ServiceExt as _;

pub struct Cloud {
    pub network: Network,
    pub db: Db,
    pub admin: String,
    pub alice: String,
    pub bob: String,
    pub reader: String,
    router: Router,
    _dir: tempfile::TempDir,
}

impl Cloud {
    /// One over SQLite, one over PostgreSQL.
    pub async fn on_each_engine() -> [Self; 2] {
        Self::on_each_engine_with(|_| {}).await
    }

    /// The same, with other limits and rules of identity.
    pub async fn on_each_engine_with(change: impl Fn(&mut identity::Config)) -> [Self; 2] {
        let dir = tempfile::tempdir().unwrap();
        let sqlite = db::Options::Sqlite(dir.path().join("test.db"));
        let postgres = db::Options::Postgres(db::testing::postgres_database().await);
        [Self::over(sqlite, dir, &change).await, Self::over(postgres, tempfile::tempdir().unwrap(), &change).await]
    }

    async fn over(database: db::Options, dir: tempfile::TempDir, change: impl Fn(&mut identity::Config)) -> Self {
        let db = Db::open(&database).await.unwrap();
        let migrations: Vec<db::Migration> = identity::MIGRATIONS.iter().chain(network::MIGRATIONS).copied().collect();
        db.migrate(&migrations).await.unwrap();
        let policy = Arc::new(Policy::new(&[identity::BASE_RULES, identity::RULES, network::RULES]).unwrap());
        let runtime = Runtime::default();
        let mut options = identity::Options::new(dir.path().join("keys"));
        options.config.password_hash_rounds = 4;
        change(&mut options.config);
        let identity = Identity::new(db.clone(), runtime.clone(), policy, options).unwrap();
        let wanted = Bootstrap {
            admin_password: "secret".to_owned(),
            region: "one".to_owned(),
            base_url: "http://cloud".to_owned(),
            services: Vec::new(),
        };
        let made = identity.bootstrap(&wanted).await.unwrap();
        people(&db).await;
        let network = Network::new(db.clone(), runtime, identity.clone(), Backend::Fake, network::Options::default())
            .await
            .unwrap();
        Self {
            router: network.router(),
            network,
            db,
            admin: identity.token_for_user(&made.user_id, &made.project_id).await.unwrap(),
            alice: identity.token_for_user("alice", "a").await.unwrap(),
            bob: identity.token_for_user("bob", "b").await.unwrap(),
            reader: identity.token_for_user("reader", "a").await.unwrap(),
            _dir: dir,
        }
    }

    pub async fn call(&self, token: &str, method: &str, path: &str, body: Value) -> (StatusCode, Value) {
        let request = Request::builder().method(method).uri(format!("/v2.0{path}")).header("x-auth-token", token);
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let request = request.header("content-type", "application/json").body(body).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    pub async fn get(&self, token: &str, path: &str) -> Value {
        let (status, body) = self.call(token, "GET", path, Value::Null).await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        body
    }

    /// Makes something; the answer is what stands under `name`.
    pub async fn make(&self, token: &str, path: &str, name: &str, fields: Value) -> Value {
        let (status, mut body) = self.call(token, "POST", path, json!({ name: fields })).await;
        assert_eq!(status, StatusCode::CREATED, "{path}: {body}");
        body[name].take()
    }

    /// The status and the error's type of a call that must fail.
    pub async fn refused(&self, token: &str, method: &str, path: &str, body: Value) -> (u16, String) {
        let (status, body) = self.call(token, method, path, body).await;
        (status.as_u16(), body["NeutronError"]["type"].as_str().unwrap_or_default().to_owned())
    }

    pub async fn gone(&self, token: &str, path: &str) {
        let (status, body) = self.call(token, "DELETE", path, Value::Null).await;
        assert_eq!(status, StatusCode::NO_CONTENT, "{path}: {body}");
    }

    /// A network with one subnet: their ids.
    pub async fn subnet(&self, token: &str, cidr: &str) -> (String, String) {
        let network = id(&self.make(token, "/networks", "network", json!({"name": "net"})).await);
        let fields = json!({"network_id": network, "ip_version": 4, "cidr": cidr});
        let subnet = id(&self.make(token, "/subnets", "subnet", fields).await);
        (network, subnet)
    }

    /// An external network with one subnet: its id.
    pub async fn outside(&self) -> String {
        let fields = json!({
            "name": "public", "router:external": true,
            "provider:network_type": "flat", "provider:physical_network": "public",
        });
        let network = id(&self.make(&self.admin, "/networks", "network", fields).await);
        let fields = json!({"network_id": network, "ip_version": 4, "cidr": "172.24.4.0/24", "enable_dhcp": false});
        self.make(&self.admin, "/subnets", "subnet", fields).await;
        network
    }
}

pub fn id(value: &Value) -> String {
    value["id"].as_str().unwrap().to_owned()
}

async fn people(db: &Db) {
    let mut tx = db.begin().await.unwrap();
    for project in ["a", "b"] {
        sql("INSERT INTO identity_projects (id, domain_id, name, description, enabled, extra)
             VALUES ($1, 'default', $1, '', TRUE, '{}')")
        .bind(project)
        .execute(&mut tx)
        .await
        .unwrap();
    }
    for (user, project, role) in [("alice", "a", "member"), ("bob", "b", "member"), ("reader", "a", "reader")] {
        sql("INSERT INTO identity_users (id, domain_id, name, enabled, token_generation, created_at, extra)
             VALUES ($1, 'default', $1, TRUE, 0, 0, '{}')")
        .bind(user)
        .execute(&mut tx)
        .await
        .unwrap();
        sql("INSERT INTO identity_assignments (actor_type, actor_id, target_type, target_id, role_id, inherited)
             SELECT 'user', $1, 'project', $2, id, FALSE FROM identity_roles WHERE name = $3")
        .bind(user)
        .bind(project)
        .bind(role)
        .execute(&mut tx)
        .await
        .unwrap();
    }
    sql("UPDATE identity_revision SET value = value + 1").execute(&mut tx).await.unwrap();
    tx.commit().await.unwrap();
}
