//! Networks as OVN's northbound database has them.
//!
//! Every row that we write says in its `external_ids` what it is there for and has an identity that follows from that.
//! A change is made real by comparing what the database says of the things it touches with a replica of the
//! northbound database, and by sending the difference in one transaction: nothing when there is none. The
//! [reconciler](reconcile) does the same for everything, and so repairs whatever else went wrong.

mod carried_out;
mod dhcp;
mod diff;
mod group;
mod nodes;
mod reconcile;
mod router;
mod row;
mod scope;
mod status;
mod switch;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use api::{Error, Kind, Result};
use ovsdb::{Client, Monitor, MonitorRequest, Tables};
use tokio::sync::{Mutex, Notify, OnceCell};
use tracing::{debug, warn};

use crate::model::Model;
use crate::{Change, Network};
use diff::Plan;
use nodes::Nodes;
use row::{Place, Target};
use scope::Scope;

pub(crate) use switch::metadata_mac;

const NORTHBOUND: &str = "OVN_Northbound";

/// How often a transaction that met another one is tried again.
const ATTEMPTS: usize = 8;

/// Where OVN is and how it is kept right.
#[derive(Debug, Clone)]
pub struct Options {
    /// The northbound database: `unix:PATH` or `tcp:HOST:PORT`, several separated by commas.
    pub northbound: String,
    /// The southbound database, likewise.
    pub southbound: String,
    /// How often everything is compared.
    pub reconcile_interval: Duration,
    /// How long a call may take, waiting for the connection included.
    pub call_timeout: Duration,
}

impl Options {
    /// The usual times.
    pub fn new(northbound: &str, southbound: &str) -> Self {
        Self {
            northbound: northbound.to_owned(),
            southbound: southbound.to_owned(),
            reconcile_interval: Duration::from_secs(60),
            call_timeout: Duration::from_secs(10),
        }
    }
}

/// The connection to OVN; a cheap handle.
#[derive(Clone)]
pub struct Backend(Arc<Inner>);

struct Inner {
    options: Options,
    north: Client,
    south: Client,
    north_replica: OnceCell<Monitor>,
    south_replica: OnceCell<Monitor>,
    /// One transaction at a time, so that each is compared with what the one before left.
    writer: Mutex<()>,
    reconcile: Notify,
}

/// What one comparison came to.
#[derive(Debug, Default)]
struct Outcome {
    /// How many rows and references were changed.
    changed: usize,
    /// The rows that should be.
    rows: BTreeSet<Place>,
}

impl Backend {
    /// A handle; the connections are made when they are first needed.
    pub fn new(options: Options) -> Result<Self> {
        let client = |remotes: &str, database: &str| {
            let mut client = ovsdb::Options::new(remotes).map_err(Error::internal)?;
            client.leader_of = Some(database.to_owned());
            client.call_timeout = options.call_timeout;
            Ok::<Client, Error>(client.connect())
        };
        let north = client(&options.northbound, NORTHBOUND)?;
        let south = client(&options.southbound, nodes::SOUTHBOUND)?;
        Ok(Self(Arc::new(Inner {
            options,
            north,
            south,
            north_replica: OnceCell::new(),
            south_replica: OnceCell::new(),
            writer: Mutex::new(()),
            reconcile: Notify::new(),
        })))
    }

    /// Starts what keeps OVN right and what tells the network service of its ports.
    pub(crate) fn start(&self, network: &Network) {
        reconcile::start(self, network);
        status::start(self, network);
    }

    /// Has everything compared soon.
    pub fn reconcile_soon(&self) {
        self.0.reconcile.notify_one();
    }

    /// Makes the changed things in OVN what the database says.
    pub(crate) async fn apply(&self, model: &Model, changes: &[Change]) -> Result<()> {
        self.converge(model, &Scope::of_changes(changes)).await.map(drop)
    }

    /// Compares what the database says of these things with what is, and sends the difference.
    async fn converge(&self, model: &Model, scope: &Scope) -> Result<Outcome> {
        let _writing = self.0.writer.lock().await;
        let south = self.south().await?;
        for _ in 0..ATTEMPTS {
            let tables = self.north().await?.tables().clone();
            let nodes = Nodes::new(&south.tables());
            let target = scope.clone().load(model, &tables, &nodes).await?;
            if let Some(outcome) = self.settle(&tables, target).await? {
                return Ok(outcome);
            }
        }
        Err(Error::unavailable("OVN was changed by somebody else again and again; try again."))
    }

    /// Makes the tables as the target says; nothing if they were not as they were taken for.
    async fn settle(&self, tables: &Tables, target: Target) -> Result<Option<Outcome>> {
        let plan = Plan::new(tables, &target);
        let done = plan.is_empty() || self.send(tables, &target, &plan).await?;
        let rows = || target.rows.into_keys().collect();
        Ok(done.then(|| Outcome { changed: plan.len(), rows: rows() }))
    }

    /// Whether the transaction was taken; if not, the replica has moved on or soon will.
    async fn send(&self, tables: &Tables, target: &Target, plan: &Plan) -> Result<bool> {
        let mut north = self.north().await?;
        let limit = self.0.options.call_timeout;
        match self.0.north.transact(NORTHBOUND, plan.transaction()).await {
            Ok(_) => {
                let seen = north.wait_for(|tables| Plan::new(tables, target).is_empty());
                if tokio::time::timeout(limit, seen).await.is_err() {
                    warn!("OVN took a transaction and does not show it");
                    self.reconcile_soon();
                }
                Ok(true)
            }
            Err(error @ ovsdb::Error::Transaction { .. }) => {
                debug!(%error, "OVN refused a transaction");
                // If nothing changes, the transaction itself is wrong.
                let moved = tokio::time::timeout(limit, north.wait_for(|now| now != tables)).await;
                moved.map(|_| false).map_err(|_| Error::internal(error))
            }
            Err(error) => Err(unavailable(error)),
        }
    }

    async fn north(&self) -> Result<Monitor> {
        let start = || {
            let tables = row::TABLES.iter();
            let request =
                tables.fold(MonitorRequest::new(NORTHBOUND), |request, (table, columns)| request.table(table, columns));
            self.0.north.monitor(request)
        };
        self.0.north_replica.get_or_try_init(start).await.cloned().map_err(unavailable)
    }

    async fn south(&self) -> Result<Monitor> {
        let start = || self.0.south.monitor(nodes::request());
        self.0.south_replica.get_or_try_init(start).await.cloned().map_err(unavailable)
    }
}

fn unavailable(error: ovsdb::Error) -> Error {
    Error::new(Kind::Unavailable, "The network's control plane (OVN) does not answer; try again.").with_cause(error)
}
