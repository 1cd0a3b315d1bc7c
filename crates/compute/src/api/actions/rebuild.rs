//! Rebuild, rescue, password: what gives the guest another disk or another secret.

use std::collections::BTreeMap;

use ::api::{Error, Json, Microversion, Result, fields};
use axum::response::{IntoResponse as _, Response};
use http::{StatusCode, header};
use serde::Deserialize;
use serde_json::json;

use super::super::common::{Flag, LAST, fields_check, name_check};
use super::super::server_view::Place;
use super::{Ask, accepted};
use crate::hostname;
use crate::server::create::check_metadata;
use crate::server::personality::File;
use crate::server::rebuild::Rebuild;
use crate::store::servers::Edit;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    #[serde(rename = "imageRef")]
    image: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default, rename = "adminPass")]
    admin_pass: Option<String>,
    #[serde(default)]
    metadata: Option<BTreeMap<String, String>>,
    #[serde(default)]
    preserve_ephemeral: Option<Flag>,
    #[serde(default)]
    personality: Option<Vec<File>>,
    #[serde(default, rename = "accessIPv4")]
    access_ipv4: Option<std::net::Ipv4Addr>,
    #[serde(default, rename = "accessIPv6")]
    access_ipv6: Option<std::net::Ipv6Addr>,
    #[serde(default, rename = "OS-DCF:diskConfig")]
    disk_config: Option<String>,
    #[serde(default, deserialize_with = "fields::nullable")]
    description: Option<Option<String>>,
    #[serde(default, deserialize_with = "fields::nullable")]
    key_name: Option<Option<String>>,
    #[serde(default, deserialize_with = "fields::nullable")]
    user_data: Option<Option<String>>,
    #[serde(default, deserialize_with = "fields::nullable")]
    trusted_image_certificates: Option<Option<Vec<String>>>,
    #[serde(default)]
    hostname: Option<String>,
}

impl Body {
    fn order(self, version: Microversion, made_up: String) -> Result<Rebuild> {
        fields_check(
            version,
            &[
                ("description", self.description.is_some(), 19, LAST),
                ("key_name", self.key_name.is_some(), 54, LAST),
                ("user_data", self.user_data.is_some(), 57, LAST),
                ("personality", self.personality.is_some(), 1, 56),
                ("trusted_image_certificates", self.trusted_image_certificates.is_some(), 63, LAST),
                ("hostname", self.hostname.is_some(), 90, LAST),
            ],
        )?;
        if self.trusted_image_certificates.flatten().is_some() {
            return Err(Error::bad_request(
                "Validating image certificates is not possible in this cloud; leave it out.",
            ));
        }
        if let Some(name) = &self.name {
            name_check("name", name)?;
        }
        if let Some(name) = &self.hostname {
            hostname::check(name, version)?;
        }
        if let Some(Some(description)) = &self.description {
            fields::length("description", description, 0, 255)?;
        }
        if self.disk_config.as_deref().is_some_and(|word| !matches!(word, "AUTO" | "MANUAL")) {
            return Err(Error::bad_request("OS-DCF:diskConfig must be AUTO or MANUAL."));
        }
        if let Some(metadata) = &self.metadata {
            check_metadata(metadata, -1)?;
        }
        let image_id = self.image.rsplit('/').next().unwrap_or_default().to_owned();
        if !fields::is_uuid(&image_id) {
            return Err(Error::bad_request("Invalid imageRef provided: it is not an image's id."));
        }
        Ok(Rebuild {
            image_id,
            edit: Edit {
                name: self.name,
                description: self.description,
                hostname: self.hostname,
                access_ipv4: self.access_ipv4.map(|address| address.to_string()),
                access_ipv6: self.access_ipv6.map(|address| address.to_string()),
                disk_config: self.disk_config,
                ..Edit::default()
            },
            metadata: self.metadata,
            key_name: self.key_name,
            user_data: self.user_data,
            personality: self.personality,
            preserve_ephemeral: self.preserve_ephemeral.is_some_and(|flag| flag.0),
            admin_pass: self.admin_pass.unwrap_or(made_up),
        })
    }
}

pub(super) async fn rebuild(mut ask: Ask<'_>) -> Result<Response> {
    let body: Body = ask.read()?;
    let order = body.order(ask.version, made_up(&ask))?;
    let server = ask.server("os_compute_api:servers:rebuild").await?;
    let server = ask.compute.server_rebuild(ask.caller, &server, &order).await?;
    let mut written = ask.compute.server_written(ask.caller, ask.links, ask.version, &server, Place::Update).await?;
    if let Some(fields) = written["server"].as_object_mut() {
        fields.remove("OS-EXT-SRV-ATTR:user_data");
    }
    written["server"]["adminPass"] = json!(order.admin_pass);
    if ask.version >= Microversion(2, 54) {
        written["server"]["key_name"] = json!(server.key_name);
    }
    if ask.version >= Microversion(2, 57) {
        written["server"]["user_data"] = json!(server.user_data);
    }
    let location = header::HeaderValue::try_from(ask.links.to(&format!("/v2.1/servers/{}", server.id)));
    let location = location.map_err(Error::internal)?;
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], Json(written)).into_response())
}

/// A password for those who name none.
fn made_up(ask: &Ask<'_>) -> String {
    ask.compute.runtime().ids.secret()[..12].to_owned()
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rescue {
    #[serde(default, rename = "adminPass")]
    admin_pass: Option<String>,
    #[serde(default)]
    rescue_image_ref: Option<String>,
}

pub(super) async fn rescue(mut ask: Ask<'_>) -> Result<Response> {
    let body = ask.read::<Option<Rescue>>()?.unwrap_or_default();
    let image = body.rescue_image_ref.as_deref().map(|image| image.rsplit('/').next().unwrap_or_default());
    if let Some(image) = image
        && !fields::is_uuid(image)
    {
        return Err(Error::bad_request(format!("Requested rescue image '{image}' is not valid: it is not an id.")));
    }
    let password = body.admin_pass.clone().unwrap_or_else(|| made_up(&ask));
    let server = ask.server("os_compute_api:os-rescue").await?;
    ask.compute.server_rescue(ask.caller, &server, image, &password).await?;
    Ok(Json(json!({"adminPass": password})).into_response())
}

pub(super) async fn unrescue(ask: Ask<'_>) -> Result<Response> {
    let server = ask.server("os_compute_api:os-unrescue").await?;
    ask.compute.server_unrescue(ask.caller, &server).await?;
    Ok(accepted())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Password {
    #[serde(rename = "adminPass")]
    admin_pass: String,
}

pub(super) async fn password(mut ask: Ask<'_>) -> Result<Response> {
    let Password { admin_pass } = ask.read()?;
    let server = ask.server("os_compute_api:os-admin-password").await?;
    ask.compute.server_password_change(ask.caller, &server, admin_pass).await?;
    Ok(accepted())
}
