//! Which of the node's processors and memory a guest gets, where it is choosy.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use protocol::{CpuSet, Problem};

use super::xml::Element;

/// What a guest asks of the node's processors and memory.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Guest {
    /// Its NUMA nodes; none if it does not care.
    pub(super) cells: Vec<GuestCell>,
    /// Its processors that want one of the node's for themselves.
    pub(super) dedicated: BTreeSet<u32>,
    /// Whether the emulator's own threads want one too, or go where shared processors are.
    pub(super) emulator: Option<Emulator>,
    /// Whether the node's cores must have several threads, or must not.
    pub(super) threads: Option<Threads>,
    /// The size of its memory's pages.
    pub(super) pages: Option<Pages>,
}

/// A NUMA node as the guest sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct GuestCell {
    pub(super) cpus: CpuSet,
    pub(super) memory_mb: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Emulator {
    Isolate,
    Share,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Threads {
    Require,
    Isolate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pages {
    /// The smallest that the node has.
    Small,
    /// Any but the smallest, the largest first.
    Large,
    /// Any, the largest first.
    Any,
    /// Exactly this many KiB.
    Kib(u64),
}

/// The node, as libvirt sees it.
#[derive(Debug, Clone, Default)]
pub(super) struct Host {
    cells: Vec<HostCell>,
}

#[derive(Debug, Clone, Default)]
struct HostCell {
    id: u32,
    /// Its memory: sizes of pages in KiB, the largest first, and how much there is in KiB.
    pages: Vec<(u64, u64)>,
    /// Its cores, by their threads.
    cores: BTreeSet<BTreeSet<u32>>,
}

impl HostCell {
    fn cpus(&self) -> BTreeSet<u32> {
        self.cores.iter().flatten().copied().collect()
    }
}

/// What other domains have of the node, running or not.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Taken {
    /// Where each of their processors and emulators runs that does not run everywhere.
    pins: Vec<CpuSet>,
    /// Memory in KiB by NUMA node and size of pages in KiB, which the smallest do not have.
    memory: BTreeMap<(u32, Option<u64>), u64>,
}

/// What a guest gets.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Placement {
    /// The node's NUMA nodes in the order of the guest's, with the size of pages in KiB if they are not the smallest.
    pub(super) cells: Vec<(u32, Option<u64>)>,
    /// Where each of the guest's processors runs, if it may not run everywhere.
    pub(super) pins: Vec<(u32, CpuSet)>,
    /// Where the emulator's own threads run.
    pub(super) emulator: Option<CpuSet>,
    /// Where everything runs that is not pinned, if not everywhere.
    pub(super) shared: Option<CpuSet>,
}

