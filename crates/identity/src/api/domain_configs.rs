//! `/v3/domains/{domain}/config`: what a domain has set for itself, and what stands where it has not.

use std::collections::BTreeMap;

use api::{Json, Result};
use axum::Router;
use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http::StatusCode;
use serde_json::{Value, json};

use super::call::{Body, Call, done, shown};
use crate::store::domain_config::Part;
use crate::{Identity, domain_config};

pub(super) fn routes() -> Router<Identity> {
    let base = "/v3/domains/{domain}/config";
    Router::new()
        .route("/v3/domains/config/default", get(default_show))
        .route("/v3/domains/config/{section}/default", get(default_show))
        .route("/v3/domains/config/{section}/{name}/default", get(default_show))
        .route(base, get(config_show).put(config_create).patch(config_update).delete(config_delete))
        .route(&format!("{base}/{{section}}"), get(config_show).patch(config_update).delete(config_delete))
        .route(&format!("{base}/{{section}}/{{name}}"), get(config_show).patch(config_update).delete(config_delete))
}

/// What a path names: `domain`, `section` and `name`.
type Names = BTreeMap<String, String>;

fn part(names: &Names) -> Part<'_> {
    let text = |name: &str| names.get(name).map(String::as_str);
    Part { section: text("section"), name: text("name") }
}

fn domain(names: &Names) -> &str {
    names.get("domain").map_or("", String::as_str)
}

async fn default_show(call: Call, Path(names): Path<Names>) -> Result<Json<Value>> {
    call.allow_plain("identity:get_domain_config_default")?;
    shown("config", Value::Object(domain_config::defaults(part(&names))?))
}

async fn config_show(call: Call, Path(names): Path<Names>) -> Result<Json<Value>> {
    let part = part(&names);
    if part.section == Some("security_compliance") {
        call.allow_plain("identity:get_security_compliance_domain_config")?;
        let config = call.identity.security_compliance_config(domain(&names), part.name).await?;
        return shown("config", Value::Object(config));
    }
    call.allow_plain("identity:get_domain_config")?;
    shown("config", Value::Object(call.identity.domain_config_get(domain(&names), part).await?))
}

async fn config_create(call: Call, Path(names): Path<Names>, body: Body) -> Result<Response> {
    call.allow_plain("identity:create_domain_config")?;
    let (config, is_new) = call.identity.domain_config_create(domain(&names), body.object("config")?).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(json!({"config": config}))).into_response())
}

async fn config_update(call: Call, Path(names): Path<Names>, body: Body) -> Result<Json<Value>> {
    call.allow_plain("identity:update_domain_config")?;
    let config = call.identity.domain_config_update(domain(&names), part(&names), body.object("config")?).await?;
    shown("config", Value::Object(config))
}

async fn config_delete(call: Call, Path(names): Path<Names>) -> Result<StatusCode> {
    call.allow_plain("identity:delete_domain_config")?;
    call.identity.domain_config_delete(domain(&names), part(&names)).await?;
    done()
}
