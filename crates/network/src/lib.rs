//! Networks, subnets, ports, routers, floating IPs and security groups; the OpenStack networking API v2.0.
//!
//! The database says what should be. A [`Backend`] makes it so: every transaction leaves a note of what it changed,
//! the backend is asked right after the commit, and notes that are left (the process died, OVN was away) are taken up
//! by a background loop.

pub mod model;
pub mod ovn;

mod access;
mod agent;
mod api;
mod auto_allocated;
mod availability;
mod backend;
mod extension;
mod floating_ip;
mod ipam;
mod metadata_port;
mod network;
mod operations;
mod port;
mod ports_gone;
mod quota;
mod router;
mod router_interface;
mod rules;
mod security_group;
mod server_changes;
mod servers;
mod store;
mod subnet;
mod tag;
mod write;

use std::sync::{Arc, Mutex};

use ::api::Result;
use axum::Router;
use axum::extract::FromRef;
use db::{Db, Migration};
use identity::Identity;
use model::Model;
use runtime::Runtime;
use tokio::sync::{Notify, watch};

pub use agent::AgentSeen;
pub use backend::{Backend, Change, Kind};
pub use floating_ip::Create as NewFloatingIp;
pub use ports_gone::PortGone;
pub use rules::RULES;
pub use security_group::{Create as NewSecurityGroup, RuleCreate as NewSecurityRule, Update as SecurityGroupUpdate};
pub use servers::{PortAddress, PortInfo, ServerPortsRequest, SubnetInfo, WantedPort};

/// The schema of this crate.
pub const MIGRATIONS: &[Migration] = &[
    Migration { service: "network", version: 1, sql: include_str!("../migrations/0001.sql") },
    Migration { service: "network", version: 2, sql: include_str!("../migrations/0002_ports_gone.sql") },
];

/// How the networks are run.
#[derive(Debug, Clone)]
pub struct Options {
    /// The largest packet of the nodes' own network; projects' networks get what is left after encapsulation.
    pub mtu: i64,
    /// The Geneve numbers to give out, both ends included.
    pub geneve_ids: (i64, i64),
    /// Names of the nodes' networks that flat and VLAN networks may name.
    pub physical_networks: Vec<String>,
    /// The availability zone of networks and routers.
    pub availability_zone: String,
    /// The domain of ports' names.
    pub dns_domain: String,
    /// The longest page of a list.
    pub page_limit: i64,
    /// How often left-over changes are looked for.
    pub repair_interval: std::time::Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            mtu: 1500,
            geneve_ids: (1, 65_536),
            physical_networks: vec!["public".to_owned()],
            availability_zone: "nova".to_owned(),
            dns_domain: "openstacklocal".to_owned(),
            page_limit: 1000,
            repair_interval: std::time::Duration::from_secs(2),
        }
    }
}

/// The network service; a cheap handle.
#[derive(Clone)]
pub struct Network(Arc<Inner>);

struct Inner {
    db: Db,
    runtime: Runtime,
    identity: Identity,
    backend: Backend,
    options: Options,
    changed: watch::Sender<u64>,
    /// A server's port was deleted.
    gone: Notify,
    /// Committed changes that the backend has not been asked for yet.
    pending: Mutex<Vec<(Change, String)>>,
    /// The backend is asked by one at a time, so that what was read last is written last.
    following: tokio::sync::Mutex<()>,
}

impl FromRef<Network> for Identity {
    fn from_ref(network: &Network) -> Self {
        network.0.identity.clone()
    }
}

impl Network {
    /// The service over `db`, whose schema must be current.
    pub async fn new(db: Db, runtime: Runtime, identity: Identity, backend: Backend, options: Options) -> Result<Self> {
        Ok(Self(Arc::new(Inner {
            db,
            runtime,
            identity,
            backend,
            options,
            changed: watch::Sender::new(0),
            gone: Notify::new(),
            pending: Mutex::default(),
            following: tokio::sync::Mutex::default(),
        })))
    }

    /// Starts the loop that takes up changes which a dead process or an absent backend left.
    pub async fn start(&self) -> Result<()> {
        self.quota_start().await?;
        if !self.0.backend.is_fake() {
            self.0.runtime.tasks.spawn_until_stop("network-repair", self.clone().repair_forever());
        }
        if let Backend::Ovn(ovn) = &self.0.backend {
            ovn.start(self);
        }
        Ok(())
    }

    /// The HTTP API, to be nested at `/network`.
    pub fn router(&self) -> Router {
        api::router(self.clone())
    }

    /// What a backend sees of the database.
    pub fn model(&self) -> Model {
        Model::new(self.0.db.clone())
    }

    /// A number that grows whenever a port's status changes, to wait for.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.changed.subscribe()
    }

    /// Records what the backend says of ports: wired (`true`) or not. Only bound ports become active.
    pub async fn port_status_set(&self, ports: &[(String, bool)]) -> Result<()> {
        let mut write = self.write().await?;
        for (up, status) in [(true, "ACTIVE"), (false, "DOWN")] {
            let ids: Vec<String> = ports.iter().filter(|(_, is_up)| *is_up == up).map(|(id, _)| id.clone()).collect();
            if !ids.is_empty() && store::port::status_report(&mut write.tx, &ids, status).await? {
                write.status_changed();
            }
        }
        self.commit(write).await
    }
}
