//! `/servers/{id}/action`: one room per subject.

mod admin;
mod consoles;
mod image;
mod moves;
mod network;
mod power;
mod rebuild;
mod resize;
mod shelve;

use ::api::{Error, Json, Links, Microversion, Result, strict};
use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use http::StatusCode;
use identity::Caller;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::Compute;
use crate::server::Server;
use crate::work::power::Power;

pub(super) fn routes() -> Router<Compute> {
    Router::new().route("/v2.1/servers/{id}/action", post(server_action)).merge(consoles::routes())
}

/// One action that was asked for.
struct Ask<'a> {
    compute: &'a Compute,
    caller: &'a Caller,
    version: Microversion,
    links: &'a Links,
    server_id: &'a str,
    /// The action, as the body names it.
    name: &'a str,
    /// What the body says to it.
    body: Value,
}

impl Ask<'_> {
    /// The server, if the rule lets the caller at it.
    async fn server(&self, rule: &str) -> Result<Server> {
        self.compute.server_for(self.caller, rule, self.server_id).await
    }

    /// What the body says, in the shape that the action has.
    fn read<T: DeserializeOwned>(&mut self) -> Result<T> {
        strict::from_value(self.body.take()).map_err(|(path, cause)| {
            let field = path.map_or_else(|| self.name.to_owned(), |path| format!("{}.{path}", self.name));
            Error::bad_request(format!("Invalid input for field/attribute {field}: {cause}"))
        })
    }

    /// 404 for an action that the microversion does not have yet.
    fn since(&self, minor: u16) -> Result<()> {
        if self.version < Microversion(2, minor) {
            return Err(Error::not_found(format!("{} is there since microversion 2.{minor}.", self.name)));
        }
        Ok(())
    }
}

fn no_such_action(name: &str) -> Error {
    Error::bad_request(format!("There is no such action: {name}"))
}

fn accepted() -> Response {
    StatusCode::ACCEPTED.into_response()
}

pub(super) async fn server_action(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    links: Links,
    Path(id): Path<String>,
    Json(body): Json<Map<String, Value>>,
) -> Result<Response> {
    let mut entries = body.into_iter();
    let (Some((name, body)), None) = (entries.next(), entries.next()) else {
        return Err(Error::bad_request("The body must name exactly one action: {\"os-start\": null}."));
    };
    let (compute, caller, links) = (&compute, &caller, &links);
    let ask = Ask { compute, caller, version, links, server_id: &id, name: &name, body };
    match name.as_str() {
        "os-start" => power::power(ask, "os_compute_api:servers:start", Power::Start).await,
        "os-stop" => power::power(ask, "os_compute_api:servers:stop", Power::Stop).await,
        "reboot" => power::reboot(ask).await,
        "pause" => power::power(ask, "os_compute_api:os-pause-server:pause", Power::Pause).await,
        "unpause" => power::power(ask, "os_compute_api:os-pause-server:unpause", Power::Unpause).await,
        "suspend" => power::power(ask, "os_compute_api:os-suspend-server:suspend", Power::Suspend).await,
        "resume" => power::power(ask, "os_compute_api:os-suspend-server:resume", Power::Resume).await,
        "trigger_crash_dump" => power::crash_dump(ask).await,
        "restore" => admin::restore(ask).await,
        "changePassword" => rebuild::password(ask).await,
        "rebuild" => rebuild::rebuild(ask).await,
        "rescue" => rebuild::rescue(ask).await,
        "unrescue" => rebuild::unrescue(ask).await,
        "createImage" => image::snapshot(ask).await,
        "createBackup" => image::backup(ask).await,
        "resize" => resize::resize(ask).await,
        "confirmResize" => resize::confirm(ask).await,
        "revertResize" => resize::revert(ask).await,
        "shelve" => shelve::shelve(ask).await,
        "shelveOffload" => shelve::offload(ask).await,
        "unshelve" => shelve::unshelve(ask).await,
        "addSecurityGroup" => network::security_group(ask, true).await,
        "removeSecurityGroup" => network::security_group(ask, false).await,
        "addFixedIp" => network::fixed_ip_add(ask).await,
        "removeFixedIp" => network::fixed_ip_remove(ask).await,
        "addFloatingIp" => network::floating_ip_add(ask).await,
        "removeFloatingIp" => network::floating_ip_remove(ask).await,
        "forceDelete" => admin::force_delete(ask).await,
        "lock" => admin::lock(ask).await,
        "unlock" => admin::unlock(ask).await,
        "os-resetState" => admin::state_reset(ask).await,
        "injectNetworkInfo" | "resetNetwork" => admin::network_reset(ask).await,
        "migrate" => moves::migrate(ask).await,
        "os-migrateLive" => moves::migrate_live(ask).await,
        "evacuate" => moves::evacuate(ask).await,
        "os-getConsoleOutput" => consoles::output(ask).await,
        "os-getVNCConsole" => consoles::old(ask, "vnc", 5).await,
        "os-getSerialConsole" => consoles::old(ask, "serial", 5).await,
        "os-getSPICEConsole" => consoles::old(ask, "spice", 5).await,
        "os-getRDPConsole" => consoles::old(ask, "rdp", 5).await,
        _ => Err(no_such_action(&name)),
    }
}
