//! What requests and answers of placement say beside their bodies.

use ::api::{Error, Kind, Microversion, Result};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, Method, header};
use jiff::Timestamp;

use crate::Placement;

/// Refuses bodies without a content type, and callers that understand no JSON.
pub(super) async fn negotiation(request: Request, next: Next) -> Response {
    match check(request.method(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

fn check(method: &Method, headers: &HeaderMap) -> Result<()> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let has_body = text(header::CONTENT_LENGTH).is_some_and(|length| length != "0");
    if has_body && text(header::CONTENT_TYPE).is_none_or(str::is_empty) {
        return Err(Error::bad_request("A body needs the header Content-Type: application/json."));
    }
    if method == Method::GET && !headers.get_all(header::ACCEPT).iter().all(takes_json) {
        return Err(Error::new(Kind::NotAcceptable, "Only application/json is provided; accept it."));
    }
    Ok(())
}

/// Whether one of the media ranges of an `Accept` header has JSON in it.
fn takes_json(accepted: &HeaderValue) -> bool {
    let is_json = |range: &str| {
        let mut parts = range.split(';').map(str::trim);
        let wanted = parts.next().is_some_and(|name| ["application/json", "application/*", "*/*", ""].contains(&name));
        wanted && !parts.any(|parameter| matches!(parameter, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    };
    accepted.to_str().is_ok_and(|ranges| ranges.to_ascii_lowercase().split(',').any(is_json))
}

/// From 1.15 on, answers to GET and those of PUT and POST that have a body say how fresh they are, and that they are
/// not to be cached.
pub(super) async fn freshness(
    State(placement): State<Placement>,
    version: Microversion,
    method: Method,
    request: Request,
    next: Next,
) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers();
    let is_told = method == Method::GET
        || headers.contains_key(header::CONTENT_TYPE)
        || headers.contains_key(header::LAST_MODIFIED);
    if version < Microversion(1, 15) {
        response.headers_mut().remove(header::LAST_MODIFIED);
    } else if response.status().is_success() && is_told {
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        if !headers.contains_key(header::LAST_MODIFIED) {
            headers.extend(modified(placement.now()));
        }
    }
    response
}

/// The header that says when what is shown was changed.
pub(super) fn modified(time: Timestamp) -> HeaderMap {
    let text = time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    HeaderValue::try_from(text).map(|time| (header::LAST_MODIFIED, time)).into_iter().collect()
}
