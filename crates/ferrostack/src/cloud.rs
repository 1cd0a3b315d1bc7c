//! The cloud in one process: which parts it has, and how they are put together.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use agent::hypervisor::libvirt::VirtType;
use agent::{fake, host};
use anyhow::{Context as _, Result};
use axum::extract::Request;
use axum::routing::any_service;
use axum::{Extension, Router, ServiceExt};
use bus::Bus;
use compute::Compute;
use db::{Db, Migration};
use identity::{Bootstrap, BootstrapService, Identity};
use image::Image;
use network::Network;
use placement::Placement;
use policy::{Policy, Rule};
use runtime::Runtime;
use tokio::net::TcpListener;
use tower::Layer as _;
use tower::util::MapRequestLayer;
use trace::Recorder;
use work::Work;

use crate::config::Config;
use crate::state::State;

/// Every table of the cloud.
pub const MIGRATIONS: &[&[Migration]] = &[
    trace::MIGRATIONS,
    work::MIGRATIONS,
    identity::MIGRATIONS,
    placement::MIGRATIONS,
    image::MIGRATIONS,
    network::MIGRATIONS,
    compute::MIGRATIONS,
];

/// Every policy rule of the cloud.
pub const RULES: &[&[Rule]] =
    &[identity::BASE_RULES, identity::RULES, placement::RULES, image::RULES, network::RULES, compute::RULES];

/// Type, name and path of each service in the catalog.
const CATALOG: &[(&str, &str, &str)] = &[
    ("identity", "keystone", "/identity/v3"),
    ("placement", "placement", "/placement"),
    ("image", "glance", "/image"),
    ("network", "neutron", "/network"),
    ("compute", "nova", "/compute/v2.1"),
];

/// How a cloud is set up.
pub struct Settings {
    /// Where it keeps everything.
    pub state: State,
    /// Under which address it is reached: `http://127.0.0.1:8080`.
    pub url: String,
    /// Its database.
    pub database: db::Options,
    /// What its parts talk over.
    pub bus: Arc<dyn Bus>,
    /// What the operator has set.
    pub config: Config,
    /// The name of this machine.
    pub host: String,
    /// Where durable work fails, for tests.
    pub fault: Option<work::FaultPoint>,
    /// What its node runs on.
    pub node: Node,
    /// Fake nodes beside that one.
    pub more_nodes: Vec<fake::Node>,
}

/// What a node runs on.
pub enum Node {
    /// Nothing: servers exist only in the API.
    Fake(fake::Node),
    /// QEMU, Open vSwitch and OVN.
    Real(Box<host::Services>, VirtType),
}

impl Node {
    fn drivers(&self) -> Result<agent::Drivers> {
        match self {
            Self::Fake(node) => Ok(node.drivers()),
            Self::Real(services, virt_type) => services.drivers(*virt_type),
        }
    }

    fn backend(&self) -> Result<network::Backend> {
        Ok(match self {
            Self::Fake(_) => network::Backend::Fake,
            Self::Real(services, _) => {
                let options = network::ovn::Options::new(&services.northbound(), &services.southbound());
                network::Backend::Ovn(network::ovn::Backend::new(options)?)
            }
        })
    }
}

/// A running cloud.
pub struct Cloud {
    runtime: Runtime,
    db: Db,
    work: Work,
    node: Node,
}

/// What every part stands on.
struct Ground {
    runtime: Runtime,
    db: Db,
    bus: Arc<dyn Bus>,
    rpc: bus::rpc::Client,
    work: Work,
    policy: Arc<Policy>,
    recorder: Recorder,
}

/// The services, from the ground up.
struct Services {
    identity: Identity,
    placement: Placement,
    image: Image,
    network: Network,
    compute: Compute,
}

