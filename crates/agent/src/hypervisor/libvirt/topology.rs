//! The node's processors and memory as libvirt tells of them, and what domains have of them.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use protocol::numa::{Host, HostCell, Taken, TakenMemory};
use protocol::{CpuSet, Problem};
use virt::connect::Connect;
use virt::sys;

use super::connection::problem;
use super::xml::Element;

/// The node with nothing on it, of which `dedicated` is set aside for guests that want processors of their own.
pub(super) fn host(connection: &Connect, dedicated: &CpuSet) -> Result<Host, Problem> {
    let asked = |error| problem("the node's processors cannot be read", &error);
    let capabilities = Element::parse(&connection.capabilities().map_err(asked)?)?;
    Ok(Host { cells: cells(&capabilities), dedicated: dedicated.clone(), ..Host::default() })
}

fn cells(capabilities: &Element) -> Vec<HostCell> {
    let cell = |cell: &Element| {
        let pages = cell.all("pages").map(|pages| (number(pages.get("size")), number(Some(pages.content()))));
        let mut pages: Vec<_> = pages.map(|(size, count)| (size, size.saturating_mul(count))).collect();
        if pages.is_empty() {
            // A machine that tells of no NUMA nodes tells of no pages either.
            pages.push((4, number(cell.find("memory").map(Element::content))));
        }
        pages.sort_by_key(|(size, _)| Reverse(*size));
        let threads = cell.find("cpus").into_iter().flat_map(|cpus| cpus.all("cpu")).map(|cpu| {
            let alone = cpu.get("id").unwrap_or_default();
            cpu.get("siblings").unwrap_or(alone).parse::<CpuSet>().unwrap_or_default()
        });
        let cores: BTreeSet<CpuSet> = threads.collect();
        HostCell {
            id: u32::try_from(number(cell.get("id"))).unwrap_or_default(),
            pages,
            cpus: cores.iter().flat_map(|core| &core.0).copied().collect(),
            cores: cores.into_iter().filter(|core| core.0.len() > 1).collect(),
        }
    };
    let cells = capabilities.at(&["host", "topology", "cells"]);
    cells.into_iter().flat_map(|cells| cells.all("cell")).map(cell).collect()
}

/// What all domains have that may not be everywhere.
pub(super) fn taken(connection: &Connect) -> Result<BTreeMap<String, Taken>, Problem> {
    let mut all = BTreeMap::new();
    for domain in connection.list_all_domains(0).map_err(|error| problem("the domains cannot be listed", &error))? {
        // A domain that goes while we look has nothing any more.
        let (Ok(id), Ok(xml)) = (domain.uuid_string(), domain.xml_desc(sys::VIR_DOMAIN_XML_INACTIVE)) else { continue };
        match Element::parse(&xml).map(|domain| taken_by(&domain)) {
            Ok(taken) if taken != Taken::default() => drop(all.insert(id, taken)),
            Ok(_) => {}
            Err(problem) => tracing::warn!(domain = id, %problem, "what a domain has of the node is not understood"),
        }
    }
    Ok(all)
}

/// What a domain has, as libvirt tells it: in KiB.
fn taken_by(domain: &Element) -> Taken {
    let pins = |name: &'static str| {
        let pins = domain.find("cputune").into_iter().flat_map(move |tune| tune.all(name));
        pins.filter_map(|pin| pin.get("cpuset")?.parse().ok())
    };
    let mut taken = Taken { pins: pins("vcpupin").collect(), emulator: pins("emulatorpin").next(), memory: Vec::new() };
    let nodes = domain.find("numatune").into_iter().flat_map(|tune| tune.all("memnode"));
    for (id, nodes) in nodes.filter_map(|node| node.get("cellid").zip(node.get("nodeset"))) {
        let mut cells = domain.at(&["cpu", "numa"]).into_iter().flat_map(|numa| numa.all("cell"));
        let kib = number(cells.find(|cell| cell.get("id") == Some(id)).and_then(|cell| cell.get("memory")));
        let page_kib = page_kib(domain, id);
        let nodes = nodes.parse::<CpuSet>().unwrap_or_default().0;
        taken.memory.extend(nodes.into_iter().map(|cell| TakenMemory { cell, page_kib, kib }));
    }
    taken
}

