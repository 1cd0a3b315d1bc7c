//! What flavor and image ask of the node's processors and memory: policies, NUMA nodes, pages.

use std::collections::BTreeSet;

use protocol::numa::{Emulator, Guest, GuestCell, Pages, Threads};
use protocol::{CpuSet, Problem, ServerSpec};

use crate::wishes::{Wishes, refused, word};

/// The most NUMA nodes that a guest may have.
const CELLS: u32 = 128;

/// The most processors: more than QEMU gives to any machine, and few enough to be looked at one by one.
const PROCESSORS: u32 = 16_384;

pub(super) fn guest(server: &ServerSpec, wishes: &Wishes<'_>) -> Result<Guest, Problem> {
    if server.vcpus > PROCESSORS {
        return Err(refused(format!("a server may have up to {PROCESSORS} processors, not {}", server.vcpus)));
    }
    let dedicated = dedicated(server, wishes)?;
    let threads = threads(wishes)?;
    let emulator = match wishes.flavor("hw:emulator_threads_policy") {
        Some(policy) if word("hw:emulator_threads_policy", policy, &["isolate", "share"])? == "isolate" => {
            Some(Emulator::Isolate)
        }
        Some(_) => Some(Emulator::Share),
        None => None,
    };
    if dedicated.is_empty() && (says_threads(wishes) || emulator == Some(Emulator::Isolate)) {
        return Err(refused(
            "hw:cpu_thread_policy and hw:emulator_threads_policy=isolate are for servers with hw:cpu_policy=dedicated or \
             mixed",
        ));
    }
    let pages = pages(wishes)?;
    let count = match (wishes.flavor_number("hw:numa_nodes")?, wishes.image_number("hw_numa_nodes")?) {
        (Some(_), Some(_)) => return Err(both("numa_nodes")),
        (flavor, image) => flavor.or(image),
    };
    if count.is_some_and(|count: u32| count == 0 || count > CELLS) {
        return Err(refused(format!("a server may have 1 to {CELLS} NUMA nodes")));
    }
    if wishes.agreed_flag("locked_memory")? == Some(true) && pages.is_none() {
        return Err(refused("locked_memory needs a mem_page_size"));
    }
    if count.is_none() && pages.is_none() && dedicated.is_empty() {
        return Ok(Guest::default());
    }
    let cells = cells(server, wishes, count.unwrap_or(1))?;
    Ok(Guest { cells, dedicated, emulator, threads, pages })
}

/// The guest's processors that want one of the node's for themselves.
fn dedicated(server: &ServerSpec, wishes: &Wishes<'_>) -> Result<BTreeSet<u32>, Problem> {
    let known = |value| word("the processors' policy", value, &["dedicated", "shared", "mixed"]);
    let flavor = wishes.flavor("hw:cpu_policy").map(known).transpose()?;
    let image = wishes.image("hw_cpu_policy").map(known).transpose()?;
    let mask = wishes.flavor("hw:cpu_dedicated_mask");
    let all: BTreeSet<u32> = (0..server.vcpus).collect();
    let pcpus = resources(server, wishes, flavor.or(image))?;
    match (flavor, image) {
        (Some("shared"), Some("dedicated" | "mixed")) | (Some("mixed"), Some("dedicated")) => Err(refused(
            "the image's hw_cpu_policy asks for more processors of its own than the flavor's hw:cpu_policy allows",
        )),
        (Some("mixed"), _) | (None, Some("mixed")) => {
            let mask = mask.ok_or_else(|| refused("hw:cpu_policy=mixed needs a hw:cpu_dedicated_mask"))?;
            let set = CpuSet::among(mask, server.vcpus).map_err(refused)?.0;
            if set.is_empty() || set == all || !set.is_subset(&all) {
                return Err(refused("hw:cpu_dedicated_mask must name some of the server's processors, and not all"));
            }
            Ok(set)
        }
        _ if mask.is_some() => Err(refused("hw:cpu_dedicated_mask is for servers with hw:cpu_policy=mixed")),
        (Some("dedicated"), _) | (None, Some("dedicated")) => Ok(all),
        _ if pcpus > 0 => Ok(all),
        _ => Ok(BTreeSet::new()),
    }
}

