use std::collections::BTreeMap;

use ::api::{Error, Json, Kind, Links, Microversion, Result};
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use http::{StatusCode, header};
use identity::Caller;
use policy::Target;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::inventory::{self, Inventories};
use crate::reshape::Shape;
use crate::{Inventory, Placement};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InventoriesBody {
    resource_provider_generation: i64,
    inventories: BTreeMap<String, InventoryBody>,
}

impl InventoriesBody {
    /// What this is for a provider that is to be reshaped.
    pub(super) fn shape(self, provider_id: String, version: Microversion) -> Result<Shape> {
        let generation = self.resource_provider_generation;
        Ok(Shape { provider_id, generation, inventories: self.inventories(version)? })
    }

    fn inventories(self, version: Microversion) -> Result<BTreeMap<String, Inventory>> {
        self.inventories
            .into_iter()
            .map(|(class, body)| {
                body.class_refused()?;
                let inventory = body.inventory(&class, version)?;
                Ok((class, inventory))
            })
            .collect()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InventoryBody {
    resource_provider_generation: Option<i64>,
    resource_class: Option<String>,
    total: i64,
    #[serde(default)]
    reserved: i64,
    #[serde(default = "one")]
    min_unit: i64,
    #[serde(default = "most")]
    max_unit: i64,
    #[serde(default = "one")]
    step_size: i64,
    #[serde(default = "ratio")]
    allocation_ratio: f64,
}

fn one() -> i64 {
    1
}

fn most() -> i64 {
    inventory::MOST
}

fn ratio() -> f64 {
    1.0
}

impl InventoryBody {
    fn class_refused(&self) -> Result<()> {
        match &self.resource_class {
            None => Ok(()),
            Some(_) => Err(Error::bad_request("resource_class is given by the address here; leave it out.")),
        }
    }

    fn inventory(&self, class: &str, version: Microversion) -> Result<Inventory> {
        let Self { total, reserved, min_unit, max_unit, step_size, allocation_ratio, .. } = *self;
        let inventory = Inventory { total, reserved, min_unit, max_unit, step_size, allocation_ratio };
        inventory.check(class, version >= Microversion(1, 26))?;
        Ok(inventory)
    }
}

fn view(inventories: &Inventories) -> Value {
    json!({"resource_provider_generation": inventories.generation, "inventories": inventories.plain()})
}

fn single_view(generation: i64, inventory: &Inventory) -> Result<Value> {
    let mut view = serde_json::to_value(inventory).map_err(Error::internal)?;
    view["resource_provider_generation"] = json!(generation);
    Ok(view)
}

pub(super) async fn inventory_list(
    State(placement): State<Placement>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>> {
    caller.allow("placement:resource_providers:inventories:list", &Target::new())?;
    Ok(Json(view(&placement.inventories_of(&id).await?)))
}

pub(super) async fn inventories_replace(
    State(placement): State<Placement>,
    caller: Caller,
    version: Microversion,
    Path(id): Path<String>,
    Json(body): Json<InventoriesBody>,
) -> Result<Json<Value>> {
    caller.allow("placement:resource_providers:inventories:update", &Target::new())?;
    let generation = Some(body.resource_provider_generation);
    let inventories = body.inventories(version)?;
    Ok(Json(view(&placement.inventories_replace(&id, generation, &inventories).await?)))
}

pub(super) async fn inventories_delete(
    State(placement): State<Placement>,
    caller: Caller,
    version: Microversion,
    Path(id): Path<String>,
) -> Result<StatusCode> {
    if version < Microversion(1, 5) {
        return Err(Error::new(
            Kind::MethodNotAllowed,
            "Deleting all inventories at once needs microversion 1.5 or newer.",
        ));
    }
    caller.allow("placement:resource_providers:inventories:delete", &Target::new())?;
    placement.inventories_replace(&id, None, &BTreeMap::new()).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn inventory_create(
    State(placement): State<Placement>,
    caller: Caller,
    version: Microversion,
    links: Links,
    Path(id): Path<String>,
    Json(body): Json<InventoryBody>,
) -> Result<Response> {
    caller.allow("placement:resource_providers:inventories:create", &Target::new())?;
    let Some(class) = &body.resource_class else { return Err(Error::bad_request("resource_class is required.")) };
    let inventory = body.inventory(class, version)?;
    let generation = placement.inventory_put(&id, body.resource_provider_generation, class, &inventory, true).await?;
    let location = links.to(&format!("/resource_providers/{id}/inventories/{class}"));
    let view = Json(single_view(generation, &inventory)?);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], view).into_response())
}

pub(super) async fn inventory_show(
    State(placement): State<Placement>,
    caller: Caller,
    Path((id, class)): Path<(String, String)>,
) -> Result<Json<Value>> {
    caller.allow("placement:resource_providers:inventories:show", &Target::new())?;
    let inventories = placement.inventories_of(&id).await?;
    let held = inventories
        .held
        .get(&class)
        .ok_or_else(|| Error::not_found(format!("No inventory of class {class} for {id}.")))?;
    Ok(Json(single_view(inventories.generation, &held.inventory)?))
}

pub(super) async fn inventory_update(
    State(placement): State<Placement>,
    caller: Caller,
    version: Microversion,
    Path((id, class)): Path<(String, String)>,
    Json(body): Json<InventoryBody>,
) -> Result<Json<Value>> {
    caller.allow("placement:resource_providers:inventories:update", &Target::new())?;
    let Some(generation) = body.resource_provider_generation else {
        return Err(Error::bad_request("resource_provider_generation is required."));
    };
    body.class_refused()?;
    let inventory = body.inventory(&class, version)?;
    let generation = placement.inventory_put(&id, Some(generation), &class, &inventory, false).await?;
    Ok(Json(single_view(generation, &inventory)?))
}

pub(super) async fn inventory_delete(
    State(placement): State<Placement>,
    caller: Caller,
    Path((id, class)): Path<(String, String)>,
) -> Result<StatusCode> {
    caller.allow("placement:resource_providers:inventories:delete", &Target::new())?;
    placement.inventory_delete(&id, &class).await?;
    Ok(StatusCode::NO_CONTENT)
}
