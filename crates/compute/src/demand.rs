//! What a server takes and demands, from its flavor and its image.

use std::collections::{BTreeMap, BTreeSet};

use placement::{CandidateRequest, Group};

use crate::server::{Flavor, Image, Server};

/// The trait of nodes whose cores have several threads.
const HYPERTHREADING: &str = "HW_CPU_HYPERTHREADING";

/// What placement is asked for: the flavor's size, unless its extra specs say otherwise, and traits; with groups that are
/// each met by one provider, where extra specs name them (`resources1:`, `trait1:`).
pub(crate) fn wanted(server: &Server) -> CandidateRequest {
    let specs = &server.flavor.0.extra_specs;
    let mut groups = BTreeMap::<String, Group>::new();
    for (name, class, amount) in group_resources(&server.flavor.0) {
        groups.entry(name.to_owned()).or_default().resources.insert(class.to_owned(), amount);
    }
    for (key, value) in specs {
        if let Some((name, label)) = grouped(key, "trait") {
            let group = groups.entry(name.to_owned()).or_default();
            match value.as_str() {
                "required" => group.required.push(BTreeSet::from([label.to_owned()])),
                "forbidden" => drop(group.forbidden.insert(label.to_owned())),
                _ => {}
            }
        }
    }
    let group = groups.entry(String::new()).or_default();
    group.resources = resources_of(&server.flavor.0, &server.image.0);
    for (key, value) in &server.image.0.properties {
        if let (Some(name), "required") = (key.strip_prefix("trait:"), value.as_str()) {
            group.required.push(BTreeSet::from([name.to_owned()]));
        }
    }
    let threads = specs.get("hw:cpu_thread_policy").or_else(|| server.image.0.properties.get("hw_cpu_thread_policy"));
    match threads.map(String::as_str) {
        Some("require") => group.required.push(BTreeSet::from([HYPERTHREADING.to_owned()])),
        Some("isolate") => drop(group.forbidden.insert(HYPERTHREADING.to_owned())),
        _ => {}
    }
    let isolate = specs.get("group_policy").is_some_and(|policy| policy == "isolate");
    CandidateRequest { groups, isolate, ..CandidateRequest::default() }
}

/// The group's name, empty for none, and what stands behind it, of an extra spec such as `resources1:VGPU`.
fn grouped<'a>(key: &'a str, kind: &str) -> Option<(&'a str, &'a str)> {
    key.strip_prefix(kind)?.split_once(':')
}

/// What the flavor asks for in groups that are each met by one provider: the group's name, a class and an amount.
fn group_resources(flavor: &Flavor) -> impl Iterator<Item = (&str, &str, i64)> {
    flavor.extra_specs.iter().filter_map(|(key, value)| {
        let (name, class) = grouped(key, "resources").filter(|(name, _)| !name.is_empty())?;
        Some((name, class, value.parse().unwrap_or(0)))
    })
}

/// Whether the flavor has groups that are each met by one provider.
pub(crate) fn has_groups(flavor: &Flavor) -> bool {
    group_resources(flavor).next().is_some()
}

/// What a server of that size takes with all of its groups.
pub(crate) fn total_of(flavor: &Flavor, image: &Image) -> BTreeMap<String, i64> {
    let mut total = resources_of(flavor, image);
    for (_, class, amount) in group_resources(flavor) {
        *total.entry(class.to_owned()).or_default() += amount;
    }
    total
}

/// What a server of that size takes outside of groups: the flavor's size, where its extra specs say nothing of it, in a
/// group or outside.
fn resources_of(flavor: &Flavor, image: &Image) -> BTreeMap<String, i64> {
    let told = flavor.extra_specs.iter().filter_map(|(key, value)| Some((key.strip_prefix("resources:")?, value)));
    let mut resources: BTreeMap<String, i64> =
        told.map(|(class, amount)| (class.to_owned(), amount.parse().unwrap_or(0))).collect();
    let dedicated = dedicated_cpus(flavor, image);
    if dedicated > 0 {
        // The emulator's threads have one for themselves.
        let isolated = flavor.extra_specs.get("hw:emulator_threads_policy").is_some_and(|policy| policy == "isolate");
        resources.insert("PCPU".to_owned(), dedicated + i64::from(isolated));
        resources.insert("VCPU".to_owned(), flavor.vcpus - dedicated);
    }
    let grouped: BTreeSet<&str> = group_resources(flavor).map(|(_, class, _)| class).collect();
    for (classes, size) in [
        (&["VCPU", "PCPU"][..], flavor.vcpus),
        (&["MEMORY_MB"][..], flavor.memory_mb),
        (&["DISK_GB"][..], flavor.disk_gb()),
    ] {
        if !classes.iter().any(|class| resources.contains_key(*class) || grouped.contains(class)) {
            resources.insert(classes[0].to_owned(), size);
        }
    }
    resources.retain(|_, amount| *amount > 0);
    resources
}

/// Whether a server has the same processors and NUMA nodes with one image as with another.
pub(crate) fn same_processors(flavor: &Flavor, one: &Image, other: &Image) -> bool {
    let said = |image: &Image| -> BTreeMap<String, String> {
        let both = image.properties.iter().chain(&flavor.extra_specs);
        let mut said: BTreeMap<String, String> =
            both.map(|(key, value)| (key.replace([':', '.'], "_"), value.clone())).collect();
        said.retain(|key, _| PLACING.iter().any(|prefix| key.starts_with(prefix)));
        said
    };
    said(one) == said(other)
}

/// The properties of images, and in other letters the extra specs, that say where in a node a guest is.
const PLACING: &[&str] = &["hw_numa_", "hw_cpu_policy", "hw_cpu_thread_policy", "hw_mem_page_size", "hw_locked_memory"];

/// How many of its processors are to be processors of the node that nobody else has. What the node itself will refuse, it
/// is left to say.
fn dedicated_cpus(flavor: &Flavor, image: &Image) -> i64 {
    let policy = flavor.extra_specs.get("hw:cpu_policy").or_else(|| image.properties.get("hw_cpu_policy"));
    match policy.map(String::as_str) {
        Some("dedicated") => flavor.vcpus,
        Some("mixed") => {
            let mask = flavor.extra_specs.get("hw:cpu_dedicated_mask").map(String::as_str).unwrap_or_default();
            let count = u32::try_from(flavor.vcpus).unwrap_or(u32::MAX);
            let set = protocol::CpuSet::among(mask, count).unwrap_or_default();
            i64::try_from(set.0.len()).unwrap_or(i64::MAX).min(flavor.vcpus)
        }
        _ => 0,
    }
}
