//! The cloud in one process: which parts it has, and how they are put together.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use agent::fake;
use anyhow::{Context as _, Result};
use axum::Router;
use bus::{Bus, InProcess};
use compute::Compute;
use db::{Db, Migration};
use identity::{Bootstrap, BootstrapService, Identity};
use image::Image;
use network::Network;
use placement::Placement;
use policy::{Policy, Rule};
use runtime::Runtime;
use tokio::net::TcpListener;
use work::Work;

use crate::state::State;
use crate::up::Arguments;

/// Every table of the cloud.
pub const MIGRATIONS: &[&[Migration]] = &[
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
    state: State,
    url: String,
    fake: bool,
    database: db::Options,
    bcrypt_rounds: u32,
    fault: Option<work::FaultPoint>,
}

/// A running cloud.
pub struct Cloud {
    runtime: Runtime,
    db: Db,
}

impl Settings {
    /// What the command line and the state directory say.
    pub fn new(state: &State, arguments: &Arguments, url: &str) -> Result<Self> {
        let database = match &arguments.database {
            Some(address) => address.parse().context("--database cannot be used")?,
            None => db::Options::Sqlite(state.path("ferrostack.db")),
        };
        Ok(Self {
            state: state.clone(),
            url: url.to_owned(),
            fake: arguments.fake,
            database,
            bcrypt_rounds: arguments.bcrypt_rounds,
            fault: arguments.fault.as_deref().map(fault_point).transpose()?,
        })
    }
}

fn fault_point(text: &str) -> Result<work::FaultPoint> {
    let mut parts = text.split('/');
    let (Some(kind), Some(step), Some(moment), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        anyhow::bail!("--fault is KIND/STEP/MOMENT");
    };
    let moment = match moment {
        "kill-before" => work::Moment::KillBefore,
        "kill-after" => work::Moment::KillAfter,
        "fail" => work::Moment::Fail,
        other => anyhow::bail!("--fault knows no moment {other}"),
    };
    Ok(work::FaultPoint { kind: kind.to_owned(), step: step.to_owned(), moment })
}
