//! libvirt's events. The binding has no safe calls for them: what is unsafe about them is in this file.
#![expect(unsafe_code, reason = "the binding has no safe calls for events")]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::OnceLock;

use tokio::sync::broadcast;
use virt::connect::Connect;
use virt::error::Error;
use virt::sys;

/// Starts the thread that runs libvirt's event loop, once in a process. Only connections opened afterwards have events.
pub(super) fn loop_start() -> Result<(), Error> {
    static STARTED: OnceLock<Result<(), Error>> = OnceLock::new();
    STARTED.get_or_init(loop_spawn).clone()
}

fn loop_spawn() -> Result<(), Error> {
    // Errors come back from each call; libvirt need not print them too.
    virt::error::clear_error_callback();
    virt::event::event_register_default_impl()?;
    let run = || {
        loop {
            if let Err(error) = virt::event::event_run_default_impl() {
                tracing::error!(%error, "libvirt's event loop failed");
                std::thread::sleep(std::time::Duration::from_secs(1));
            }
        }
    };
    if let Err(error) = std::thread::Builder::new().name("libvirt-events".to_owned()).spawn(run) {
        tracing::error!(%error, "the thread of libvirt's events cannot be started");
    }
    Ok(())
}

/// Has the ids of domains whose life cycle changes sent to `changes`, as long as the connection lives.
pub(super) fn lifecycle_watch(connection: &Connect, changes: broadcast::Sender<String>) -> Result<(), Error> {
    type Callback = unsafe extern "C" fn(sys::virConnectPtr, sys::virDomainPtr, *mut c_void);
    type Lifecycle = unsafe extern "C" fn(sys::virConnectPtr, sys::virDomainPtr, c_int, c_int, *mut c_void) -> c_int;
    let opaque = Box::into_raw(Box::new(changes)).cast::<c_void>();
    // SAFETY: the connection is open. libvirt takes every kind of callback as the generic one and calls it as what the
    // event's id says. `opaque` is a `Sender` until `changes_free` takes it back, which libvirt calls once, after the
    // last callback.
    let id = unsafe {
        let callback = std::mem::transmute::<Lifecycle, Callback>(lifecycle);
        sys::virConnectDomainEventRegisterAny(
            connection.as_ptr(),
            std::ptr::null_mut(),
            sys::VIR_DOMAIN_EVENT_ID_LIFECYCLE as c_int,
            Some(callback),
            opaque,
            Some(changes_free),
        )
    };
    if id < 0 {
        let error = Error::last_error();
        // SAFETY: libvirt did not take it.
        unsafe { changes_free(opaque) };
        return Err(error);
    }
    Ok(())
}

unsafe extern "C" fn lifecycle(
    _connection: sys::virConnectPtr,
    domain: sys::virDomainPtr,
    _event: c_int,
    _detail: c_int,
    opaque: *mut c_void,
) -> c_int {
    // SAFETY: libvirt gives back what `lifecycle_watch` gave it.
    let changes = unsafe { &*opaque.cast::<broadcast::Sender<String>>() };
    let mut id: [c_char; sys::VIR_UUID_STRING_BUFLEN as usize] = [0; sys::VIR_UUID_STRING_BUFLEN as usize];
    // SAFETY: the domain is valid during the callback, and the buffer has the length that libvirt asks for.
    let id = unsafe {
        if sys::virDomainGetUUIDString(domain, id.as_mut_ptr()) < 0 {
            return 0;
        }
        CStr::from_ptr(id.as_ptr()).to_string_lossy().into_owned()
    };
    // Nobody may be listening.
    drop(changes.send(id));
    0
}

unsafe extern "C" fn changes_free(opaque: *mut c_void) {
    // SAFETY: it was made by `Box::into_raw` of this type, and libvirt frees it once.
    drop(unsafe { Box::from_raw(opaque.cast::<broadcast::Sender<String>>()) });
}
