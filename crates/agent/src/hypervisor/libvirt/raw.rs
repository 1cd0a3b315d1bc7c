//! libvirt's calls that the binding does not have. With the events, all that is unsafe is in this file.
#![expect(unsafe_code, reason = "the binding has no safe calls for these")]

use std::ffi::{CString, c_int, c_uint};

use virt::domain::Domain;
use virt::error::Error;
use virt::sys;

/// What a job that copies or saves is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Job {
    None,
    Running,
    Completed,
    Failed,
}

/// Sends an interrupt that cannot be masked.
pub(super) fn inject_nmi(domain: &Domain) -> Result<(), Error> {
    // SAFETY: the domain is valid as long as it is borrowed.
    checked(unsafe { sys::virDomainInjectNMI(domain.as_ptr(), 0) })
}

/// Has the guest agent put all file systems at rest.
pub(super) fn fs_freeze(domain: &Domain) -> Result<(), Error> {
    // SAFETY: the domain is valid as long as it is borrowed; no mount points are named, which means all.
    checked(unsafe { sys::virDomainFSFreeze(domain.as_ptr(), std::ptr::null_mut(), 0, 0) })
}

/// Has the guest agent wake them.
pub(super) fn fs_thaw(domain: &Domain) -> Result<(), Error> {
    // SAFETY: as above.
    checked(unsafe { sys::virDomainFSThaw(domain.as_ptr(), std::ptr::null_mut(), 0, 0) })
}

/// Begins to copy disks as the XML says.
pub(super) fn backup_begin(domain: &Domain, xml: &str) -> Result<(), Error> {
    let xml = CString::new(xml)?;
    // SAFETY: the domain and the text are valid during the call; there is no checkpoint.
    checked(unsafe { sys::virDomainBackupBegin(domain.as_ptr(), xml.as_ptr(), std::ptr::null(), 0) })
}

/// Ends the job that runs, whatever it is.
pub(super) fn job_abort(domain: &Domain) -> Result<(), Error> {
    // SAFETY: the domain is valid as long as it is borrowed.
    checked(unsafe { sys::virDomainAbortJob(domain.as_ptr()) })
}

/// The job that runs.
pub(super) fn job(domain: &Domain) -> Result<Job, Error> {
    job_with(domain, 0)
}

/// How the last job ended; it is forgotten by that.
pub(super) fn job_ended(domain: &Domain) -> Result<Job, Error> {
    job_with(domain, sys::VIR_DOMAIN_JOB_STATS_COMPLETED)
}

fn job_with(domain: &Domain, flags: c_uint) -> Result<Job, Error> {
    let (mut kind, mut parameters, mut count): (c_int, sys::virTypedParameterPtr, c_int) = (0, std::ptr::null_mut(), 0);
    // SAFETY: the domain is valid as long as it is borrowed, and libvirt fills in the three others; the list is its own
    // and is given back once.
    let result = unsafe {
        let result =
            sys::virDomainGetJobStats(domain.as_ptr(), &raw mut kind, &raw mut parameters, &raw mut count, flags);
        if result >= 0 {
            sys::virTypedParamsFree(parameters, count);
        }
        result
    };
    checked(result)?;
    Ok(match c_uint::try_from(kind).unwrap_or_default() {
        sys::VIR_DOMAIN_JOB_BOUNDED | sys::VIR_DOMAIN_JOB_UNBOUNDED => Job::Running,
        sys::VIR_DOMAIN_JOB_COMPLETED => Job::Completed,
        sys::VIR_DOMAIN_JOB_FAILED | sys::VIR_DOMAIN_JOB_CANCELLED => Job::Failed,
        _ => Job::None,
    })
}

/// The processors of a running domain, and the nanoseconds that each ran.
pub(super) fn vcpu_times(domain: &Domain, most: u32) -> Result<Vec<(u32, u64)>, Error> {
    let empty = sys::virVcpuInfo { number: 0, state: 0, cpuTime: 0, cpu: 0 };
    let mut infos = vec![empty; most as usize];
    let length = c_int::try_from(infos.len()).unwrap_or(c_int::MAX);
    // SAFETY: the domain is valid as long as it is borrowed, and the list has the length that libvirt is told.
    let count = unsafe { sys::virDomainGetVcpus(domain.as_ptr(), infos.as_mut_ptr(), length, std::ptr::null_mut(), 0) };
    checked(count)?;
    infos.truncate(usize::try_from(count).unwrap_or_default());
    Ok(infos.iter().map(|info| (info.number, info.cpuTime)).collect())
}

fn checked(result: c_int) -> Result<(), Error> {
    if result < 0 { Err(Error::last_error()) } else { Ok(()) }
}
