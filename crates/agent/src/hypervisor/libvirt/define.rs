//! Defines a server's domain, placed on the node.

use std::sync::{Mutex, PoisonError};

use protocol::numa::{Guest, Placement};
use protocol::{Problem, ServerSpec};
use virt::connect::Connect;
use virt::domain::Domain;

use super::connection::problem;
use super::xml::Element;
use super::{Options, domain_xml, topology};
use crate::hypervisor::unfit;

/// Held from the look at what other domains have to the domain that has its part of the rest.
static PLACING: Mutex<()> = Mutex::new(());

/// Has the domain defined as the server is given; it does not run.
pub(super) fn define(connection: &Connect, options: &Options, server: &ServerSpec) -> Result<Domain, Problem> {
    let guest = domain_xml::guest(server)?;
    if domain_xml::is_uefi(server)? && !firmware(connection, options)?.iter().any(|known| known == "efi") {
        return Err(Problem::Permanent("the node has no UEFI firmware: install ovmf on it".to_owned()));
    }
    let _placing = PLACING.lock().unwrap_or_else(PoisonError::into_inner);
    let placement = place(connection, options, server, &guest)?;
    let xml = domain_xml::domain_xml(server, options, &guest, &placement)?;
    connection.define_domain_xml(&xml).map_err(|error| problem("libvirt refuses the domain", &error))
}

fn place(connection: &Connect, options: &Options, server: &ServerSpec, guest: &Guest) -> Result<Placement, Problem> {
    if guest.cells.is_empty() && options.dedicated_cpus.0.is_empty() {
        return Ok(Placement::default());
    }
    let mut host = topology::host(connection, &options.dedicated_cpus)?;
    if !guest.cells.is_empty() {
        host.taken = topology::taken(connection)?;
    }
    host.place(guest, &server.id, None).map_err(unfit)
}

/// The kinds of firmware that the node has: `bios`, `efi`.
pub(super) fn firmware(connection: &Connect, options: &Options) -> Result<Vec<String>, Problem> {
    let capabilities = capabilities(connection, options)?;
    Ok(values(capabilities.find("os"), "firmware"))
}

/// What domains may have on this node.
pub(super) fn capabilities(connection: &Connect, options: &Options) -> Result<Element, Problem> {
    let kind = Some(options.virt_type.name());
    let asked = connection.domain_capabilities(None, Some("x86_64"), None, kind, 0);
    Element::parse(&asked.map_err(|error| problem("what the node can do cannot be read", &error))?)
}

/// The values of one of the lists that libvirt gives with an element.
pub(super) fn values(element: Option<&Element>, list: &str) -> Vec<String> {
    let lists = element.into_iter().flat_map(|element| element.all("enum"));
    let values = lists.filter(|known| known.get("name") == Some(list)).flat_map(|known| known.all("value"));
    values.map(|value| value.content().to_owned()).collect()
}
