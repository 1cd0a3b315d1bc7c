use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ::api::{Json, Microversion, Query, Result};
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use identity::Caller;
use policy::Target;
use serde::{Serialize, Serializer};

use super::{demand, since};
use crate::fleet::{Fleet, Stock, Summary};
use crate::{Candidate, CandidateRequest, Placement, candidate};

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
    version: Microversion,
    query: Query,
) -> Result<Response> {
    since(version, 10)?;
    caller.allow("placement:allocation_candidates:list", &Target::new())?;
    demand::known(&query, version, &KNOWN, true)?;
    let request = demand::request(&query, version)?;
    placement.demand_check(&request).await?;
    let fleet = placement.fleet().await?;
    let found = candidate::search(&fleet, &request);
    let providers = involved(&fleet, &found, &request);
    let classes = request.groups.values().flat_map(|group| group.resources.keys()).map(String::as_str).collect();
    let view = |provider| SummaryView { provider, version, classes: &classes };
    Ok(Json(Answer {
        allocation_requests: found.iter().map(|candidate| RequestView { candidate, version }).collect(),
        provider_summaries: providers.iter().map(|(id, provider)| (*id, view(provider))).collect(),
    })
    .into_response())
}

/// The providers that the candidates take from, and all others of their trees.
fn involved<'a>(
    fleet: &'a Fleet,
    found: &[Candidate],
    request: &CandidateRequest,
) -> BTreeMap<&'a str, &'a Arc<Summary>> {
    let used: BTreeSet<&str> =
        found.iter().flat_map(|candidate| candidate.allocations.keys()).map(String::as_str).collect();
    let roots: BTreeSet<&str> = used.iter().filter_map(|id| fleet.root_of(id)).collect();
    let trees = roots.into_iter().flat_map(|root| fleet.tree(root));
    trees
        .filter(|provider| !request.flat || used.contains(provider.provider.id.as_str()))
        .map(|provider| (provider.provider.id.as_str(), provider))
        .collect()
}

#[derive(Serialize)]
struct Answer<'a> {
    allocation_requests: Vec<RequestView<'a>>,
    provider_summaries: BTreeMap<&'a str, SummaryView<'a>>,
}

/// What a client sends back to allocate a candidate.
struct RequestView<'a> {
    candidate: &'a Candidate,
    version: Microversion,
}

#[derive(Serialize)]
struct ListedRequest<'a> {
    allocations: Vec<Listed<'a>>,
}

#[derive(Serialize)]
struct Listed<'a> {
    resource_provider: Named<'a>,
    resources: &'a BTreeMap<String, i64>,
}

#[derive(Serialize)]
struct Named<'a> {
    uuid: &'a str,
}

#[derive(Serialize)]
struct MappedRequest<'a> {
    allocations: BTreeMap<&'a str, Resources<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mappings: Option<&'a BTreeMap<String, BTreeSet<String>>>,
}

#[derive(Serialize)]
struct Resources<'a> {
    resources: &'a BTreeMap<String, i64>,
}

impl Serialize for RequestView<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Candidate { allocations, mappings, .. } = self.candidate;
        if self.version < Microversion(1, 12) {
            let listed = allocations
                .iter()
                .map(|(uuid, resources)| Listed { resource_provider: Named { uuid }, resources })
                .collect();
            return ListedRequest { allocations: listed }.serialize(to);
        }
        MappedRequest {
            allocations: allocations.iter().map(|(id, resources)| (id.as_str(), Resources { resources })).collect(),
            mappings: (self.version >= Microversion(1, 34)).then_some(mappings),
        }
        .serialize(to)
    }
}

/// A provider as a candidate's answer describes it.
struct SummaryView<'a> {
    provider: &'a Summary,
    version: Microversion,
    /// The classes that were asked for; before 1.27 only they are told.
    classes: &'a BTreeSet<&'a str>,
}

#[derive(Serialize)]
struct Described<'a> {
    resources: BTreeMap<&'a str, &'a Stock>,
    #[serde(skip_serializing_if = "Option::is_none")]
    traits: Option<&'a BTreeSet<String>>,
    #[serde(flatten)]
    place: Option<Place<'a>>,
}

#[derive(Serialize)]
struct Place<'a> {
    parent_provider_uuid: Option<&'a str>,
    root_provider_uuid: &'a str,
}

impl Serialize for SummaryView<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let (provider, version) = (self.provider, self.version);
        let told = |class: &str| version >= Microversion(1, 27) || self.classes.contains(class);
        Described {
            resources: provider
                .resources
                .iter()
                .filter(|(class, _)| told(class))
                .map(|(class, stock)| (class.as_str(), stock))
                .collect(),
            traits: (version >= Microversion(1, 17)).then_some(&provider.traits),
            place: (version >= Microversion(1, 29)).then(|| Place {
                parent_provider_uuid: provider.provider.parent_id.as_deref(),
                root_provider_uuid: &provider.provider.root_id,
            }),
        }
        .serialize(to)
    }
}
