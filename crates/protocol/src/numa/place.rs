//! The choice of a place.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::{Emulator, Guest, GuestCell, Host, HostCell, Left, Pages, Placement, Ratios, Taken, Threads, Unfit};
use crate::CpuSet;

impl Host {
    /// Where a guest goes. What the server `own` has already does not count: it is placed anew. Without `ratios`, guests
    /// that want neither pages nor processors of their own may overcommit a NUMA node as they like.
    pub fn place(&self, guest: &Guest, own: &str, ratios: Option<Ratios>) -> Result<Placement, Unfit> {
        let shared = self.shared();
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
        let others = self.others(own);
        let free = self.free(&others);
        let cells = self.emptiest_first(guest, &others, &free, &shared);
        let fit = Fit { guest, others: &others, free: &free, shared: &shared, ratios };
        let chosen = fit.search(&cells).ok_or(Unfit::Full)?;
        fit.fill(&chosen, &mut placement);
        Ok(placement)
    }

    /// What each of its NUMA nodes has left for such a guest; see [`Self::place`].
    pub fn left(&self, guest: &Guest, own: &str, ratios: Option<Ratios>) -> Vec<Left> {
        let (others, shared) = (self.others(own), self.shared());
        let fit = Fit { guest, others: &others, free: &self.free(&others), shared: &shared, ratios };
        let left = |cell: &HostCell| Left {
            cpus: if guest.dedicated.is_empty() { fit.shared_left(cell) } else { fit.own_left(cell) },
            pages: cell.pages.iter().map(|(size, all)| (*size, fit.memory_left(cell, *size, *all))).collect(),
        };
        self.cells.iter().map(left).collect()
    }

    /// The processors that are for everybody.
    fn shared(&self) -> BTreeSet<u32> {
        let all = self.cells.iter().flat_map(|cell| &cell.cpus.0);
        all.filter(|cpu| !self.dedicated.0.contains(cpu)).copied().collect()
    }

    /// The processors that nobody has for himself yet.
    fn free(&self, others: &Others<'_>) -> BTreeSet<u32> {
        self.dedicated.0.difference(&others.cpus()).copied().collect()
    }

    fn others(&self, own: &str) -> Others<'_> {
        Others::new(self.taken.iter().filter(|(id, _)| *id != own).map(|(_, taken)| taken))
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
            cells.sort_by_cached_key(|cell| others.running_on(&cell.cpus.0.intersection(shared).copied().collect()));
        } else {
            cells.sort_by_cached_key(|cell| Reverse(cell.cpus.0.intersection(free).count()));
        }
        cells
    }
}

/// What other servers have of the node.
struct Others<'a> {
    pins: Vec<&'a CpuSet>,
    emulators: Vec<&'a CpuSet>,
    /// Memory in KiB by NUMA node and size of pages in KiB, which the smallest do not have.
    memory: BTreeMap<(u32, Option<u64>), u64>,
}

impl<'a> Others<'a> {
    fn new(all: impl Iterator<Item = &'a Taken>) -> Self {
        let mut others = Self { pins: Vec::new(), emulators: Vec::new(), memory: BTreeMap::new() };
        for taken in all {
            others.pins.extend(&taken.pins);
            others.emulators.extend(&taken.emulator);
            for memory in &taken.memory {
                *others.memory.entry((memory.cell, memory.page_kib)).or_default() += memory.kib;
            }
        }
        others
    }

    /// The processors that a server has for itself: those on which one of its own is pinned alone.
    fn cpus(&self) -> BTreeSet<u32> {
        let pins = self.pins.iter().chain(&self.emulators);
        pins.filter(|pin| pin.0.len() == 1).flat_map(|pin| &pin.0).copied().collect()
    }

    /// How many processors of servers run among those.
    fn running_on(&self, cpus: &BTreeSet<u32>) -> usize {
        self.pins.iter().filter(|pin| !pin.0.is_disjoint(cpus)).count()
    }
}

/// The search for NUMA nodes of the host.
struct Fit<'a> {
    guest: &'a Guest,
    others: &'a Others<'a>,
    free: &'a BTreeSet<u32>,
    shared: &'a BTreeSet<u32>,
    ratios: Option<Ratios>,
}

