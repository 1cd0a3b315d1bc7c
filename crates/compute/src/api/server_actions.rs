//! `/servers/{id}/action` and `/servers/{id}/remote-consoles`.

use ::api::{Error, Json, Links, Microversion, Result};
use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http::StatusCode;
use identity::Caller;
use serde::Deserialize;
use serde_json::{Value, json};

use super::common::{Whole, until};
use crate::Compute;
use crate::work::power::Power;

pub(super) fn routes() -> Router<Compute> {
    Router::new()
        .route("/v2.1/servers/{id}/action", post(server_action))
        .route("/v2.1/servers/{id}/remote-consoles", post(remote_console_create))
}

/// What can be asked by `action`.
#[derive(Deserialize)]
enum Action {
    #[serde(rename = "os-start")]
    Start(#[expect(dead_code, reason = "its content says nothing")] Option<Value>),
    #[serde(rename = "os-stop")]
    Stop(#[expect(dead_code, reason = "its content says nothing")] Option<Value>),
    #[serde(rename = "reboot")]
    Reboot(Reboot),
    #[serde(rename = "os-getConsoleOutput")]
    ConsoleOutput(Option<ConsoleOutput>),
    #[serde(rename = "os-getVNCConsole")]
    VncConsole(OldConsole),
    #[serde(rename = "os-getSerialConsole")]
    SerialConsole(OldConsole),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reboot {
    r#type: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConsoleOutput {
    #[serde(default)]
    length: Option<Whole>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OldConsole {
    r#type: String,
}

async fn server_action(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    links: Links,
    Path(id): Path<String>,
    Json(action): Json<Action>,
) -> Result<Response> {
    match action {
        Action::Start(_) => power(&compute, &caller, "os_compute_api:servers:start", &id, Power::Start).await,
        Action::Stop(_) => power(&compute, &caller, "os_compute_api:servers:stop", &id, Power::Stop).await,
        Action::Reboot(reboot) => {
            let kind = match reboot.r#type.to_ascii_uppercase().as_str() {
                "SOFT" => Power::RebootSoft,
                "HARD" => Power::RebootHard,
                _ => return Err(Error::bad_request("Argument 'type' for reboot must be HARD or SOFT")),
            };
            power(&compute, &caller, "os_compute_api:servers:reboot", &id, kind).await
        }
        Action::ConsoleOutput(asked) => {
            let server = compute.server_for(&caller, "os_compute_api:os-console-output", &id).await?;
            let lines = asked.and_then(|asked| asked.length).map(|length| length.0);
            let output = compute.console_output(&server, lines).await?;
            Ok(Json(json!({"output": output})).into_response())
        }
        Action::VncConsole(console) => old_console(&compute, &caller, version, &links, &id, "vnc", &console).await,
        Action::SerialConsole(console) => {
            old_console(&compute, &caller, version, &links, &id, "serial", &console).await
        }
    }
}

async fn power(compute: &Compute, caller: &Caller, rule: &str, id: &str, power: Power) -> Result<Response> {
    let server = compute.server_for(caller, rule, id).await?;
    compute.server_power(caller, &server, power).await?;
    Ok(StatusCode::ACCEPTED.into_response())
}

async fn old_console(
    compute: &Compute,
    caller: &Caller,
    version: Microversion,
    links: &Links,
    id: &str,
    protocol: &str,
    console: &OldConsole,
) -> Result<Response> {
    until(version, 5, "Use POST /servers/{server_id}/remote-consoles.")?;
    let server = compute.server_for(caller, "os_compute_api:os-remote-consoles", id).await?;
    let url = compute.console_open(&server, protocol, &console.r#type, links).await?;
    Ok(Json(json!({"console": {"type": console.r#type, "url": url}})).into_response())
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
    let server = compute.server_for(&caller, "os_compute_api:os-remote-consoles", &id).await?;
    let RemoteConsole { protocol, r#type } = body.remote_console;
    let url = compute.console_open(&server, &protocol, &r#type, &links).await?;
    Ok(Json(json!({"remote_console": {"protocol": protocol, "type": r#type, "url": url}})))
}
