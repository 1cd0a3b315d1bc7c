use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderValue, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Error, Kind, Result, strict};

/// The largest JSON body that is read, in bytes. User data and personality files are the largest honest content.
const LIMIT: usize = 1 << 20;

/// A JSON body, of a request or of an answer.
///
/// A request's body must be JSON of the type's shape; else the answer is 400 and names the field.
pub struct Json<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self> {
        let content_type = request.headers().get(header::CONTENT_TYPE).map(HeaderValue::to_str);
        if let Some(Ok(other)) = content_type
            && !other.to_ascii_lowercase().contains("json")
        {
            return Err(Error::new(Kind::UnsupportedMediaType, format!("The body is {other}; send application/json.")));
        }
        parse(&read(request.into_body(), LIMIT).await?).map(Json)
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(body) => ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response(),
            Err(error) => Error::internal(error).into_response(),
        }
    }
}

/// Reads a whole body of at most `limit` bytes.
pub(crate) async fn read(body: Body, limit: usize) -> Result<Bytes> {
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            Err(Error::new(Kind::TooLarge, format!("The body is larger than {limit} bytes.")))
        }
        Err(error) => Err(Error::bad_request(format!("The body could not be read: {error}"))),
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    if has_nul(body) {
        return Err(Error::bad_request("A text in the body has the character NUL (\\u0000); leave it out."));
    }
    let value = serde_json::from_slice(body)
        .map_err(|error| Error::bad_request(format!("The body is not valid JSON: {error}")))?;
    strict::from_value(value).map_err(|(path, cause)| match path {
        None => Error::bad_request(format!("The body is not valid: {cause}")),
        Some(path) => Error::bad_request(format!("Invalid input for field/attribute {path}: {cause}")),
    })
}

/// Whether a text in this JSON has the character NUL, which no database can keep. JSON has it only as an escape.
fn has_nul(body: &[u8]) -> bool {
    let mut rest = body;
    while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
        let escape = rest.get(at + 1..).unwrap_or_default();
        if escape.starts_with(b"u0000") {
            return true;
        }
        rest = escape.get(1..).unwrap_or_default();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::has_nul;

    #[test]
    fn only_an_escaped_nul_is_one() {
        assert!(has_nul(br#"{"a": "b\u0000"}"#));
        assert!(has_nul(br#"{"a": "\\\u0000"}"#));
        for fine in [r#"{"a": "b\\u0000"}"#, r#"{"a": "\u0001"}"#, r#"{"a": "\"#] {
            assert!(!has_nul(fine.as_bytes()), "{fine}");
        }
    }
}
