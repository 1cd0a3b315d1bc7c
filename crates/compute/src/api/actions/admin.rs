//! Locks, and what administrators do.

use ::api::{Error, Kind, Microversion, Result};
use axum::response::Response;
use serde::Deserialize;

use super::{Ask, accepted};
use crate::state;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Lock {
    locked_reason: Option<String>,
}

pub(super) async fn lock(mut ask: Ask<'_>) -> Result<Response> {
    let reason = if ask.version >= Microversion(2, 73) && !ask.body.is_null() {
        ask.read::<Lock>()?.locked_reason
    } else {
        None
    };
    if let Some(reason) = &reason {
        ::api::fields::length("locked_reason", reason, 1, 255)?;
    }
    let server = ask.server("os_compute_api:os-lock-server:lock").await?;
    ask.compute.server_lock(ask.caller, &server, reason.as_deref()).await?;
    Ok(accepted())
}

pub(super) async fn unlock(ask: Ask<'_>) -> Result<Response> {
    let server = ask.server("os_compute_api:os-lock-server:unlock").await?;
    ask.compute.server_unlock(ask.caller, &server).await?;
    Ok(accepted())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StateReset {
    state: String,
}

pub(super) async fn state_reset(mut ask: Ask<'_>) -> Result<Response> {
    let vm_state = match ask.read::<StateReset>()?.state.as_str() {
        "active" => state::ACTIVE,
        "error" => state::ERROR,
        other => {
            return Err(Error::bad_request(format!(
                "Invalid input for field/attribute state. Value: {other}. It is active or error."
            )));
        }
    };
    let server = ask.server("os_compute_api:os-admin-actions:reset_state").await?;
    ask.compute.server_state_reset(ask.caller, &server, vm_state).await?;
    Ok(accepted())
}

/// Brings a deleted server back that is kept still.
pub(super) async fn restore(ask: Ask<'_>) -> Result<Response> {
    let server = ask.server("os_compute_api:os-deferred-delete:restore").await?;
    ask.compute.server_restore(ask.caller, &server).await?;
    Ok(accepted())
}

/// Deletes the server at once, also where deleted servers are kept for a while.
pub(super) async fn force_delete(ask: Ask<'_>) -> Result<Response> {
    let server = ask.server("os_compute_api:os-deferred-delete:force").await?;
    crate::server::actions::key_check(ask.caller, &server)?;
    ask.compute.server_delete_now(&ask.caller.token.user_id, &ask.caller.request_id, &server).await?;
    Ok(accepted())
}

/// These were for XenServer's agent inside the guest.
pub(super) async fn network_reset(ask: Ask<'_>) -> Result<Response> {
    if ask.name == "resetNetwork" {
        return Err(Error::new(Kind::Gone, "resetNetwork is gone: the guest's network follows its ports by itself."));
    }
    let server = ask.server("os_compute_api:os-admin-actions:inject_network_info").await?;
    crate::server::actions::key_check(ask.caller, &server)?;
    crate::server::actions::placed(&server)?;
    Ok(accepted())
}
