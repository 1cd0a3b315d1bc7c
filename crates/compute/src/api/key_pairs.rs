//! `/os-keypairs`.

use ::api::{Error, Json, Links, Microversion, Query, Result, fields, time};
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use http::StatusCode;
use identity::Caller;
use policy::Target;
use serde::Deserialize;
use serde_json::{Value, json};

use super::common;
use crate::Compute;
use crate::key_pairs::{KeyPair, NewKeyPair};

pub(super) fn routes() -> Router<Compute> {
    Router::new()
        .route("/v2.1/os-keypairs", get(key_pairs_list).post(key_pair_create))
        .route("/v2.1/os-keypairs/{name}", get(key_pair_show).delete(key_pair_delete))
}

/// What every form of the answer has.
fn view(key_pair: &KeyPair, version: Microversion) -> Value {
    let mut view = json!({
        "name": key_pair.name,
        "public_key": key_pair.public_key,
        "fingerprint": key_pair.fingerprint,
    });
    if version >= Microversion(2, 2) {
        view["type"] = json!(key_pair.kind);
    }
    view
}

/// Whose key pairs are asked about: administrators may name another user.
fn user_of(caller: &Caller, version: Microversion, query: &Query) -> String {
    let asked = query.get("user_id").filter(|user| version >= Microversion(2, 10) && !user.is_empty());
    asked.unwrap_or(&caller.token.user_id).to_owned()
}

async fn key_pairs_list(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    links: Links,
    query: Query,
) -> Result<Json<Value>> {
    common::known_only(&query, version, 75, &["user_id", "limit", "marker"])?;
    let user = user_of(&caller, version, &query);
    caller.allow("os_compute_api:os-keypairs:index", &Target::new().with("user_id", &user))?;
    let paged = version >= Microversion(2, 35);
    let page = if paged { query.page()? } else { ::api::Page::default() };
    let limit = common::limit(page.limit);
    let key_pairs = compute.key_pairs_list(&user, page.marker.as_deref(), paged.then_some(limit)).await?;
    let shown: Vec<Value> = key_pairs.iter().map(|pair| json!({"keypair": view(pair, version)})).collect();
    let names: Vec<String> = key_pairs.into_iter().map(|pair| pair.name).collect();
    let mut body = json!({"keypairs": shown});
    if let Some(next) = common::next(&links, "/v2.1/os-keypairs", &query, limit, &names).filter(|_| paged) {
        body["keypairs_links"] = next;
    }
    Ok(Json(body))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Create {
    keypair: Wanted,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    name: String,
    public_key: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    user_id: Option<String>,
}

impl Wanted {
    fn check(&self, version: Microversion) -> Result<()> {
        let early = |since: u16, field: &str, given: bool| {
            if given && version < Microversion(2, since) {
                return Err(Error::bad_request(format!("{field} is not known before microversion 2.{since}.")));
            }
            Ok(())
        };
        early(2, "type", self.kind.is_some())?;
        early(10, "user_id", self.user_id.is_some())?;
        if self.kind.as_deref().is_some_and(|kind| !["ssh", "x509"].contains(&kind)) {
            return Err(Error::bad_request("type must be ssh or x509."));
        }
        if self.public_key.is_none() && version >= Microversion(2, 92) {
            return Err(Error::bad_request(
                "public_key is required since microversion 2.92: make the pair yourself (ssh-keygen) and send its \
                 public half.",
            ));
        }
        common::name_check("name", &self.name)?;
        let more = if version >= Microversion(2, 92) { "_- @." } else { "_- " };
        if !self.name.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c)) {
            return Err(Error::bad_request(format!(
                "Keypair name contains unsafe characters: only letters, digits and \"{more}\" may be used."
            )));
        }
        fields::length("public_key", self.public_key.as_deref().unwrap_or("-"), 1, 65_535)
    }
}

async fn key_pair_create(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    Json(Create { keypair: wanted }): Json<Create>,
) -> Result<(StatusCode, Json<Value>)> {
    let user_id = wanted.user_id.clone().unwrap_or_else(|| caller.token.user_id.clone());
    caller.allow("os_compute_api:os-keypairs:create", &Target::new().with("user_id", &user_id))?;
    wanted.check(version)?;
    let new = NewKeyPair {
        user_id,
        project_id: caller.project_id()?.to_owned(),
        name: wanted.name,
        kind: wanted.kind.unwrap_or_else(|| "ssh".to_owned()),
        public_key: wanted.public_key,
    };
    let (key_pair, private_key) = compute.key_pair_create(new).await?;
    let mut shown = view(&key_pair, version);
    shown["user_id"] = json!(key_pair.user_id);
    if let Some(private_key) = private_key {
        shown["private_key"] = json!(private_key);
    }
    let status = if version >= Microversion(2, 2) { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(json!({"keypair": shown}))))
}

async fn key_pair_show(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    query: Query,
    Path(name): Path<String>,
) -> Result<Json<Value>> {
    common::known_only(&query, version, 75, &["user_id"])?;
    let user = user_of(&caller, version, &query);
    caller.allow("os_compute_api:os-keypairs:show", &Target::new().with("user_id", &user))?;
    let key_pair = compute.key_pair_get(&user, &name).await?;
    let mut shown = view(&key_pair, version);
    shown["user_id"] = json!(key_pair.user_id);
    shown["id"] = json!(key_pair.number());
    shown["created_at"] = json!(time::naive_micros(key_pair.created_at));
    shown["updated_at"] = Value::Null;
    shown["deleted"] = json!(false);
    shown["deleted_at"] = Value::Null;
    Ok(Json(json!({"keypair": shown})))
}

async fn key_pair_delete(
    State(compute): State<Compute>,
    caller: Caller,
    version: Microversion,
    query: Query,
    Path(name): Path<String>,
) -> Result<StatusCode> {
    common::known_only(&query, version, 75, &["user_id"])?;
    let user = user_of(&caller, version, &query);
    caller.allow("os_compute_api:os-keypairs:delete", &Target::new().with("user_id", &user))?;
    compute.key_pair_delete(&user, &name).await?;
    Ok(if version >= Microversion(2, 2) { StatusCode::NO_CONTENT } else { StatusCode::ACCEPTED })
}