impl Host {
    /// The node from libvirt's capabilities.
    pub(super) fn parse(capabilities: &str) -> Result<Self, Problem> {
        let capabilities = Element::parse(capabilities)?;
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
                cpu.get("siblings").unwrap_or(alone).parse::<CpuSet>().unwrap_or_default().0
            });
            HostCell {
                id: u32::try_from(number(cell.get("id"))).unwrap_or_default(),
                pages,
                cores: threads.filter(|core| !core.is_empty()).collect(),
            }
        };
        let cells = capabilities.at(&["host", "topology", "cells"]);
        Ok(Self { cells: cells.into_iter().flat_map(|cells| cells.all("cell")).map(cell).collect() })
    }

    /// Whether a core is several processors.
    pub(super) fn has_threads(&self) -> bool {
        self.cells.iter().flat_map(|cell| &cell.cores).any(|core| core.len() > 1)
    }

    /// Where a guest goes. `dedicated` is what the node has set aside for guests that want processors of their own.
    pub(super) fn place(&self, guest: &Guest, dedicated: &CpuSet, taken: &Taken) -> Result<Placement, Problem> {
        let all: BTreeSet<u32> = self.cells.iter().flat_map(HostCell::cpus).collect();
        let shared: BTreeSet<u32> = all.difference(&dedicated.0).copied().collect();
        let mut placement = Placement::default();
        if !dedicated.0.is_empty() {
            placement.shared = Some(CpuSet(shared.clone()));
        }
        if guest.cells.is_empty() {
            return Ok(placement);
        }
        if !guest.dedicated.is_empty() && dedicated.0.is_empty() {
            return Err(full("it has no processors set aside for dedicated use"));
        }
        let several = self.has_threads();
        match guest.threads {
            Some(Threads::Require) if !several => return Err(full("its cores do not have several threads")),
            Some(Threads::Isolate) if several => return Err(full("its cores have several threads")),
            _ => {}
        }
        let free: BTreeSet<u32> = dedicated.0.difference(&taken.cpus()).copied().collect();
        let cells = self.emptiest_first(guest, taken, &free, &shared);
        let mut found = Fit { guest, cells: &cells, taken, free: &free, shared: &shared, chosen: Vec::new() };
        if !found.search() {
            return Err(full("no choice of its NUMA nodes has enough free processors, memory and pages"));
        }
        found.fill(&mut placement);
        Ok(placement)
    }

    /// The NUMA nodes, those first that have the most free, so that guests spread: processors count before memory, as
    /// in Nova.
    fn emptiest_first(
        &self,
        guest: &Guest,
        taken: &Taken,
        free: &BTreeSet<u32>,
        shared: &BTreeSet<u32>,
    ) -> Vec<&HostCell> {
        let mut cells: Vec<_> = self.cells.iter().collect();
        cells.sort_by_cached_key(|cell| {
            let taken = taken.memory.iter().filter(|((node, _), _)| *node == cell.id).map(|(_, kib)| kib);
            let all: u64 = cell.pages.iter().map(|(_, kib)| kib).sum();
            Reverse(all.saturating_sub(taken.sum()))
        });
        if guest.dedicated.is_empty() {
            cells.sort_by_cached_key(|cell| {
                let cpus = cell.cpus().intersection(shared).copied().collect();
                taken.pins.iter().filter(|pin| !pin.0.is_disjoint(&cpus)).count()
            });
        } else {
            cells.sort_by_cached_key(|cell| Reverse(cell.cpus().intersection(free).count()));
        }
        cells
    }
}

impl Taken {
    /// Adds what a domain has, as libvirt tells it: in KiB.
    pub(super) fn add(&mut self, domain: &Element) {
        let pins =
            domain.find("cputune").into_iter().flat_map(|tune| tune.all("vcpupin").chain(tune.all("emulatorpin")));
        self.pins.extend(pins.filter_map(|pin| pin.get("cpuset")?.parse().ok()));
        let nodes = domain.find("numatune").into_iter().flat_map(|tune| tune.all("memnode"));
        for (id, nodes) in nodes.filter_map(|node| node.get("cellid").zip(node.get("nodeset"))) {
            let mut cells = domain.at(&["cpu", "numa"]).into_iter().flat_map(|numa| numa.all("cell"));
            let memory = number(cells.find(|cell| cell.get("id") == Some(id)).and_then(|cell| cell.get("memory")));
            for node in nodes.parse::<CpuSet>().unwrap_or_default().0 {
                *self.memory.entry((node, page_kib(domain, id))).or_default() += memory;
            }
        }
    }

    /// The processors that a domain has for itself: those on which one of its own is pinned alone.
    fn cpus(&self) -> BTreeSet<u32> {
        self.pins.iter().filter(|pin| pin.0.len() == 1).flat_map(|pin| &pin.0).copied().collect()
    }
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

/// The search for NUMA nodes of the host.
struct Fit<'a> {
    guest: &'a Guest,
    /// The host's, in the order in which they are tried.
    cells: &'a [&'a HostCell],
    taken: &'a Taken,
    free: &'a BTreeSet<u32>,
    shared: &'a BTreeSet<u32>,
    chosen: Vec<&'a HostCell>,
}

