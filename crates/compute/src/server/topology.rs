//! The NUMA nodes that a guest sees, as its flavor and image ask for them.

use super::Server;

/// A NUMA node of a guest.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct GuestNode {
    /// The numbers of its virtual CPUs.
    pub(crate) vcpus: Vec<i64>,
    pub(crate) memory_mb: i64,
}

/// A guest's NUMA nodes, and the size of its memory pages if it is told.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Topology {
    pub(crate) nodes: Vec<GuestNode>,
    pub(crate) page_kb: Option<i64>,
}

/// The nodes that the flavor (`hw:numa_nodes` ...) or the image (`hw_numa_nodes` ...) asks for; none, if they do not.
pub(crate) fn guest_nodes(server: &Server) -> Topology {
    let flavor = &server.flavor.0;
    let asked = |name: &str| {
        let of_image = || server.image.0.properties.get(&format!("hw_{name}"));
        flavor.extra_specs.get(&format!("hw:{name}")).or_else(of_image).map(|text| text.trim())
    };
    let number = |name: &str| asked(name).and_then(|text| text.parse::<i64>().ok());
    let Some(count) = number("numa_nodes").filter(|count| (1..=flavor.vcpus).contains(count)) else {
        return Topology::default();
    };
    let part = |whole: i64, place: i64| whole / count + i64::from(place < whole % count);
    let mut next = 0;
    let nodes = (0..count).map(|place| {
        let even = part(flavor.vcpus, place);
        let vcpus = asked(&format!("numa_cpus.{place}")).map_or_else(|| (next..next + even).collect(), cpus);
        next += even;
        let memory_mb = number(&format!("numa_mem.{place}")).unwrap_or_else(|| part(flavor.memory_mb, place));
        GuestNode { vcpus, memory_mb }
    });
    Topology { nodes: nodes.collect(), page_kb: asked("mem_page_size").and_then(page_kb) }
}

/// The numbers in `0-3,^2`.
fn cpus(text: &str) -> Vec<i64> {
    let range = |part: &str| {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        let number = |text: &str| text.trim().parse::<i64>().ok().filter(|cpu| (0..4096).contains(cpu));
        number(from).zip(number(to)).map(|(from, to)| from..=to)
    };
    let (without, with): (Vec<&str>, Vec<&str>) =
        text.split(',').map(str::trim).partition(|part| part.starts_with('^'));
    let without: Vec<i64> = without.iter().filter_map(|part| range(part.trim_start_matches('^'))).flatten().collect();
    let mut cpus: Vec<i64> = with.iter().filter_map(|part| range(part)).flatten().collect();
    cpus.retain(|cpu| !without.contains(cpu));
    cpus.sort_unstable();
    cpus.dedup();
    cpus
}

/// The KiB in `2048`, `2MB`, `1GiB`; words such as `large` leave it to the node.
fn page_kb(text: &str) -> Option<i64> {
    let unit = text.trim_start_matches(|letter: char| letter.is_ascii_digit());
    let number: i64 = text.strip_suffix(unit)?.parse().ok()?;
    let factor = match unit.chars().next() {
        None | Some('k' | 'K') => 1,
        Some('M') => 1024,
        Some('G') => 1024 * 1024,
        Some('T') => 1024 * 1024 * 1024,
        Some(_) => return None,
    };
    number.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::{cpus, page_kb};

    #[test]
    fn cpus_and_page_sizes_are_read() {
        assert_eq!(cpus("0-3,^2, 5"), [0, 1, 3, 5]);
        assert_eq!(cpus("x"), Vec::<i64>::new());
        for (text, expected) in [("2048", Some(2048)), ("2MB", Some(2048)), ("1GiB", Some(1 << 20)), ("large", None)] {
            assert_eq!(page_kb(text), expected, "{text}");
        }
    }
}
