use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::{Next, from_fn_with_state, map_request};
use axum::response::{IntoResponse, Response};
use db::Json as Column;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use serde_json::{Value, json};
use tower_http::catch_panic::CatchPanicLayer;
use trace::{Recorder, Span, Trace};
use tracing::Instrument as _;

use crate::microversion::Negotiation;
use crate::{Error, Json, Kind, Links, Microversion, Result};

/// How a service writes its errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// `{"error": {"code", "title", "message"}}`
    Identity,
    /// `{"badRequest": {"code", "message"}}`
    Compute,
    /// `{"NeutronError": {"type", "message", "detail"}}`
    Network,
    /// `{"code", "title", "message"}`
    Image,
    /// `{"errors": [{"status", "title", "detail", "code", "request_id"}]}`
    Placement,
}

/// Where a request came in: the service, and the address below it, of which routers inside may take parts away.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// The service.
    pub service: Service,
    /// The address below the service's prefix.
    pub uri: Uri,
}

/// The frame around one service's router.
#[derive(Debug, Clone, Copy)]
pub struct Service {
    /// Its type in the catalog: `compute`.
    pub kind: &'static str,
    /// Where the roof mounts it: `/compute`.
    pub prefix: &'static str,
    /// How it writes errors.
    pub style: Style,
    /// Its microversions, if it has any.
    pub negotiation: Option<Negotiation>,
}

/// The id of a request: `req-` and a UUID, in every log line, answer and operation that it causes.
#[derive(Debug, Clone)]
pub struct RequestId(pub String);

/// From when on a request is slow.
const SLOW: Duration = Duration::from_millis(100);

/// The first version of placement whose errors have codes.
const PLACEMENT_CODES: Microversion = Microversion(1, 23);

const REQUEST_ID: HeaderName = HeaderName::from_static("x-openstack-request-id");
const COMPUTE_REQUEST_ID: HeaderName = HeaderName::from_static("x-compute-request-id");

impl Service {
    /// Puts request ids, error format, version negotiation, links and panic safety around `router`.
    pub fn wrap(self, router: Router) -> Router {
        self.framed(refusing(router))
    }

    /// Like [`wrap`](Self::wrap), and has each request changed by `change` before a route is chosen for it.
    pub fn wrap_changed(self, router: Router, change: fn(Request) -> Request) -> Router {
        let change = map_request(move |request: Request| std::future::ready(change(request)));
        self.framed(Router::new().fallback_service(refusing(router)).layer(change))
    }

    fn framed(self, router: Router) -> Router {
        router
            .layer(CatchPanicLayer::custom(|_| {
                Error::new(Kind::Internal, "An internal error prevented the request.").into_response()
            }))
            .layer(from_fn_with_state(self, frame))
    }

    fn error_body(self, error: &Error, version: Option<Microversion>, request_id: &str) -> Value {
        let status = error.status();
        let (code, title) = (status.as_u16(), status.canonical_reason().unwrap_or("Error"));
        match self.style {
            Style::Identity => json!({"error": {"code": code, "title": title, "message": error.message}}),
            Style::Compute => json!({compute_name(status): {"code": code, "message": error.message}}),
            Style::Network => {
                let kind = error.code.unwrap_or_else(|| network_type(error.kind));
                json!({"NeutronError": {"type": kind, "message": error.message, "detail": ""}})
            }
            Style::Image => json!({"code": format!("{code} {title}"), "title": title, "message": error.message}),
            Style::Placement => {
                let mut body = json!({"errors": [{
                    "status": code, "title": title, "detail": error.message, "request_id": request_id,
                }]});
                if version >= Some(PLACEMENT_CODES) {
                    body["errors"][0]["code"] = json!(error.code.unwrap_or("placement.undefined_code"));
                }
                body
            }
        }
    }

    fn render(self, response: Response, version: Option<Microversion>, request_id: &str) -> Response {
        let Some(error) = response.extensions().get::<Error>() else { return response };
        let cause = error.cause.as_ref().map(tracing::field::debug);
        if error.status().is_server_error() {
            tracing::error!(status = error.status().as_u16(), cause, "{error}");
        } else {
            tracing::debug!(status = error.status().as_u16(), cause, "{error}");
        }
        let mut body = self.error_body(error, version, request_id);
        if let (Some(negotiation), None, Kind::NotAcceptable, Style::Placement) =
            (self.negotiation, version, error.kind, self.style)
        {
            body["errors"][0]["max_version"] = json!(negotiation.max.to_string());
            body["errors"][0]["min_version"] = json!(negotiation.min.to_string());
        }
        let mut rendered = (error.status(), Json(body)).into_response();
        rendered.extensions_mut().insert(error.clone());
        for (name, value) in response.headers() {
            if name != header::CONTENT_TYPE && name != header::CONTENT_LENGTH {
                rendered.headers_mut().insert(name, value.clone());
            }
        }
        rendered
    }
}

/// The router, which says of what it does not have that it does not have it.
fn refusing(router: Router) -> Router {
    router.fallback(async || Error::not_found("The resource could not be found.")).method_not_allowed_fallback(
        async |method: Method| Error::new(Kind::MethodNotAllowed, format!("The resource knows no method {method}.")),
    )
}

