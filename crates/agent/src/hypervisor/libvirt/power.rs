//! Pausing, suspending, and what else is done to a domain that runs.

use protocol::{PowerState, Problem};
use virt::domain::Domain;
use virt::enumutil::Enum;
use virt::error::{Error, ErrorNumber};
use virt::sys;

use super::connection::problem;
use super::domain::{is_active, power_state};
use super::raw;

/// Whom a password is changed for if nobody says.
const ADMINISTRATOR: &str = "root";

pub(super) fn pause(domain: &Domain) -> Result<(), Problem> {
    match power_state(domain)? {
        PowerState::Running => domain.suspend().map_err(|error| problem("the domain cannot be paused", &error)),
        PowerState::Paused => Ok(()),
        _ => Err(off()),
    }
}

pub(super) fn unpause(domain: &Domain) -> Result<(), Problem> {
    match power_state(domain)? {
        PowerState::Running => Ok(()),
        PowerState::Paused => domain.resume().map_err(|error| problem("the domain cannot go on", &error)),
        _ => Err(off()),
    }
}

/// Writes the guest's memory to disk. It runs again when it is read from there, even if it is paused now.
pub(super) fn suspend(domain: &Domain) -> Result<(), Problem> {
    if !is_active(domain)? {
        return Ok(());
    }
    let saved = domain.managed_save(sys::VIR_DOMAIN_SAVE_RUNNING);
    saved.map_err(|error| problem("the domain's memory cannot be saved", &error))
}

/// Has the domain run on if it can; tells whether it does.
pub(super) fn resume(domain: &Domain) -> Result<bool, Problem> {
    let failed = |error| problem("the domain cannot be resumed", &error);
    if is_active(domain)? {
        unpause(domain)?;
        return Ok(true);
    }
    if !domain.has_managed_save(0).map_err(failed)? {
        return Ok(false);
    }
    domain.create().map_err(failed)?;
    Ok(true)
}

/// Has no memory of the domain on disk: it starts anew.
pub(super) fn saved_forget(domain: &Domain) -> Result<(), Problem> {
    let failed = |error| problem("the domain's saved memory cannot be removed", &error);
    if domain.has_managed_save(0).map_err(failed)? {
        domain.managed_save_remove(0).map_err(failed)?;
    }
    Ok(())
}

pub(super) fn crash_dump(domain: &Domain) -> Result<(), Problem> {
    if !is_active(domain)? {
        return Err(off());
    }
    raw::inject_nmi(domain).map_err(|error| problem("the guest cannot be interrupted", &error))
}

pub(super) fn password(domain: &Domain, user: Option<&str>, password: &str) -> Result<(), Problem> {
    if !is_active(domain)? {
        return Err(off());
    }
    domain.set_user_password(user.unwrap_or(ADMINISTRATOR), password, 0).map_err(|error| agent_problem(&error))
}

/// What is wrong where the guest agent does not do as told.
pub(super) fn agent_problem(error: &Error) -> Problem {
    let silent = |wanted: &str| format!("the guest agent does not answer ({}): {wanted}", error.message());
    match error.code() {
        // It may be that the guest has only just been started.
        Enum::Known(ErrorNumber::AgentUnresponsive) => {
            Problem::Temporary(silent("qemu-guest-agent must run in the guest"))
        }
        Enum::Known(ErrorNumber::ArgumentUnsupported | ErrorNumber::ConfigUnsupported) => {
            Problem::Permanent(silent("the image needs the property hw_qemu_guest_agent=yes"))
        }
        _ => problem("the guest agent does not do as told", error),
    }
}

pub(super) fn off() -> Problem {
    Problem::Temporary("the server does not run".to_owned())
}
