//! Which of the node's processors and memory a guest gets, where it is choosy.

use std::collections::BTreeSet;

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
    memory_mb: u64,
    /// Sizes in KiB, and how many there are.
    pages: Vec<(u64, u64)>,
    /// Its cores, by their threads.
    cores: BTreeSet<BTreeSet<u32>>,
}

impl HostCell {
    fn cpus(&self) -> BTreeSet<u32> {
        self.cores.iter().flatten().copied().collect()
    }
}

/// What a guest gets.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Placement {
    /// The node's NUMA nodes, in the order of the guest's.
    pub(super) cells: Vec<u32>,
    /// Where each of the guest's processors runs, if it may not run everywhere.
    pub(super) pins: Vec<(u32, CpuSet)>,
    /// Where the emulator's own threads run.
    pub(super) emulator: Option<CpuSet>,
    /// The size of pages in KiB, if they are not the smallest.
    pub(super) page_kib: Option<u64>,
    /// Where everything runs that is not pinned, if not everywhere.
    pub(super) shared: Option<CpuSet>,
}

impl Host {
    /// The node from libvirt's capabilities.
    pub(super) fn parse(capabilities: &str) -> Result<Self, Problem> {
        let capabilities = Element::parse(capabilities)?;
        let number = |text: Option<&str>| text.and_then(|text| text.trim().parse().ok()).unwrap_or(0);
        let cell = |cell: &Element| {
            let pages = cell.all("pages").map(|pages| (number(pages.get("size")), number(Some(pages.content()))));
            let threads = cell.find("cpus").into_iter().flat_map(|cpus| cpus.all("cpu")).map(|cpu| {
                let alone = cpu.get("id").unwrap_or_default();
                cpu.get("siblings").unwrap_or(alone).parse::<CpuSet>().unwrap_or_default().0
            });
            HostCell {
                id: u32::try_from(number(cell.get("id"))).unwrap_or_default(),
                memory_mb: number(cell.find("memory").map(Element::content)) / 1024,
                pages: pages.collect(),
                cores: threads.filter(|core| !core.is_empty()).collect(),
            }
        };
        let cells = capabilities.at(&["host", "topology", "cells"]);
        Ok(Self { cells: cells.into_iter().flat_map(|cells| cells.all("cell")).map(cell).collect() })
    }

    /// Where a guest goes. `dedicated` is what the node has set aside for guests that want processors of their own, and
    /// `taken` what others have of it.
    pub(super) fn place(&self, guest: &Guest, dedicated: &CpuSet, taken: &CpuSet) -> Result<Placement, Problem> {
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
        let several = self.cells.iter().flat_map(|cell| &cell.cores).any(|core| core.len() > 1);
        match guest.threads {
            Some(Threads::Require) if !several => return Err(full("its cores do not have several threads")),
            Some(Threads::Isolate) if several => return Err(full("its cores have several threads")),
            _ => {}
        }
        let free: BTreeSet<u32> = dedicated.0.difference(&taken.0).copied().collect();
        let mut found = Fit { guest, host: self, free: &free, shared: &shared, chosen: Vec::new() };
        if !found.search() {
            return Err(full("no choice of its NUMA nodes has the processors, the memory and the pages that are free"));
        }
        found.fill(&mut placement);
        Ok(placement)
    }
}

/// The search for NUMA nodes of the host.
struct Fit<'a> {
    guest: &'a Guest,
    host: &'a Host,
    free: &'a BTreeSet<u32>,
    shared: &'a BTreeSet<u32>,
    chosen: Vec<&'a HostCell>,
}