impl Fit<'_> {
    /// Finds one of the host's for each of the guest's.
    fn search(&mut self) -> bool {
        let position = self.chosen.len();
        let Some(cell) = self.guest.cells.get(position) else { return true };
        for &candidate in self.cells {
            if self.chosen.iter().any(|chosen| chosen.id == candidate.id) || !self.fits(position, cell, candidate) {
                continue;
            }
            self.chosen.push(candidate);
            if self.search() {
                return true;
            }
            self.chosen.pop();
        }
        false
    }

    fn fits(&self, position: usize, cell: &GuestCell, candidate: &HostCell) -> bool {
        let cpus = candidate.cpus();
        let own = cell.cpus.0.intersection(&self.guest.dedicated).count();
        // The emulator's own processor is taken beside those of the first.
        let emulator = usize::from(position == 0 && self.guest.emulator == Some(Emulator::Isolate));
        let others = cell.cpus.0.len() - own;
        own + emulator <= cpus.intersection(self.free).count()
            && others <= cpus.intersection(self.shared).count()
            && self.page_size(cell, candidate).is_some()
    }

    /// The size of pages in KiB that a cell gets, `Some(None)` if it is the smallest; `None` if there are not enough.
    fn page_size(&self, cell: &GuestCell, host: &HostCell) -> Option<Option<u64>> {
        let (smallest, _) = *host.pages.last()?;
        let wanted = |size| match self.guest.pages {
            None | Some(Pages::Small) => size == smallest,
            Some(Pages::Large) => size != smallest,
            Some(Pages::Any) => true,
            Some(Pages::Kib(kib)) => size == kib,
        };
        // Guests that want neither pages nor processors of their own may overcommit the memory together.
        let overcommits = self.guest.pages.is_none() && self.guest.dedicated.is_empty();
        let memory = cell.memory_mb * 1024;
        host.pages.iter().filter(|(size, _)| wanted(*size)).find_map(|(size, all)| {
            let named = (*size != smallest).then_some(*size);
            let taken = self.taken.memory.get(&(host.id, named)).filter(|_| !overcommits);
            let enough = memory <= all.saturating_sub(taken.copied().unwrap_or(0));
            (enough && memory.is_multiple_of(*size)).then_some(named)
        })
    }

    fn fill(&self, placement: &mut Placement) {
        let mut emulator = BTreeSet::new();
        for (position, (cell, host)) in self.guest.cells.iter().zip(&self.chosen).enumerate() {
            let mut free = cores_first(host, self.free).into_iter();
            let shared: CpuSet = host.cpus().intersection(self.shared).copied().collect();
            for &cpu in &cell.cpus.0 {
                let pin = match self.guest.dedicated.contains(&cpu).then(|| free.next()).flatten() {
                    Some(own) => CpuSet::from_iter([own]),
                    None => shared.clone(),
                };
                emulator.extend(pin.0.iter().copied());
                placement.pins.push((cpu, pin));
            }
            if position == 0 && self.guest.emulator == Some(Emulator::Isolate) {
                placement.emulator = free.next().map(|own| CpuSet::from_iter([own]));
            }
            placement.cells.push((host.id, self.page_size(cell, host).flatten()));
        }
        placement.pins.sort_by_key(|(cpu, _)| *cpu);
        if self.guest.emulator == Some(Emulator::Share) && !self.shared.is_empty() {
            placement.emulator = Some(CpuSet(self.shared.clone()));
        }
        placement.emulator = placement.emulator.take().or(Some(CpuSet(emulator)));
    }
}

/// The free processors of a NUMA node, those of cores that are wholly free first: so that guests share cores with
/// themselves and not with others.
fn cores_first(host: &HostCell, free: &BTreeSet<u32>) -> Vec<u32> {
    let mut cores: Vec<Vec<u32>> = host.cores.iter().map(|core| core.intersection(free).copied().collect()).collect();
    cores.sort_by_key(|core| Reverse(core.len()));
    cores.into_iter().flatten().collect()
}

