use std::collections::BTreeMap;

use ::api::{Error, Json, Links, Microversion, Result};
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use http::{StatusCode, header};
use identity::Caller;
use policy::Target;
use serde::Deserialize;
use serde_json::{Value, json};

use super::since;
use crate::inventory::Inventories;
use crate::reshape::Shape;
use crate::{Inventory, Placement};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InventoriesBody {
    resource_provider_generation: i64,
    inventories: BTreeMap<String, Inventory>,
}

impl InventoriesBody {
    /// What this is for a provider that is to be reshaped.
    pub(super) fn shape(self, provider_id: String, version: Microversion) -> Result<Shape> {
        self.check(version)?;
        Ok(Shape { provider_id, generation: self.resource_provider_generation, inventories: self.inventories })
    }

    fn check(&self, version: Microversion) -> Result<()> {
        self.inventories.iter().try_for_each(|(class, inventory)| inventory.check(class, may_reserve_all(version)))
    }
}

#[derive(Deserialize)]
pub(super) struct InventoryBody {
    resource_provider_generation: Option<i64>,
    resource_class: Option<String>,
    #[serde(flatten)]
    inventory: Amounts,
}

/// An inventory beside other fields, where unknown ones cannot be told.
#[derive(Deserialize)]
struct Amounts {
    total: i64,
    reserved: Option<i64>,
    min_unit: Option<i64>,
    max_unit: Option<i64>,
    step_size: Option<i64>,
    allocation_ratio: Option<f64>,
}

impl Amounts {
    fn inventory(&self) -> Inventory {
        let usual = Inventory::of(self.total);
        Inventory {
            total: self.total,
            reserved: self.reserved.unwrap_or(usual.reserved),
            min_unit: self.min_unit.unwrap_or(usual.min_unit),
            max_unit: self.max_unit.unwrap_or(usual.max_unit),
            step_size: self.step_size.unwrap_or(usual.step_size),
            allocation_ratio: self.allocation_ratio.unwrap_or(usual.allocation_ratio),
        }
    }
}

fn may_reserve_all(version: Microversion) -> bool {
    version >= Microversion(1, 26)
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
    body.check(version)?;
    let generation = Some(body.resource_provider_generation);
    Ok(Json(view(&placement.inventories_replace(&id, generation, &body.inventories).await?)))
}

pub(super) async fn inventories_delete(
    State(placement): State<Placement>,
    caller: Caller,
    version: Microversion,
    Path(id): Path<String>,
) -> Result<StatusCode> {
    since(version, 5)?;
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
    let Some(class) = body.resource_class else { return Err(Error::bad_request("resource_class is required.")) };
    let inventory = body.inventory.inventory();
    inventory.check(&class, may_reserve_all(version))?;
    let generation = placement.inventory_put(&id, body.resource_provider_generation, &class, &inventory, true).await?;
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
    let inventory = body.inventory.inventory();
    inventory.check(&class, may_reserve_all(version))?;
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