impl Fit<'_> {
    /// Finds one of the host's for each of the guest's.
    fn search(&mut self) -> bool {
        let position = self.chosen.len();
        let Some(cell) = self.guest.cells.get(position) else { return true };
        for candidate in &self.host.cells {
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
            && cell.memory_mb <= candidate.memory_mb
            && page_size(self.guest.pages, cell, candidate).is_some()
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
            placement.cells.push(host.id);
            let smallest = host.pages.iter().map(|(size, _)| *size).min();
            let size = page_size(self.guest.pages, cell, host).flatten();
            placement.page_kib = placement.page_kib.or(size.filter(|size| Some(*size) != smallest));
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
    cores.sort_by_key(|core| std::cmp::Reverse(core.len()));
    cores.into_iter().flatten().collect()
}

/// The size of pages in KiB that a cell gets; `Some(None)` if it does not care, `None` if there are not enough.
fn page_size(pages: Option<Pages>, cell: &GuestCell, host: &HostCell) -> Option<Option<u64>> {
    let Some(pages) = pages else { return Some(None) };
    let smallest = host.pages.iter().map(|(size, _)| *size).min()?;
    let mut sizes = host.pages.clone();
    sizes.sort_by_key(|(size, _)| std::cmp::Reverse(*size));
    let fits = |(size, count): &&(u64, u64)| {
        let memory = cell.memory_mb * 1024;
        *size != 0 && memory.is_multiple_of(*size) && memory / size <= *count
    };
    let wanted = |(size, _): &&(u64, u64)| match pages {
        Pages::Small => *size == smallest,
        Pages::Large => *size != smallest,
        Pages::Any => true,
        Pages::Kib(kib) => *size == kib,
    };
    sizes.iter().filter(wanted).find(fits).map(|(size, _)| Some(*size))
}

/// The processors that a domain has for itself: those on which one of its own is pinned alone.
pub(super) fn taken(domain: &Element) -> impl Iterator<Item = u32> {
    let pins = domain.find("cputune").into_iter().flat_map(|tune| tune.all("vcpupin").chain(tune.all("emulatorpin")));
    let sets = pins.filter_map(|pin| pin.get("cpuset")?.parse::<CpuSet>().ok());
    sets.filter(|set| set.0.len() == 1).flat_map(|set| set.0)
}

fn full(why: &str) -> Problem {
    Problem::Temporary(format!("the node cannot place the server's processors and memory: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAPABILITIES: &str = r"<capabilities><host><topology><cells num='2'>
        <cell id='0'><memory unit='KiB'>4194304</memory>
          <pages unit='KiB' size='4'>1048576</pages><pages unit='KiB' size='2048'>512</pages>
          <cpus num='4'><cpu id='0' siblings='0,4'/><cpu id='4' siblings='0,4'/>
            <cpu id='1' siblings='1,5'/><cpu id='5' siblings='1,5'/></cpus></cell>
        <cell id='1'><memory unit='KiB'>4194304</memory>
          <pages unit='KiB' size='4'>1048576</pages><pages unit='KiB' size='2048'>0</pages>
          <cpus num='4'><cpu id='2' siblings='2,6'/><cpu id='6' siblings='2,6'/>
            <cpu id='3' siblings='3,7'/><cpu id='7' siblings='3,7'/></cpus></cell>
        </cells></topology></host></capabilities>";

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

    #[test]
    fn dedicated_processors_are_nobody_elses() {
        let host = Host::parse(CAPABILITIES).unwrap();
        let one = guest(&[("0-1", 512)], "0-1");
        let first = host.place(&one, &set("1-3,5-7"), &set("")).unwrap();
        assert_eq!((pins(&first), first.cells.as_slice()), (vec!["0:1".into(), "1:5".into()], &[0_u32][..]));
        assert_eq!(first.emulator, Some(set("1,5")));
        let second = host.place(&one, &set("1-3,5-7"), &set("1,5")).unwrap();
        assert_eq!((pins(&second), second.cells.as_slice()), (vec!["0:2".into(), "1:6".into()], &[1_u32][..]));
        assert!(matches!(host.place(&one, &set("1-3,5-7"), &set("1-2,5-7")), Err(Problem::Temporary(_))));
        assert!(matches!(host.place(&one, &set(""), &set("")), Err(Problem::Temporary(_))), "nothing is set aside");
    }

    #[test]
    fn the_others_stay_away_from_what_is_set_aside() {
        let host = Host::parse(CAPABILITIES).unwrap();
        let plain = host.place(&Guest::default(), &set("1-3,5-7"), &set("1")).unwrap();
        assert_eq!((plain.shared, plain.pins.len()), (Some(set("0,4")), 0));
        let mixed = host.place(&guest(&[("0-2", 512)], "0"), &set("1-3,5-7"), &set("")).unwrap();
        assert_eq!(pins(&mixed), ["0:1", "1:0,4", "2:0,4"]);
    }

    #[test]
    fn emulator_threads_are_isolated_or_shared() {
        let host = Host::parse(CAPABILITIES).unwrap();
        let mut wanted = guest(&[("0", 512)], "0");
        wanted.emulator = Some(Emulator::Isolate);
        assert_eq!(host.place(&wanted, &set("1-3,5-7"), &set("")).unwrap().emulator, Some(set("5")));
        wanted.emulator = Some(Emulator::Share);
        assert_eq!(host.place(&wanted, &set("1-3,5-7"), &set("")).unwrap().emulator, Some(set("0,4")));
        wanted.threads = Some(Threads::Isolate);
        assert!(matches!(host.place(&wanted, &set("1-3,5-7"), &set("")), Err(Problem::Temporary(_))));
    }

    #[test]
    fn numa_nodes_and_pages_are_chosen_together() {
        let host = Host::parse(CAPABILITIES).unwrap();
        let mut two = guest(&[("0-1", 512), ("2-3", 512)], "");
        let placed = host.place(&two, &set(""), &set("")).unwrap();
        assert_eq!((placed.cells.as_slice(), pins(&placed)[3].as_str()), (&[0_u32, 1][..], "3:2-3,6-7"));
        two.pages = Some(Pages::Large);
        assert!(matches!(host.place(&two, &set(""), &set("")), Err(Problem::Temporary(_))), "one node has none");
        let mut large = guest(&[("0", 512)], "");
        large.pages = Some(Pages::Large);
        assert_eq!(host.place(&large, &set(""), &set("")).unwrap().page_kib, Some(2048));
        large.pages = Some(Pages::Small);
        assert_eq!(host.place(&large, &set(""), &set("")).unwrap().page_kib, None);
        large.pages = Some(Pages::Kib(1_048_576));
        assert!(matches!(host.place(&large, &set(""), &set("")), Err(Problem::Temporary(_))));
        let three = guest(&[("0", 1), ("1", 1), ("2", 1)], "");
        assert!(matches!(host.place(&three, &set(""), &set("")), Err(Problem::Temporary(_))));
    }

    #[test]
    fn what_others_have_is_read_from_their_domains() {
        let domain = "<domain><cputune><vcpupin vcpu='0' cpuset='3'/><vcpupin vcpu='1' cpuset='4-5'/>\
                      <emulatorpin cpuset='6'/></cputune></domain>";
        assert_eq!(taken(&Element::parse(domain).unwrap()).collect::<Vec<_>>(), [3, 6]);
    }
}
