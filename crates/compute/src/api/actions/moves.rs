//! Moves between nodes. Servers do not move yet: what the microversion does not know is refused as such, the rest because
//! of that.

use ::api::{Error, Microversion, Result};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::common::{Flag, fields_check};
use super::Ask;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Migrate {
    #[serde(default)]
    host: Option<String>,
}

pub(super) async fn migrate(mut ask: Ask<'_>) -> Result<Response> {
    let newer = ask.version >= Microversion(2, 56);
    let host = if newer { ask.read::<Option<Migrate>>()?.and_then(|asked| asked.host) } else { None };
    let rule = if host.is_some() { "migrate:host" } else { "migrate" };
    refuse(ask, &format!("os_compute_api:os-migrate-server:{rule}")).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MigrateLive {
    block_migration: Value,
    #[serde(default)]
    disk_over_commit: Option<Flag>,
    #[serde(default)]
    force: Option<Flag>,
    host: Option<String>,
}

pub(super) async fn migrate_live(mut ask: Ask<'_>) -> Result<Response> {
    let newer = ask.version >= Microversion(2, 25);
    if ask.body.get("host").is_none() {
        return Err(Error::bad_request("Invalid input for field/attribute os-migrateLive: 'host' is required."));
    }
    let asked: MigrateLive = ask.read()?;
    fields_check(
        ask.version,
        &[("disk_over_commit", asked.disk_over_commit.is_some(), 1, 24), ("force", asked.force.is_some(), 30, 67)],
    )?;
    if !newer && asked.disk_over_commit.is_none() {
        return Err(Error::bad_request("Invalid input for field/attribute disk_over_commit: it is required."));
    }
    let auto = newer && asked.block_migration == json!("auto");
    if !auto && serde_json::from_value::<Flag>(asked.block_migration).is_err() {
        return Err(Error::bad_request("Invalid input for field/attribute block_migration: it is true or false."));
    }
    force_check(asked.force, asked.host.as_deref())?;
    let rule = if asked.host.is_some() { "migrate_live:host" } else { "migrate_live" };
    refuse(ask, &format!("os_compute_api:os-migrate-server:{rule}")).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Evacuate {
    #[serde(default)]
    host: Option<String>,
    #[serde(default, rename = "onSharedStorage")]
    shared: Option<Flag>,
    #[serde(default, rename = "adminPass")]
    _admin_pass: Option<String>,
    #[serde(default)]
    force: Option<Flag>,
}

pub(super) async fn evacuate(mut ask: Ask<'_>) -> Result<Response> {
    let asked: Evacuate = ask.read()?;
    fields_check(
        ask.version,
        &[("onSharedStorage", asked.shared.is_some(), 1, 13), ("force", asked.force.is_some(), 29, 67)],
    )?;
    if asked.shared.is_none() && ask.version < Microversion(2, 14) {
        return Err(Error::bad_request("Invalid input for field/attribute onSharedStorage: it is required."));
    }
    force_check(asked.force, asked.host.as_deref())?;
    refuse(ask, "os_compute_api:os-evacuate").await
}

fn force_check(force: Option<Flag>, host: Option<&str>) -> Result<()> {
    if force == Some(Flag(true)) && host.is_none() {
        return Err(Error::bad_request("Can't force to a non-provided destination: name the host."));
    }
    Ok(())
}

async fn refuse(ask: Ask<'_>, rule: &str) -> Result<Response> {
    let server = ask.server(rule).await?;
    Err(Error::bad_request(format!(
        "Instance {} cannot move: this cloud does not move servers between nodes yet. Shelve and unshelve it to have \
         another node chosen.",
        server.id
    )))
}
