use super::super::TakenMemory;
use super::*;

fn set(text: &str) -> CpuSet {
    text.parse().unwrap()
}

fn cell(id: u32, pages: &[(u64, u64)], cores: &[&str]) -> HostCell {
    let several = cores.iter().map(|core| set(core)).filter(|core| core.0.len() > 1);
    HostCell { id, pages: pages.to_vec(), cpus: set(&cores.join(",")), cores: several.collect() }
}

/// Two NUMA nodes of two cores with two threads; the first has 1 GiB of its 4 in huge pages.
fn host() -> Host {
    let cells = vec![
        cell(0, &[(2048, 1 << 20), (4, 3 << 20)], &["0,4", "1,5"]),
        cell(1, &[(2048, 0), (4, 4 << 20)], &["2,6", "3,7"]),
    ];
    Host { cells, ..Host::default() }
}

/// The same with as much memory in huge pages on both NUMA nodes, on the second of them in one.
fn host_with_pages() -> Host {
    let mut host = host();
    host.cells[1].pages = vec![(1 << 20, 1 << 20), (4, 3 << 20)];
    host
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
    let memory =
        memory.iter().map(|(cell, page_kib, mib)| TakenMemory { cell: *cell, page_kib: *page_kib, kib: mib * 1024 });
    Taken { memory: memory.collect(), ..Taken::default() }
}

/// Where the guest goes on the host with that set aside, where another server has that.
fn place(host: Host, guest: &Guest, dedicated: &str, taken: Taken) -> Result<Placement, Unfit> {
    let taken = BTreeMap::from([("other".to_owned(), taken)]);
    Host { dedicated: set(dedicated), taken, ..host }.place(guest, "own", None)
}

#[test]
fn dedicated_processors_are_nobody_elses() {
    let one = guest(&[("0-1", 512)], "0-1");
    let place = |dedicated: &str, taken| place(host(), &one, dedicated, taken);
    let first = place("1-2,5-6", Taken::default()).unwrap();
    assert_eq!((pins(&first), &first.cells), (vec!["0:1".into(), "1:5".into()], &vec![(0, None)]));
    assert_eq!(first.emulator, Some(set("1,5")));
    let second = place("1-2,5-6", first.taken(&one)).unwrap();
    assert_eq!((pins(&second), second.cells), (vec!["0:2".into(), "1:6".into()], vec![(1, None)]));
    assert_eq!(place("1-2,5-6", pinned(&["1", "6"])), Err(Unfit::Full));
    assert_eq!(place("", Taken::default()), Err(Unfit::NoneDedicated));
}

#[test]
fn what_the_guest_has_itself_is_free_for_it() {
    let taken = BTreeMap::from([("own".to_owned(), pinned(&["1", "5"]))]);
    let host = Host { dedicated: set("1,5"), taken, ..host() };
    let one = guest(&[("0-1", 512)], "0-1");
    assert_eq!(pins(&host.place(&one, "own", None).unwrap()), ["0:1", "1:5"]);
    assert_eq!(host.place(&one, "other", None), Err(Unfit::Full));
}

#[test]
fn the_others_stay_away_from_what_is_set_aside() {
    let plain = place(host(), &Guest::default(), "1-3,5-7", pinned(&["1"])).unwrap();
    assert_eq!((plain.shared, plain.pins.len()), (Some(set("0,4")), 0));
    let mixed = place(host(), &guest(&[("0-2", 512)], "0"), "1-3,5-7", Taken::default()).unwrap();
    assert_eq!(pins(&mixed), ["0:1", "1:0,4", "2:0,4"]);
}

#[test]
fn emulator_threads_are_isolated_or_shared() {
    let place = |wanted: &Guest| place(host(), wanted, "1-2,5-6", Taken::default());
    let mut wanted = guest(&[("0", 512)], "0");
    wanted.emulator = Some(Emulator::Isolate);
    assert_eq!(place(&wanted).unwrap().emulator, Some(set("5")));
    wanted.emulator = Some(Emulator::Share);
    assert_eq!(place(&wanted).unwrap().emulator, Some(set("0,3-4,7")));
    wanted.threads = Some(Threads::Isolate);
    assert_eq!(place(&wanted), Err(Unfit::HasThreads));
}