/// How many of the node's processors the flavor asks placement for, to have them for itself: as many as it has, or none.
fn resources(server: &ServerSpec, wishes: &Wishes<'_>, policy: Option<&str>) -> Result<u32, Problem> {
    let (vcpus, pcpus) = (wishes.flavor_resources("VCPU")?, wishes.flavor_resources("PCPU")?);
    if policy.is_some() && (vcpus > 0 || pcpus > 0) {
        return Err(refused(
            "resources:VCPU and resources:PCPU do not go together with a hw:cpu_policy: use one of them",
        ));
    }
    if vcpus > 0 && pcpus > 0 {
        return Err(refused("resources:VCPU and resources:PCPU do not go together: use one of them"));
    }
    let isolates = wishes.flavor("hw:emulator_threads_policy") == Some("isolate");
    let needed = server.vcpus + u32::from(isolates);
    if pcpus > 0 && pcpus != needed {
        return Err(refused(format!("resources:PCPU is {pcpus}: a server of this flavor needs {needed}")));
    }
    Ok(pcpus)
}

fn says_threads(wishes: &Wishes<'_>) -> bool {
    wishes.flavor("hw:cpu_thread_policy").or(wishes.image("hw_cpu_thread_policy")).is_some()
}

fn threads(wishes: &Wishes<'_>) -> Result<Option<Threads>, Problem> {
    let flavor = wishes.flavor("hw:cpu_thread_policy");
    let image = wishes.image("hw_cpu_thread_policy");
    let policy = match (flavor, image) {
        (None | Some("prefer"), image) => image.or(flavor),
        (Some(flavor), Some(image)) if flavor != image => {
            return Err(refused("the image's hw_cpu_thread_policy contradicts the flavor's hw:cpu_thread_policy"));
        }
        (flavor, _) => flavor,
    };
    let Some(policy) = policy else { return Ok(None) };
    Ok(match word("the thread policy", policy, &["prefer", "require", "isolate"])? {
        "require" => Some(Threads::Require),
        "isolate" => Some(Threads::Isolate),
        _ => None,
    })
}

fn pages(wishes: &Wishes<'_>) -> Result<Option<Pages>, Problem> {
    let (flavor, image) = (wishes.flavor("hw:mem_page_size"), wishes.image("hw_mem_page_size"));
    let Some(flavor) = flavor else {
        return match image {
            Some(_) => Err(refused("the image may have a hw_mem_page_size only where the flavor has hw:mem_page_size")),
            None => Ok(None),
        };
    };
    let asked = page_size(flavor)?;
    match image {
        Some(image) if matches!(asked, Pages::Large | Pages::Any) => page_size(image).map(Some),
        Some(_) => Err(refused("the image's hw_mem_page_size is allowed only where the flavor has large or any")),
        None => Ok(Some(asked)),
    }
}

fn page_size(text: &str) -> Result<Pages, Problem> {
    match text {
        "small" => return Ok(Pages::Small),
        "large" => return Ok(Pages::Large),
        "any" => return Ok(Pages::Any),
        _ => {}
    }
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let kib_each = match text[digits.len()..].trim_end_matches(['B', 'b']).trim_end_matches('i') {
        "" | "k" | "K" => Some(1),
        "M" => Some(1 << 10),
        "G" => Some(1 << 20),
        _ => None,
    };
    let size = digits.parse::<u64>().ok().zip(kib_each).and_then(|(count, each)| count.checked_mul(each));
    size.map(Pages::Kib).ok_or_else(|| refused(format!("{text:?} is not a size of pages such as 2MB")))
}

