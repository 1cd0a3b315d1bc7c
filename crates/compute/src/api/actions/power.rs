//! Power, pause, suspend.

use ::api::{Error, Result};
use axum::response::Response;
use serde::Deserialize;

use super::{Ask, accepted};
use crate::work::power::Power;

/// What one call to the node does. The body says nothing.
pub(super) async fn power(ask: Ask<'_>, rule: &str, power: Power) -> Result<Response> {
    let server = ask.server(rule).await?;
    ask.compute.server_power(ask.caller, &server, power).await?;
    Ok(accepted())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reboot {
    r#type: String,
}

pub(super) async fn reboot(mut ask: Ask<'_>) -> Result<Response> {
    let kind = match ask.read::<Reboot>()?.r#type.to_ascii_uppercase().as_str() {
        "SOFT" => Power::RebootSoft,
        "HARD" => Power::RebootHard,
        _ => return Err(Error::bad_request("Argument 'type' for reboot must be HARD or SOFT")),
    };
    power(ask, "os_compute_api:servers:reboot", kind).await
}

pub(super) async fn crash_dump(ask: Ask<'_>) -> Result<Response> {
    ask.since(17)?;
    if !ask.body.is_null() {
        return Err(Error::bad_request("Invalid input for field/attribute trigger_crash_dump: it must be null."));
    }
    power(ask, "os_compute_api:servers:trigger_crash_dump", Power::CrashDump).await
}
