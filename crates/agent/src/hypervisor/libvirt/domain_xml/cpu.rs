//! The processor: its model and how many sockets, cores and threads it shows.

use protocol::numa::Guest;
use protocol::{Problem, ServerSpec};

use super::super::xml::Element;
use crate::wishes::{Wishes, refused};

/// Sockets, cores and threads; of a wish, 0 says nothing.
type Topology = [u32; 3];

const PARTS: [&str; 3] = ["sockets", "cores", "threads"];
/// As good as no limit.
const UNLIMITED: u32 = 65_536;

/// The model `cpu` with the topology and the cells that the guest is to see.
pub(super) fn cpu(
    server: &ServerSpec,
    mut cpu: Element,
    wishes: &Wishes<'_>,
    guest: &Guest,
) -> Result<Element, Problem> {
    let [sockets, cores, threads] = topology(server.vcpus, wishes)?;
    let shown = Element::new("topology").with("sockets", sockets).with("dies", 1);
    cpu = cpu.child(shown.with("cores", cores).with("threads", threads));
    if !guest.cells.is_empty() {
        let cells = guest.cells.iter().enumerate().map(|(id, cell)| {
            let shown = Element::new("cell").with("id", id).with("cpus", &cell.cpus);
            shown.with("memory", cell.memory_mb).with("unit", "MiB")
        });
        cpu = cpu.child(Element::new("numa").children(cells));
    }
    Ok(cpu)
}

/// The topology of so many processors that comes nearest to what is wished, with as few threads and as many sockets as
/// the limits allow.
fn topology(vcpus: u32, wishes: &Wishes<'_>) -> Result<Topology, Problem> {
    let (wished, limits) = constraints(wishes)?;
    let score = |topology: &Topology| {
        topology.iter().zip(&wished).filter(|(has, wished)| **wished != 0 && has == wished).count()
    };
    let possible = (1..=vcpus.min(limits[2])).filter(|threads| vcpus.is_multiple_of(*threads)).flat_map(|threads| {
        let rest = vcpus / threads;
        let cores = (1..=rest.min(limits[1])).filter(move |cores| rest.is_multiple_of(*cores));
        cores.map(move |cores| [rest / cores, cores, threads])
    });
    possible
        .filter(|[sockets, ..]| *sockets <= limits[0])
        .max_by_key(|topology| (score(topology), topology[0] * topology[1], topology[0], topology[2]))
        .ok_or_else(|| {
            let [sockets, cores, threads] = limits;
            refused(format!(
                "{vcpus} processors cannot be shown within the limits of {sockets} sockets, {cores} cores and {threads} \
                 threads: change hw:cpu_max_* of the flavor or hw_cpu_max_* of the image"
            ))
        })
}

/// What is wished, and the limits.
fn constraints(wishes: &Wishes<'_>) -> Result<(Topology, Topology), Problem> {
    let mut limits = [UNLIMITED; 3];
    for (limit, part) in limits.iter_mut().zip(PARTS) {
        let flavor: u32 = wishes.flavor_number(&format!("hw:cpu_max_{part}"))?.unwrap_or(0);
        let image: u32 = wishes.image_number(&format!("hw_cpu_max_{part}"))?.unwrap_or(0);
        if flavor != 0 && image > flavor {
            return Err(refused(format!(
                "the image's hw_cpu_max_{part} is {image} and the flavor's hw:cpu_max_{part} is {flavor}: an image may \
                 lower the limit only"
            )));
        }
        *limit = [image, flavor].into_iter().find(|given| *given != 0).unwrap_or(UNLIMITED);
    }
    let (mut flavor, mut image) = ([0; 3], [0; 3]);
    for (position, part) in PARTS.iter().enumerate() {
        flavor[position] = wishes.flavor_number(&format!("hw:cpu_{part}"))?.unwrap_or(0);
        image[position] = wishes.image_number(&format!("hw_cpu_{part}"))?.unwrap_or(0);
        if image[position] > limits[position] {
            return Err(refused(format!(
                "the image's hw_cpu_{part} is {}, more than the limit of {}",
                image[position], limits[position]
            )));
        }
    }
    // The image's limits may have made what the flavor prefers impossible.
    if flavor.iter().zip(&limits).any(|(wished, limit)| wished > limit) {
        flavor = [0; 3];
    }
    Ok((if image == [0; 3] { flavor } else { image }, limits))
}

#[cfg(test)]
mod tests {
    use super::super::tests::server_with;
    use super::*;

    fn shown(vcpus: u32, flavor: &[(&str, &str)], image: &[(&str, &str)]) -> Result<Topology, Problem> {
        let server = server_with(flavor, image);
        topology(vcpus, &Wishes::new(&server))
    }

    #[test]
    fn processors_are_sockets_unless_told_otherwise() {
        assert_eq!(shown(4, &[], &[]), Ok([4, 1, 1]));
        assert_eq!(shown(4, &[("hw:cpu_sockets", "2")], &[]), Ok([2, 2, 1]));
        assert_eq!(shown(4, &[("hw:cpu_max_sockets", "1")], &[]), Ok([1, 4, 1]));
        assert_eq!(shown(8, &[("hw:cpu_threads", "2")], &[]), Ok([4, 1, 2]));
        assert_eq!(shown(8, &[("hw:cpu_sockets", "1"), ("hw:cpu_threads", "2")], &[]), Ok([1, 4, 2]));
        assert_eq!(shown(3, &[("hw:cpu_cores", "2")], &[]), Ok([3, 1, 1]), "what does not divide is not kept");
    }

    #[test]
    fn the_image_narrows_and_never_widens() {
        let flavor = [("hw:cpu_max_sockets", "2"), ("hw:cpu_sockets", "2")];
        assert_eq!(shown(4, &flavor, &[("hw_cpu_max_sockets", "1")]), Ok([1, 4, 1]));
        assert_eq!(
            shown(4, &flavor, &[("hw_cpu_cores", "4")]),
            Ok([1, 4, 1]),
            "the image's wish stands for the flavor's"
        );
        for image in [[("hw_cpu_max_sockets", "4")], [("hw_cpu_sockets", "4")]] {
            assert!(matches!(shown(4, &flavor, &image), Err(Problem::Permanent(_))), "{image:?}");
        }
        let narrow = [("hw:cpu_max_sockets", "1"), ("hw:cpu_max_cores", "2"), ("hw:cpu_max_threads", "1")];
        assert!(matches!(shown(4, &narrow, &[]), Err(Problem::Permanent(_))));
    }
}
