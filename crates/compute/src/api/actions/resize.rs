//! Resize, and what ends it.

use ::api::{Error, Result};
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use serde::Deserialize;

use super::super::server_order::Reference;
use super::{Ask, accepted};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Resize {
    #[serde(rename = "flavorRef")]
    flavor: Reference,
    #[serde(default, rename = "OS-DCF:diskConfig")]
    disk_config: Option<String>,
}

pub(super) async fn resize(mut ask: Ask<'_>) -> Result<Response> {
    let body: Resize = ask.read()?;
    if body.disk_config.as_deref().is_some_and(|word| !matches!(word, "AUTO" | "MANUAL")) {
        return Err(Error::bad_request("OS-DCF:diskConfig must be AUTO or MANUAL."));
    }
    let server = ask.server("os_compute_api:servers:resize").await?;
    ask.compute.server_resize(ask.caller, &server, &body.flavor.id(), body.disk_config).await?;
    Ok(accepted())
}

pub(super) async fn confirm(ask: Ask<'_>) -> Result<Response> {
    let server = ask.server("os_compute_api:servers:confirm_resize").await?;
    ask.compute.server_resize_confirm(Some(ask.caller), &server).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub(super) async fn revert(ask: Ask<'_>) -> Result<Response> {
    let server = ask.server("os_compute_api:servers:revert_resize").await?;
    ask.compute.server_resize_revert(ask.caller, &server).await?;
    Ok(accepted())
}