/// The size of pages in KiB of one of a domain's NUMA nodes, if they are not the smallest.
fn page_kib(domain: &Element, cell: &str) -> Option<u64> {
    let cell = cell.parse().ok()?;
    let pages = domain.at(&["memoryBacking", "hugepages"])?.all("page");
    let meant = pages.filter(|page| {
        page.get("nodeset").is_none_or(|cells| cells.parse::<CpuSet>().is_ok_and(|cells| cells.0.contains(&cell)))
    });
    // Those that name no cells are for cells that no others name.
    meant.max_by_key(|page| page.get("nodeset").is_some()).map(|page| number(page.get("size")))
}

fn number(text: Option<&str>) -> u64 {
    text.and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(text: &str) -> CpuSet {
        text.parse().unwrap()
    }

    fn cells_of(cells: &str) -> Vec<HostCell> {
        let topology = format!("<host><topology><cells>{cells}</cells></topology></host>");
        super::cells(&Element::parse(&format!("<capabilities>{topology}</capabilities>")).unwrap())
    }

    #[test]
    fn the_nodes_numa_nodes_are_read() {
        let cells = cells_of(
            "<cell id='1'><memory unit='KiB'>4194304</memory>
               <pages unit='KiB' size='4'>786432</pages><pages unit='KiB' size='2048'>512</pages>
               <cpus num='4'><cpu id='0' siblings='0,4'/><cpu id='4' siblings='0,4'/>
                 <cpu id='1' siblings='1,5'/><cpu id='5' siblings='1,5'/></cpus></cell>",
        );
        let (cpus, cores) = (set("0-1,4-5"), [set("0,4"), set("1,5")].into());
        assert_eq!(cells, [HostCell { id: 1, pages: vec![(2048, 1_048_576), (4, 3_145_728)], cpus, cores }]);
    }

    #[test]
    fn a_node_that_tells_of_no_pages_has_small_ones() {
        let cells = cells_of("<cell id='0'><memory unit='KiB'>1048576</memory><cpus><cpu id='0'/></cpus></cell>");
        assert_eq!(cells, [HostCell { pages: vec![(4, 1_048_576)], cpus: set("0"), ..HostCell::default() }]);
    }

    /// As libvirt writes a domain; `pages` is what is in `hugepages`.
    fn domain(pages: &str) -> Element {
        let text = format!(
            "<domain><memoryBacking><hugepages>{pages}</hugepages></memoryBacking>
             <cputune><vcpupin vcpu='0' cpuset='3'/><vcpupin vcpu='1' cpuset='4-5'/><emulatorpin cpuset='6'/></cputune>
             <numatune><memory mode='strict' nodeset='0-1'/><memnode cellid='0' mode='strict' nodeset='1'/>
               <memnode cellid='1' mode='strict' nodeset='0'/></numatune>
             <cpu><numa><cell id='0' cpus='0' memory='524288' unit='KiB'/>
               <cell id='1' cpus='1' memory='1048576' unit='KiB'/></numa></cpu></domain>"
        );
        Element::parse(&text).unwrap()
    }

    #[test]
    fn what_others_have_is_read_from_their_domains() {
        assert_eq!(taken_by(&Element::parse("<domain><vcpu>1</vcpu></domain>").unwrap()), Taken::default());
        let memory = |first, second| {
            let memory = |cell, page_kib, kib| TakenMemory { cell, page_kib, kib };
            vec![memory(1, first, 524_288), memory(0, second, 1_048_576)]
        };
        let taken = taken_by(&domain("<page size='2048' unit='KiB' nodeset='0'/>"));
        assert_eq!((taken.pins, taken.emulator), (["3", "4-5"].map(set).to_vec(), Some(set("6"))));
        assert_eq!(taken.memory, memory(Some(2048), None));
        let taken = taken_by(&domain("<page size='2048' unit='KiB'/><page size='1048576' unit='KiB' nodeset='1'/>"));
        assert_eq!(taken.memory, memory(Some(2048), Some(1_048_576)));
    }
}