impl Cloud {
    /// Starts every part; returns when every API answers on `listener`.
    pub async fn start(runtime: Runtime, settings: Settings, listener: TcpListener) -> Result<Self> {
        let ground = Ground::lay(runtime.clone(), &settings).await?;
        let services = Services::build(&ground, &settings).await?;
        services.identity.bootstrap(&bootstrap(&settings)?).await.context("identity cannot be set up")?;
        ground.recorder.start();
        serve(&runtime, listener, services.router().layer(Extension(ground.recorder)));
        services.image.start().await.context("the image service cannot be started")?;
        services.network.start().await.context("the network service cannot be started")?;
        services.compute.start().await.context("compute cannot be started")?;
        ground.work.start().await.context("durable work cannot be started")?;
        let Settings { node, more_nodes, url, state, host, config, .. } = settings;
        if let Node::Real(daemons, _) = &node {
            let secret = state.secret("metadata")?;
            daemons.metadata_start(&runtime, &format!("{url}/metadata"), &secret).await?;
        }
        for (number, node) in (2..).zip(more_nodes) {
            let options = agent::Options::new(&format!("{host}-{number}"), "127.0.0.1");
            agent::Agent::start(runtime.clone(), Arc::clone(&ground.bus), options, node.drivers())
                .await
                .context("a fake node's agent cannot be started")?;
        }
        let mut options = agent::Options::new(&host, "127.0.0.1");
        options.image_keep = config.node.image_keep();
        options.allocation_ratios = config.node.allocation_ratios();
        agent::Agent::start(runtime.clone(), ground.bus, options, node.drivers()?)
            .await
            .context("the node's agent cannot be started")?;
        Ok(Self { runtime, db: ground.db, work: ground.work, node })
    }

    /// The network namespace of the node, if it has one.
    pub fn namespace(&self) -> Option<String> {
        match &self.node {
            Node::Fake(_) => None,
            Node::Real(daemons, _) => Some(daemons.namespace().name().to_owned()),
        }
    }

    /// Its database.
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// Its durable work.
    pub fn work(&self) -> &Work {
        &self.work
    }

    /// Ends every part in order.
    pub async fn stop(self) {
        if !self.runtime.tasks.stop(Duration::from_secs(10)).await {
            tracing::warn!("some tasks did not end in time");
        }
        self.db.close().await;
        if let Node::Real(daemons, _) = &self.node
            && let Err(error) = daemons.stop().await
        {
            tracing::error!("something of the node is left running: {error:#}");
        }
    }
}

impl Ground {
    async fn lay(runtime: Runtime, settings: &Settings) -> Result<Self> {
        let db = Db::open(&settings.database).await.context("the database cannot be opened")?;
        db.migrate(&MIGRATIONS.concat()).await.context("the database's schema cannot be brought up to date")?;
        let policy = policy(&settings.state)?;
        let bus: Arc<dyn Bus> = Arc::clone(&settings.bus);
        let rpc = bus::rpc::Client::new(Arc::clone(&bus), runtime.clone()).await?;
        let recorder = Recorder::new(db.clone(), runtime.clone(), settings.config.trace.clone());
        let fault = settings.fault.clone();
        let options = work::Options { fault, recorder: Some(recorder.clone()), ..work::Options::default() };
        let work = Work::new(db.clone(), runtime.clone(), options);
        Ok(Self { runtime, db, bus, rpc, work, policy, recorder })
    }
}

/// The default rules, with the operator's `policy.yaml` over them if there is one.
pub fn policy(state: &State) -> Result<Arc<Policy>> {
    let policy = Policy::new(RULES).context("the built-in policy is wrong")?;
    let file = state.path("policy.yaml");
    match std::fs::read_to_string(&file) {
        Ok(text) => {
            let policy = policy.with_overrides(&text).with_context(|| format!("{} is wrong", file.display()))?;
            Ok(Arc::new(policy))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Arc::new(policy)),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", file.display())),
    }
}

