//! Sharing an image with other projects.

use api::{Json, Result, time};
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use http::StatusCode;
use identity::Caller;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Image;
use crate::store::member::Member;

pub(super) fn routes() -> Router<Image> {
    Router::new()
        .route("/v2/images/{id}/members", get(member_list).post(member_create))
        .route("/v2/images/{id}/members/{member_id}", get(member_show).put(member_update).delete(member_delete))
}

#[derive(Deserialize)]
struct Create {
    member: String,
}

#[derive(Deserialize)]
struct Update {
    status: String,
}

fn shape(member: &Member) -> Value {
    json!({
        "image_id": member.image_id,
        "member_id": member.member_id,
        "status": member.status,
        "created_at": time::seconds(member.created_at),
        "updated_at": time::seconds(member.updated_at),
        "schema": "/v2/schemas/member",
    })
}

async fn member_list(State(image): State<Image>, caller: Caller, Path(id): Path<String>) -> Result<Json<Value>> {
    let members = image.member_list(&caller, &id).await?;
    let members: Vec<Value> = members.iter().map(shape).collect();
    Ok(Json(json!({"members": members, "schema": "/v2/schemas/members"})))
}

async fn member_create(
    State(image): State<Image>,
    caller: Caller,
    Path(id): Path<String>,
    Json(body): Json<Create>,
) -> Result<Json<Value>> {
    Ok(Json(shape(&image.member_create(&caller, &id, &body.member).await?)))
}

async fn member_show(
    State(image): State<Image>,
    caller: Caller,
    Path((id, member_id)): Path<(String, String)>,
) -> Result<Json<Value>> {
    Ok(Json(shape(&image.member_get(&caller, &id, &member_id).await?)))
}

async fn member_update(
    State(image): State<Image>,
    caller: Caller,
    Path((id, member_id)): Path<(String, String)>,
    Json(body): Json<Update>,
) -> Result<Json<Value>> {
    Ok(Json(shape(&image.member_update(&caller, &id, &member_id, &body.status).await?)))
}

async fn member_delete(
    State(image): State<Image>,
    caller: Caller,
    Path((id, member_id)): Path<(String, String)>,
) -> Result<StatusCode> {
    image.member_delete(&caller, &id, &member_id).await?;
    Ok(StatusCode::NO_CONTENT)
}
