//! The choice of a place.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::{Emulator, Guest, GuestCell, Host, HostCell, Pages, Placement, Taken, Threads, Unfit};
use crate::CpuSet;

impl Host {
    /// Where a guest goes. What the server `own` has already does not count: it is placed anew.
    pub fn place(&self, guest: &Guest, own: &str) -> Result<Placement, Unfit> {
        let all: BTreeSet<u32> = self.cells.iter().flat_map(HostCell::cpus).collect();
        let shared: BTreeSet<u32> = all.difference(&self.dedicated.0).copied().collect();
        let mut placement = Placement::default();
        if !self.dedicated.0.is_empty() {
            placement.shared = Some(CpuSet(shared.clone()));
        }
        if guest.cells.is_empty() {
            return Ok(placement);
        }
        if !guest.dedicated.is_empty() && self.dedicated.0.is_empty() {
            return Err(Unfit::NoneDedicated);
        }
        match guest.threads {
            Some(Threads::Require) if !self.has_threads() => return Err(Unfit::NoThreads),
            Some(Threads::Isolate) if self.has_threads() => return Err(Unfit::HasThreads),
            _ => {}
        }
        let others = Others::new(self.taken.iter().filter(|(id, _)| *id != own).map(|(_, taken)| taken));
        let free: BTreeSet<u32> = self.dedicated.0.difference(&others.cpus()).copied().collect();
        let cells = self.emptiest_first(guest, &others, &free, &shared);
        let fit = Fit { guest, cells: &cells, others: &others, free: &free, shared: &shared };
        let chosen = fit.search().ok_or(Unfit::Full)?;
        fit.fill(&chosen, &mut placement);
        Ok(placement)
    }

    /// The NUMA nodes, those first that have the most free, so that guests spread: processors count before memory, as
    /// in Nova.
    fn emptiest_first(
        &self,
        guest: &Guest,
        others: &Others<'_>,
        free: &BTreeSet<u32>,
        shared: &BTreeSet<u32>,
    ) -> Vec<&HostCell> {
        let mut cells: Vec<_> = self.cells.iter().collect();
        cells.sort_by_cached_key(|cell| {
            let taken = others.memory.iter().filter(|((node, _), _)| *node == cell.id).map(|(_, kib)| kib);
            Reverse(cell.memory_kib().saturating_sub(taken.sum()))
        });
        if guest.dedicated.is_empty() {
            cells.sort_by_cached_key(|cell| {
                let cpus = cell.cpus().intersection(shared).copied().collect();
                others.pins.iter().filter(|pin| !pin.0.is_disjoint(&cpus)).count()
            });
        } else {
            cells.sort_by_cached_key(|cell| Reverse(cell.cpus().intersection(free).count()));
        }
        cells
    }
}

/// What other servers have of the node.
struct Others<'a> {
    pins: Vec<&'a CpuSet>,
    /// Memory in KiB by NUMA node and size of pages in KiB, which the smallest do not have.
    memory: BTreeMap<(u32, Option<u64>), u64>,
}

impl<'a> Others<'a> {
    fn new(all: impl Iterator<Item = &'a Taken>) -> Self {
        let mut others = Self { pins: Vec::new(), memory: BTreeMap::new() };
        for taken in all {
            others.pins.extend(&taken.pins);
            for memory in &taken.memory {
                *others.memory.entry((memory.cell, memory.page_kib)).or_default() += memory.kib;
            }
        }
        others
    }

    /// The processors that a server has for itself: those on which one of its own is pinned alone.
    fn cpus(&self) -> BTreeSet<u32> {
        self.pins.iter().filter(|pin| pin.0.len() == 1).flat_map(|pin| &pin.0).copied().collect()
    }
}

/// The search for NUMA nodes of the host.
struct Fit<'a> {
    guest: &'a Guest,
    /// The host's, in the order in which they are tried.
    cells: &'a [&'a HostCell],
    others: &'a Others<'a>,
    free: &'a BTreeSet<u32>,
    shared: &'a BTreeSet<u32>,
}

impl<'a> Fit<'a> {
    /// One of the host's for each of the guest's, in the guest's order.
    fn search(&self) -> Option<Vec<&'a HostCell>> {
        let fits: Vec<Vec<bool>> = (0..)
            .zip(&self.guest.cells)
            .map(|(position, cell)| self.cells.iter().map(|candidate| self.fits(position, cell, candidate)).collect())
            .collect();
        let mut owners = vec![None; self.cells.len()];
        for position in 0..fits.len() {
            if !settle(position, &fits, &mut owners, &mut BTreeSet::new()) {
                return None;
            }
        }
        let mut chosen: Vec<_> =
            owners.iter().zip(self.cells).filter_map(|(owner, cell)| Some((*owner.as_ref()?, *cell))).collect();
        chosen.sort_by_key(|(position, _)| *position);
        Some(chosen.into_iter().map(|(_, cell)| cell).collect())
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
            let taken = self.others.memory.get(&(host.id, named)).filter(|_| !overcommits);
            let enough = memory <= all.saturating_sub(taken.copied().unwrap_or(0));
            (enough && memory.is_multiple_of(*size)).then_some(named)
        })
    }

    fn fill(&self, chosen: &[&HostCell], placement: &mut Placement) {
        let mut emulator = BTreeSet::new();
        for (position, (cell, host)) in self.guest.cells.iter().zip(chosen).enumerate() {
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

/// Gives one of the guest's NUMA nodes the first of the host's that is free and fits; where there is none, one whose owner
/// can have another (Kuhn's matching: the work grows with the product of the numbers, not with their permutations).
fn settle(position: usize, fits: &[Vec<bool>], owners: &mut [Option<usize>], tried: &mut BTreeSet<usize>) -> bool {
    let Some(row) = fits.get(position) else { return false };
    let fitting: Vec<usize> = (0..).zip(row).filter_map(|(cell, fits)| fits.then_some(cell)).collect();
    let (free, owned): (Vec<usize>, Vec<usize>) =
        fitting.into_iter().partition(|cell| owners.get(*cell).is_some_and(Option::is_none));
    for cell in free.into_iter().chain(owned) {
        if !tried.insert(cell) {
            continue;
        }
        let owner = owners.get(cell).copied().flatten();
        if owner.is_none_or(|owner| settle(owner, fits, owners, tried))
            && let Some(place) = owners.get_mut(cell)
        {
            *place = Some(position);
            return true;
        }
    }
    false
}

/// The free processors of a NUMA node, those of cores that are wholly free first: so that guests share cores with
/// themselves and not with others.
fn cores_first(host: &HostCell, free: &BTreeSet<u32>) -> Vec<u32> {
    let mut cores: Vec<Vec<u32>> = host.cores.iter().map(|core| core.0.intersection(free).copied().collect()).collect();
    cores.sort_by_key(|core| Reverse(core.len()));
    cores.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests;
