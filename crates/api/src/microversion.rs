//! Microversions: one number per request that says which form of the API the caller speaks.

use std::fmt;
use std::str::FromStr;

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::{Error, Kind, Result};

/// A microversion such as 2.104.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Microversion(pub u16, pub u16);

/// What a service negotiates.
#[derive(Debug, Clone, Copy)]
pub struct Negotiation {
    /// The name in `OpenStack-API-Version: <service> <version>`.
    pub service: &'static str,
    /// An older header with the version alone (compute's `X-OpenStack-Nova-API-Version`).
    pub legacy_header: Option<&'static str>,
    /// The oldest version served, and the one that a request without header gets.
    pub min: Microversion,
    /// The newest version served.
    pub max: Microversion,
}

const HEADER: HeaderName = HeaderName::from_static("openstack-api-version");

impl Negotiation {
    /// The version that the request asks for.
    pub fn negotiate(&self, headers: &HeaderMap) -> Result<Microversion> {
        let Some(asked) = self.asked(headers) else { return Ok(self.min) };
        if asked == "latest" {
            return Ok(self.max);
        }
        let version: Microversion = asked.parse()?;
        if version < self.min || version > self.max {
            return Err(Error::new(
                Kind::NotAcceptable,
                format!(
                    "Version {version} is not supported by the API. Minimum is {} and maximum is {}.",
                    self.min, self.max
                ),
            ));
        }
        Ok(version)
    }

    fn asked<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        let modern = headers.get_all(HEADER).iter().filter_map(|value| value.to_str().ok());
        let mine = modern
            .flat_map(|value| value.split(','))
            .filter_map(|value| value.trim().split_once(' '))
            .find(|(service, _)| service.eq_ignore_ascii_case(self.service))
            .map(|(_, version)| version.trim());
        mine.or_else(|| headers.get(self.legacy_header?)?.to_str().ok()).map(str::trim)
    }

    /// Writes the version into the answer's headers.
    pub fn mark(&self, version: Microversion, headers: &mut HeaderMap) {
        if let Ok(value) = HeaderValue::try_from(format!("{} {version}", self.service)) {
            headers.insert(HEADER, value);
        }
        headers.append(header::VARY, HeaderValue::from_static("OpenStack-API-Version"));
        if let Some(legacy) = self.legacy_header
            && let (Ok(name), Ok(value)) = (HeaderName::try_from(legacy), HeaderValue::try_from(version.to_string()))
        {
            headers.append(header::VARY, HeaderValue::from_static(legacy));
            headers.insert(name, value);
        }
    }
}

impl fmt::Display for Microversion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

impl FromStr for Microversion {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        text.split_once('.')
            .filter(|(major, minor)| digits(major) && digits(minor))
            .and_then(|(major, minor)| Some(Self(major.parse().ok()?, minor.parse().ok()?)))
            .ok_or_else(|| {
                Error::bad_request(format!(
                    "API version string \"{text}\" is of invalid format. Must be of format MajorNum.MinorNum."
                ))
            })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Microversion {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        // The service layer put it there; a service without negotiation has only its first version.
        Ok(parts.extensions.get::<Self>().copied().unwrap_or(Self(1, 0)))
    }
}
