//! Consoles: their output, and the way to them.

use ::api::{Error, Json, Links, Microversion, Result};
use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use identity::Caller;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::common::{Whole, until};
use super::Ask;
use crate::Compute;

pub(super) fn routes() -> Router<Compute> {
    Router::new().route("/v2.1/servers/{id}/remote-consoles", post(remote_console_create))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Output {
    #[serde(default)]
    length: Option<Whole>,
}

pub(super) async fn output(mut ask: Ask<'_>) -> Result<Response> {
    let asked: Output = ask.read()?;
    let server = ask.server("os_compute_api:os-console-output").await?;
    let lines = asked.length.map(|length| length.within("length", -1)).transpose()?;
    let output = ask.compute.console_output(&server, lines).await?;
    Ok(Json(json!({"output": output})).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OldConsole {
    r#type: String,
}

/// A console, as it was asked for up to the microversion 2.`last`.
pub(super) async fn old(mut ask: Ask<'_>, protocol: &str, last: u16) -> Result<Response> {
    let OldConsole { r#type } = ask.read()?;
    until(ask.version, last, "Use POST /servers/{server_id}/remote-consoles.")?;
    let server = ask.server("os_compute_api:os-remote-consoles").await?;
    let url = ask.compute.console_open(&server, protocol, &r#type, ask.links).await?;
    Ok(Json(json!({"console": {"type": r#type, "url": url}})).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RemoteConsoleBody {
    remote_console: RemoteConsole,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RemoteConsole {
    protocol: String,
    r#type: String,
}

async fn remote_console_create(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    links: Links,
    Path(id): Path<String>,
    Json(body): Json<RemoteConsoleBody>,
) -> Result<Json<Value>> {
    if version < Microversion(2, 6) {
        return Err(Error::not_found(
            "Remote consoles are there since microversion 2.6; before, use os-getVNCConsole.",
        ));
    }
    let RemoteConsole { protocol, r#type } = body.remote_console;
    for (name, since) in [("mks", 8), ("webmks", 8), ("spice-direct", 99)] {
        if (protocol == name || r#type == name) && version < Microversion(2, since) {
            return Err(Error::bad_request(format!(
                "Invalid input for field/attribute remote_console: {name} is there since microversion 2.{since}."
            )));
        }
    }
    let server = compute.server_for(&caller, "os_compute_api:os-remote-consoles", &id).await?;
    let url = compute.console_open(&server, &protocol, &r#type, &links).await?;
    Ok(Json(json!({"remote_console": {"protocol": protocol, "type": r#type, "url": url}})))
}
