use ::api::{Error, Json, Links, Microversion, Result};
use axum::extract::{FromRequest as _, Path, Request, State};
use axum::response::{IntoResponse as _, Response};
use http::{StatusCode, header};
use identity::Caller;
use policy::Target;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{PREFIX, Since};
use crate::Placement;
use crate::store::names::Kind;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClassBody {
    name: String,
}

fn view(name: &str) -> Value {
    json!({"name": name, "links": [{"rel": "self", "href": format!("{PREFIX}/resource_classes/{name}")}]})
}

pub(super) async fn class_list(State(placement): State<Placement>, caller: Caller, _: Since<2>) -> Result<Json<Value>> {
    caller.allow("placement:resource_classes:list", &Target::new())?;
    let classes: Vec<Value> = placement.class_list().await?.iter().map(|name| view(name)).collect();
    Ok(Json(json!({"resource_classes": classes})))
}

pub(super) async fn class_create(
    State(placement): State<Placement>,
    caller: Caller,
    _: Since<2>,
    links: Links,
    Json(body): Json<ClassBody>,
) -> Result<Response> {
    caller.allow("placement:resource_classes:create", &Target::new())?;
    if !placement.name_ensure(Kind::Class, &body.name).await? {
        return Err(Error::conflict(format!("Conflicting resource class already exists: {}", body.name)));
    }
    Ok((StatusCode::CREATED, [(header::LOCATION, links.to(&format!("/resource_classes/{}", body.name)))])
        .into_response())
}

pub(super) async fn class_show(
    State(placement): State<Placement>,
    caller: Caller,
    _: Since<2>,
    Path(name): Path<String>,
) -> Result<Json<Value>> {
    caller.allow("placement:resource_classes:show", &Target::new())?;
    if placement.name_exists(Kind::Class, &name).await? {
        Ok(Json(view(&name)))
    } else {
        Err(Error::not_found(format!("No such resource class {name}.")))
    }
}

/// Before 1.7 this renames a class; from then on it makes sure that there is one.
pub(super) async fn class_update(
    State(placement): State<Placement>,
    caller: Caller,
    Since(version): Since<2>,
    links: Links,
    Path(name): Path<String>,
    request: Request,
) -> Result<Response> {
    caller.allow("placement:resource_classes:update", &Target::new())?;
    if version < Microversion(1, 7) {
        let Json(ClassBody { name: new_name }) = Json::from_request(request, &placement).await?;
        placement.class_rename(&name, &new_name).await?;
        return Ok(Json(view(&new_name)).into_response());
    }
    let new = placement.name_ensure(Kind::Class, &name).await?;
    let status = if new { StatusCode::CREATED } else { StatusCode::NO_CONTENT };
    Ok((status, [(header::LOCATION, links.to(&format!("/resource_classes/{name}")))]).into_response())
}

pub(super) async fn class_delete(
    State(placement): State<Placement>,
    caller: Caller,
    _: Since<2>,
    Path(name): Path<String>,
) -> Result<StatusCode> {
    caller.allow("placement:resource_classes:delete", &Target::new())?;
    placement.name_delete(Kind::Class, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}