#[test]
fn numa_nodes_and_pages_are_chosen_together() {
    let place = |guest: &Guest| place(host(), guest, "", Taken::default());
    let mut two = guest(&[("0-1", 512), ("2-3", 512)], "");
    let placed = place(&two).unwrap();
    assert_eq!((pins(&placed)[3].as_str(), placed.cells), ("3:2-3,6-7", vec![(0, None), (1, None)]));
    two.pages = Some(Pages::Large);
    assert_eq!(place(&two), Err(Unfit::Full), "one node has none");
    let mut large = guest(&[("0", 512)], "");
    large.pages = Some(Pages::Large);
    assert_eq!(place(&large).unwrap().cells, [(0, Some(2048))]);
    large.pages = Some(Pages::Small);
    assert_eq!(place(&large).unwrap().cells, [(0, None)]);
    large.pages = Some(Pages::Kib(1_048_576));
    assert_eq!(place(&large), Err(Unfit::Full));
    assert_eq!(place(&guest(&[("0", 1), ("1", 1), ("2", 1)], "")), Err(Unfit::Full));
}

#[test]
fn every_numa_node_has_pages_of_its_own_size() {
    let place = |guest: &Guest| place(host_with_pages(), guest, "", Taken::default()).unwrap().cells;
    let mut two = guest(&[("0", 512), ("1", 1024)], "");
    two.pages = Some(Pages::Large);
    assert_eq!(place(&two), [(0, Some(2048)), (1, Some(1_048_576))]);
    two.cells.swap(0, 1);
    two.cells[1].memory_mb = 510;
    assert_eq!(place(&two), [(1, Some(1_048_576)), (0, Some(2048))], "510 MiB are no whole page of the second");
}

#[test]
fn pages_that_others_have_are_not_free() {
    let mut one = guest(&[("0", 1024)], "");
    one.pages = Some(Pages::Large);
    let place = |taken| place(host_with_pages(), &one, "", taken).map(|placement| placement.cells);
    assert_eq!(place(Taken::default()), Ok(vec![(0, Some(2048))]));
    assert_eq!(place(filled(&[(0, Some(2048), 2)])), Ok(vec![(1, Some(1_048_576))]));
    assert_eq!(place(filled(&[(0, Some(2048), 2), (1, Some(1_048_576), 1024)])), Err(Unfit::Full));
    // Small pages are others.
    assert_eq!(place(filled(&[(0, None, 3072), (1, Some(1_048_576), 1024)])), Ok(vec![(0, Some(2048))]));
}

#[test]
fn memory_is_overcommitted_by_those_who_did_not_choose() {
    let place = |guest: &Guest, taken| place(host(), guest, "1,3", taken).map(|placement| placement.cells);
    let (full, mut shared) = (filled(&[(0, None, 2048), (1, None, 4096)]), guest(&[("0", 3072)], ""));
    assert_eq!(place(&shared, full.clone()), Ok(vec![(0, None)]));
    assert_eq!(place(&guest(&[("0", 4097)], ""), Taken::default()), Err(Unfit::Full));
    assert_eq!(place(&guest(&[("0", 1025)], "0"), full.clone()), Err(Unfit::Full));
    assert_eq!(place(&guest(&[("0", 1024)], "0"), full.clone()), Ok(vec![(0, None)]));
    shared.pages = Some(Pages::Small);
    assert_eq!(place(&shared, full), Err(Unfit::Full));
}

#[test]
fn a_numa_node_is_overcommitted_as_far_as_the_ratios_say() {
    let taken = Taken { pins: [set("0,4"), set("0,4")].to_vec(), ..filled(&[(0, None, 3072), (1, None, 3072)]) };
    let host = Host { dedicated: set("1-3,5-7"), taken: BTreeMap::from([("other".to_owned(), taken)]), ..host() };
    let place = |cpus: &str, memory_mb, cpu, ram| {
        host.place(&guest(&[(cpus, memory_mb)], ""), "own", Some(Ratios { cpu, ram })).map(|placement| placement.cells)
    };
    assert_eq!(place("0-1", 1536, 2.0, 1.5), Ok(vec![(0, None)]));
    assert_eq!(place("0-1", 1537, 2.0, 1.5), Err(Unfit::Full));
    assert_eq!(place("0-1", 1536, 1.5, 1.5), Err(Unfit::Full));
    assert_eq!(place("0", 1536, 1.5, 1.5), Ok(vec![(0, None)]));
    assert_eq!(place("0-1", 3073, 9.0, 9.0), Err(Unfit::Full), "alone it has to fit whatever the ratios");
    assert_eq!(place("0-2", 64, 9.0, 9.0), Err(Unfit::Full));
}

