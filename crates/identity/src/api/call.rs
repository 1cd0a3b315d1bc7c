//! What nearly every handler takes and gives.

use std::net::{IpAddr, SocketAddr};

use api::{Error, Json, Links, RequestId, Result};
use axum::extract::{ConnectInfo, FromRequest, FromRequestParts, Request};
use http::StatusCode;
use http::request::Parts;
use policy::Target;
use serde_json::{Map, Value, json};

use crate::fields::{Fields, object_in};
use crate::{Caller, Identity};

/// An authenticated request: the service, who calls, and how links to it begin.
pub(super) struct Call {
    pub identity: Identity,
    pub caller: Caller,
    pub links: Links,
}

/// Where a request comes from. A proxy on this machine says for whom it asks.
fn source(parts: &Parts) -> Option<IpAddr> {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>()?.0.ip();
    let forwarded = || parts.headers.get("x-forwarded-for")?.to_str().ok()?.rsplit(',').next()?.trim().parse().ok();
    if peer.is_loopback() { Some(forwarded().unwrap_or(peer)) } else { Some(peer) }
}

impl FromRequestParts<Identity> for Call {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, identity: &Identity) -> Result<Self> {
        let caller = Caller::from_request_parts(parts, identity).await?;
        let links = Links::from_request_parts(parts, identity).await?;
        Ok(Self { identity: identity.by(&caller, source(parts)), caller, links })
    }
}

/// A request of somebody who has yet to prove who that is.
pub(super) struct Anonymous(pub Identity);

impl FromRequestParts<Identity> for Anonymous {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, identity: &Identity) -> Result<Self> {
        let RequestId(id) = RequestId::from_request_parts(parts, identity).await?;
        Ok(Self(identity.by_nobody(id, source(parts))))
    }
}

impl Call {
    /// Checks a policy rule.
    pub fn allow(&self, rule: &str, target: &Target<'_>) -> Result<()> {
        self.caller.allow(rule, target)
    }

    /// Checks a policy rule that asks nothing of its target.
    pub fn allow_plain(&self, rule: &str) -> Result<()> {
        self.caller.allow(rule, &Target::new())
    }
}

/// A body such as `{"user": {...}}`.
pub(super) struct Body(Map<String, Value>);

impl FromRequest<Identity> for Body {
    type Rejection = Error;

    async fn from_request(request: Request, identity: &Identity) -> Result<Self> {
        let Json(map) = Json::from_request(request, identity).await?;
        Ok(Self(map))
    }
}

impl Body {
    /// The value of that name.
    pub fn take(mut self, name: &str) -> Option<Value> {
        self.0.remove(name)
    }

    /// The object of that name.
    pub fn object(self, name: &str) -> Result<Map<String, Value>> {
        object_in(self.0, name)
    }

    /// What the body itself names.
    pub fn fields_bare(self) -> Fields {
        Fields::new(self.0)
    }

    /// The attributes of the thing that the body is about.
    pub fn fields(self, kind: &str) -> Result<Fields> {
        Fields::of(kind, self.0)
    }
}

/// 200 with one thing.
pub(super) fn shown(kind: &str, thing: Value) -> Result<Json<Value>> {
    Ok(Json(json!({kind: thing})))
}

/// 201 with one thing.
pub(super) fn created(kind: &str, thing: Value) -> Result<(StatusCode, Json<Value>)> {
    Ok((StatusCode::CREATED, Json(json!({kind: thing}))))
}

/// 204.
pub(super) fn done() -> Result<StatusCode> {
    Ok(StatusCode::NO_CONTENT)
}
