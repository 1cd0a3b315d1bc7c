//! A cloud of identity and compute, with an administrator, a member and a reader of one project and a member of
//! another, and a client for them.

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use compute::{Compute, Deps};
use db::{Db, sql};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use identity::{Bootstrap, Identity};
use jiff::{SignedDuration, Timestamp};
use placement::Placement;
use policy::Policy;
use protocol::{AllocationRatios, NodeReport, Resources};
use runtime::{Clock, Ids, Runtime};
use serde_json::Value;
use tower::ServiceExt as _;

pub struct Cloud {
    pub compute: Compute,
    pub placement: Placement,
    pub db: Db,
    pub runtime: Runtime,
    pub admin: User,
    pub member: User,
    pub reader: User,
    /// A member of another project.
    pub stranger: User,
    pub identity: Identity,
    router: Router,
    dirs_kept: Vec<tempfile::TempDir>,
}

/// A user's token for their project.
#[derive(Clone)]
pub struct User {
    pub token: String,
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
        let db = Db::open(&db::Options::Sqlite(dir.path().join("test.db"))).await.unwrap();
        db.migrate(&migrations()).await.unwrap();
        let mut cloud = Self::on(db).await;
        cloud.dirs_kept.push(dir);
        cloud
    }

    /// A cloud on a database that has its schema.
    pub async fn on(db: Db) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let start = "2026-11-21T04:00:00Z".parse().unwrap();
        let runtime = Runtime { clock: Clock::manual(start), ids: Ids::seeded(1), ..Runtime::default() };
        let rules = [identity::BASE_RULES, identity::RULES, placement::RULES, compute::RULES];
        let policy = Arc::new(Policy::new(&rules).unwrap());
        let mut options = identity::Options::new(dir.path().join("keys"));
        options.config.password_hash_rounds = 4;
        let identity = Identity::new(db.clone(), runtime.clone(), policy, options).unwrap();
        let bootstrap = Bootstrap {
            admin_password: "secret".into(),
            region: "RegionOne".into(),
            base_url: "http://cloud".into(),
            services: Vec::new(),
        };
        let made = identity.bootstrap(&bootstrap).await.unwrap();
        let token = identity.token_for_user(&made.user_id, &made.project_id).await.unwrap();
        let admin = User { token };
        project(&db, "red").await;
        project(&db, "blue").await;
        let member = user(&db, &identity, "mia", "red", "member").await;
        let reader = user(&db, &identity, "rita", "red", "reader").await;
        let stranger = user(&db, &identity, "sam", "blue", "member").await;
        let placement = Placement::new(db.clone(), runtime.clone(), identity.clone());
        let compute = compute(&db, &runtime, identity.clone(), placement.clone(), dir.path()).await;
        Self {
            router: compute.router(),
            compute,
            placement,
            db,
            runtime,
            admin,
            member,
            reader,
            stranger,
            identity,
            dirs_kept: vec![dir],
        }
    }

    pub fn later(&self, seconds: i64) {
        self.runtime.clock.set(self.now() + SignedDuration::from_secs(seconds));
    }

    pub fn now(&self) -> Timestamp {
        self.runtime.clock.now()
    }

    /// `GET /path` or `POST /path` and so on, in a microversion such as `2.61`, with a JSON body unless it is null.
    pub async fn ask(&self, user: &User, version: &str, request: &str, body: Value) -> Answer {
        let (method, path) = request.split_once(' ').unwrap();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "cloud")
            .header("content-type", "application/json")
            .header("openstack-api-version", format!("compute {version}"))
            .header("x-auth-token", &user.token);
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let response = self.router.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// Somebody whose token is worth nothing.
    pub fn nobody(&self) -> User {
        User { token: "nonsense".into() }
    }

    pub async fn get(&self, user: &User, version: &str, path: &str) -> Answer {
        self.ask(user, version, &format!("GET {path}"), Value::Null).await
    }
}

pub fn migrations() -> Vec<db::Migration> {
    [identity::MIGRATIONS, placement::MIGRATIONS, work::MIGRATIONS, compute::MIGRATIONS].concat()
}

async fn compute(db: &Db, runtime: &Runtime, identity: Identity, placement: Placement, dir: &Path) -> Compute {
    let bus: Arc<dyn bus::Bus> = Arc::new(bus::InProcess::default());
    let rpc = bus::rpc::Client::new(Arc::clone(&bus), runtime.clone()).await.unwrap();
    let work = work::Work::new(db.clone(), runtime.clone(), work::Options::default());
    let (db, runtime) = (db.clone(), runtime.clone());
    let options = image::Options::new(dir.join("images"), "key");
    let image = image::Image::new(db.clone(), runtime.clone(), identity.clone(), options);
    let (backend, options) = (network::Backend::Fake, network::Options::default());
    let network = network::Network::new(db.clone(), runtime.clone(), identity.clone(), backend, options);
    let network = network.await.unwrap();
    // Nodes are asked for it in the tests of the whole cloud.
    let spec_check = |_: &_| Ok(());
    let guest_of = |_: &_| Ok(protocol::numa::Guest::default());
    let deps = Deps { db, runtime, identity, placement, image, network, work, rpc, bus, spec_check, guest_of };
    Compute::new(deps, compute::Options::default())
}

pub async fn project(db: &Db, id: &str) {
    let mut tx = db.begin().await.unwrap();
    sql("INSERT INTO identity_projects (id, domain_id, name, description, enabled, extra)
         VALUES ($1, 'default', $1, '', TRUE, '{}')")
    .bind(id)
    .execute(&mut tx)
    .await
    .unwrap();
    tx.commit().await.unwrap();
}

pub async fn user(db: &Db, identity: &Identity, name: &str, project_id: &str, role: &str) -> User {
    let mut tx = db.begin().await.unwrap();
    sql("INSERT INTO identity_users (id, domain_id, name, enabled, token_generation, created_at, extra)
         VALUES ($1, 'default', $1, TRUE, 0, 0, '{}')")
    .bind(name)
    .execute(&mut tx)
    .await
    .unwrap();
    sql("INSERT INTO identity_assignments (actor_type, actor_id, target_type, target_id, role_id, inherited)
         SELECT 'user', $1, 'project', $2, id, FALSE FROM identity_roles WHERE name = $3")
    .bind(name)
    .bind(project_id)
    .bind(role)
    .execute(&mut tx)
    .await
    .unwrap();
    tx.commit().await.unwrap();
    let token = identity.token_for_user(name, project_id).await.unwrap();
    User { token }
}

/// A node that says it is fine.
pub fn report(host: &str) -> NodeReport {
    NodeReport {
        host: host.into(),
        version: "0.1.0".into(),
        address: "192.0.2.1".into(),
        hypervisor_type: "fake".into(),
        hypervisor_version: 1_002_003,
        cpu_info: r#"{"arch":"x86_64"}"#.into(),
        resources: Resources {
            vcpus: 8,
            dedicated_cpus: 0,
            memory_mb: 16_384,
            memory_used_mb: 1_024,
            disk_gb: 100,
            disk_free_gb: 90,
        },
        numa: protocol::numa::Host::default(),
        allocation_ratios: AllocationRatios::default(),
        traits: vec!["COMPUTE_NODE".into()],
        servers: Vec::new(),
        uptime_seconds: 90_061,
    }
}
