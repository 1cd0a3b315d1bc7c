//! A cloud with nodes whose agents are scripted: they keep what they were asked to make, and fail or wait when told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use compute::{Compute, Deps};
use db::Db;
use http::{HeaderMap, Request};
use http_body_util::BodyExt as _;
use identity::{Bootstrap, Identity};
use policy::Policy;
use protocol::{Answer as Said, Call, Problem, agent_queue};
use runtime::{Clock, Runtime};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tower::ServiceExt as _;
use work::{FaultPoint, Moment, Work};

use crate::cloud::{self, Answer, User};

pub struct Fleet {
    pub compute: Compute,
    pub db: Db,
    pub runtime: Runtime,
    pub work: Work,
    pub node: Arc<Node>,
    pub admin: User,
    pub member: User,
    pub reader: User,
    pub stranger: User,
    pub image_id: String,
    pub network_id: String,
    bus: Arc<dyn bus::Bus>,
    router: Router,
    _dir: tempfile::TempDir,
}

/// A scripted node.
#[derive(Default)]
pub struct Node {
    pub servers: Mutex<BTreeSet<String>>,
    pub disks: Mutex<BTreeSet<String>>,
    pub taps: Mutex<BTreeSet<String>>,
    pub calls: Mutex<Vec<String>>,
    pub config_drives: Mutex<BTreeMap<String, Vec<String>>>,
    /// The GiB of ephemeral disks and the MiB of swap that were made.
    pub local_disks: Mutex<Vec<(Vec<u64>, u64)>>,
    /// Whose passwords were set.
    pub passwords: Mutex<Vec<(Option<String>, String)>>,
    /// The call that fails, and how.
    pub fail: Mutex<Option<(&'static str, Problem)>>,
    /// The call that waits until it is let go.
    pub hold: Mutex<Option<&'static str>>,
    pub held: Notify,
    pub release: Notify,
    pub console: Mutex<String>,
}

impl Node {
    async fn answer(&self, call: Call) -> Said {
        let name = name(&call);
        self.calls.lock().unwrap().push(name.to_owned());
        if *self.hold.lock().unwrap() == Some(name) {
            self.held.notify_one();
            self.release.notified().await;
        }
        if let Some((failing, problem)) = &*self.fail.lock().unwrap()
            && *failing == name
        {
            return Said::Problem(problem.clone());
        }
        match call {
            Call::DisksCreate { server } => {
                self.local_disks.lock().unwrap().push((server.ephemerals_gb.clone(), server.swap_mb));
                let files = server.config_drive.unwrap_or_default().into_keys().collect();
                self.config_drives.lock().unwrap().insert(server.id.clone(), files);
                self.disks.lock().unwrap().insert(server.id);
            }
            Call::PortsPlug { server } => {
                self.taps.lock().unwrap().extend(server.ports.iter().map(protocol::ServerPort::tap_name));
            }
            Call::ServerStart { server } => drop(self.servers.lock().unwrap().insert(server.id)),
            Call::ServerDelete { server_id, taps } => {
                self.servers.lock().unwrap().remove(&server_id);
                self.disks.lock().unwrap().remove(&server_id);
                self.taps.lock().unwrap().retain(|tap| !taps.contains(tap));
            }
            Call::ServerPassword { user, password, .. } => self.passwords.lock().unwrap().push((user, password)),
            Call::ConsoleOutput { lines, .. } => return Said::ConsoleOutput(format!("the last {lines:?} lines")),
            Call::ConsoleAddress { .. } => return Said::ConsoleAddress(self.console.lock().unwrap().clone()),
            Call::ServerDiagnostics { .. } => return Said::Diagnostics(Box::default()),
            _ => {}
        }
        Said::Done
    }

    #[track_caller]
    pub fn assert_empty(&self) {
        assert_eq!(*self.servers.lock().unwrap(), BTreeSet::new());
        assert_eq!(*self.disks.lock().unwrap(), BTreeSet::new());
        assert_eq!(*self.taps.lock().unwrap(), BTreeSet::new());
    }
}

fn name(call: &Call) -> &'static str {
    match call {
        Call::ImageFetch { .. } => "image",
        Call::DisksCreate { .. } => "disks",
        Call::PortsPlug { .. } => "plug",
        Call::ServerStart { .. } => "start",
        Call::ServerStop { .. } => "stop",
        Call::ServerReboot { .. } => "reboot",
        Call::ServerDelete { .. } => "delete",
        Call::ConsoleOutput { .. } => "output",
        Call::ConsoleAddress { .. } => "console",
        Call::ServerPause { .. } => "pause",
        Call::ServerUnpause { .. } => "unpause",
        Call::ServerSuspend { .. } => "suspend",
        Call::ServerResume { .. } => "resume",
        Call::ServerCrashDump { .. } => "crash_dump",
        Call::ServerDiagnostics { .. } => "diagnostics",
        Call::ServerPassword { .. } => "password",
        Call::PortAttach { .. } => "attach",
        Call::PortDetach { .. } => "detach",
        Call::DisksRebuild { .. } => "rebuild",
        Call::DisksResize { .. } => "resize",
        Call::DisksResizeConfirm { .. } => "confirm",
        Call::DisksResizeRevert { .. } => "revert",
        Call::DiskUpload { .. } => "upload",
        Call::RescueEnd { .. } => "rescue_end",
    }
}