/// The guest's NUMA nodes: all alike, or as the flavor or the image says.
fn cells(server: &ServerSpec, wishes: &Wishes<'_>, count: u32) -> Result<Vec<GuestCell>, Problem> {
    let cpus = listed(wishes, "numa_cpus", count)?;
    let memory = listed(wishes, "numa_mem", count)?;
    match (cpus, memory) {
        (None, None) => {
            if !server.vcpus.is_multiple_of(count) || !server.memory_mb.is_multiple_of(u64::from(count)) {
                return Err(refused(format!(
                    "{} processors and {} MiB cannot be shared out evenly among {count} NUMA nodes: say how with \
                     hw:numa_cpus.N and hw:numa_mem.N",
                    server.vcpus, server.memory_mb
                )));
            }
            let each = server.vcpus / count;
            let cell = |node| GuestCell {
                cpus: (node * each..(node + 1) * each).collect(),
                memory_mb: server.memory_mb / u64::from(count),
            };
            Ok((0..count).map(cell).collect())
        }
        (Some(cpus), Some(memory)) => cells_told(server, &cpus, &memory),
        _ => Err(refused("numa_cpus and numa_mem must both be given, for every NUMA node")),
    }
}

fn cells_told(server: &ServerSpec, cpus: &[&str], memory: &[&str]) -> Result<Vec<GuestCell>, Problem> {
    let (mut cells, mut seen, mut total) = (Vec::new(), BTreeSet::new(), 0_u64);
    for (cpus, memory) in cpus.iter().zip(memory) {
        let cpus: CpuSet = cpus.parse().map_err(refused)?;
        let memory_mb: u64 = memory.parse().map_err(|_| refused(format!("numa_mem {memory:?} must be a number")))?;
        for &cpu in &cpus.0 {
            if cpu >= server.vcpus || !seen.insert(cpu) {
                return Err(refused(format!("numa_cpus has processor {cpu} twice, or the server does not have it")));
            }
        }
        total = total.saturating_add(memory_mb);
        cells.push(GuestCell { cpus, memory_mb });
    }
    if seen.len() != server.vcpus as usize || total != server.memory_mb {
        return Err(refused("numa_cpus and numa_mem must add up to the server's processors and memory"));
    }
    Ok(cells)
}

/// What the flavor says as `hw:NAME.N` or the image as `hw_NAME.N`, for every node; `None` if nobody does.
fn listed<'a>(wishes: &Wishes<'a>, name: &str, count: u32) -> Result<Option<Vec<&'a str>>, Problem> {
    let flavor: Vec<_> = (0..CELLS).map_while(|node| wishes.flavor(&format!("hw:{name}.{node}"))).collect();
    let image: Vec<_> = (0..CELLS).map_while(|node| wishes.image(&format!("hw_{name}.{node}"))).collect();
    let list = match (flavor.is_empty(), image.is_empty()) {
        (true, true) => return Ok(None),
        (false, false) => return Err(both(name)),
        (false, true) => flavor,
        (true, false) => image,
    };
    if list.len() != count as usize {
        return Err(refused(format!("{name} must be given for each of the {count} NUMA nodes")));
    }
    Ok(Some(list))
}

fn both(name: &str) -> Problem {
    refused(format!("the flavor has hw:{name} and the image hw_{name}: only one of them may say it"))
}

#[cfg(test)]
mod tests {
    use super::super::tests::server_with;
    use super::*;

    /// What a server of 4 processors and 1024 MiB asks for.
    fn asked(flavor: &[(&str, &str)], image: &[(&str, &str)]) -> Result<Guest, Problem> {
        let server = ServerSpec { vcpus: 4, memory_mb: 1024, ..server_with(flavor, image) };
        guest(&server, &Wishes::new(&server))
    }

