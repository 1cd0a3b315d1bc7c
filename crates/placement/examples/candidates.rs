//! How long the search for candidates takes over many providers, as the scheduler asks it: for `bench/candidates`.
//!
//! `candidates [PROVIDERS]` fills an empty database with that many nodes (10,000 when not said), each with processors,
//! memory and disk, and prints a table of times. A change of one provider comes before each search, so that bringing the
//! copy in memory up to date counts too.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "it is run by people")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use db::{Db, Options};
use identity::Identity;
use placement::{CandidateRequest, Group, Inventory, Placement};
use policy::Policy;
use runtime::Runtime;

const TURNS: u32 = 100;

#[tokio::main]
async fn main() {
    let count: usize = std::env::args().nth(1).map_or(10_000, |count| count.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(&Options::Sqlite(dir.path().join("placement.db"))).await.unwrap();
    db.migrate(&[identity::MIGRATIONS, placement::MIGRATIONS].concat()).await.unwrap();
    let policy = Arc::new(Policy::new(&[identity::BASE_RULES, identity::RULES, placement::RULES]).unwrap());
    let options = identity::Options::new(dir.path().join("keys"));
    let identity = Identity::new(db.clone(), Runtime::default(), policy, options).unwrap();
    let placement = Placement::new(db, Runtime::default(), identity);
    for number in 0..count {
        fill(&placement, number).await;
    }
    let all = request(|_| {});
    let few = CandidateRequest { limit: Some(250), ..all.clone() };
    let north = request(|group| group.member_of = vec![BTreeSet::from([aggregate(0)])]);
    let avx2 = request(|group| group.required = vec![BTreeSet::from(["HW_CPU_X86_AVX2".to_owned()])]);
    println!("| search over {count} providers | found | median ms | most ms |\n|---|---:|---:|---:|");
    measure(&placement, "all", &all).await;
    measure(&placement, "250, as the scheduler asks", &few).await;
    measure(&placement, "all in one aggregate of a hundred", &north).await;
    measure(&placement, "all with a trait that a half has", &avx2).await;
}

fn id(number: usize) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

fn aggregate(number: usize) -> String {
    format!("00000000-0000-4000-9000-{number:012}")
}

/// One node, as compute tells placement of it.
async fn fill(placement: &Placement, number: usize) {
    let id = id(number);
    placement.provider_ensure(&id, &format!("node-{number}")).await.unwrap();
    placement.inventories_set(&id, &inventories(16.0)).await.unwrap();
    let traits: &[&str] =
        if number.is_multiple_of(2) { &["COMPUTE_NODE", "HW_CPU_X86_AVX2"] } else { &["COMPUTE_NODE"] };
    placement.traits_set(&id, &traits.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).await.unwrap();
    let aggregates = BTreeSet::from([aggregate(number % 100)]);
    placement.aggregates_change(&id, &aggregates, &BTreeSet::new()).await.unwrap();
}

fn inventories(allocation_ratio: f64) -> BTreeMap<String, Inventory> {
    BTreeMap::from([
        ("VCPU".to_owned(), Inventory { allocation_ratio, ..Inventory::of(64) }),
        ("MEMORY_MB".to_owned(), Inventory { reserved: 512, ..Inventory::of(262_144) }),
        ("DISK_GB".to_owned(), Inventory::of(4_096)),
    ])
}

fn request(change: impl FnOnce(&mut Group)) -> CandidateRequest {
    let amounts = [("VCPU", 2), ("MEMORY_MB", 4_096), ("DISK_GB", 20)];
    let resources = amounts.map(|(class, amount)| (class.to_owned(), amount)).into();
    let mut group = Group { resources, ..Group::default() };
    change(&mut group);
    CandidateRequest::unnamed(group)
}

async fn measure(placement: &Placement, name: &str, request: &CandidateRequest) {
    let mut found = placement.candidates(request).await.unwrap().len();
    let mut times: Vec<Duration> = Vec::new();
    for turn in 0..TURNS {
        placement.inventories_set(&id(0), &inventories(f64::from(1 + turn % 16))).await.unwrap();
        let started = Instant::now();
        found = placement.candidates(request).await.unwrap().len();
        times.push(started.elapsed());
    }
    times.sort_unstable();
    let ms = |time: Option<&Duration>| time.map_or(0.0, Duration::as_secs_f64) * 1000.0;
    println!("| {name} | {found} | {:.2} | {:.2} |", ms(times.get(times.len() / 2)), ms(times.last()));
}
