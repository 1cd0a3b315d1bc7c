use super::filters::Filter;
use super::{Config, Node, Request};

/// Why no node can take the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// How many nodes there are.
    nodes: usize,
    /// Filters that removed nodes, in order.
    removed: Vec<Removed>,
    /// What to ask for instead.
    advice: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Removed {
    filter: &'static str,
    of: usize,
    hosts: Vec<String>,
}

/// Runs the filters one after another, counting, and looks for the smallest change that would succeed.
pub(super) fn explain(nodes: &[Node], request: &Request, config: &Config, chosen: &[&dyn Filter]) -> Refusal {
    let mut left: Vec<&Node> = nodes.iter().collect();
    let mut removed = Vec::new();
    for filter in chosen {
        let of = left.len();
        let (kept, gone): (Vec<&Node>, Vec<&Node>) =
            left.into_iter().partition(|node| filter.passes(node, request, config));
        if !gone.is_empty() {
            let hosts = gone.iter().map(|node| node.host.to_string()).collect();
            removed.push(Removed { filter: filter.name(), of, hosts });
        }
        left = kept;
    }
    Refusal { nodes: nodes.len(), removed, advice: advice(nodes, request, config, chosen) }
}

/// The change that satisfies the filters of the node with the fewest objections; among those, the roomiest one.
fn advice(nodes: &[Node], request: &Request, config: &Config, chosen: &[&dyn Filter]) -> Option<String> {
    nodes
        .iter()
        .filter_map(|node| {
            let objections: Vec<&dyn Filter> =
                chosen.iter().copied().filter(|filter| !filter.passes(node, request, config)).collect();
            let changes: Vec<String> =
                objections.iter().map(|filter| filter.change(node, request)).collect::<Option<_>>()?;
            let room = (node.memory_mb.free(), node.vcpus.free(), node.disk_gb.free());
            Some((std::cmp::Reverse(changes.len()), room, changes))
        })
        .max_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)))
        .map(|(_, _, changes)| changes.join(" and "))
}

impl Refusal {
    /// What the user reads.
    pub(crate) fn message(&self) -> String {
        let mut text = "No valid host was found. ".to_owned();
        if self.nodes == 0 {
            text.push_str("There is no compute node in this cloud; an administrator must add one.");
            return text;
        }
        let counts = self.removed.iter().map(|removed| {
            format!("filter {} removed {} of {} hosts", removed.filter, removed.hosts.len(), removed.of)
        });
        text.push_str(&counts.collect::<Vec<_>>().join("; "));
        match &self.advice {
            Some(advice) => text.push_str(&format!("; the smallest change that would succeed: {advice}.")),
            None => text.push_str("; no other request would succeed now, try again later or ask an administrator."),
        }
        text
    }

    /// The same with the hosts' names, for administrators.
    pub(crate) fn details(&self) -> String {
        let lines = self.removed.iter().map(|removed| format!("{}: {}", removed.filter, removed.hosts.join(", ")));
        lines.collect::<Vec<_>>().join("\n")
    }
}
