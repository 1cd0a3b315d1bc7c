use std::collections::BTreeMap;

use ::api::{Error, Json, Microversion, Query, Result};
use axum::extract::{Path, State};
use identity::Caller;
use policy::Target;
use serde_json::{Map, Value, json};

use super::since;
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
    version: Microversion,
    query: Query,
) -> Result<Json<Value>> {
    since(version, 9)?;
    let typed = version >= Microversion(1, 38);
    let Some(project_id) = query.get("project_id") else {
        return Err(Error::bad_request("project_id is required.").with_code("placement.query.missing_value"));
    };
    caller.allow("placement:usages", &Target::new().with("project_id", project_id))?;
    let wanted = query.get("consumer_type").filter(|_| typed);
    let one_type = wanted.filter(|wanted| *wanted != "all");
    let (uses, counts) = placement.project_usages(project_id, query.get("user_id"), one_type).await?;
    if !typed || wanted == Some("all") {
        let mut sums: BTreeMap<String, i64> = BTreeMap::new();
        for row in uses {
            *sums.entry(row.class).or_default() += row.used;
        }
        let consumers: i64 = counts.iter().map(|(_, count)| count).sum();
        let usages = if typed { with_count(sums, consumers, "all") } else { json!(sums) };
        return Ok(Json(json!({"usages": usages})));
    }
    let mut by_type: BTreeMap<String, BTreeMap<String, i64>> = BTreeMap::new();
    for row in uses {
        by_type.entry(row.consumer_type).or_default().insert(row.class, row.used);
    }
    let mut usages = Map::new();
    for (name, mut classes) in by_type {
        let count = counts.iter().find(|(other, _)| *other == name).map_or(0, |(_, count)| *count);
        classes.insert("consumer_count".to_owned(), count);
        usages.insert(name, json!(classes));
    }
    Ok(Json(json!({"usages": usages})))
}

fn with_count(mut classes: BTreeMap<String, i64>, consumers: i64, name: &str) -> Value {
    classes.insert("consumer_count".to_owned(), consumers);
    json!({name: classes})
}
