use ::api::fields::{length, nullable};
use ::api::{Error, Json, Links, Microversion, Query, Result};
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode, header};
use identity::Caller;
use policy::Target;
use serde::Deserialize;
use serde_json::{Value, json};

use super::headers::modified;
use super::{PREFIX, demand, field_since, uuid_check, uuid_read};
use crate::Placement;
use crate::provider::{Filter, Parent};
use crate::store::provider::Provider;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProviderBody {
    name: String,
    uuid: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    parent_provider_uuid: Option<Option<String>>,
}

impl ProviderBody {
    fn check(&self, version: Microversion) -> Result<()> {
        length("name", &self.name, 1, 200)?;
        field_since(version, 14, "parent_provider_uuid", self.parent_provider_uuid.is_some())?;
        self.parent_provider_uuid.iter().flatten().try_for_each(|id| uuid_check(id))
    }
}

pub(super) async fn provider_list(
    State(placement): State<Placement>,
    caller: Caller,
    version: Microversion,
    query: Query,
) -> Result<(HeaderMap, Json<Value>)> {
    caller.allow("placement:resource_providers:list", &Target::new())?;
    let known = [("name", 0), ("uuid", 0), ("member_of", 3), ("resources", 4), ("in_tree", 14), ("required", 18)];
    demand::known(&query, version, &known, false)?;
    query.get("uuid").into_iter().try_for_each(uuid_check)?;
    let filter = Filter {
        name: query.get("name").map(str::to_owned),
        id: query.get("uuid").map(str::to_owned),
        group: demand::group(&query, version, "")?,
    };
    let found = placement.provider_list(&filter).await?;
    let providers: Vec<Value> = found.iter().map(|summary| provider_view(&summary.provider, version)).collect();
    let newest = found.iter().map(|summary| summary.provider.updated_at).max();
    Ok((newest.map(modified).unwrap_or_default(), Json(json!({"resource_providers": providers}))))
}

pub(super) async fn provider_create(
    State(placement): State<Placement>,
    caller: Caller,
    version: Microversion,
    links: Links,
    Json(body): Json<ProviderBody>,
) -> Result<Response> {
    caller.allow("placement:resource_providers:create", &Target::new())?;
    body.check(version)?;
    let parent = body.parent_provider_uuid.flatten();
    let id = body.uuid.as_deref().map(uuid_read).transpose()?;
    let provider = placement.provider_create(id.as_deref(), &body.name, parent.as_deref()).await?;
    let location = [(header::LOCATION, links.to(&format!("/resource_providers/{}", provider.id)))];
    Ok(if version >= Microversion(1, 20) {
        (location, modified(provider.updated_at), Json(provider_view(&provider, version))).into_response()
    } else {
        (StatusCode::CREATED, location).into_response()
    })
}

pub(super) async fn provider_show(
    State(placement): State<Placement>,
    caller: Caller,
    version: Microversion,
    Path(id): Path<String>,
) -> Result<(HeaderMap, Json<Value>)> {
    caller.allow("placement:resource_providers:show", &Target::new())?;
    let provider = placement.provider_get(&id).await?;
    Ok((modified(provider.updated_at), Json(provider_view(&provider, version))))
}

pub(super) async fn provider_update(
    State(placement): State<Placement>,
    caller: Caller,
    version: Microversion,
    Path(id): Path<String>,
    Json(body): Json<ProviderBody>,
) -> Result<(HeaderMap, Json<Value>)> {
    caller.allow("placement:resource_providers:update", &Target::new())?;
    body.check(version)?;
    if body.uuid.is_some() {
        return Err(Error::bad_request("A provider keeps its uuid; leave it out."));
    }
    let may_move = version >= Microversion(1, 37);
    let parent = match &body.parent_provider_uuid {
        None => Parent::Same,
        Some(None) => Parent::None,
        Some(Some(parent)) => Parent::Of(parent),
    };
    let provider = placement.provider_update(&id, &body.name, parent, may_move).await?;
    Ok((modified(provider.updated_at), Json(provider_view(&provider, version))))
}

pub(super) async fn provider_delete(
    State(placement): State<Placement>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode> {
    caller.allow("placement:resource_providers:delete", &Target::new())?;
    if placement.provider_remove(&id).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(crate::error::provider_missing(&id))
    }
}

fn provider_view(provider: &Provider, version: Microversion) -> Value {
    let base = format!("{PREFIX}/resource_providers/{}", provider.id);
    let mut links = vec![json!({"rel": "self", "href": base})];
    for (name, minor) in [("inventories", 0), ("usages", 0), ("aggregates", 1), ("traits", 6), ("allocations", 11)] {
        if version >= Microversion(1, minor) {
            links.push(json!({"rel": name, "href": format!("{base}/{name}")}));
        }
    }
    let mut view =
        json!({"uuid": provider.id, "name": provider.name, "generation": provider.generation, "links": links});
    if version >= Microversion(1, 14) {
        view["parent_provider_uuid"] = json!(provider.parent_id);
        view["root_provider_uuid"] = json!(provider.root_id);
    }
    view
}