/// How a fleet differs from the usual one.
#[derive(Default)]
pub struct Setup {
    pub clock: Clock,
    /// The step of creating a server that fails.
    pub failing: Option<&'static str>,
    /// Whether the database is PostgreSQL.
    pub postgres: bool,
    /// What the operator has set.
    pub config: compute::Config,
}

impl Fleet {
    /// With one node, an image, a flavor `1` and a network.
    pub async fn new() -> Self {
        Self::with(Setup::default()).await
    }

    pub async fn with(setup: Setup) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let options = if setup.postgres {
            db::Options::Postgres(db::testing::postgres_database().await)
        } else {
            db::Options::Sqlite(dir.path().join("test.db"))
        };
        let db = Db::open(&options).await.unwrap();
        let schema = [
            identity::MIGRATIONS,
            work::MIGRATIONS,
            placement::MIGRATIONS,
            image::MIGRATIONS,
            network::MIGRATIONS,
            compute::MIGRATIONS,
        ];
        for migrations in schema {
            db.migrate(migrations).await.unwrap();
        }
        let runtime = Runtime { clock: setup.clock, ..Runtime::default() };
        let rules =
            [identity::BASE_RULES, identity::RULES, placement::RULES, image::RULES, network::RULES, compute::RULES];
        let policy = Arc::new(Policy::new(&rules).unwrap());
        let mut options = identity::Options::new(dir.path().join("keys"));
        options.config.password_hash_rounds = 4;
        let identity = Identity::new(db.clone(), runtime.clone(), policy, options).unwrap();
        let made = identity
            .bootstrap(&Bootstrap {
                admin_password: "secret".into(),
                region: "RegionOne".into(),
                base_url: "http://cloud".into(),
                services: Vec::new(),
            })
            .await
            .unwrap();
        let admin = User { token: identity.token_for_user(&made.user_id, &made.project_id).await.unwrap() };
        cloud::project(&db, "red").await;
        cloud::project(&db, "blue").await;
        let member = cloud::user(&db, &identity, "mia", "red", "member").await;
        let reader = cloud::user(&db, &identity, "rita", "red", "reader").await;
        let stranger = cloud::user(&db, &identity, "sam", "blue", "member").await;
        let bus: Arc<dyn bus::Bus> = Arc::new(bus::InProcess::default());
        let fault = setup.failing.map(|step| FaultPoint {
            kind: "server_create".into(),
            step: step.into(),
            moment: Moment::Fail,
        });
        let work = Work::new(db.clone(), runtime.clone(), work::Options { fault, ..work::Options::default() });
        let (compute, router) = services(&db, &runtime, &identity, &work, &bus, dir.path(), setup.config).await;
        work.start().await.unwrap();
        let node = Arc::new(Node::default());
        let mut fleet = Self {
            compute,
            db,
            runtime,
            work,
            node: Arc::clone(&node),
            admin,
            member,
            reader,
            stranger,
            image_id: String::new(),
            network_id: String::new(),
            bus,
            router,
            _dir: dir,
        };
        fleet.node_add("node-1", node).await;
        fleet.furnish().await;
        fleet
    }

    /// Adds a node with that agent.
    pub async fn node_add(&self, host: &str, node: Arc<Node>) {
        let handler = move |call: Call| {
            let node = Arc::clone(&node);
            async move { node.answer(call).await }
        };
        bus::rpc::serve(Arc::clone(&self.bus), &self.runtime, &agent_queue(host), handler).await.unwrap();
        self.compute.node_report(&cloud::report(host)).await.unwrap();
    }

    async fn furnish(&mut self) {
        let body = json!({"name": "cirros", "disk_format": "raw", "container_format": "bare", "visibility": "public"});
        let image = self.ask(&self.admin, "POST /image/v2/images", body).await.expect(201);
        self.image_id = image["id"].as_str().unwrap().to_owned();
        let request = Request::put(format!("/image/v2/images/{}/file", self.image_id))
            .header("content-type", "application/octet-stream")
            .header("x-auth-token", &self.admin.token)
            .body(Body::from(vec![0; 4096]))
            .unwrap();
        assert!(self.router.clone().oneshot(request).await.unwrap().status().is_success());
        let body = json!({"flavor": {"id": "1", "name": "tiny", "ram": 512, "vcpus": 1, "disk": 1}});
        self.ask(&self.admin, "POST /compute/v2.1/flavors", body).await.expect(200);
        let body = json!({"network": {"name": "net"}});
        let network = self.ask(&self.member, "POST /network/v2.0/networks", body).await.expect(201);
        self.network_id = network["network"]["id"].as_str().unwrap().to_owned();
        let body = json!({"subnet": {"network_id": self.network_id, "cidr": "10.0.0.0/16", "ip_version": 4}});
        self.ask(&self.member, "POST /network/v2.0/subnets", body).await.expect(201);
    }

    /// A request in microversion 2.90, with a JSON body unless it is null.
    pub async fn ask(&self, user: &User, request: &str, body: Value) -> Answer {
        self.ask_in(user, "2.90", request, body).await
    }

    pub async fn ask_in(&self, user: &User, version: &str, request: &str, body: Value) -> Answer {
        let (method, path) = request.split_once(' ').unwrap();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "cloud")
            .header("content-type", "application/json")
            .header("openstack-api-version", format!("compute {version}"))
            .header("x-auth-token", &user.token);
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        self.send(request.body(body).unwrap()).await
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Answer {
            status: parts.status,
            headers: parts.headers as HeaderMap,
            body: serde_json::from_slice(&bytes).unwrap_or(Value::String(text)),
        }
    }

    pub async fn get(&self, user: &User, path: &str) -> Answer {
        self.ask(user, &format!("GET {path}"), Value::Null).await
    }

    /// The body of an order for a server.
    pub fn order(&self) -> Value {
        json!({"server": {
            "name": "web", "flavorRef": "1", "imageRef": self.image_id, "networks": [{"uuid": self.network_id}],
        }})
    }

    /// Orders a server and returns its path.
    pub async fn create(&self, user: &User) -> String {
        let made = self.ask(user, "POST /compute/v2.1/servers", self.order()).await.expect(202);
        format!("/compute/v2.1/servers/{}", made["server"]["id"].as_str().unwrap())
    }

    /// Waits until no work is open.
    pub async fn settle(&self) {
        let settled = async {
            while self.work.open().await.unwrap() > 0 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), settled).await.unwrap();
    }

    /// Orders a server and waits until it is made.
    pub async fn created(&self, user: &User) -> String {
        let path = self.create(user).await;
        self.settle().await;
        path
    }

    /// What the server is now.
    pub async fn server(&self, path: &str) -> Value {
        self.get(&self.admin, path).await.expect(200)["server"].clone()
    }

    /// The use of the member's quota: instances, cores, memory.
    pub async fn used(&self) -> (i64, i64, i64) {
        let limits = self.get(&self.member, "/compute/v2.1/limits").await.expect(200);
        let absolute = &limits["limits"]["absolute"];
        let number = |name: &str| absolute[name].as_i64().unwrap();
        (number("totalInstancesUsed"), number("totalCoresUsed"), number("totalRAMUsed"))
    }

    /// No port of a server, no allocation and nothing on the node is left.
    pub async fn assert_clean(&self) {
        self.node.assert_empty();
        let ports = self.get(&self.admin, "/network/v2.0/ports?device_owner=compute:nova").await.expect(200);
        assert_eq!(ports["ports"], json!([]));
        let count: i64 = db::sql("SELECT COUNT(*) FROM placement_allocations").one(&self.db).await.unwrap();
        assert_eq!(count, 0, "allocations are left");
    }
}

