//! Security groups and addresses of a server.

use std::net::IpAddr;

use ::api::{Error, Kind, Result};
use axum::response::Response;
use serde::Deserialize;
use trace::Traced as _;

use super::super::common::until;
use super::{Ask, accepted};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    name: String,
}

/// Puts the server into a group, or takes it out.
pub(super) async fn security_group(mut ask: Ask<'_>, member: bool) -> Result<Response> {
    let Group { name } = ask.read()?;
    if name.trim().is_empty() {
        return Err(Error::bad_request("Security group name cannot be empty"));
    }
    let action = if member { "add" } else { "remove" };
    let server = ask.server(&format!("os_compute_api:os-security-groups:{action}")).await?;
    let network = &ask.compute.0.deps.network;
    network.server_group_change(ask.caller, &server.id, &server.project_id, &name, member).await?;
    Ok(accepted())
}

const PORTS: &str = "Change the server's port in the network API.";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FixedAdd {
    #[serde(rename = "networkId")]
    network_id: String,
}

pub(super) async fn fixed_ip_add(mut ask: Ask<'_>) -> Result<Response> {
    let FixedAdd { network_id } = ask.read()?;
    until(ask.version, 43, PORTS)?;
    let server = ask.server("os_compute_api:os-multinic:add").await?;
    crate::server::actions::key_check(ask.caller, &server)?;
    ask.compute
        .0
        .deps
        .network
        .server_address_add(ask.caller, &server.id, &network_id)
        .traced("network", "add address")
        .await?;
    Ok(accepted())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FixedRemove {
    address: IpAddr,
}

pub(super) async fn fixed_ip_remove(mut ask: Ask<'_>) -> Result<Response> {
    let FixedRemove { address } = ask.read()?;
    until(ask.version, 43, PORTS)?;
    let server = ask.server("os_compute_api:os-multinic:remove").await?;
    crate::server::actions::key_check(ask.caller, &server)?;
    ask.compute
        .0
        .deps
        .network
        .server_address_remove(ask.caller, &server.id, address)
        .traced("network", "remove address")
        .await?;
    Ok(accepted())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FloatingAdd {
    address: IpAddr,
    #[serde(default)]
    fixed_address: Option<IpAddr>,
}

const FLOATING: &str = "Lead the floating address to the server's port in the network API.";

pub(super) async fn floating_ip_add(mut ask: Ask<'_>) -> Result<Response> {
    let FloatingAdd { address, fixed_address } = ask.read()?;
    until(ask.version, 43, FLOATING)?;
    let server = ask.server("os_compute_api:os-floating-ips:add").await?;
    let ports = ask.compute.ports_of(&server.id).await?;
    let first_v4 =
        |port: &network::PortInfo| port.fixed_ips.iter().find(|fixed| fixed.ip.is_ipv4()).map(|fixed| fixed.ip);
    let place = match fixed_address {
        Some(fixed) => ports
            .iter()
            .find(|port| port.fixed_ips.iter().any(|own| own.ip == fixed))
            .map(|port| (port.id.clone(), Some(fixed)))
            .ok_or_else(|| Error::bad_request("Specified fixed address not assigned to instance"))?,
        None => ports
            .iter()
            .find_map(|port| Some((port.id.clone(), Some(first_v4(port)?))))
            .ok_or_else(|| Error::bad_request("No fixed IPs associated to instance"))?,
    };
    let led = ask
        .compute
        .0
        .deps
        .network
        .floating_address_lead(ask.caller, address, Some(place))
        .traced("network", "lead floating address")
        .await;
    led.map_err(|error| match error.kind {
        Kind::Conflict => Error::bad_request(error.message),
        _ => error,
    })?;
    Ok(accepted())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FloatingRemove {
    address: IpAddr,
}

pub(super) async fn floating_ip_remove(mut ask: Ask<'_>) -> Result<Response> {
    let FloatingRemove { address } = ask.read()?;
    until(ask.version, 43, FLOATING)?;
    let server = ask.server("os_compute_api:os-floating-ips:remove").await?;
    ask.compute.0.deps.network.floating_address_find(ask.caller, address).await?;
    let ports = ask.compute.ports_of(&server.id).await?;
    if !ports.iter().flat_map(|port| &port.fixed_ips).any(|fixed| fixed.floating_ips.contains(&address)) {
        return Err(Error::new(
            Kind::Conflict,
            format!("Floating IP {address} is not associated with instance {}.", server.id),
        ));
    }
    ask.compute
        .0
        .deps
        .network
        .floating_address_lead(ask.caller, address, None)
        .traced("network", "lead floating address")
        .await?;
    Ok(accepted())
}
