use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, header};

use crate::{Error, Result};

/// The address under which the caller reached the service, for links in answers: `http://cloud:8080/compute`.
#[derive(Debug, Clone)]
pub struct Links {
    base: String,
}

impl Links {
    pub(crate) fn new(headers: &HeaderMap, prefix: &str) -> Self {
        let text = |name| headers.get(name).map(HeaderValue::to_str).and_then(std::result::Result::ok);
        let host = text(header::HOST).unwrap_or("localhost");
        let scheme = text(header::HeaderName::from_static("x-forwarded-proto")).unwrap_or("http");
        Self { base: format!("{scheme}://{host}{prefix}") }
    }

    /// The address of `path` (which starts with a slash) below the service's own.
    pub fn to(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Links {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_else(|| Self::new(&parts.headers, "")))
    }
}