async fn services(
    db: &Db,
    runtime: &Runtime,
    identity: &Identity,
    work: &Work,
    bus: &Arc<dyn bus::Bus>,
    dir: &std::path::Path,
    config: compute::Config,
) -> (Compute, Router) {
    let (db, runtime, identity) = (db.clone(), runtime.clone(), identity.clone());
    let rpc = bus::rpc::Client::new(Arc::clone(bus), runtime.clone()).await.unwrap();
    let placement = placement::Placement::new(db.clone(), runtime.clone(), identity.clone());
    let options = image::Options::new(dir.join("images"), "key");
    let image = image::Image::new(db.clone(), runtime.clone(), identity.clone(), options);
    let (backend, options) = (network::Backend::Fake, network::Options::default());
    let network = network::Network::new(db.clone(), runtime.clone(), identity.clone(), backend, options);
    let network = network.await.unwrap();
    let (work, bus) = (work.clone(), Arc::clone(bus));
    let apis = Router::new().nest("/image", image.router()).nest("/network", network.router());
    // Nodes are asked for it in the tests of the whole cloud.
    let spec_check = |_: &_| Ok(());
    let guest_of = |_: &_| Ok(protocol::numa::Guest::default());
    let deps = Deps { db, runtime, identity, placement, image, network, work, rpc, bus, spec_check, guest_of };
    let options = compute::Options {
        config,
        metadata_secret: "shared".into(),
        call_limit: Duration::from_secs(5),
        ..compute::Options::default()
    };
    let compute = Compute::new(deps, options);
    compute.start().await.unwrap();
    let apis = apis
        .nest("/compute", compute.router())
        .nest("/console", compute.console_router())
        .nest("/metadata", compute.metadata_router());
    (compute, apis)
}
