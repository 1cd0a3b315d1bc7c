use ::api::{Error, Json, Links, Query, Result};
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use http::{StatusCode, header};
use identity::Caller;
use policy::Target;
use serde::Deserialize;
use serde_json::{Value, json};

use super::headers::modified;
use super::{Since, demand};
use crate::Placement;
use crate::store::names::Kind;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TraitsBody {
    resource_provider_generation: i64,
    traits: Vec<String>,
}

pub(super) async fn trait_list(
    State(placement): State<Placement>,
    caller: Caller,
    Since(version): Since<6>,
    query: Query,
) -> Result<Json<Value>> {
    caller.allow("placement:traits:list", &Target::new())?;
    demand::known(&query, version, &[("name", 6), ("associated", 6)], false)?;
    let associated = match query.get("associated").map(str::to_ascii_lowercase).as_deref() {
        None => None,
        Some("true") => Some(true),
        Some("false") => Some(false),
        Some(_) => return Err(Error::bad_request("The query parameter associated only accepts true or false.")),
    };
    let mut traits = placement.trait_list(associated).await?;
    if let Some(name) = query.get("name") {
        if let Some(names) = name.strip_prefix("in:") {
            traits.retain(|known| names.split(',').any(|name| name == known));
        } else if let Some(start) = name.strip_prefix("startswith:") {
            traits.retain(|known| known.starts_with(start));
        } else {
            return Err(Error::bad_request("name must be in:NAME,NAME or startswith:PREFIX."));
        }
    }
    Ok(Json(json!({"traits": traits})))
}

pub(super) async fn trait_show(
    State(placement): State<Placement>,
    caller: Caller,
    _: Since<6>,
    Path(name): Path<String>,
) -> Result<StatusCode> {
    caller.allow("placement:traits:show", &Target::new())?;
    if placement.name_exists(Kind::Trait, &name).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Error::not_found(format!("No such trait {name}.")))
    }
}

pub(super) async fn trait_create(
    State(placement): State<Placement>,
    caller: Caller,
    _: Since<6>,
    links: Links,
    Path(name): Path<String>,
) -> Result<Response> {
    caller.allow("placement:traits:update", &Target::new())?;
    let new = placement.name_ensure(Kind::Trait, &name).await?;
    let status = if new { StatusCode::CREATED } else { StatusCode::NO_CONTENT };
    let location = [(header::LOCATION, links.to(&format!("/traits/{name}")))];
    Ok((status, location, modified(placement.now())).into_response())
}

pub(super) async fn trait_delete(
    State(placement): State<Placement>,
    caller: Caller,
    _: Since<6>,
    Path(name): Path<String>,
) -> Result<StatusCode> {
    caller.allow("placement:traits:delete", &Target::new())?;
    placement.name_delete(Kind::Trait, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn view((generation, traits): (i64, Vec<String>)) -> Json<Value> {
    Json(json!({"resource_provider_generation": generation, "traits": traits}))
}

pub(super) async fn provider_traits(
    State(placement): State<Placement>,
    caller: Caller,
    _: Since<6>,
    Path(id): Path<String>,
) -> Result<Json<Value>> {
    caller.allow("placement:resource_providers:traits:list", &Target::new())?;
    placement.traits_of(&id).await.map(view)
}

pub(super) async fn provider_traits_replace(
    State(placement): State<Placement>,
    caller: Caller,
    _: Since<6>,
    Path(id): Path<String>,
    Json(body): Json<TraitsBody>,
) -> Result<Json<Value>> {
    caller.allow("placement:resource_providers:traits:update", &Target::new())?;
    placement.traits_replace(&id, Some(body.resource_provider_generation), &body.traits).await.map(view)
}

pub(super) async fn provider_traits_delete(
    State(placement): State<Placement>,
    caller: Caller,
    _: Since<6>,
    Path(id): Path<String>,
) -> Result<StatusCode> {
    caller.allow("placement:resource_providers:traits:delete", &Target::new())?;
    placement.traits_replace(&id, None, &[]).await?;
    Ok(StatusCode::NO_CONTENT)
}