fn full(why: &str) -> Problem {
    Problem::Temporary(format!("the node cannot place the server's processors and memory: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAPABILITIES: &str = r"<capabilities><host><topology><cells num='2'>
        <cell id='0'><memory unit='KiB'>4194304</memory>
          <pages unit='KiB' size='4'>786432</pages><pages unit='KiB' size='2048'>512</pages>
          <cpus num='4'><cpu id='0' siblings='0,4'/><cpu id='4' siblings='0,4'/>
            <cpu id='1' siblings='1,5'/><cpu id='5' siblings='1,5'/></cpus></cell>
        <cell id='1'><memory unit='KiB'>4194304</memory>
          <pages unit='KiB' size='4'>1048576</pages><pages unit='KiB' size='2048'>0</pages>
          <cpus num='4'><cpu id='2' siblings='2,6'/><cpu id='6' siblings='2,6'/>
            <cpu id='3' siblings='3,7'/><cpu id='7' siblings='3,7'/></cpus></cell>
        </cells></topology></host></capabilities>";

    /// The node with as much memory in huge pages on both NUMA nodes, on the second of them in one.
    fn host_with_pages() -> Host {
        let pages = "<pages unit='KiB' size='4'>786432</pages><pages unit='KiB' size='1048576'>1</pages>";
        let none = "<pages unit='KiB' size='4'>1048576</pages><pages unit='KiB' size='2048'>0</pages>";
        Host::parse(&CAPABILITIES.replace(none, pages)).unwrap()
    }

    fn set(text: &str) -> CpuSet {
        text.parse().unwrap()
    }

    fn guest(cells: &[(&str, u64)], dedicated: &str) -> Guest {
        let cells = cells.iter().map(|(cpus, memory_mb)| GuestCell { cpus: set(cpus), memory_mb: *memory_mb });
        Guest { cells: cells.collect(), dedicated: set(dedicated).0, ..Guest::default() }
    }

    fn pins(placement: &Placement) -> Vec<String> {
        placement.pins.iter().map(|(cpu, set)| format!("{cpu}:{set}")).collect()
    }

    /// What others have of processors.
    fn pinned(pins: &[&str]) -> Taken {
        Taken { pins: pins.iter().map(|pin| set(pin)).collect(), ..Taken::default() }
    }

    /// What others have of memory: NUMA nodes, sizes of pages in KiB, and MiB.
    fn filled(memory: &[(u32, Option<u64>, u64)]) -> Taken {
        let memory = memory.iter().map(|(node, size, mib)| ((*node, *size), mib * 1024));
        Taken { memory: memory.collect(), ..Taken::default() }
    }

    #[test]
    fn dedicated_processors_are_nobody_elses() {
        let host = Host::parse(CAPABILITIES).unwrap();
        let one = guest(&[("0-1", 512)], "0-1");
        let first = host.place(&one, &set("1-2,5-6"), &Taken::default()).unwrap();
        assert_eq!((pins(&first), first.cells), (vec!["0:1".into(), "1:5".into()], vec![(0, None)]));
        assert_eq!(first.emulator, Some(set("1,5")));
        let second = host.place(&one, &set("1-2,5-6"), &pinned(&["1", "5", "1,5"])).unwrap();
        assert_eq!((pins(&second), second.cells), (vec!["0:2".into(), "1:6".into()], vec![(1, None)]));
        assert!(matches!(host.place(&one, &set("1-2,5-6"), &pinned(&["1", "6"])), Err(Problem::Temporary(_))));
        assert!(matches!(host.place(&one, &set(""), &Taken::default()), Err(Problem::Temporary(_))), "none set aside");
    }

    #[test]
    fn the_others_stay_away_from_what_is_set_aside() {
        let host = Host::parse(CAPABILITIES).unwrap();
        let plain = host.place(&Guest::default(), &set("1-3,5-7"), &pinned(&["1"])).unwrap();
        assert_eq!((plain.shared, plain.pins.len()), (Some(set("0,4")), 0));
        let mixed = host.place(&guest(&[("0-2", 512)], "0"), &set("1-3,5-7"), &Taken::default()).unwrap();
        assert_eq!(pins(&mixed), ["0:1", "1:0,4", "2:0,4"]);
    }

    #[test]
    fn emulator_threads_are_isolated_or_shared() {
        let host = Host::parse(CAPABILITIES).unwrap();
        let place = |wanted: &Guest| host.place(wanted, &set("1-2,5-6"), &Taken::default());
        let mut wanted = guest(&[("0", 512)], "0");
        wanted.emulator = Some(Emulator::Isolate);
        assert_eq!(place(&wanted).unwrap().emulator, Some(set("5")));
        wanted.emulator = Some(Emulator::Share);
        assert_eq!(place(&wanted).unwrap().emulator, Some(set("0,3-4,7")));
        wanted.threads = Some(Threads::Isolate);
        assert!(matches!(place(&wanted), Err(Problem::Temporary(_))));
    }

    #[test]
    fn numa_nodes_and_pages_are_chosen_together() {
        let host = Host::parse(CAPABILITIES).unwrap();
        let place = |guest: &Guest| host.place(guest, &set(""), &Taken::default());
        let mut two = guest(&[("0-1", 512), ("2-3", 512)], "");
        let placed = place(&two).unwrap();
        assert_eq!((pins(&placed)[3].as_str(), placed.cells), ("3:2-3,6-7", vec![(0, None), (1, None)]));
        two.pages = Some(Pages::Large);
        assert!(matches!(place(&two), Err(Problem::Temporary(_))), "one node has none");
        let mut large = guest(&[("0", 512)], "");
        large.pages = Some(Pages::Large);
        assert_eq!(place(&large).unwrap().cells, [(0, Some(2048))]);
        large.pages = Some(Pages::Small);
        assert_eq!(place(&large).unwrap().cells, [(0, None)]);
        large.pages = Some(Pages::Kib(1_048_576));
        assert!(matches!(place(&large), Err(Problem::Temporary(_))));
        assert!(matches!(place(&guest(&[("0", 1), ("1", 1), ("2", 1)], "")), Err(Problem::Temporary(_))));
    }

    #[test]
    fn every_numa_node_has_pages_of_its_own_size() {
        let mut two = guest(&[("0", 512), ("1", 1024)], "");
        two.pages = Some(Pages::Large);
        let cells = host_with_pages().place(&two, &set(""), &Taken::default()).unwrap().cells;
        assert_eq!(cells, [(0, Some(2048)), (1, Some(1_048_576))]);
        two.cells.swap(0, 1);
        two.cells[1].memory_mb = 510;
        let cells = host_with_pages().place(&two, &set(""), &Taken::default()).unwrap().cells;
        assert_eq!(cells, [(1, Some(1_048_576)), (0, Some(2048))], "510 MiB are no whole page of the second");
    }

    #[test]
    fn pages_that_others_have_are_not_free() {
        let host = host_with_pages();
        let mut one = guest(&[("0", 1024)], "");
        one.pages = Some(Pages::Large);
        let place = |taken: &Taken| host.place(&one, &set(""), taken).map(|placement| placement.cells);
        assert_eq!(place(&Taken::default()), Ok(vec![(0, Some(2048))]));
        assert_eq!(place(&filled(&[(0, Some(2048), 2)])), Ok(vec![(1, Some(1_048_576))]));
        let full = filled(&[(0, Some(2048), 2), (1, Some(1_048_576), 1024)]);
        assert!(matches!(place(&full), Err(Problem::Temporary(why)) if why.contains("pages")));
        // Small pages are others.
        assert_eq!(place(&filled(&[(0, None, 3072), (1, Some(1_048_576), 1024)])), Ok(vec![(0, Some(2048))]));
    }

    #[test]
    fn memory_is_overcommitted_by_those_who_did_not_choose() {
        let host = Host::parse(CAPABILITIES).unwrap();
        let place =
            |guest: &Guest, taken: &Taken| host.place(guest, &set("1,3"), taken).map(|placement| placement.cells);
        let (full, mut shared) = (filled(&[(0, None, 2048), (1, None, 4096)]), guest(&[("0", 3072)], ""));
        assert_eq!(place(&shared, &full), Ok(vec![(0, None)]));
        assert!(matches!(place(&guest(&[("0", 4097)], ""), &Taken::default()), Err(Problem::Temporary(_))));
        assert!(matches!(place(&guest(&[("0", 1025)], "0"), &full), Err(Problem::Temporary(_))));
        assert_eq!(place(&guest(&[("0", 1024)], "0"), &full), Ok(vec![(0, None)]));
        shared.pages = Some(Pages::Small);
        assert!(matches!(place(&shared, &full), Err(Problem::Temporary(_))));
    }

    #[test]
    fn guests_spread() {
        let host = Host::parse(CAPABILITIES).unwrap();
        let place = |guest: &Guest, taken: &Taken| host.place(guest, &set("1-3,5"), taken).unwrap().cells[0].0;
        let (shared, own) = (guest(&[("0", 512)], ""), guest(&[("0", 512)], "0"));
        // The first has less memory that is not in huge pages, but as much in all.
        assert_eq!(place(&shared, &Taken::default()), 0);
        assert_eq!(place(&shared, &filled(&[(0, None, 512)])), 1);
        assert_eq!(place(&shared, &filled(&[(0, Some(2048), 512), (1, None, 1024)])), 0);
        let busy = pinned(&["0,4", "6-7", "6-7"]);
        assert_eq!(place(&shared, &busy), 0);
        assert_eq!(
            place(&shared, &Taken { pins: busy.pins, ..filled(&[(0, None, 4096)]) }),
            0,
            "processors come first"
        );
        assert_eq!(place(&shared, &pinned(&["0,4", "2", "3"])), 1, "those are not shared");
        assert_eq!(place(&own, &pinned(&["1", "0,4"])), 1);
        assert_eq!(place(&own, &pinned(&["1", "2"])), 0);
    }

    #[test]
    fn the_emptiest_is_left_where_several_do_not_fit_otherwise() {
        let host = Host::parse(CAPABILITIES).unwrap();
        let two = guest(&[("0", 512), ("1", 4096)], "");
        assert_eq!(host.place(&two, &set(""), &pinned(&["0"])).unwrap().cells, [(0, None), (1, None)]);
    }

    #[test]
    fn a_node_that_tells_of_no_pages_has_small_ones() {
        let cell = "<cell id='0'><memory unit='KiB'>1048576</memory><cpus><cpu id='0'/></cpus></cell>";
        let topology = format!("<host><topology><cells>{cell}</cells></topology></host>");
        let host = Host::parse(&format!("<capabilities>{topology}</capabilities>")).unwrap();
        let place = |memory_mb| host.place(&guest(&[("0", memory_mb)], ""), &set(""), &Taken::default());
        assert_eq!(place(1024).unwrap().cells, [(0, None)]);
        assert!(matches!(place(1025), Err(Problem::Temporary(_))));
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
        let mut taken = Taken::default();
        taken.add(&Element::parse("<domain><vcpu>1</vcpu></domain>").unwrap());
        assert_eq!(taken, Taken::default());
        taken.add(&domain("<page size='2048' unit='KiB' nodeset='0'/>"));
        assert_eq!((taken.pins.clone(), taken.cpus()), (["3", "4-5", "6"].map(set).to_vec(), set("3,6").0));
        assert_eq!(taken.memory, BTreeMap::from([((0, None), 1_048_576), ((1, Some(2048)), 524_288)]));
        taken.add(&domain("<page size='2048' unit='KiB'/><page size='1048576' unit='KiB' nodeset='1'/>"));
        let third = ((0, Some(1_048_576)), 1_048_576);
        assert_eq!(taken.memory, BTreeMap::from([((0, None), 1_048_576), third, ((1, Some(2048)), 1_048_576)]));
    }
}
