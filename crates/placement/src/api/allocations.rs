use std::collections::BTreeMap;

use ::api::fields::{length, nullable};
use ::api::{Error, Json, Microversion, Result};
use axum::extract::{Path, State};
use http::StatusCode;
use identity::Caller;
use policy::Target;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{since, uuid_check};
use crate::allocation::Generation;
use crate::{Claim, Placement};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AllocationsBody {
    allocations: Held,
    project_id: Option<String>,
    user_id: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    consumer_generation: Option<Option<i64>>,
    consumer_type: Option<String>,
    #[serde(rename = "mappings")]
    _mappings: Option<Value>,
}

/// Before 1.12 a list, from then on a dictionary by provider.
#[derive(Deserialize)]
#[serde(untagged)]
enum Held {
    List(Vec<Listed>),
    Dict(BTreeMap<String, Resources>),
}

#[derive(Deserialize)]
struct Listed {
    resource_provider: Provider,
    resources: BTreeMap<String, i64>,
}

#[derive(Deserialize)]
struct Provider {
    uuid: String,
}

#[derive(Deserialize)]
struct Resources {
    resources: BTreeMap<String, i64>,
    #[serde(rename = "generation")]
    _generation: Option<i64>,
}

impl AllocationsBody {
    /// What this is for a consumer.
    pub(super) fn claim(self, consumer_id: &str, version: Microversion) -> Result<(Claim, Generation)> {
        uuid_check(consumer_id)?;
        let is_list = matches!(self.allocations, Held::List(_));
        if is_list != (version < Microversion(1, 12)) {
            return Err(Error::bad_request(
                "allocations must be a list before microversion 1.12, and an object by provider from then on.",
            ));
        }
        let allocations: BTreeMap<String, BTreeMap<String, i64>> = match self.allocations {
            Held::List(list) => list.into_iter().map(|one| (one.resource_provider.uuid, one.resources)).collect(),
            Held::Dict(dict) => dict.into_iter().map(|(id, one)| (id, one.resources)).collect(),
        };
        if allocations.values().any(|classes| classes.is_empty() || classes.values().any(|amount| *amount < 1)) {
            return Err(Error::bad_request("Each provider must be asked for at least 1 of at least one class."));
        }
        if version < Microversion(1, 28) && allocations.is_empty() {
            return Err(Error::bad_request("allocations must not be empty; delete them instead."));
        }
        let owned = version >= Microversion(1, 8);
        let owner = |field: &str, id: Option<String>| match id {
            Some(id) => length(field, &id, 1, 255).map(|()| id),
            None if owned => Err(Error::bad_request(format!("{field} is required."))),
            None => Ok("00000000-0000-0000-0000-000000000000".to_owned()),
        };
        let generation = match self.consumer_generation {
            _ if version < Microversion(1, 28) => Generation::Any,
            None => return Err(Error::bad_request("consumer_generation is required; null for a new consumer.")),
            Some(None) => Generation::New,
            Some(Some(generation)) => Generation::Is(generation),
        };
        let typed = version >= Microversion(1, 38);
        if self.consumer_type.is_some() != typed {
            return Err(Error::bad_request("consumer_type is required from microversion 1.38 on, unknown before."));
        }
        let claim = Claim {
            consumer_id: consumer_id.to_owned(),
            project_id: owner("project_id", self.project_id)?,
            user_id: owner("user_id", self.user_id)?,
            consumer_type: self.consumer_type,
            allocations,
        };
        Ok((claim, generation))
    }
}

pub(super) async fn allocations_show(
    State(placement): State<Placement>,
    caller: Caller,
    version: Microversion,
    Path(consumer_id): Path<String>,
) -> Result<Json<Value>> {
    caller.allow("placement:allocations:list", &Target::new())?;
    let allocations = placement.allocations_of(&consumer_id).await?;
    let ids: Vec<String> = allocations.keys().cloned().collect();
    let generations = placement.provider_generations(&ids).await?;
    let held: Map<String, Value> = allocations
        .into_iter()
        .map(|(id, resources)| {
            let view = json!({"generation": generations.get(&id), "resources": resources});
            (id, view)
        })
        .collect();
    let mut view = json!({"allocations": held});
    if let Some(consumer) = placement.consumer_get(&consumer_id).await? {
        if version >= Microversion(1, 12) {
            view["project_id"] = json!(consumer.project_id);
            view["user_id"] = json!(consumer.user_id);
        }
        if version >= Microversion(1, 28) {
            view["consumer_generation"] = json!(consumer.generation);
        }
        if version >= Microversion(1, 38) {
            view["consumer_type"] = json!(consumer.consumer_type);
        }
    }
    Ok(Json(view))
}

pub(super) async fn allocations_replace(
    State(placement): State<Placement>,
    caller: Caller,
    version: Microversion,
    Path(consumer_id): Path<String>,
    Json(body): Json<AllocationsBody>,
) -> Result<StatusCode> {
    caller.allow("placement:allocations:update", &Target::new())?;
    let claim = body.claim(&consumer_id, version)?;
    placement.allocations_write(&[claim]).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn allocations_change(
    State(placement): State<Placement>,
    caller: Caller,
    version: Microversion,
    Json(body): Json<BTreeMap<String, AllocationsBody>>,
) -> Result<StatusCode> {
    since(version, 13)?;
    caller.allow("placement:allocations:manage", &Target::new())?;
    // Emptying a consumer was always allowed here.
    let claims: Vec<(Claim, Generation)> = body
        .into_iter()
        .map(|(id, body)| match &body.allocations {
            Held::Dict(held) if held.is_empty() && version < Microversion(1, 28) => {
                Ok((Claim { consumer_id: id, ..Claim::default() }, Generation::Any))
            }
            _ => body.claim(&id, version),
        })
        .collect::<Result<_>>()?;
    placement.allocations_write(&claims).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn allocations_delete(
    State(placement): State<Placement>,
    caller: Caller,
    Path(consumer_id): Path<String>,
) -> Result<StatusCode> {
    caller.allow("placement:allocations:delete", &Target::new())?;
    if placement.allocations_delete(&consumer_id).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Error::not_found(format!("No allocations for consumer '{consumer_id}'")))
    }
}

pub(super) async fn provider_allocations(
    State(placement): State<Placement>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>> {
    caller.allow("placement:resource_providers:allocations:list", &Target::new())?;
    let generation = placement.provider_get(&id).await?.generation;
    let held: Map<String, Value> = placement
        .provider_allocations(&id)
        .await?
        .into_iter()
        .map(|(consumer, resources)| (consumer, json!({"resources": resources})))
        .collect();
    Ok(Json(json!({"resource_provider_generation": generation, "allocations": held})))
}
