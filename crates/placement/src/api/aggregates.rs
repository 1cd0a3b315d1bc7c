use std::collections::BTreeSet;

use ::api::{Error, Json, Microversion, Result};
use axum::extract::{Path, State};
use identity::Caller;
use policy::Target;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Since, uuid_check};
use crate::Placement;

/// Before 1.19 a plain list, from then on with the generation.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "the body must be a list of uuids before microversion 1.19; from then on an object with \
                 aggregates and resource_provider_generation"
)]
pub(super) enum AggregatesBody {
    Plain(Vec<String>),
    Checked(Checked),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Checked {
    resource_provider_generation: i64,
    aggregates: Vec<String>,
}

fn view(version: Microversion, (generation, aggregates): (i64, Vec<String>)) -> Json<Value> {
    Json(if version >= Microversion(1, 19) {
        json!({"aggregates": aggregates, "resource_provider_generation": generation})
    } else {
        json!({"aggregates": aggregates})
    })
}

pub(super) async fn aggregates_show(
    State(placement): State<Placement>,
    caller: Caller,
    Since(version): Since<1>,
    Path(id): Path<String>,
) -> Result<Json<Value>> {
    caller.allow("placement:resource_providers:aggregates:list", &Target::new())?;
    Ok(view(version, placement.aggregates_of(&id).await?))
}

pub(super) async fn aggregates_replace(
    State(placement): State<Placement>,
    caller: Caller,
    Since(version): Since<1>,
    Path(id): Path<String>,
    Json(body): Json<AggregatesBody>,
) -> Result<Json<Value>> {
    caller.allow("placement:resource_providers:aggregates:update", &Target::new())?;
    let checked = version >= Microversion(1, 19);
    let (generation, aggregates) = match body {
        AggregatesBody::Plain(aggregates) if !checked => (None, aggregates),
        AggregatesBody::Checked(body) if checked => (Some(body.resource_provider_generation), body.aggregates),
        _ => {
            placement.provider_get(&id).await?;
            return Err(Error::bad_request(
                "Send a list of uuids before microversion 1.19; from then on an object with aggregates and \
                 resource_provider_generation.",
            ));
        }
    };
    aggregates.iter().try_for_each(|id| uuid_check(id))?;
    if aggregates.iter().collect::<BTreeSet<_>>().len() < aggregates.len() {
        return Err(Error::bad_request("An aggregate stands in the list twice; leave it out once."));
    }
    let (generation, _) = placement.aggregates_set(&id, generation, &aggregates).await?;
    Ok(view(version, (generation, aggregates)))
}
