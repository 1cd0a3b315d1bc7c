use ::api::{Error, Json, Microversion, Query, Result};
use axum::extract::State;
use identity::Caller;
use policy::Target;
use serde_json::{Map, Value, json};

use super::{demand, since};
use crate::{Candidate, CandidateRequest, Placement};

pub(super) async fn candidate_list(
    State(placement): State<Placement>,
    caller: Caller,
    version: Microversion,
    query: Query,
) -> Result<Json<Value>> {
    since(version, 10)?;
    caller.allow("placement:allocation_candidates:list", &Target::new())?;
    let known = [("resources", 10), ("limit", 16), ("required", 17), ("member_of", 21), ("in_tree", 31)];
    demand::known(&query, version, &known)?;
    let request = demand::parse(&query, version)?;
    if request.resources.is_empty() {
        return Err(Error::bad_request("resources is required, such as resources=VCPU:1,MEMORY_MB:512.")
            .with_code("placement.query.missing_value"));
    }
    placement.demand_check(&request).await?;
    let found = placement.candidates(&request).await?;
    let requests: Vec<Value> = found.iter().map(|one| request_view(one, &request, version)).collect();
    let summaries: Map<String, Value> =
        found.iter().map(|one| (one.provider_id.clone(), summary_view(one, &request, version))).collect();
    Ok(Json(json!({"allocation_requests": requests, "provider_summaries": summaries})))
}

fn request_view(candidate: &Candidate, request: &CandidateRequest, version: Microversion) -> Value {
    let id = &candidate.provider_id;
    if version < Microversion(1, 12) {
        return json!({"allocations": [{"resource_provider": {"uuid": id}, "resources": request.resources}]});
    }
    let mut view = json!({"allocations": {id: {"resources": request.resources}}});
    if version >= Microversion(1, 34) {
        view["mappings"] = json!({"": [id]});
    }
    view
}

fn summary_view(candidate: &Candidate, request: &CandidateRequest, version: Microversion) -> Value {
    // From 1.27 on all classes are told, before only the asked ones.
    let resources: Map<String, Value> = candidate
        .summary
        .resources
        .iter()
        .filter(|(class, _)| version >= Microversion(1, 27) || request.resources.contains_key(*class))
        .map(|(class, usage)| (class.clone(), json!(usage)))
        .collect();
    let mut view = json!({"resources": resources});
    if version >= Microversion(1, 17) {
        view["traits"] = json!(candidate.summary.traits);
    }
    if version >= Microversion(1, 29) {
        view["parent_provider_uuid"] = json!(candidate.parent_id);
        view["root_provider_uuid"] = json!(candidate.root_id);
    }
    view
}
