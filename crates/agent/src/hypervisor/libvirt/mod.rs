//! Servers as libvirt's domains.
