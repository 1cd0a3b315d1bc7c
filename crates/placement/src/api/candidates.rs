use std::collections::BTreeSet;
use std::sync::Arc;

use ::api::{Error, Microversion, Query, Result};
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header;
use identity::Caller;
use policy::Target;
use serde::{Serialize, Serializer};

use super::{Since, demand};
use crate::Placement;
use crate::fleet::{Fleet, Stock, Summary};
use crate::search::{Found, Outcome, Part};

const KNOWN: [(&str, u16); 8] = [
    ("resources", 10),
    ("limit", 16),
    ("required", 17),
    ("member_of", 21),
    ("group_policy", 25),
    ("in_tree", 31),
    ("root_required", 35),
    ("same_subtree", 36),
];

pub(super) async fn candidate_list(
    State(placement): State<Placement>,
    caller: Caller,
    Since(version): Since<10>,
    query: Query,
) -> Result<Response> {
    caller.allow("placement:allocation_candidates:list", &Target::new())?;
    demand::known(&query, version, &KNOWN, true)?;
    let request = demand::request(&query, version)?;
    placement.demand_check(&request).await?;
    let answer = move |fleet: &Fleet, outcome: &Outcome<'_>| serde_json::to_vec(&Answer::new(fleet, outcome, version));
    let body = placement.search(request, answer).await?.map_err(Error::internal)?;
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}

/// A JSON object with its fields in this order.
struct Object<'a, T>(Vec<(&'a str, T)>);

impl<T: Serialize> Serialize for Object<'_, T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl<'a, T> Object<'a, T> {
    /// The field of that name; a new one if there is none.
    fn field(&mut self, name: &'a str, new: impl FnOnce() -> T) -> Option<&mut T> {
        let place = self.0.iter().position(|(other, _)| *other == name).unwrap_or(self.0.len());
        if place == self.0.len() {
            self.0.push((name, new()));
        }
        self.0.get_mut(place).map(|(_, value)| value)
    }
}

#[derive(Serialize)]
struct Answer<'a> {
    allocation_requests: Vec<RequestView<'a>>,
    provider_summaries: Object<'a, SummaryView<'a>>,
}

impl<'a> Answer<'a> {
    fn new(fleet: &'a Fleet, outcome: &'a Outcome<'a>, version: Microversion) -> Self {
        let Outcome { parts, found, .. } = outcome;
        let classes: BTreeSet<&str> = parts.iter().flat_map(|part| &part.resources).map(|(class, _)| *class).collect();
        let told = |class: &str| version >= Microversion(1, 27) || classes.contains(class);
        let view = |provider: &'a Summary| (provider.provider.id.as_str(), SummaryView::new(provider, version, told));
        Self {
            allocation_requests: found.iter().map(|one| RequestView::new(parts, one, version)).collect(),
            provider_summaries: Object(involved(fleet, found, version).into_iter().map(view).collect()),
        }
    }
}

/// The providers that the candidates take from; since trees are known (1.29), with all others of their trees.
fn involved<'a>(fleet: &'a Fleet, found: &[Found<'a>], version: Microversion) -> Vec<&'a Summary> {
    let mut givers: Vec<&Summary> = found.iter().flat_map(|one| one.givers.iter().copied()).collect();
    if version < Microversion(1, 29) {
        givers.sort_unstable_by_key(|one| &one.provider.id);
        givers.dedup_by_key(|one| &one.provider.id);
        return givers;
    }
    givers.dedup_by_key(|one| &one.provider.root_id);
    givers.sort_unstable_by_key(|one| &one.provider.root_id);
    givers.dedup_by_key(|one| &one.provider.root_id);
    givers.into_iter().flat_map(|one| fleet.tree(&one.provider.root_id)).map(Arc::as_ref).collect()
}

/// What a client sends back to allocate a candidate.
#[derive(Serialize)]
struct RequestView<'a> {
    allocations: Allocated<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mappings: Option<Object<'a, BTreeSet<&'a str>>>,
}

/// Before 1.12 a list, from then on a dictionary by provider.
#[derive(Serialize)]
#[serde(untagged)]
enum Allocated<'a> {
    List(Vec<Listed<'a>>),
    Dict(Object<'a, Resources<'a>>),
}

#[derive(Serialize)]
struct Listed<'a> {
    resource_provider: Named<'a>,
    #[serde(flatten)]
    resources: Resources<'a>,
}

#[derive(Serialize)]
struct Named<'a> {
    uuid: &'a str,
}

#[derive(Serialize)]
struct Resources<'a> {
    resources: Object<'a, i64>,
}

impl<'a> RequestView<'a> {
    fn new(parts: &'a [Part<'a>], found: &Found<'a>, version: Microversion) -> Self {
        let mut taken: Object<Resources> = Object(Vec::with_capacity(found.givers.len()));
        let mut mappings: Object<BTreeSet<&str>> = Object(Vec::with_capacity(found.givers.len()));
        for (part, giver) in parts.iter().zip(&found.givers) {
            let id = giver.provider.id.as_str();
            mappings.field(part.group, BTreeSet::new).map(|ids| ids.insert(id));
            for (class, amount) in &part.resources {
                let given = taken.field(id, || Resources { resources: Object(Vec::new()) });
                if let Some(sum) = given.and_then(|given| given.resources.field(class, || 0)) {
                    *sum += amount;
                }
            }
        }
        let listed = |(uuid, resources)| Listed { resource_provider: Named { uuid }, resources };
        let allocations = if version < Microversion(1, 12) {
            Allocated::List(taken.0.into_iter().map(listed).collect())
        } else {
            Allocated::Dict(taken)
        };
        Self { allocations, mappings: (version >= Microversion(1, 34)).then_some(mappings) }
    }
}

/// A provider as a candidate's answer describes it.
#[derive(Serialize)]
struct SummaryView<'a> {
    resources: Object<'a, &'a Stock>,
    #[serde(skip_serializing_if = "Option::is_none")]
    traits: Option<&'a BTreeSet<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_provider_uuid: Option<Option<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    root_provider_uuid: Option<&'a str>,
}

impl<'a> SummaryView<'a> {
    /// With the classes that are told: before 1.27 only those that were asked for.
    fn new(provider: &'a Summary, version: Microversion, told: impl Fn(&str) -> bool) -> Self {
        let Summary { provider: place, resources, traits, .. } = provider;
        let resources = resources.iter().filter(|(class, _)| told(class));
        let has_trees = version >= Microversion(1, 29);
        Self {
            resources: Object(resources.map(|(class, stock)| (class.as_str(), stock)).collect()),
            traits: (version >= Microversion(1, 17)).then_some(traits),
            parent_provider_uuid: has_trees.then_some(place.parent_id.as_deref()),
            root_provider_uuid: has_trees.then_some(&place.root_id),
        }
    }
}
