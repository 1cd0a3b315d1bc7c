//! Servers and what they are made of: flavors, key pairs, quotas, nodes; the OpenStack compute API v2.1.

pub mod flavors;
pub mod key_pairs;
pub mod nodes;
pub mod quota;

mod action_rules;
mod aggregates;
mod api;
mod config;
mod consoles;
mod demand;
mod events;
mod extra_specs;
mod fleet;
mod fleet_rules;
mod groups;
mod hostname;
mod hosts;
mod image_cache;
mod keys;
mod leftovers;
mod metadata;
mod migrations;
mod old_rules;
mod proxy_rules;

mod reports;
mod rules;
mod scheduler;
mod scheduling;
mod server;
mod server_reports;
mod server_rules;
mod services;
mod state;
mod store;
mod usage;
mod work;
mod x509;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ::api::microversion::Negotiation;
use ::api::{Microversion, Service, Style};
use axum::Router;
use axum::extract::FromRef;
use axum::middleware::from_fn_with_state;
use db::{Db, Migration};
use identity::Identity;
use image::Image;
use network::Network;
use placement::Placement;
use runtime::Runtime;
use tokio::sync::Notify;

pub use config::{AuditPeriod, Config};
pub use rules::RULES;

/// The schema of this crate.
pub const MIGRATIONS: &[Migration] = &[
    Migration { service: "compute", version: 1, sql: include_str!("../migrations/0001_base.sql") },
    Migration { service: "compute", version: 2, sql: include_str!("../migrations/0002_servers.sql") },
    Migration { service: "compute", version: 3, sql: include_str!("../migrations/0003_aggregates.sql") },
    Migration { service: "compute", version: 4, sql: include_str!("../migrations/0004_scheduling.sql") },
    Migration { service: "compute", version: 5, sql: include_str!("../migrations/0005_migrations.sql") },
    Migration { service: "compute", version: 6, sql: include_str!("../migrations/0006_life_cycle.sql") },
    Migration { service: "compute", version: 7, sql: include_str!("../migrations/0007_dedicated_cpus.sql") },
    Migration { service: "compute", version: 8, sql: include_str!("../migrations/0008_state_since.sql") },
    Migration { service: "compute", version: 9, sql: include_str!("../migrations/0009_local_disks.sql") },
    Migration { service: "compute", version: 10, sql: include_str!("../migrations/0010_allocation_ratios.sql") },
    Migration { service: "compute", version: 11, sql: include_str!("../migrations/0011_numa.sql") },
    Migration { service: "compute", version: 12, sql: include_str!("../migrations/0012_server_leftovers.sql") },
];

/// The newest microversion served.
pub const NEWEST: Microversion = Microversion(2, 104);

/// The compute service; a cheap handle.
#[derive(Clone)]
pub struct Compute(pub(crate) Arc<Inner>);

/// What the service stands on and how it is set up.
pub(crate) struct Inner {
    pub(crate) deps: Deps,
    pub(crate) options: Options,
    /// The zone of nodes that no aggregate gives another.
    pub(crate) usual_zone: Arc<str>,
    /// The aggregates as they were last read.
    pub(crate) aggregates: Mutex<Arc<aggregates::Aggregates>>,
    /// The nodes as they were last read.
    pub(crate) fleet: Mutex<Arc<fleet::Fleet>>,
    /// Told when a node is up again.
    pub(crate) node_back: Notify,
    /// The nodes that are removing what they have of servers that are not theirs any more.
    pub(crate) hosts_tidied: Mutex<BTreeSet<String>>,
}

/// What the service stands on.
#[derive(Clone)]
pub struct Deps {
    /// The database.
    pub db: Db,
    /// Time, ids, tasks.
    pub runtime: Runtime,
    /// Who asks.
    pub identity: Identity,
    /// Which node has room.
    pub placement: Placement,
    /// What servers boot from.
    pub image: Image,
    /// What they are connected to.
    pub network: Network,
    /// Durable operations.
    pub work: ::work::Work,
    /// Asks the agents.
    pub rpc: bus::rpc::Client,
    /// Where the agents report.
    pub bus: Arc<dyn bus::Bus>,
    /// Refuses a server that no node can have, by its flavor and its image alone, as a node would.
    pub spec_check: fn(&protocol::ServerSpec) -> Result<(), protocol::Problem>,
    /// What a server asks of a node's processors and memory, by its flavor and its image alone.
    pub guest_of: fn(&protocol::ServerSpec) -> Result<protocol::numa::Guest, protocol::Problem>,
}

