//! A node's processors and memory by NUMA node, and where on it a guest fits. The scheduler asks before it chooses the
//! node, and the node before it makes the domain.

mod place;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::CpuSet;

/// What a guest asks of a node's processors and memory.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Guest {
    /// Its NUMA nodes; none if it does not care.
    pub cells: Vec<GuestCell>,
    /// Its processors that want one of the node's for themselves.
    pub dedicated: BTreeSet<u32>,
    /// Whether the emulator's own threads want one too, or go where shared processors are.
    pub emulator: Option<Emulator>,
    /// Whether the node's cores must have several threads, or must not.
    pub threads: Option<Threads>,
    /// The size of its memory's pages.
    pub pages: Option<Pages>,
}

/// A NUMA node as the guest sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestCell {
    /// Its processors.
    pub cpus: CpuSet,
    /// Its memory in MiB.
    pub memory_mb: u64,
}

/// Where the emulator's own threads run (`hw:emulator_threads_policy`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Emulator {
    /// On a processor of their own.
    Isolate,
    /// On those that servers share.
    Share,
}

/// What the node's cores must be like (`hw:cpu_thread_policy`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Threads {
    /// Several processors each.
    Require,
    /// One processor each.
    Isolate,
}

/// Which pages memory is to be made of (`hw:mem_page_size`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pages {
    /// The smallest that the node has.
    Small,
    /// Any but the smallest, the largest first.
    Large,
    /// Any, the largest first.
    Any,
    /// Exactly this many KiB.
    Kib(u64),
}

/// A node's processors and memory, and what its servers have of them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Host {
    /// Its NUMA nodes.
    pub cells: Vec<HostCell>,
    /// The processors set aside for guests that want some for themselves.
    pub dedicated: CpuSet,
    /// What each server has that may not be everywhere, running or not, by its id.
    pub taken: BTreeMap<String, Taken>,
}

/// A NUMA node of a node.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct HostCell {
    /// The host's number for it.
    pub id: u32,
    /// Its memory: sizes of pages in KiB, the largest first, and how much there is of each in KiB.
    pub pages: Vec<(u64, u64)>,
    /// Its processors.
    pub cpus: CpuSet,
    /// The cores that are several of them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub cores: BTreeSet<CpuSet>,
}

/// What a server has of its node.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Taken {
    /// Where each of its processors runs.
    pub pins: Vec<CpuSet>,
    /// Where the emulator's own threads run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emulator: Option<CpuSet>,
    /// Its memory.
    pub memory: Vec<TakenMemory>,
}

/// Memory of one of the node's NUMA nodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakenMemory {
    /// The host's number for the NUMA node.
    pub cell: u32,
    /// The size of its pages in KiB, if they are not the smallest.
    pub page_kib: Option<u64>,
    /// How much, in KiB.
    pub kib: u64,
}

/// How far a NUMA node is overcommitted by guests that want neither pages nor processors of their own.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratios {
    /// Processors of guests to one of the node's.
    pub cpu: f64,
    /// Memory of guests to the node's.
    pub ram: f64,
}

/// What a guest gets.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Placement {
    /// The node's NUMA nodes in the order of the guest's, with the size of pages in KiB if they are not the smallest.
    pub cells: Vec<(u32, Option<u64>)>,
    /// Where each of the guest's processors runs, if it may not run everywhere.
    pub pins: Vec<(u32, CpuSet)>,
    /// Where the emulator's own threads run.
    pub emulator: Option<CpuSet>,
    /// Where everything runs that is not pinned, if not everywhere.
    pub shared: Option<CpuSet>,
}

/// What a NUMA node has left for a guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// How many processors, of those that the guest wants for itself if it wants any, else of those that are shared.
    pub cpus: usize,
    /// Sizes of pages in KiB, the largest first, and how much memory there is in pages of each in KiB.
    pub pages: Vec<(u64, u64)>,
}

/// Why a node has no place for a guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Nothing is set aside.
    #[error("it has no processors set aside for dedicated use")]
    NoneDedicated,
    /// The guest wants cores of several threads.
    #[error("its cores do not have several threads")]
    NoThreads,
    /// The guest wants cores of one thread.
    #[error("its cores have several threads")]
    HasThreads,
    /// There is not enough.
    #[error("no choice of its NUMA nodes has enough free processors, memory and pages")]
    Full,
}

impl HostCell {
    /// Its memory in KiB, in pages of all sizes.
    pub fn memory_kib(&self) -> u64 {
        self.pages.iter().map(|(_, kib)| kib).sum()
    }
}

impl Host {
    /// Whether a core is several processors.
    pub fn has_threads(&self) -> bool {
        self.cells.iter().any(|cell| !cell.cores.is_empty())
    }
}

impl Placement {
    /// What the guest has then, for those who come after it.
    pub fn taken(&self, guest: &Guest) -> Taken {
        let memory = guest.cells.iter().zip(&self.cells).map(|(cell, (node, page_kib))| TakenMemory {
            cell: *node,
            page_kib: *page_kib,
            kib: cell.memory_mb * 1024,
        });
        let pins = self.pins.iter().map(|(_, pin)| pin.clone());
        Taken { pins: pins.collect(), emulator: self.emulator.clone(), memory: memory.collect() }
    }
}
