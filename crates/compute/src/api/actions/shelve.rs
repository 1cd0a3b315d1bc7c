//! Shelve and unshelve.

use ::api::{Error, Microversion, Result, fields};
use axum::response::Response;
use policy::Target;
use serde::Deserialize;

use super::{Ask, accepted};
use crate::server::shelve::Destination;

pub(super) async fn shelve(ask: Ask<'_>) -> Result<Response> {
    let server = ask.server("os_compute_api:os-shelve:shelve").await?;
    ask.compute.server_shelve(ask.caller, &server).await?;
    Ok(accepted())
}

pub(super) async fn offload(ask: Ask<'_>) -> Result<Response> {
    let server = ask.server("os_compute_api:os-shelve:shelve_offload").await?;
    ask.compute.server_offload(Some(ask.caller), &server).await?;
    Ok(accepted())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unshelve {
    #[serde(default, deserialize_with = "fields::nullable")]
    availability_zone: Option<Option<String>>,
    #[serde(default)]
    host: Option<String>,
}

pub(super) async fn unshelve(mut ask: Ask<'_>) -> Result<Response> {
    let mut to = Destination::default();
    if ask.version >= Microversion(2, 77) && !ask.body.is_null() {
        let body: Unshelve = ask.read()?;
        let newer = body.host.is_some() || body.availability_zone == Some(None);
        if newer && ask.version < Microversion(2, 91) {
            return Err(Error::bad_request("A host, or no zone, can be asked for since microversion 2.91."));
        }
        if body.host.is_none() && body.availability_zone.is_none() {
            return Err(Error::bad_request("Name an availability_zone or a host, or send null."));
        }
        to = Destination { zone: body.availability_zone, host: body.host };
    }
    let server = ask.server("os_compute_api:os-shelve:unshelve").await?;
    if to.host.is_some() {
        let target = Target::new().with("project_id", &server.project_id).with("user_id", &server.user_id);
        ask.caller.allow("os_compute_api:os-shelve:unshelve_to_host", &target)?;
    }
    ask.compute.server_unshelve(ask.caller, &server, &to).await?;
    Ok(accepted())
}