    #[test]
    fn only_the_choosy_have_numa_nodes() {
        assert_eq!(asked(&[], &[]), Ok(Guest::default()));
        assert_eq!(asked(&[("hw:cpu_policy", "shared")], &[]), Ok(Guest::default()));
        let guest = asked(&[("hw:cpu_policy", "dedicated")], &[]).unwrap();
        assert_eq!((guest.cells.len(), guest.dedicated.len()), (1, 4));
        let guest = asked(&[("hw:cpu_policy", "mixed"), ("hw:cpu_dedicated_mask", "^0")], &[]).unwrap();
        assert_eq!(guest.dedicated, BTreeSet::from([1, 2, 3]));
    }

    #[test]
    fn numa_nodes_are_even_or_told() {
        let guest = asked(&[("hw:numa_nodes", "2")], &[]).unwrap();
        let shown: Vec<_> = guest.cells.iter().map(|cell| (cell.cpus.to_string(), cell.memory_mb)).collect();
        assert_eq!(shown, [("0-1".to_owned(), 512), ("2-3".to_owned(), 512)]);
        let told = [
            ("hw:numa_nodes", "2"),
            ("hw:numa_cpus.0", "0"),
            ("hw:numa_cpus.1", "1-3"),
            ("hw:numa_mem.0", "256"),
            ("hw:numa_mem.1", "768"),
        ];
        assert_eq!(asked(&told, &[]).unwrap().cells[1].memory_mb, 768);
    }

    #[test]
    fn pages_are_the_flavors_to_allow() {
        let pages = |flavor: &[(&str, &str)], image: &[(&str, &str)]| asked(flavor, image).map(|guest| guest.pages);
        assert_eq!(pages(&[("hw:mem_page_size", "2MB")], &[]), Ok(Some(Pages::Kib(2048))));
        assert_eq!(
            pages(&[("hw:mem_page_size", "large")], &[("hw_mem_page_size", "1GB")]),
            Ok(Some(Pages::Kib(1 << 20)))
        );
        let image = [("hw_mem_page_size", "large")];
        assert!(pages(&[], &image).is_err() && pages(&[("hw:mem_page_size", "small")], &image).is_err());
    }

    #[test]
    fn contradictions_are_refused() {
        let server = ServerSpec { vcpus: u32::MAX, ..server_with(&[], &[]) };
        assert!(guest(&server, &Wishes::new(&server)).is_err());
        for (flavor, image) in [
            (vec![("hw:cpu_policy", "shared")], vec![("hw_cpu_policy", "dedicated")]),
            (vec![("hw:cpu_policy", "mixed")], vec![]),
            (vec![("hw:cpu_policy", "odd")], vec![]),
            (vec![("hw:cpu_thread_policy", "require")], vec![]),
            (vec![("hw:cpu_thread_policy", "prefer")], vec![]),
            (vec![("hw:cpu_policy", "shared"), ("resources:VCPU", "4")], vec![]),
            (vec![("resources:PCPU", "2")], vec![]),
            (vec![("resources:PCPU", "4294967295"), ("resources1:PCPU", "4294967295")], vec![]),
            (vec![("resources:PCPU", "4"), ("resources1:VCPU", "1")], vec![]),
            (vec![("resources:PCPU", "4"), ("hw:emulator_threads_policy", "isolate")], vec![]),
            (vec![("hw:emulator_threads_policy", "isolate")], vec![]),
            (vec![("hw:cpu_policy", "dedicated"), ("hw:cpu_dedicated_mask", "0")], vec![]),
            (vec![("hw:numa_nodes", "3")], vec![]),
            (vec![("hw:numa_nodes", "2")], vec![("hw_numa_nodes", "2")]),
            (vec![("hw:numa_nodes", "1"), ("hw:numa_cpus.0", "0-3")], vec![]),
            (vec![("hw:numa_nodes", "1"), ("hw:numa_cpus.0", "0-9"), ("hw:numa_mem.0", "1024")], vec![]),
            (vec![("hw:locked_memory", "true")], vec![]),
        ] {
            assert!(matches!(asked(&flavor, &image), Err(Problem::Permanent(_))), "{flavor:?} {image:?}");
        }
    }
}