/// How the service is set up.
#[derive(Debug, Clone)]
pub struct Options {
    /// The name of the machine that this process runs on.
    pub host: String,
    /// What the operator has set.
    pub config: Config,
    /// How old a node's last report may be while the node still counts as up.
    pub service_down_after: Duration,
    /// The longest time that any call to an agent may take, where the call's own limit is not shorter.
    pub call_limit: Duration,
    /// Where agents reach the image service: `http://control:8080/image`.
    pub image_url: String,
    /// The secret that the agents' metadata proxies sign with; without one the metadata service answers nobody.
    pub metadata_secret: String,
    /// The address of the consoles as browsers reach it: `http://cloud:8080`; empty for the one that the request for a
    /// console came to.
    pub console_url: String,
    /// Origins besides the consoles' own from which browsers may open consoles.
    pub console_origins: Vec<String>,
    /// Where noVNC's files are, which the console page is served from.
    pub console_files: Option<std::path::PathBuf>,
    /// Where the files of spice-html5 are.
    pub spice_files: Option<std::path::PathBuf>,
    /// How long the token of a console opens it.
    pub console_expiry: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            host: "control".to_owned(),
            config: Config::default(),
            service_down_after: Duration::from_secs(60),
            call_limit: Duration::MAX,
            image_url: "http://127.0.0.1:8080/image".to_owned(),
            metadata_secret: String::new(),
            console_url: String::new(),
            console_origins: Vec::new(),
            console_files: None,
            spice_files: None,
            console_expiry: Duration::from_secs(600),
        }
    }
}

impl Compute {
    /// The service. [`start`](Self::start) it to hear the agents.
    pub fn new(deps: Deps, options: Options) -> Self {
        let usual_zone = options.config.default_availability_zone.as_str().into();
        Self(Arc::new(Inner {
            deps,
            options,
            usual_zone,
            aggregates: Mutex::default(),
            fleet: Mutex::default(),
            node_back: Notify::new(),
            hosts_tidied: Mutex::default(),
        }))
    }

    /// Its HTTP API, to be mounted at `/compute`.
    pub fn router(&self) -> Router {
        let negotiation = Negotiation {
            service: "compute",
            legacy_header: Some("X-OpenStack-Nova-API-Version"),
            min: Microversion(2, 1),
            max: NEWEST,
        };
        let service =
            Service { kind: "compute", prefix: "/compute", style: Style::Compute, negotiation: Some(negotiation) };
        let check = from_fn_with_state(self.clone(), api::project_url::check);
        service.wrap_changed(api::routes().layer(check).with_state(self.clone()), api::project_url::take)
    }

    /// The metadata service, for the agents' proxies, to be served at the root of a listener of its own or nested.
    pub fn metadata_router(&self) -> Router {
        api::metadata::routes_of(self.clone())
    }

    /// The consoles, to be mounted at `/console`, and at `/` for older pages of noVNC.
    pub fn console_router(&self) -> Router {
        api::console_proxy::routes_of(self.clone())
    }

    /// The database.
    pub fn db(&self) -> &Db {
        &self.0.deps.db
    }

    /// Time, ids, tasks.
    pub fn runtime(&self) -> &Runtime {
        &self.0.deps.runtime
    }

    /// How the service is set up.
    pub fn options(&self) -> &Options {
        &self.0.options
    }
}

impl Compute {
    /// 400 unless there is a project of that id.
    pub(crate) async fn project_check(&self, project_id: &str) -> ::api::Result<()> {
        if self.0.deps.identity.project_exists(project_id).await? {
            return Ok(());
        }
        Err(::api::Error::bad_request(format!(
            "Project ID {project_id} is not a valid project. GET /v3/projects of the identity API lists those there are."
        )))
    }
}

impl FromRef<Compute> for Identity {
    fn from_ref(compute: &Compute) -> Self {
        compute.0.deps.identity.clone()
    }
}
