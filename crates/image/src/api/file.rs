//! The bytes of an image. The one place that takes a ticket in place of a token.

use api::{Error, Kind, Result};
use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRequestParts as _, Path, Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use identity::Caller;

use crate::Image;
use crate::data::Download;
use crate::ticket::Purpose;

const OCTETS: &str = "application/octet-stream";

pub(super) fn routes() -> Router<Image> {
    Router::new().route("/v2/images/{id}/file", get(file_get).put(file_put)).layer(DefaultBodyLimit::disable())
}

fn text(headers: &HeaderMap, name: impl header::AsHeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

async fn file_put(State(image): State<Image>, Path(id): Path<String>, request: Request) -> Result<StatusCode> {
    let (mut parts, body) = request.into_parts();
    let caller = caller_or_ticket(&image, Purpose::Upload, &id, &mut parts).await?;
    let headers = parts.headers;
    match text(&headers, header::CONTENT_TYPE) {
        Some(OCTETS) => {}
        other => {
            let other = other.unwrap_or("without a type");
            return Err(Error::new(Kind::UnsupportedMediaType, format!("The body is {other}; send {OCTETS}.")));
        }
    }
    let length = text(&headers, header::CONTENT_LENGTH).or_else(|| text(&headers, "x-openstack-image-size"));
    let length = length.map(|length| length.trim().parse()).transpose();
    let length = length.map_err(|_| Error::bad_request("The announced size of the image is no number."))?;
    image.upload(caller.as_ref(), &id, body, length).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Serves HEAD too: the body is then left out.
async fn file_get(State(image): State<Image>, Path(id): Path<String>, request: Request) -> Result<Response> {
    let (mut parts, _) = request.into_parts();
    let caller = caller_or_ticket(&image, Purpose::Download, &id, &mut parts).await?;
    let asked = text(&parts.headers, header::RANGE);
    let download = match image.download(caller.as_ref(), &id, asked).await {
        Ok(Some(download)) => download,
        Ok(None) => return Ok(StatusCode::NO_CONTENT.into_response()),
        Err(error) if error.kind == Kind::RangeNotSatisfiable => {
            let size = image.image_get(&id).await?.size.unwrap_or_default();
            return Ok(([(header::CONTENT_RANGE, format!("bytes */{size}"))], error).into_response());
        }
        Err(error) => return Err(error),
    };
    Ok(answer(download))
}

/// Who asks; `None` for the bearer of a ticket for that image.
async fn caller_or_ticket(image: &Image, purpose: Purpose, id: &str, parts: &mut Parts) -> Result<Option<Caller>> {
    if text(&parts.headers, "x-auth-token").is_some_and(|token| image.ticket_holds(purpose, token, id)) {
        return Ok(None);
    }
    Ok(Some(Caller::from_request_parts(parts, image).await?))
}

fn answer(download: Download) -> Response {
    let Download { image, range, size, body } = download;
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(OCTETS));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    let Some((start, count)) = range else {
        headers.insert(header::CONTENT_LENGTH, size.into());
        if let Some(Ok(md5)) = image.checksum.map(HeaderValue::try_from) {
            headers.insert("content-md5", md5);
        }
        return (StatusCode::OK, headers, body).into_response();
    };
    headers.insert(header::CONTENT_LENGTH, count.into());
    if let Ok(part) = HeaderValue::try_from(format!("bytes {start}-{}/{size}", start + count - 1)) {
        headers.insert(header::CONTENT_RANGE, part);
    }
    (StatusCode::PARTIAL_CONTENT, headers, body).into_response()
}
