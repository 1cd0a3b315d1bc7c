//! Network cards that come and go.

use protocol::{Problem, ServerPort, ServerSpec};
use virt::domain::Domain;
use virt::sys;

use super::connection::problem;
use super::domain::is_active;
use super::domain_xml;
use super::xml::Element;

/// Has the card of the port in the domain as it runs and as it is defined.
pub(super) fn attach(domain: &Domain, server: &ServerSpec, port: &ServerPort) -> Result<(), Problem> {
    let failed = |error| problem("the network card cannot be added", &error);
    let xml = domain_xml::interface_xml(server, port)?;
    let tap = port.tap_name();
    if is_active(domain)? && card(domain, 0, &tap)?.is_none() {
        domain.attach_device_flags(&xml, sys::VIR_DOMAIN_AFFECT_LIVE).map_err(failed)?;
    }
    if card(domain, sys::VIR_DOMAIN_XML_INACTIVE, &tap)?.is_none() {
        domain.attach_device_flags(&xml, sys::VIR_DOMAIN_AFFECT_CONFIG).map_err(failed)?;
    }
    Ok(())
}

/// Asks the guest to let go of the card if `ask`. Tells whether it has.
pub(super) fn let_go(domain: &Domain, tap: &str, ask: bool) -> Result<bool, Problem> {
    if !is_active(domain)? {
        return Ok(true);
    }
    let Some(card) = card(domain, 0, tap)? else { return Ok(true) };
    if ask && let Err(error) = domain.detach_device_flags(&card.write()?, sys::VIR_DOMAIN_AFFECT_LIVE) {
        // A guest that was asked before may still be at it.
        tracing::debug!(%error, tap, "a network card cannot be taken out yet");
    }
    Ok(false)
}

/// Has the card no more in the domain as it is defined.
pub(super) fn forget(domain: &Domain, tap: &str) -> Result<(), Problem> {
    let Some(card) = card(domain, sys::VIR_DOMAIN_XML_INACTIVE, tap)? else { return Ok(()) };
    domain
        .detach_device_flags(&card.write()?, sys::VIR_DOMAIN_AFFECT_CONFIG)
        .map_err(|error| problem("the network card cannot be taken out", &error))
}

fn card(domain: &Domain, flags: sys::virDomainXMLFlags, tap: &str) -> Result<Option<Element>, Problem> {
    let xml = domain.xml_desc(flags).map_err(|error| problem("the domain cannot be read", &error))?;
    let xml = Element::parse(&xml)?;
    let mut cards = xml.find("devices").into_iter().flat_map(|devices| devices.all("interface"));
    Ok(cards.find(|card| card.find("target").is_some_and(|target| target.get("dev") == Some(tap))).cloned())
}
