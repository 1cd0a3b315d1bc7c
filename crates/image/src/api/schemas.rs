//! JSON schemas of what the API takes and gives, which clients read at run time.

use api::Json;
use axum::Router;
use axum::routing::get;
use identity::Caller;
use serde_json::{Value, json};

use crate::Image;
use crate::fields::{CONTAINER_FORMATS, DISK_FORMATS};

pub(super) fn routes() -> Router<Image> {
    Router::new()
        .route("/v2/schemas/image", get(async |_: Caller| Json(image())))
        .route("/v2/schemas/images", get(async |_: Caller| Json(list("images", "image", image()))))
        .route("/v2/schemas/member", get(async |_: Caller| Json(member())))
        .route("/v2/schemas/members", get(async |_: Caller| Json(list("members", "member", member()))))
}

fn choice(choices: &[&str]) -> Vec<Value> {
    std::iter::once(Value::Null).chain(choices.iter().map(|choice| json!(choice))).collect()
}

fn written(kind: Value, description: &str) -> Value {
    json!({"type": kind, "description": description})
}

fn given(kind: Value, description: &str) -> Value {
    json!({"type": kind, "description": description, "readOnly": true})
}

fn image() -> Value {
    let uuid = "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$";
    let formats = |choices, description: &str| json!({"type": ["null", "string"], "enum": choice(choices), "description": description});
    let texts = || json!(["null", "string"]);
    json!({
        "name": "image",
        "properties": {
            "id": {"type": "string", "pattern": uuid, "description": "An identifier for the image"},
            "name": {"type": texts(), "maxLength": 255, "description": "Descriptive name for the image"},
            "owner": {"type": texts(), "maxLength": 255, "description": "Owner of the image"},
            "status": {
                "type": "string", "readOnly": true, "enum": ["queued", "saving", "active", "deactivated"],
                "description": "Status of the image",
            },
            "visibility": {
                "type": "string", "enum": ["community", "public", "private", "shared"],
                "description": "Scope of image accessibility",
            },
            "protected": written(json!("boolean"), "If true, image will not be deletable."),
            "os_hidden": written(json!("boolean"), "If true, image will not appear in default image list response."),
            "disk_format": formats(DISK_FORMATS, "Format of the disk"),
            "container_format": formats(CONTAINER_FORMATS, "Format of the container"),
            "min_disk": written(json!("integer"), "Amount of disk space (in GB) required to boot image."),
            "min_ram": written(json!("integer"), "Amount of ram (in MB) required to boot image."),
            "tags": {
                "type": "array", "items": {"type": "string", "maxLength": 255},
                "description": "List of strings related to the image",
            },
            "checksum": given(texts(), "md5 hash of image contents."),
            "os_hash_algo": given(texts(), "Algorithm to calculate the os_hash_value"),
            "os_hash_value": given(texts(), "Hexdigest of the image contents using the algorithm of os_hash_algo"),
            "size": given(json!(["null", "integer"]), "Size of image file in bytes"),
            "virtual_size": given(json!(["null", "integer"]), "Virtual size of image in bytes"),
            "created_at": given(json!("string"), "Date and time of image registration"),
            "updated_at": given(json!("string"), "Date and time of the last image modification"),
            "self": given(json!("string"), "An image self url"),
            "file": given(json!("string"), "An image file url"),
            "schema": given(json!("string"), "An image schema url"),
        },
        "additionalProperties": {"type": "string"},
        "links": [
            {"rel": "self", "href": "{self}"},
            {"rel": "enclosure", "href": "{file}"},
            {"rel": "describedby", "href": "{schema}"},
        ],
    })
}

fn member() -> Value {
    json!({
        "name": "member",
        "properties": {
            "image_id": written(json!("string"), "An identifier for the image"),
            "member_id": written(json!("string"), "An identifier for the image member (tenantId)"),
            "status": {
                "type": "string", "enum": ["pending", "accepted", "rejected"],
                "description": "The status of this image member",
            },
            "created_at": written(json!("string"), "Date and time of image member creation"),
            "updated_at": written(json!("string"), "Date and time of last modification of image member"),
            "schema": given(json!("string"), "The schema of an image member"),
        },
    })
}

fn list(name: &str, item: &str, schema: Value) -> Value {
    let mut list = json!({
        "name": name,
        "properties": {name: {"type": "array", "items": schema}, "schema": {"type": "string"}},
        "links": [{"rel": "describedby", "href": "{schema}"}],
    });
    if item == "image" {
        list["properties"]["first"] = json!({"type": "string"});
        list["properties"]["next"] = json!({"type": "string"});
        list["links"] = json!([
            {"rel": "first", "href": "{first}"}, {"rel": "next", "href": "{next}"},
            {"rel": "describedby", "href": "{schema}"},
        ]);
    }
    list
}
