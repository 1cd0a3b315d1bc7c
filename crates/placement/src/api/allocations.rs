use std::collections::BTreeMap;

use ::api::fields::{length, nullable};
use ::api::{Error, Json, Microversion, Result};
use axum::extract::{Path, State};
use http::StatusCode;
use identity::Caller;
use policy::Target;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Since, field_since, uuid_check, uuid_read};
use crate::allocation::Generation;
use crate::{Allocations, Claim, Placement};

/// Who owns what was allocated before microversion 1.8, which told no project and no user.
const NOBODY: &str = "00000000-0000-0000-0000-000000000000";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AllocationsBody {
    allocations: Held,
    project_id: Option<String>,
    user_id: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    consumer_generation: Option<Option<i64>>,
    consumer_type: Option<String>,
    /// Which provider meets which group, as the candidate said; nothing is done with it.
    mappings: Option<BTreeMap<String, Vec<String>>>,
}

/// Before 1.12 a list, from then on a dictionary by provider.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "before microversion 1.12 it must be a list of objects with resource_provider (an object with uuid) \
                 and resources; from then on an object of providers' uuids, each with an object with resources; \
                 amounts are whole numbers"
)]
enum Held {
    List(Vec<Listed>),
    Dict(BTreeMap<String, Resources>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    resource_provider: Provider,
    resources: BTreeMap<String, i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Provider {
    uuid: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Resources {
    resources: BTreeMap<String, i64>,
    /// The provider's, as it is shown; nothing is done with it.
    #[serde(rename = "generation")]
    _generation: Option<i64>,
}

impl Held {
    /// The amounts by provider and class, each at least one.
    fn allocations(self, version: Microversion) -> Result<Allocations> {
        if matches!(self, Self::List(_)) != (version < Microversion(1, 12)) {
            return Err(Error::bad_request(
                "allocations must be a list before microversion 1.12, and an object by provider from then on.",
            ));
        }
        let mut allocations = Allocations::new();
        match self {
            Self::List(list) => {
                for Listed { resource_provider: Provider { uuid }, resources } in list {
                    if let Some(_twice) = allocations.insert(uuid.clone(), resources) {
                        return Err(Error::bad_request(format!(
                            "The resource provider {uuid} is listed twice; list it once with all its resources."
                        )));
                    }
                }
            }
            Self::Dict(dict) => allocations.extend(dict.into_iter().map(|(uuid, one)| (uuid, one.resources))),
        }
        allocations.keys().try_for_each(|id| uuid_check(id))?;
        if allocations.values().any(|classes| classes.is_empty() || classes.values().any(|amount| *amount < 1)) {
            return Err(Error::bad_request("Each provider must be asked for at least 1 of at least one class."));
        }
        Ok(allocations)
    }
}

impl AllocationsBody {
    fn is_empty(&self) -> bool {
        match &self.allocations {
            Held::List(list) => list.is_empty(),
            Held::Dict(dict) => dict.is_empty(),
        }
    }

    /// What this is for a consumer.
    pub(super) fn claim(self, consumer_id: &str, version: Microversion) -> Result<(Claim, Generation)> {
        let consumer_id = uuid_read(consumer_id)?;
        self.fields_check(version)?;
        let generation = match self.consumer_generation {
            _ if version < Microversion(1, 28) => Generation::Any,
            None => return Err(Error::bad_request("consumer_generation is required; null for a new consumer.")),
            Some(None) => Generation::New,
            Some(Some(generation)) => Generation::Is(generation),
        };
        let owned = version >= Microversion(1, 8);
        let owner = |field: &str, id: Option<String>| match id {
            Some(id) => length(field, &id, 1, 255).map(|()| id),
            None if owned => Err(Error::bad_request(format!("{field} is required."))),
            None => Ok(NOBODY.to_owned()),
        };
        let claim = Claim {
            consumer_id,
            project_id: owner("project_id", self.project_id)?,
            user_id: owner("user_id", self.user_id)?,
            consumer_type: self.consumer_type,
            allocations: self.allocations.allocations(version)?,
        };
        Ok((claim, generation))
    }

    /// Checks which fields the microversion has, and those of which only the form counts.
    fn fields_check(&self, version: Microversion) -> Result<()> {
        field_since(version, 8, "project_id", self.project_id.is_some())?;
        field_since(version, 8, "user_id", self.user_id.is_some())?;
        field_since(version, 28, "consumer_generation", self.consumer_generation.is_some())?;
        field_since(version, 34, "mappings", self.mappings.is_some())?;
        field_since(version, 38, "consumer_type", self.consumer_type.is_some())?;
        match &self.consumer_type {
            Some(consumer_type) => consumer_type_check(consumer_type)?,
            None if version >= Microversion(1, 38) => return Err(Error::bad_request("consumer_type is required.")),
            None => {}
        }
        let Some(mappings) = &self.mappings else { return Ok(()) };
        if mappings.is_empty() || mappings.values().any(Vec::is_empty) {
            return Err(Error::bad_request("mappings must name at least one provider for each of its groups."));
        }
        mappings.values().flatten().try_for_each(|id| uuid_check(id))
    }
}

/// Types of consumers are named like resource classes.
pub(super) fn consumer_type_check(name: &str) -> Result<()> {
    length("consumer_type", name, 1, 255)?;
    if name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_') {
        Ok(())
    } else {
        Err(Error::bad_request(format!("consumer_type may have only A-Z, 0-9 and _, not \"{name}\".")))
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
    if body.is_empty() && version < Microversion(1, 28) {
        return Err(Error::bad_request("allocations must not be empty before microversion 1.28; delete them instead."));
    }
    let claim = body.claim(&consumer_id, version)?;
    placement.allocations_write(&[claim]).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn allocations_change(
    State(placement): State<Placement>,
    caller: Caller,
    Since(version): Since<13>,
    Json(body): Json<BTreeMap<String, AllocationsBody>>,
) -> Result<StatusCode> {
    caller.allow("placement:allocations:manage", &Target::new())?;
    if body.is_empty() {
        return Err(Error::bad_request("The body must have at least one consumer."));
    }
    let claims: Vec<(Claim, Generation)> =
        body.into_iter().map(|(id, body)| body.claim(&id, version)).collect::<Result<_>>()?;
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
    version: Microversion,
    Path(id): Path<String>,
) -> Result<Json<Value>> {
    caller.allow("placement:resource_providers:allocations:list", &Target::new())?;
    let generation = placement.provider_get(&id).await?.generation;
    let with_generations = version >= Microversion(1, 28);
    let mut held: Map<String, Value> = Map::new();
    for row in placement.provider_allocations(&id).await? {
        let consumer = held.entry(row.consumer_id).or_insert_with(|| json!({"resources": {}}));
        consumer["resources"][row.class] = json!(row.used);
        if with_generations {
            consumer["consumer_generation"] = json!(row.generation);
        }
    }
    Ok(Json(json!({"resource_provider_generation": generation, "allocations": held})))
}