impl Fit<'_> {
    /// One of the host's NUMA nodes, which are tried in that order, for each of the guest's, in the guest's order.
    fn search<'b>(&self, cells: &[&'b HostCell]) -> Option<Vec<&'b HostCell>> {
        let fits: Vec<Vec<bool>> = (0..)
            .zip(&self.guest.cells)
            .map(|(position, cell)| cells.iter().map(|candidate| self.fits(position, cell, candidate)).collect())
            .collect();
        let mut owners = vec![None; cells.len()];
        for position in 0..fits.len() {
            if !settle(position, &fits, &mut owners, &mut BTreeSet::new()) {
                return None;
            }
        }
        let mut chosen: Vec<_> =
            owners.iter().zip(cells).filter_map(|(owner, cell)| Some((*owner.as_ref()?, *cell))).collect();
        chosen.sort_by_key(|(position, _)| *position);
        Some(chosen.into_iter().map(|(_, cell)| cell).collect())
    }

    fn fits(&self, position: usize, cell: &GuestCell, candidate: &HostCell) -> bool {
        let own = cell.cpus.0.intersection(&self.guest.dedicated).count();
        // The emulator's own processor is taken beside those of the first.
        let emulator = usize::from(position == 0 && self.guest.emulator == Some(Emulator::Isolate));
        let others = cell.cpus.0.len() - own;
        own + emulator <= self.own_left(candidate)
            && others <= self.shared_left(candidate)
            && self.page_size(cell, candidate).is_some()
    }

    /// How many processors of a NUMA node nobody has for himself.
    fn own_left(&self, cell: &HostCell) -> usize {
        cell.cpus.0.intersection(self.free).count()
    }

    /// How many processors of the guest may run on those of a NUMA node that are shared.
    fn shared_left(&self, cell: &HostCell) -> usize {
        let shared: BTreeSet<u32> = cell.cpus.0.intersection(self.shared).copied().collect();
        let Some(Ratios { cpu, .. }) = self.ratios else { return shared.len() };
        let most = usize::try_from(times(shared.len() as u64, cpu)).unwrap_or(usize::MAX);
        shared.len().min(most.saturating_sub(self.others.running_on(&shared)))
    }

    /// How much memory in KiB a NUMA node has left in pages of a size, of which there is that much in all.
    fn memory_left(&self, cell: &HostCell, size: u64, all: u64) -> u64 {
        let named = cell.pages.last().is_some_and(|(smallest, _)| *smallest != size).then_some(size);
        let taken = self.others.memory.get(&(cell.id, named)).copied().unwrap_or(0);
        if self.guest.pages.is_some() || !self.guest.dedicated.is_empty() {
            return all.saturating_sub(taken);
        }
        self.ratios.map_or(all, |ratios| all.min(times(all, ratios.ram).saturating_sub(taken)))
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
        let memory = cell.memory_mb * 1024;
        host.pages.iter().filter(|(size, _)| wanted(*size)).find_map(|(size, all)| {
            let fits = memory <= self.memory_left(host, *size, *all) && memory.is_multiple_of(*size);
            fits.then_some((*size != smallest).then_some(*size))
        })
    }

    fn fill(&self, chosen: &[&HostCell], placement: &mut Placement) {
        let mut emulator = BTreeSet::new();
        for (position, (cell, host)) in self.guest.cells.iter().zip(chosen).enumerate() {
            let mut free = cores_first(host, self.free).into_iter();
            let shared: CpuSet = host.cpus.0.intersection(self.shared).copied().collect();
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

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "far below 2^52"
)]
fn times(amount: u64, ratio: f64) -> u64 {
    (amount as f64 * ratio) as u64
}

/// Gives one of the guest's NUMA nodes the first of the host's that is free and fits; where there is none, one whose owner
/// can have another: Kuhn's matching, which needs not try all orders.
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
    let threads: BTreeSet<u32> = host.cores.iter().flat_map(|core| &core.0).copied().collect();
    cores.extend(host.cpus.0.difference(&threads).filter(|cpu| free.contains(cpu)).map(|cpu| vec![*cpu]));
    cores.sort_by_key(|core| Reverse(core.len()));
    cores.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests;