#[test]
fn what_is_left_is_told() {
    let taken = Taken { pins: vec![set("1")], ..filled(&[(0, None, 1024), (0, Some(2048), 512)]) };
    let host = Host { dedicated: set("1,5"), taken: BTreeMap::from([("other".to_owned(), taken)]), ..host() };
    let left = |guest: &Guest, ratios| host.left(guest, "own", ratios)[0].clone();
    assert_eq!(left(&guest(&[("0", 64)], "0"), None), Left { cpus: 1, pages: vec![(2048, 512 << 10), (4, 2 << 20)] });
    let ratios = Some(Ratios { cpu: 1.0, ram: 1.0 });
    assert_eq!(left(&guest(&[("0", 64)], ""), ratios), Left { cpus: 2, pages: vec![(2048, 512 << 10), (4, 2 << 20)] });
    assert_eq!(left(&guest(&[("0", 64)], ""), None), Left { cpus: 2, pages: vec![(2048, 1 << 20), (4, 3 << 20)] });
}

#[test]
fn guests_spread() {
    let place = |guest: &Guest, taken| place(host(), guest, "1-3,5", taken).unwrap().cells[0].0;
    let (shared, own) = (guest(&[("0", 512)], ""), guest(&[("0", 512)], "0"));
    // The first has less memory that is not in huge pages, but as much in all.
    assert_eq!(place(&shared, Taken::default()), 0);
    assert_eq!(place(&shared, filled(&[(0, None, 512)])), 1);
    assert_eq!(place(&shared, filled(&[(0, Some(2048), 512), (1, None, 1024)])), 0);
    let busy = pinned(&["0,4", "6-7", "6-7"]);
    assert_eq!(place(&shared, busy.clone()), 0);
    let filled = Taken { pins: busy.pins, ..filled(&[(0, None, 4096)]) };
    assert_eq!(place(&shared, filled), 0, "processors come first");
    assert_eq!(place(&shared, pinned(&["0,4", "2", "3"])), 1, "those are not shared");
    assert_eq!(place(&own, pinned(&["1", "0,4"])), 1);
    assert_eq!(place(&own, pinned(&["1", "2"])), 0);
}

#[test]
fn the_emptiest_is_left_where_several_do_not_fit_otherwise() {
    let two = guest(&[("0", 512), ("1", 4096)], "");
    assert_eq!(place(host(), &two, "", pinned(&["0"])).unwrap().cells, [(0, None), (1, None)]);
}

/// Trying all orders of 64 NUMA nodes would not end.
#[test]
fn many_numa_nodes_are_matched_at_once() {
    let cells = (0..64).map(|id| cell(id, &[(4, 1 << 20)], &[&id.to_string()])).collect();
    let host = Host { cells, ..Host::default() };
    let mut wide = guest(&[], "");
    wide.cells = (0..64).map(|cpu| GuestCell { cpus: CpuSet::from_iter([cpu]), memory_mb: 1024 }).collect();
    assert_eq!(place(host.clone(), &wide, "", Taken::default()).unwrap().cells.len(), 64);
    wide.cells[63].memory_mb = 1025;
    assert_eq!(place(host.clone(), &wide, "", Taken::default()), Err(Unfit::Full));
    // Only the first of the host's is large enough for the last of the guest's: all others go elsewhere.
    let mut large = host;
    large.cells[0].pages = vec![(4, 2 << 20)];
    assert_eq!(place(large, &wide, "", Taken::default()).unwrap().cells[63], (0, None));
}

#[test]
fn a_host_is_what_it_was_after_a_report() {
    let taken = BTreeMap::from([("s".to_owned(), Taken { pins: vec![set("1")], ..filled(&[(0, Some(2048), 2)]) })]);
    let host = Host { dedicated: set("1,5"), taken, ..host() };
    let text = serde_json::to_string(&host).unwrap();
    assert_eq!(serde_json::from_str::<Host>(&text).unwrap(), host);
    assert_eq!(serde_json::from_str::<Host>("{}").unwrap(), Host::default());
}