impl Services {
    async fn build(ground: &Ground, settings: &Settings) -> Result<Self> {
        let (db, runtime, state) = (&ground.db, &ground.runtime, &settings.state);
        let options = identity::Options { config: settings.config.identity.clone(), dir: state.dir().to_owned() };
        let identity = Identity::new(db.clone(), runtime.clone(), Arc::clone(&ground.policy), options)?;
        let placement = Placement::new(db.clone(), runtime.clone(), identity.clone());
        let options = image::Options::new(state.path("images"), state.secret("image-tickets")?);
        let image = Image::new(db.clone(), runtime.clone(), identity.clone(), options);
        let network = Network::new(
            db.clone(),
            runtime.clone(),
            identity.clone(),
            settings.node.backend()?,
            network::Options::default(),
        )
        .await?;
        let deps = compute::Deps {
            db: db.clone(),
            runtime: runtime.clone(),
            identity: identity.clone(),
            placement: placement.clone(),
            image: image.clone(),
            network: network.clone(),
            work: ground.work.clone(),
            rpc: ground.rpc.clone(),
            bus: Arc::clone(&ground.bus),
            spec_check: agent::hypervisor::libvirt::check,
            guest_of: agent::hypervisor::libvirt::guest,
        };
        let options = compute::Options {
            host: settings.host.clone(),
            config: settings.config.compute.clone(),
            image_url: format!("{}/image", settings.url),
            metadata_secret: state.secret("metadata")?,
            console_files: first_of(state, ["novnc", "/usr/share/novnc"]),
            spice_files: first_of(state, ["spice-html5", "/usr/share/spice-html5"]),
            ..compute::Options::default()
        };
        let compute = Compute::new(deps, options);
        Ok(Self { identity, placement, image, network, compute })
    }

    /// Every API below its own path.
    fn router(&self) -> Router {
        Router::new()
            .nest("/identity", self.identity.router())
            .nest("/placement", self.placement.router())
            .nest("/image", self.image.router())
            .nest("/network", self.network.router())
            .nest("/compute", self.compute.router())
            .nest("/metadata", self.compute.metadata_router())
            .nest("/console", self.compute.console_router())
            .route("/", any_service(self.compute.console_router()))
    }
}

/// The first of the directories that is there, from the state directory.
fn first_of(state: &State, dirs: [&str; 2]) -> Option<PathBuf> {
    dirs.into_iter().map(|dir| state.dir().join(dir)).find(|dir| dir.exists())
}

fn bootstrap(settings: &Settings) -> Result<Bootstrap> {
    let service = |(kind, name, path): &(&str, &str, &str)| BootstrapService::new(kind, name, path);
    Ok(Bootstrap {
        admin_password: settings.state.secret("admin-password")?,
        region: "RegionOne".to_owned(),
        base_url: settings.url.clone(),
        services: CATALOG.iter().map(service).collect(),
    })
}

/// The path without a slash at its end, where services take such a path as the one without. Nova and Glance do so for
/// their versions only.
fn without_slash(mut request: Request) -> Request {
    let path = request.uri().path();
    let trimmed = path.trim_end_matches('/');
    let strict = path.starts_with("/compute/v2.1/") || path.starts_with("/image/v2/");
    if trimmed.len() == path.len() || trimmed.is_empty() || (strict && trimmed.matches('/').count() > 2) {
        return request;
    }
    let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
    let mut parts = request.uri().clone().into_parts();
    // What was a path is one without its last character too.
    parts.path_and_query = format!("{trimmed}{query}").parse().ok();
    if let Ok(uri) = http::Uri::from_parts(parts) {
        *request.uri_mut() = uri;
    }
    request
}

/// Answers on `listener` until the process stops.
fn serve(runtime: &Runtime, listener: TcpListener, router: Router) {
    let app = MapRequestLayer::new(without_slash).layer(router);
    let tasks = runtime.tasks.clone();
    runtime.tasks.spawn("http", async move {
        let served =
            axum::serve(listener, ServiceExt::<Request>::into_make_service_with_connect_info::<SocketAddr>(app))
                .with_graceful_shutdown(async move { tasks.stopping().await })
                .await;
        if let Err(error) = served {
            tracing::error!(%error, "the listener failed");
        }
    });
}