/// Answers a request, and has the way recorded that it went.
async fn frame(State(service): State<Service>, request: Request, next: Next) -> Response {
    let id = RequestId(runtime::request_id());
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let log = tracing::info_span!("request", id = id.0, %method, path);
    let recorder = request.extensions().get::<Recorder>().cloned();
    let started = Instant::now();
    let (response, spans) = trace::collect(answer(service, id.clone(), request, next).instrument(log.clone())).await;
    let (status, took) = (response.status(), started.elapsed());
    tracing::debug!(parent: &log, status = status.as_u16(), micros = took.as_micros(), "answered");
    if let Some(recorder) = recorder
        && is_worth_a_trace(service, &method, status, took, &spans)
    {
        recorder.keep(Trace {
            request_id: id.0,
            operation_id: None,
            title: format!("{method} {}{path}", service.prefix),
            outcome: match response.extensions().get::<Error>() {
                Some(error) => format!("{}: {}", status.as_u16(), error.message),
                None => status.as_u16().to_string(),
            },
            started_at: recorder.began(took),
            micros: i64::try_from(took.as_micros()).unwrap_or(i64::MAX),
            spans: Column(spans),
        });
    }
    response
}

/// Whether it is recorded which way a request went: when it asked other parts or changed something, when it failed and
/// when it was slow. Recording the others, which are many and quick, would cost more than a few hundredths of them.
fn is_worth_a_trace(service: Service, method: &Method, status: StatusCode, took: Duration, spans: &[Span]) -> bool {
    // Most of what is posted to identity asks for a token.
    let changes = !method.is_safe() && service.style != Style::Identity;
    changes || !spans.is_empty() || status.is_server_error() || took >= SLOW
}

async fn answer(service: Service, id: RequestId, mut request: Request, next: Next) -> Response {
    let links = Links::new(request.headers(), service.prefix);
    request.extensions_mut().insert(id.clone());
    request.extensions_mut().insert(links.clone());
    let arrival = Arrival { service, uri: request.uri().clone() };
    request.extensions_mut().insert(arrival);
    let version = match service.negotiation.map(|negotiation| negotiation.negotiate(request.headers())) {
        Some(Err(error)) => return finish(service, error.into_response(), None, &id),
        Some(Ok(version)) => Some(version),
        None => None,
    };
    if let Err(error) = address_check(request.uri()) {
        return finish(service, error.into_response(), version, &id);
    }
    if let Some(version) = version {
        request.extensions_mut().insert(version);
    }
    let mut response = next.run(request).await;
    if let (Some(negotiation), Some(version)) = (service.negotiation, version) {
        negotiation.mark(version, response.headers_mut());
    }
    if response.status() == StatusCode::UNAUTHORIZED {
        let place = format!("Keystone uri=\"{}\"", links.to(""));
        if let Ok(value) = HeaderValue::try_from(place) {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
        }
    }
    finish(service, response, version, &id)
}

/// No parameter of a path or query may have what is no text, or what no database can keep.
fn address_check(address: &Uri) -> Result<()> {
    let text = address.path_and_query().map_or("", http::uri::PathAndQuery::as_str);
    match percent_encoding::percent_decode_str(text).decode_utf8() {
        Ok(text) if !text.contains('\0') => Ok(()),
        Ok(_) => Err(Error::bad_request("The address has the character NUL (%00); leave it out.")),
        Err(_) => Err(Error::bad_request("The address is not UTF-8; encode it as UTF-8 before the percent signs.")),
    }
}

fn finish(service: Service, response: Response, version: Option<Microversion>, id: &RequestId) -> Response {
    let mut response = service.render(response, version, &id.0);
    if let Ok(value) = HeaderValue::from_str(&id.0) {
        if service.style == Style::Compute {
            response.headers_mut().insert(COMPUTE_REQUEST_ID, value.clone());
        }
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

/// Compute names its error bodies after the status.
fn compute_name(status: StatusCode) -> &'static str {
    match status.as_u16() {
        400 => "badRequest",
        401 => "unauthorized",
        403 => "forbidden",
        404 => "itemNotFound",
        405 => "badMethod",
        406 => "notAcceptable",
        409 => "conflictingRequest",
        413 => "overLimit",
        415 => "badMediaType",
        429 => "overLimit",
        501 => "notImplemented",
        503 => "serviceUnavailable",
        _ => "computeFault",
    }
}

fn network_type(kind: Kind) -> &'static str {
    match kind {
        Kind::BadRequest => "HTTPBadRequest",
        Kind::Unauthorized => "HTTPUnauthorized",
        Kind::Forbidden => "PolicyNotAuthorized",
        Kind::NotFound => "HTTPNotFound",
        Kind::Conflict => "HTTPConflict",
        Kind::NotImplemented => "HTTPNotImplemented",
        Kind::Unavailable => "HTTPServiceUnavailable",
        _ => "HTTPInternalServerError",
    }
}

impl<S: Send + Sync> FromRequestParts<S> for RequestId {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_else(|| Self("req-unknown".to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use super::{Uri, address_check};

    #[test]
    fn an_address_is_text() {
        let right = |address: &'static str| address_check(&Uri::from_static(address)).is_ok();
        assert!(right("/a/b?c=%20%F0%9F%A7%81%25"));
        assert!(!right("/a/%00") && !right("/a?b=%00") && !right("/a/%FF") && !right("/a?b=%C3"));
    }
}
