use std::collections::BTreeMap;

use ::api::fields::length;
use ::api::{Error, Json, Microversion, Query, Result};
use axum::extract::{Path, State};
use identity::Caller;
use policy::Target;
use serde_json::{Value, json};

use super::allocations::consumer_type_check;
use super::{Since, demand};
use crate::Placement;

pub(super) async fn provider_usages(
    State(placement): State<Placement>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>> {
    caller.allow("placement:resource_providers:usages", &Target::new())?;
    let inventories = placement.inventories_of(&id).await?;
    let usages: BTreeMap<&String, i64> = inventories.held.iter().map(|(class, held)| (class, held.used)).collect();
    Ok(Json(json!({"resource_provider_generation": inventories.generation, "usages": usages})))
}

pub(super) async fn project_usages(
    State(placement): State<Placement>,
    caller: Caller,
    Since(version): Since<9>,
    query: Query,
) -> Result<Json<Value>> {
    let Some(project_id) = query.get("project_id") else {
        return Err(Error::bad_request("The query parameter project_id is required."));
    };
    caller.allow("placement:usages", &Target::new().with("project_id", project_id))?;
    demand::known(&query, version, &[("project_id", 9), ("user_id", 9), ("consumer_type", 38)], false)?;
    let (user_id, consumer_type) = (query.get("user_id"), query.get("consumer_type"));
    length("project_id", project_id, 1, 255)?;
    user_id.map_or(Ok(()), |id| length("user_id", id, 1, 255))?;
    consumer_type.filter(|name| !["all", "unknown"].contains(name)).map_or(Ok(()), consumer_type_check)?;
    let one_type = consumer_type.filter(|name| *name != "all");
    let (uses, counts) = placement.project_usages(project_id, user_id, one_type).await?;
    let typed = version >= Microversion(1, 38);
    let together = !typed || consumer_type == Some("all");
    let mut usages: BTreeMap<String, BTreeMap<String, i64>> = BTreeMap::new();
    for row in uses {
        let group = if together { "all".to_owned() } else { row.consumer_type };
        *usages.entry(group).or_default().entry(row.class).or_default() += row.used;
    }
    if !typed {
        return Ok(Json(json!({"usages": usages.remove("all").unwrap_or_default()})));
    }
    for (group, classes) in &mut usages {
        let members = counts.iter().filter(|(name, _)| together || name == group);
        classes.insert("consumer_count".to_owned(), members.map(|(_, count)| count).sum());
    }
    Ok(Json(json!({"usages": usages})))
}
