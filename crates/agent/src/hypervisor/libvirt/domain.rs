//! A server's domain, found and looked at.

use protocol::{PowerState, Problem};
use virt::connect::Connect;
use virt::domain::{Domain, DomainShutoffReason, DomainState, DomainStateReason};
use virt::enumutil::Enum;
use virt::sys;

use super::connection::problem;
use super::domain_xml;

/// The domain of a server; one that is not ours is refused.
pub(super) fn domain_of(connection: &Connect, id: &str) -> Result<Domain, Problem> {
    let looked = connection.lookup_domain_by_uuid_string(id);
    let domain = looked.map_err(|error| problem("the domain cannot be looked up", &error))?;
    if is_ours(&domain) {
        return Ok(domain);
    }
    // Between look and look it may have been deleted.
    match connection.lookup_domain_by_uuid_string(id) {
        Ok(_) => Err(Problem::Permanent(format!("the domain {id} was not made by this cloud: it is left alone"))),
        Err(error) => Err(problem("the domain cannot be looked up", &error)),
    }
}

pub(super) fn is_ours(domain: &Domain) -> bool {
    domain.metadata(sys::VIR_DOMAIN_METADATA_ELEMENT as i32, Some(domain_xml::NAMESPACE), 0).is_ok()
}

pub(super) fn is_active(domain: &Domain) -> Result<bool, Problem> {
    domain.is_active().map_err(|error| problem("the domain's state cannot be read", &error))
}

pub(super) fn destroy(domain: &Domain) -> Result<(), Problem> {
    let destroyed = domain.destroy();
    // It may be off already, or go off in this moment.
    if is_active(domain)? {
        destroyed.map_err(|error| problem("the domain cannot be switched off", &error))
    } else {
        Ok(())
    }
}

pub(super) fn power_state(domain: &Domain) -> Result<PowerState, Problem> {
    let (state, reason) = domain.state().map_err(|error| problem("the domain's state cannot be read", &error))?;
    let crashed = matches!(reason, Enum::Known(DomainStateReason::Shutoff(Enum::Known(DomainShutoffReason::Crashed))));
    Ok(match state {
        Enum::Known(DomainState::Running | DomainState::Blocked | DomainState::Shutdown) => PowerState::Running,
        Enum::Known(DomainState::Paused) => PowerState::Paused,
        Enum::Known(DomainState::Shutoff) if crashed => PowerState::Crashed,
        Enum::Known(DomainState::Shutoff) => PowerState::Shutdown,
        Enum::Known(DomainState::Crashed) => PowerState::Crashed,
        Enum::Known(DomainState::PMSuspended) => PowerState::Suspended,
        Enum::Known(DomainState::NoState) => PowerState::NoState,
        // The call itself failed.
        Enum::Unknown(_) => return Err(Problem::NotFound),
    })
}
